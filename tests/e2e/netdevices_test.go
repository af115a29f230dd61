package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// hostNet is a network namespace that stands for the host's.
type hostNet struct {
	t    *testing.T
	name string
}

func newNetwork(t *testing.T) hostNet {
	t.Helper()
	harness.Root(t)
	harness.Need(t, "ip", "nsenter")
	n := hostNet{t, fmt.Sprintf("rt-e2e-%d", os.Getpid())}
	run(t, "ip", "netns", "add", n.name)
	t.Cleanup(func() { run(t, "ip", "netns", "del", n.name) })
	out, err := exec.Command("ip", "-n", n.name, "link", "add", "probe0", "type", "veth", "peer", "name", "probe1").CombinedOutput()
	if strings.Contains(string(out), "Unknown device type") {
		t.Skip("the kernel has no veth")
	}
	if err != nil {
		t.Fatalf("make a veth: %v: %s", err, out)
	}
	n.ip("link", "del", "probe0")
	return n
}

// run calls a program and returns what it prints.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (n hostNet) ip(args ...string) string {
	n.t.Helper()
	return run(n.t, append([]string{"ip", "-n", n.name}, args...)...)
}

// veth makes the pair name, name-p.
func (n hostNet) veth(name string) {
	n.t.Helper()
	n.ip("link", "add", name, "type", "veth", "peer", "name", name+"-p")
}

// container is a container whose runtime is called in the namespace.
func (n hostNet) container(spec *specs.Spec) *harness.Container {
	n.t.Helper()
	c := harness.New(n.t, spec)
	c.Runtime.Only(n.t, "cannot move interfaces")
	c.Runtime.Path = wrap(n.t, c, "nsenter", "--net=/run/netns/"+n.name, c.Runtime.Path)
	return c
}

// wrap makes a program of a command line that its own arguments are added to.
func wrap(t *testing.T, c *harness.Container, words ...string) string {
	t.Helper()
	harness.Need(t, words[0])
	path := c.Host("rt-by-" + words[0])
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec "+strings.Join(words, " ")+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func netDevices(c *harness.Container, devices map[string]string) {
	c.Spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
	for host, name := range devices {
		c.Spec.Linux.NetDevices[host] = specs.LinuxNetDevice{Name: name}
	}
}

// interfaces prints the addresses, MTU and state of all but lo, from inside.
const interfaces = `for i in /sys/class/net/*; do n=${i##*/}; [ $n = lo ] && continue
ip -o addr show dev $n | sed "s/^[0-9]*: \([^ ]*\) *\(inet6*\) \([^ ]*\).*/\1 \2 \3/" | grep -v fe80; echo "$n mtu $(cat $i/mtu) flags $(($(cat $i/flags) & 1))"; done`

// TestNetDevices: an interface arrives under its new name, with its MTU and
// its permanent global addresses and no others, and up.
func TestNetDevices(t *testing.T) {
	n := newNetwork(t)
	n.veth("ve0")
	n.ip("link", "set", "ve0", "mtu", "1404")
	n.ip("addr", "add", "10.11.12.13/24", "dev", "ve0")
	n.ip("addr", "add", "10.11.12.14/24", "dev", "ve0") // secondary
	n.ip("addr", "add", "10.9.9.9/32", "dev", "ve0", "scope", "link")
	n.ip("addr", "add", "10.8.8.8/32", "dev", "ve0", "valid_lft", "1000", "preferred_lft", "1000")
	n.ip("addr", "add", "fd00::13/64", "dev", "ve0", "nodad")
	n.veth("ve1")
	c := n.container(sh(interfaces))
	netDevices(c, map[string]string{"ve0": "web0", "ve1": ""})
	c.Run().WantOutput(t, `ve1 mtu 1500 flags 1
web0 inet 10.11.12.13/24
web0 inet 10.11.12.14/24
web0 inet6 fd00::13/64
web0 mtu 1404 flags 1
`)
}

// TestNetDevicesTemplate: %d is the first number that is free, and a plain name
// goes before it.
func TestNetDevicesTemplate(t *testing.T) {
	n := newNetwork(t)
	n.veth("va")
	n.veth("vb")
	n.ip("addr", "add", "10.11.12.13/24", "dev", "va")
	c := n.container(sh("ls /sys/class/net; ip -o -4 addr show dev eth1 | grep -o '10.11.12.13.* eth1'"))
	netDevices(c, map[string]string{"va": "eth%d", "vb": "eth0"})
	c.Run().WantExit(t, 0).WantOutput(t, "eth0\neth1\nlo\n10.11.12.13/24 scope global eth1\n")
}

