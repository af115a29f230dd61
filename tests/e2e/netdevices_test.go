package e2e

import (
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// ownNetwork puts the test into a network namespace of its own: its thread ends
// with the test, and the namespace with what the test has started.
func ownNetwork(t *testing.T) {
	t.Helper()
	harness.Root(t)
	harness.Need(t, "ip", "nsenter")
	runtime.LockOSThread() // never unlocked
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("a network namespace: %v", err)
	}
	out, err := exec.Command("ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1").CombinedOutput()
	if strings.Contains(string(out), "Unknown device type") {
		t.Skip("the kernel has no veth")
	}
	if err != nil {
		t.Fatalf("make a veth: %v: %s", err, out)
	}
	run(t, "ip", "link", "del", "probe0")
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

func ip(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, append([]string{"ip"}, args...)...)
}

// veth makes the pair name, name-p.
func veth(t *testing.T, name string) {
	t.Helper()
	ip(t, "link", "add", name, "type", "veth", "peer", "name", name+"-p")
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
	ownNetwork(t)
	veth(t, "ve0")
	ip(t, "link", "set", "ve0", "mtu", "1404")
	ip(t, "addr", "add", "10.11.12.13/24", "dev", "ve0")
	ip(t, "addr", "add", "10.11.12.14/24", "dev", "ve0") // secondary
	ip(t, "addr", "add", "10.9.9.9/32", "dev", "ve0", "scope", "link")
	ip(t, "addr", "add", "10.8.8.8/32", "dev", "ve0", "valid_lft", "1000", "preferred_lft", "1000")
	ip(t, "addr", "add", "fd00::13/64", "dev", "ve0", "nodad")
	veth(t, "ve1")
	c := harness.New(t, sh(interfaces))
	c.Runtime.Only(t, "cannot move interfaces")
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
	ownNetwork(t)
	veth(t, "va")
	veth(t, "vb")
	ip(t, "addr", "add", "10.11.12.13/24", "dev", "va")
	c := harness.New(t, sh("ls /sys/class/net; ip -o -4 addr show dev eth1 | grep -o '10.11.12.13.* eth1'"))
	c.Runtime.Only(t, "cannot move interfaces")
	netDevices(c, map[string]string{"va": "eth%d", "vb": "eth0"})
	c.Run().WantExit(t, 0).WantOutput(t, "eth0\neth1\nlo\n10.11.12.13/24 scope global eth1\n")
}

// TestNetDevicesHooks: the hooks of create find the interface in the container.
func TestNetDevicesHooks(t *testing.T) {
	ownNetwork(t)
	harness.Need(t, "nsenter")
	veth(t, "ve0")
	c := harness.New(t, sh("cat /sys/class/net/web0/mtu"))
	c.Runtime.Only(t, "cannot move interfaces")
	netDevices(c, map[string]string{"ve0": "web0"})
	script := `PATH=/usr/sbin:/usr/bin:/sbin:/bin; pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/'); exec nsenter -t $pid -n ip link set web0 mtu 1404`
	c.Spec.Hooks = &specs.Hooks{CreateRuntime: shHook(script, 0)}
	c.Run().WantOutput(t, "1404\n")
}

// TestNetDevicesClash: a name that is taken is an error, and every device stays
// where and as it was.
func TestNetDevicesClash(t *testing.T) {
	ownNetwork(t)
	holder := harness.New(t, sh("exec sleep 100"))
	holder.Runtime.Only(t, "cannot move interfaces")
	holder.Detached()
	pid := holder.Status().Pid
	run(t, "nsenter", "-t", strconv.Itoa(pid), "-n", "ip", "link", "add", "web0", "type", "veth", "peer", "name", "web0-p")
	veth(t, "ve0")
	ip(t, "addr", "add", "10.11.12.13/24", "dev", "ve0")
	ip(t, "link", "set", "ve0", "up")
	before := ip(t, "-o", "addr", "show", "dev", "ve0")

	c := harness.New(t, sh("true"))
	netDevices(c, map[string]string{"ve0": "web0"})
	harness.JoinNamespace(c.Spec, specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", pid))
	c.Run().WantFailure(t, `network: linux.netDevices["ve0"].name: web0: file exists`, "hint: the container's network namespace has an interface of this name")
	if after := ip(t, "-o", "addr", "show", "dev", "ve0"); after != before {
		t.Errorf("the device was touched:\n%s\n%s", before, after)
	}

	// The second device cannot move: the first one returns.
	ip(t, "link", "add", "wbr", "type", "bridge")
	netDevices(c, map[string]string{"ve0": "fresh0", "wbr": ""})
	c.Run().WantFailure(t, `network: linux.netDevices["wbr"]: move: invalid argument`)
	after := ip(t, "-o", "-4", "addr", "show", "dev", "ve0")
	if !strings.Contains(after, "10.11.12.13/24") || !strings.Contains(ip(t, "link", "show", "dev", "ve0"), "UP") {
		t.Errorf("the device came back without its address, or down: %s", after)
	}

	// The same name as a template gets the next number.
	netDevices(c, map[string]string{"ve0": "web%d"})
	c.Spec.Process.Args = []string{"ls", "/sys/class/net"}
	c.Run().WantOutput(t, "lo\nweb0\nweb0-p\nweb1\n")
}

func TestNetDevicesErrors(t *testing.T) {
	ownNetwork(t)
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "cannot move interfaces")
	netDevices(c, map[string]string{"nope0": ""})
	c.Run().WantFailure(t, `network: linux.netDevices["nope0"]: find it: no such device`, "hint: there is no interface of this name")
	netDevices(c, map[string]string{"lo": "lo9"})
	c.Run().WantFailure(t, `network: linux.netDevices["lo"]: move: invalid argument`)
}

// TestNetDevicesUserNamespace: root moves a device into a network namespace
// that a user namespace owns.
func TestNetDevicesUserNamespace(t *testing.T) {
	ownNetwork(t)
	veth(t, "ve0")
	ip(t, "addr", "add", "10.11.12.13/24", "dev", "ve0")
	c := harness.New(t, sh("ip -o -4 addr show dev web0 | grep -o '10.11.12.13.*'"))
	c.Runtime.Only(t, "cannot move interfaces")
	userns(t, c)
	netDevices(c, map[string]string{"ve0": "web0"})
	c.Run().WantExit(t, 0)
}
