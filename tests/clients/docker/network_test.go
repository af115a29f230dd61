//go:build clients

package docker

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

// network is the name of a new network, removed when the test ends.
func (e *engine) network(t *testing.T, flags ...string) string {
	t.Helper()
	name := newName()
	e.ok(t, append(append([]string{"network", "create"}, flags...), name)...)
	t.Cleanup(func() { e.do(t, "network", "rm", name) })
	return name
}

// web is a container that serves its name as a page at port 80.
func (e *engine) web(t *testing.T, flags ...string) string {
	t.Helper()
	name := newName()
	t.Cleanup(func() { e.do(t, "rm", "-f", name) })
	script := "mkdir /www; echo page of " + name + " > /www/index.html; exec httpd -f -h /www"
	e.ok(t, append(append([]string{"run", "-d", "--name", name}, flags...), "busybox", "sh", "-c", script)...)
	return name
}

const get = "for i in 1 2 3 4 5 6 7 8 9 10; do timeout 5 wget -q -O - http://%s/ && exit 0; sleep 0.2; done; exit 1"

// fetch gets the page from within a container with these flags.
func (e *engine) fetch(t *testing.T, address string, flags ...string) string {
	t.Helper()
	return e.sh(t, fmt.Sprintf(get, address), flags...)
}

func address(e *engine, t *testing.T, name, network string) string {
	t.Helper()
	return e.inspect(t, name, fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", network))
}

func networkChecks() []check {
	return []check{
		{"net/bridge-address-of-the-pool", func(t *testing.T, e *engine) {
			name := e.web(t)
			ip := address(e, t, name, "bridge")
			_, pool, err := net.ParseCIDR(e.ok(t, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", "bridge"))
			if err != nil || !pool.Contains(net.ParseIP(ip)) {
				t.Fatalf("%s in %v, %v", ip, pool, err)
			}
			bits, _ := pool.Mask.Size()
			contains(t, e.ok(t, "exec", name, "ip", "-o", "addr", "show", "eth0"), fmt.Sprintf("%s/%d", ip, bits))
			contains(t, e.ok(t, "exec", name, "ip", "route"), "default via ")
			equal(t, "from a neighbour", e.fetch(t, ip), "page of "+name)
			equal(t, "from the host", fetchHere(t, ip), "page of "+name)
		}},
		{"net/published-port", func(t *testing.T, e *engine) {
			name := e.web(t, "-p", "80", "-p", "127.0.0.1:18080:80")
			ports := strings.Fields(e.ok(t, "port", name, "80"))
			if len(ports) < 2 {
				t.Fatalf("ports %v", ports)
			}
			for _, p := range ports {
				if strings.HasPrefix(p, "[") || strings.HasPrefix(p, "::") {
					continue
				}
				_, port, err := net.SplitHostPort(p)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "the page at "+p, fetchHere(t, "127.0.0.1:"+port), "page of "+name)
			}
		}},
		{"net/user-defined-and-connect", func(t *testing.T, e *engine) {
			one, two := e.network(t), e.network(t)
			name := e.web(t, "--network", one, "--network-alias", "shop")
			equal(t, "by name", e.fetch(t, name, "--network", one), "page of "+name)
			equal(t, "by alias", e.fetch(t, "shop", "--network", one), "page of "+name)
			r := e.do(t, e.shell("timeout 2 wget -q -O - http://"+name+"/", "--network", two)...)
			if r.Code == 0 {
				t.Errorf("reached from another network: %v", r)
			}
			e.ok(t, "network", "connect", "--alias", "late", two, name)
			equal(t, "after connect", e.fetch(t, "late", "--network", two), "page of "+name)
			contains(t, e.ok(t, "exec", name, "ip", "-o", "addr"), "eth0", "eth1")
			e.ok(t, "network", "disconnect", one, name)
			if out := e.ok(t, "exec", name, "ip", "-o", "addr"); strings.Contains(out, "eth0") {
				t.Errorf("eth0 after disconnect: %s", out)
			}
			e.ok(t, "rm", "-f", name)
		}},
		{"net/fixed-address", func(t *testing.T, e *engine) {
			n := e.network(t, "--subnet", "10.77.0.0/24", "--gateway", "10.77.0.1")
			contains(t, e.sh(t, "ip -o addr show eth0; ip route", "--network", n, "--ip", "10.77.0.42", "--mac-address", "02:42:0a:4d:00:2a"), "10.77.0.42/24", "via 10.77.0.1")
		}},
		{"net/host", func(t *testing.T, e *engine) {
			equal(t, "namespace", e.sh(t, "readlink /proc/self/ns/net", "--network", "host"), strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/net").Stdout))
		}},
		{"net/none", func(t *testing.T, e *engine) {
			equal(t, "devices", e.sh(t, "ls /sys/class/net; ip -o addr show lo | grep -c 127.0.0.1", "--network", "none"), "lo\n1")
		}},
		{"net/container", func(t *testing.T, e *engine) {
			name := e.web(t)
			equal(t, "on lo", e.fetch(t, "127.0.0.1", "--network", "container:"+name), "page of "+name)
		}},
		{"net/files-of-the-engine", func(t *testing.T, e *engine) {
			contains(t, e.sh(t, "cat /etc/hosts /etc/resolv.conf", "--add-host", "some.host:10.1.2.3", "--dns", "10.9.8.7"), "10.1.2.3", "some.host", "nameserver 10.9.8.7")
		}},
	}
}

// fetchHere gets a page from the test's own network namespace.
func fetchHere(t *testing.T, address string) string {
	t.Helper()
	return strings.TrimSpace(world.Command(t, "busybox", "sh", "-c", fmt.Sprintf(get, address)).WantExit(t, 0).Stdout)
}
