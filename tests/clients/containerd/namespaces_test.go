//go:build clients

package containerd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

func namespaces() []check {
	joined := func(kind, link string) check {
		return check{"with-ns-" + kind, func(t *testing.T, e *engine) {
			other := e.named(t, id(t)+"-other", nil, "sleep", "1000")
			r := e.run(t, words("--with-ns", fmt.Sprintf("%s:/proc/%d/ns/%s", kind, other.pid(), link)), "readlink", "/proc/self/ns/"+link)
			want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", other.pid(), link))
			if err != nil {
				t.Fatal(err)
			}
			r.WantOutput(t, want+"\n")
		}}
	}
	return []check{
		joined("network", "net"), joined("ipc", "ipc"), joined("uts", "uts"),
		{"with-ns-pid", func(t *testing.T, e *engine) {
			other := e.named(t, id(t)+"-other", nil, "sleep", "1234")
			r := e.run(t, words("--with-ns", fmt.Sprintf("pid:/proc/%d/ns/pid", other.pid())), "ps")
			r.WantExit(t, 0)
			wantMatch(t, r, `(?m)^ *1 .*sleep 1234$`)
		}},
		{"with-ns-named-network", func(t *testing.T, e *engine) {
			name := "with-ns-" + e.version
			world.Command(t, "ip", "netns", "add", name).WantExit(t, 0)
			t.Cleanup(func() { world.Command(t, "ip", "netns", "delete", name).WantExit(t, 0) })
			world.Command(t, "ip", "-n", name, "link", "add", "seen0", "type", "bridge").WantExit(t, 0)
			wantMatch(t, e.run(t, words("--with-ns", "network:/run/netns/"+name), "cat", "/proc/net/dev"), "seen0:")
		}},
		{"own-network", func(t *testing.T, e *engine) {
			e.run(t, nil, "ls", "/sys/class/net").WantOutput(t, "lo\n")
		}},
		{"net-host", func(t *testing.T, e *engine) {
			own, err := os.Readlink("/proc/self/ns/net")
			if err != nil {
				t.Fatal(err)
			}
			e.run(t, words("--net-host"), "readlink", "/proc/self/ns/net").WantOutput(t, own+"\n")
		}},
		{"user", func(t *testing.T, e *engine) {
			r := e.run(t, words("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"), "sh", "-c", "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map; touch /f; stat -c '%u %g' /f /bin")
			if got := strings.Join(strings.Fields(r.Stdout), " "); r.Code != 0 || got != "0 0 0 100000 65536 0 200000 65536 0 0 0 0" {
				t.Errorf("%q: %v", got, r)
			}
		}},
		{"user-with-mapped-layers", func(t *testing.T, e *engine) { // the kernel maps them, nothing is copied
			e.only(t, "2.x", "the overlay snapshotter's mapping of ids")
			c := e.detached(t, words("--remap-labels", "--uidmap", "0:500000:65536", "--gidmap", "0:500000:65536"), "sleep", "1000")
			c.exec(nil, "sh", "-c", "stat -c '%u %g' /bin /etc/passwd; touch /file && stat -c '%u %g' /file").WantOutput(t, "0 0\n0 0\n0 0\n")
			if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", c.pid())); err != nil || strings.Join(strings.Fields(string(data)), " ") != "0 500000 65536" {
				t.Errorf("%v: %s", err, data)
			}
		}},
		{"user-exec", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--uidmap", "0:300000:65536", "--gidmap", "0:400000:65536"), "sleep", "1000")
			c.exec(nil, "sh", "-c", "id -u; tr -s ' ' </proc/self/uid_map").WantOutput(t, "0\n 0 300000 65536\n")
			if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid())); err != nil || !strings.Contains(string(data), "Uid:\t300000\t300000") {
				t.Errorf("%v: %s", err, data)
			}
		}},
	}
}