// TestNetDevicesHooks: the hooks of create find the interface in the container.
func TestNetDevicesHooks(t *testing.T) {
	n := newNetwork(t)
	harness.Need(t, "nsenter")
	n.veth("ve0")
	c := n.container(sh("cat /sys/class/net/web0/mtu"))
	netDevices(c, map[string]string{"ve0": "web0"})
	script := `PATH=/usr/sbin:/usr/bin:/sbin:/bin; pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/'); exec nsenter -t $pid -n ip link set web0 mtu 1404`
	c.Spec.Hooks = &specs.Hooks{CreateRuntime: shHook(script, 0)}
	c.Run().WantOutput(t, "1404\n")
}

// TestNetDevicesClash: a name that is taken is an error, and every device stays
// where and as it was.
func TestNetDevicesClash(t *testing.T) {
	n := newNetwork(t)
	holder := n.container(sh("exec sleep 100"))
	holder.Detached()
	pid := holder.Status().Pid
	run(t, "nsenter", "-t", strconv.Itoa(pid), "-n", "ip", "link", "add", "web0", "type", "veth", "peer", "name", "web0-p")
	n.veth("ve0")
	n.ip("addr", "add", "10.11.12.13/24", "dev", "ve0")
	n.ip("link", "set", "ve0", "up")
	before := n.ip("-o", "addr", "show", "dev", "ve0")

	c := n.container(sh("true"))
	netDevices(c, map[string]string{"ve0": "web0"})
	harness.JoinNamespace(c.Spec, specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", pid))
	c.Run().WantFailure(t, `network: linux.netDevices["ve0"].name: web0: file exists`, "hint: the container's network namespace has an interface of this name")
	if after := n.ip("-o", "addr", "show", "dev", "ve0"); after != before {
		t.Errorf("the device was touched:\n%s\n%s", before, after)
	}

	// The second device cannot move: the first one returns.
	n.ip("link", "add", "wbr", "type", "bridge")
	netDevices(c, map[string]string{"ve0": "fresh0", "wbr": ""})
	c.Run().WantFailure(t, `network: linux.netDevices["wbr"]: move: invalid argument`)
	after := n.ip("-o", "-4", "addr", "show", "dev", "ve0")
	if !strings.Contains(after, "10.11.12.13/24") || !strings.Contains(n.ip("link", "show", "dev", "ve0"), "UP") {
		t.Errorf("the device came back without its address, or down: %s", after)
	}

	// The same name as a template gets the next number.
	netDevices(c, map[string]string{"ve0": "web%d"})
	c.Spec.Process.Args = []string{"ls", "/sys/class/net"}
	c.Run().WantOutput(t, "lo\nweb0\nweb0-p\nweb1\n")
	// It stays in the namespace, which is not the container's.
	run(t, "nsenter", "-t", strconv.Itoa(pid), "-n", "ip", "link", "show", "dev", "web1")
}

func TestNetDevicesErrors(t *testing.T) {
	n := newNetwork(t)
	n.veth("ve0")
	c := n.container(sh("true"))
	netDevices(c, map[string]string{"nope0": ""})
	c.Run().WantFailure(t, `network: linux.netDevices["nope0"]: find it: no such device`, "hint: there is no interface of this name")
	netDevices(c, map[string]string{"lo": "lo9"})
	c.Run().WantFailure(t, `network: linux.netDevices["lo"]: move: invalid argument`, "hint: some interfaces belong to their network namespace for ever")
	c.Runtime.Path = wrap(t, c, "setpriv", "--bounding-set=-net_admin", c.Runtime.Path)
	netDevices(c, map[string]string{"ve0": ""})
	c.Run().WantFailure(t, `network: linux.netDevices["ve0"]: move: operation not permitted`, "hint: moving an interface needs CAP_NET_ADMIN")
	n.ip("link", "show", "dev", "ve0")
}

// TestNetDevicesUserNamespace: root moves a device into a network namespace
// that a user namespace owns.
func TestNetDevicesUserNamespace(t *testing.T) {
	n := newNetwork(t)
	n.veth("ve0")
	n.ip("addr", "add", "10.11.12.13/24", "dev", "ve0")
	c := n.container(sh("ip -o -4 addr show dev web0 | grep -o '10.11.12.13.*'"))
	userns(t, c)
	netDevices(c, map[string]string{"ve0": "web0"})
	c.Run().WantExit(t, 0)
}
