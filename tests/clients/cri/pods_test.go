//go:build clients

package cri

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

// in is a pod whose containers have these namespaces.
func in(options m) m { return m{"linux": m{"security_context": m{"namespace_options": options}}} }

func sleeping() []string { return words("sleep", "1000") }

func pods() []check {
	return []check{
		{"runtime-class", func(t *testing.T, s *server) {
			p := s.named(t, name(t), class, nil)
			if got := at(s.call(t, "PodSandboxStatus", m{"pod_sandbox_id": p.id}), "status.runtimeHandler"); got != class {
				t.Errorf("handler %v", got)
			}
			p.wantOutput("hello\n", nil, "echo", "hello")
		}},
		{"no-such-runtime-class", func(t *testing.T, s *server) {
			s.refused(t, "RunPodSandbox", m{"config": s.podConfig(t, name(t), nil), "runtime_handler": "none"}, `"none"`)
		}},
		{"several-containers", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			a := p.run(nil, "sh", "-c", "mkdir /www; echo a page >/www/index.html; echo here >/dev/shm/note; hostname; exec httpd -f -p 127.0.0.1:8080 -h /www")
			a.printed("a-pod")
			b := p.run(nil, sleeping()...)
			world.Until(t, "the page of the container beside", func() bool {
				out, _, _ := b.exec("wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
				return out == "a page\n"
			})
			b.wantExec("here\na-pod\n", "sh", "-c", "cat /dev/shm/note; hostname; ls -d /www 2>/dev/null; true")
			for _, ns := range words("net", "ipc", "uts") {
				one, _, _ := a.exec("readlink", "/proc/self/ns/"+ns)
				b.wantExec(one, "readlink", "/proc/self/ns/"+ns)
			}
		}},
		{"network", func(t *testing.T, s *server) {
			a := s.named(t, name(t)+"-a", "", nil)
			b := s.named(t, name(t)+"-b", "", nil)
			a.run(nil, "sh", "-c", "mkdir /www; echo a page >/www/index.html; exec httpd -f -p 80 -h /www")
			c := b.run(nil, sleeping()...)
			world.Until(t, "the page of the other pod", func() bool {
				out, _, _ := c.exec("wget", "-q", "-O", "-", "http://"+a.address()+"/")
				return out == "a page\n"
			})
			if out, _, _ := c.exec("ip", "-4", "addr", "show", "eth0"); !strings.Contains(out, b.address()+"/") {
				t.Errorf("%q without %s", out, b.address())
			}
		}},
		{"dns", func(t *testing.T, s *server) {
			p := s.pod(t, m{"dns_config": m{"servers": words("10.9.8.7"), "searches": words("a.test"), "options": words("ndots:5")}})
			p.wantOutput("search a.test\nnameserver 10.9.8.7\noptions ndots:5\n", nil, "cat", "/etc/resolv.conf")
		}},
		{"sysctls", func(t *testing.T, s *server) {
			p := s.pod(t, m{"linux": m{"sysctls": m{"kernel.shm_rmid_forced": "1", "net.core.somaxconn": "321"}}})
			p.wantOutput("1\n321\n", nil, "cat", "/proc/sys/kernel/shm_rmid_forced", "/proc/sys/net/core/somaxconn")
		}},
		{"cgroup-parent", func(t *testing.T, s *server) {
			parent := "/pods-" + strings.ReplaceAll(s.version, ".", "") + "/burstable"
			world.MakeCgroups(t, parent)
			p := s.pod(t, m{"linux": m{"cgroup_parent": parent}})
			c := p.run(m{"linux": m{"resources": m{"memory_limit_in_bytes": 50 << 20}}}, sleeping()...)
			if got := world.CgroupFile(parent+"/"+c.id, "memory.limit_in_bytes", "memory.max"); got != "52428800" {
				t.Errorf("memory limit %q", got)
			}
			stats := s.call(t, "PodSandboxStats", m{"pod_sandbox_id": p.id})
			if used := at(stats, "stats.linux.memory.workingSetBytes.value"); used == nil || used == "0" {
				t.Errorf("no memory in %v", stats)
			}
		}},
		{"port-forward", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			c := p.run(nil, "sh", "-c", "mkdir /www; echo a page >/www/index.html; exec httpd -f -p 8081 -h /www")
			world.Until(t, "the server in the pod", func() bool {
				_, _, code := c.exec("wget", "-q", "-O", "-", "http://127.0.0.1:8081/")
				return code == 0
			})
			cmd := s.command("forward", p.id, "8081")
			cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "a page\n") {
				t.Errorf("%v: %q", err, out)
			}
		}},
		{"stop", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			c := p.run(nil, sleeping()...)
			s.call(t, "StopPodSandbox", m{"pod_sandbox_id": p.id})
			if got := p.status()["state"]; got != "SANDBOX_NOTREADY" {
				t.Errorf("the pod is %v", got)
			}
			if got := c.status(); got["state"] != "CONTAINER_EXITED" || got["exitCode"] != 137.0 {
				t.Errorf("the container is %v", got)
			}
		}},
		{"remove-a-running-one", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			c := p.run(nil, sleeping()...)
			pid := c.pid()
			s.call(t, "RemovePodSandbox", m{"pod_sandbox_id": p.id})
			if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
				t.Error("the container's process is there")
			}
			p.id = ""
		}},
		{"stats", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			c := p.run(nil, sleeping()...)
			world.Until(t, "statistics", func() bool { return s.raw(t, "call", "ContainerStats", text(t, m{"container_id": c.id})).Code == 0 })
			stats := s.call(t, "ContainerStats", m{"container_id": c.id})
			for _, key := range words("cpu.usageCoreNanoSeconds", "memory.workingSetBytes") {
				if got := at(stats, "stats."+key+".value"); got == nil || got == "0" {
					t.Errorf("no %s in %v", key, stats)
				}
			}
		}},
	}
}

