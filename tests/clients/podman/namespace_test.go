//go:build clients

package podman

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"rt/tests/harness"
)

// ns prints a namespace of the container.
func ns(which string) string { return "readlink /proc/self/ns/" + which }

// own is a namespace of the tests.
func own(which string) string {
	link, _ := os.Readlink("/proc/self/ns/" + which)
	return link
}

var namespaceChecks = []check{
	{"namespaces/of-its-own", both, func(p *podman) {
		for _, which := range []string{"pid", "ipc", "uts", "net", "mnt"} {
			if p.run(ns(which)) == own(which) {
				p.t.Errorf("the %s namespace is the host's", which)
			}
		}
	}},
	{"namespaces/pid-of-the-host", both, func(p *podman) { is(p.t, p.run("--pid", "host", ns("pid")), own("pid")) }},
	{"namespaces/pid-of-the-host-stop", both, func(p *podman) {
		name := p.sleeping("--pid", "host")
		p.ok("stop", "-t", "1", name)
		is(p.t, p.inspect(name, "{{.State.Status}}"), "exited")
	}},
	{"namespaces/ipc-of-the-host", rootful, func(p *podman) { is(p.t, p.run("--ipc", "host", ns("ipc")), own("ipc")) }},
	{"namespaces/ipc-none", both, func(p *podman) { p.run("--ipc", "none", "test ! -w /dev/shm || ! mount | grep -q /dev/shm") }},
	{"namespaces/uts-of-the-host", both, func(p *podman) { is(p.t, p.run("--uts", "host", ns("uts")), own("uts")) }},
	{"namespaces/net-of-the-host", both, func(p *podman) { is(p.t, p.run("--network", "host", ns("net")), own("net")) }},
	{"namespaces/cgroup-of-the-host", both, func(p *podman) { is(p.t, p.run("--cgroupns", "host", ns("cgroup")), own("cgroup")) }},
	{"namespaces/of-another-container", both, func(p *podman) {
		name := p.sleeping("--ipc", "shareable")
		for _, which := range []string{"pid", "ipc", "net", "uts"} {
			flag := map[string]string{"net": "network"}[which]
			if flag == "" {
				flag = which
			}
			is(p.t, p.run("--"+flag, "container:"+name, ns(which)), p.ok("exec", name, "readlink", "/proc/self/ns/"+which))
		}
	}},
	{"namespaces/net-by-path", rootful, func(p *podman) {
		name := p.sleeping()
		is(p.t, p.run("--network", fmt.Sprintf("ns:/proc/%d/ns/net", p.pid(name)), ns("net")), p.ok("exec", name, "readlink", "/proc/self/ns/net"))
	}},
	{"network/none", both, func(p *podman) { is(p.t, p.run("--network", "none", "ls /sys/class/net"), "lo") }},
	{"network/bridge", rootful, func(p *podman) {
		name := p.sleeping("--network", "bridge")
		has(p.t, p.ok("exec", name, "ip", "-4", "addr", "show", "eth0"), "inet 10.88.")
		is(p.t, p.run("--network", "bridge", "--cap-add", "net_raw", "ping -c 1 -W 5 "+p.inspect(name, "{{.NetworkSettings.IPAddress}}")+" >/dev/null && echo pong"), "pong")
	}},
	{"network/published-port", rootful, func(p *podman) {
		p.sleepingServer("-p", "127.0.0.1:18081:80", "--network", "bridge")
		p.fetches("http://127.0.0.1:18081/")
	}},
	{"network/user-defined", rootful, func(p *podman) {
		network := p.label()
		p.ok("network", "create", "--disable-dns", "--subnet", "10.77.3.0/24", network)
		defer p.ok("network", "rm", "-f", network)
		has(p.t, p.run("--network", network, "ip -4 addr show eth0"), "inet 10.77.3.")
	}},
	{"network/slirp4netns", rootless, func(p *podman) {
		has(p.t, p.run("--network", "slirp4netns", "ip -4 addr show tap0"), "inet 10.0.2.100")
	}},
	{"network/slirp4netns-published-port", rootless, func(p *podman) {
		p.sleepingServer("--network", "slirp4netns", "-p", "127.0.0.1:18082:80")
		p.fetches("http://127.0.0.1:18082/")
	}},
	{"network/slirp4netns-to-the-host", rootless, func(p *podman) {
		p.sleepingServer("--network", "host")
		is(p.t, p.run("--network", "slirp4netns:allow_host_loopback=true", "wget -q -O- http://10.0.2.2:18083/"), "served")
	}},
}

// sleepingServer is the name of a container that serves a page at port 80, or
// on the host's network at 18083.
func (p *podman) sleepingServer(flags ...string) string {
	p.t.Helper()
	port := "80"
	if strings.Join(flags, " ") == "--network host" {
		port = "18083"
	}
	name := p.name()
	p.ok(slices.Concat([]string{"run", "-d", "--name", name}, flags, []string{image, "sh", "-c",
		"mkdir /www && echo served >/www/index.html && exec httpd -f -p " + port + " -h /www"})...)
	return name
}

func (p *podman) fetches(url string) {
	p.t.Helper()
	client := http.Client{Timeout: harness.Slow(5 * time.Second)}
	p.await("the page", func() bool {
		r, err := client.Get(url)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		page, err := io.ReadAll(r.Body)
		return err == nil && string(page) == "served\n"
	})
}