func namespaces() []check {
	return []check{
		{"pid-of-the-pod", func(t *testing.T, s *server) {
			p := s.pod(t, in(m{"pid": "POD"}))
			a := p.run(nil, "sleep", "1234")
			b := p.run(nil, "sleep", "1235")
			out, _, _ := b.exec("ps", "-o", "pid,args")
			for _, want := range words("1 /pause", "sleep 1234", "sleep 1235") {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in %q", want, out)
				}
			}
			b.wantExec("", "sh", "-c", "kill -9 $(ps -o pid,args | awk '$2 == \"sleep\" && $3 == \"1234\" { print $1 }')")
			if code := a.ended(); code != 137 {
				t.Errorf("exit %d", code)
			}
		}},
		{"pid-of-the-pod-orphans", func(t *testing.T, s *server) { // are not left when a container ends
			p := s.pod(t, in(m{"pid": "POD"}))
			a := p.run(nil, "sh", "-c", "sleep 4321 & sleep 1 & wait $!")
			a.ended()
			b := p.run(nil, sleeping()...)
			world.Until(t, "the end of the container's other process", func() bool {
				out, _, _ := b.exec("ps", "-o", "args")
				return !strings.Contains(out, "4321")
			})
		}},
		{"pid-of-each", func(t *testing.T, s *server) {
			p := s.pod(t, in(m{"pid": "CONTAINER"}))
			p.run(nil, "sleep", "1234")
			p.wantOutput("PID   COMMAND\n    1 ps -o pid,args\n", nil, "ps", "-o", "pid,args")
		}},
		{"pid-of-the-node", func(t *testing.T, s *server) {
			p := s.pod(t, in(m{"pid": "NODE"}))
			c := p.run(nil, sleeping()...)
			own, err := os.Readlink("/proc/self/ns/pid")
			if err != nil {
				t.Fatal(err)
			}
			c.wantExec(own+"\n", "readlink", "/proc/self/ns/pid")
			s.call(t, "StopContainer", m{"container_id": c.id, "timeout": 0})
			if code := c.ended(); code != 137 {
				t.Errorf("exit %d", code)
			}
		}},
		{"pid-of-another", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			a := p.run(nil, "sleep", "1234")
			b := p.run(in(m{"pid": "TARGET", "target_id": a.id}), sleeping()...)
			out, _, _ := b.exec("ps", "-o", "pid,args")
			if !strings.Contains(out, "    1 sleep 1234") {
				t.Error(out)
			}
		}},
		{"ipc-of-the-node", func(t *testing.T, s *server) {
			p := s.pod(t, in(m{"ipc": "NODE"}))
			own, err := os.Readlink("/proc/self/ns/ipc")
			if err != nil {
				t.Fatal(err)
			}
			p.wantOutput(own+"\n", nil, "readlink", "/proc/self/ns/ipc")
		}},
		{"network-of-the-node", func(t *testing.T, s *server) {
			p := s.pod(t, merge(in(m{"network": "NODE"}), m{"hostname": ""}))
			own, err := os.Readlink("/proc/self/ns/net")
			if err != nil {
				t.Fatal(err)
			}
			p.wantOutput(own+"\n", nil, "readlink", "/proc/self/ns/net")
		}},
		{"user", func(t *testing.T, s *server) {
			if !s.offers(t, "userNamespaces") {
				t.Skip("userNamespaces is missing in what the server offers for the runtime")
			}
			ids := []m{{"host_id": 200000, "container_id": 0, "length": 65536}}
			p := s.pod(t, in(m{"userns_options": m{"mode": "POD", "uids": ids, "gids": ids}}))
			dir := filepath.Join(t.TempDir(), "volume")
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			mount := m{"container_path": "/data", "host_path": dir, "uidMappings": ids, "gidMappings": ids}
			c := p.run(m{"mounts": []m{mount}}, sleeping()...)
			c.wantExec("0 200000 65536\n0\n0\n0\n", "sh", "-c", "cat /proc/self/uid_map | tr -s ' ' | sed 's/^ //'; id -u; touch /data/file; stat -c %u /data/file /bin")
			if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid())); err != nil || !strings.Contains(string(data), "Uid:\t200000\t200000") {
				t.Errorf("%v: %s", err, data)
			}
			if got := world.Command(t, "stat", "-c", "%u", filepath.Join(dir, "file")).Stdout; got != "0\n" {
				t.Errorf("the volume's file is %s's on the host", got)
			}
		}},
	}
}
