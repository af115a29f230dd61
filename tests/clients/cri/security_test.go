//go:build clients

package cri

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// secure is a container with this security context.
func secure(context m) m { return m{"linux": m{"security_context": context}} }

const ofStatus = "sed -n 's/\\t/ /; /^\\(CapEff\\|NoNewPrivs\\|Seccomp\\):/p' /proc/self/status"

func security() []check {
	// line looks for want in what ofStatus prints in a container with this context.
	line := func(t *testing.T, s *server, context m, want string) {
		t.Helper()
		if got := s.pod(t, nil).output(secure(context), "sh", "-c", ofStatus); !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	return []check{
		{"default", func(t *testing.T, s *server) {
			line(t, s, nil, "CapEff: 00000000a80425fb\nNoNewPrivs: 0\nSeccomp: 0\n")
		}},
		{"user-and-groups", func(t *testing.T, s *server) {
			context := m{"run_as_user": m{"value": 1000}, "run_as_group": m{"value": 2000}, "supplemental_groups": []int{3000, 4000}}
			s.pod(t, nil).wantOutput("1000\n2000\n2000 3000 4000\n", secure(context), "sh", "-c", "id -u; id -g; id -G")
		}},
		{"user-by-name", func(t *testing.T, s *server) {
			s.pod(t, nil).wantOutput("nobody\n", secure(m{"run_as_username": "nobody"}), "id", "-un")
		}},
		{"user-writes-to-stdout", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(secure(m{"run_as_user": m{"value": 1000}}), "sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr")
			c.printed("out\n")
			c.printed("err\n")
		}},
		{"read-only-root", func(t *testing.T, s *server) {
			s.pod(t, nil).wantOutput("touch: /file: Read-only file system\n", secure(m{"readonly_rootfs": true}), "touch", "/file")
		}},
		{"no-new-privileges", func(t *testing.T, s *server) { line(t, s, m{"no_new_privs": true}, "NoNewPrivs: 1\n") }},
		{"drop-all", func(t *testing.T, s *server) {
			line(t, s, m{"capabilities": m{"drop_capabilities": words("ALL")}}, "CapEff: 0000000000000000\n")
		}},
		{"drop-one", func(t *testing.T, s *server) {
			line(t, s, m{"capabilities": m{"drop_capabilities": words("CHOWN")}}, "CapEff: 00000000a80425fa\n")
		}},
		{"add-one", func(t *testing.T, s *server) {
			line(t, s, m{"capabilities": m{"add_capabilities": words("SYS_TIME")}}, "CapEff: 00000000aa0425fb\n")
		}},
		{"privileged", func(t *testing.T, s *server) {
			p := s.pod(t, m{"linux": m{"security_context": m{"privileged": true}}})
			got := p.output(secure(m{"privileged": true}), "sh", "-c", ofStatus+"; ls /dev/kmsg; mount -t tmpfs none /tmp && echo mounted; touch /sys/fs/cgroup 2>&1")
			if !strings.HasPrefix(got, "CapEff: 000001ff") || !strings.HasSuffix(got, "/dev/kmsg\nmounted\n") {
				t.Errorf("%q", got)
			}
		}},
		{"seccomp-default", func(t *testing.T, s *server) {
			line(t, s, m{"seccomp": m{"profile_type": "RuntimeDefault"}}, "Seccomp: 2\n")
			s.named(t, name(t)+"-b", "", nil).wantOutput("unshare: unshare(0x10000000): Operation not permitted\n",
				secure(m{"seccomp": m{"profile_type": "RuntimeDefault"}}), "unshare", "-U", "true")
		}},
		{"seccomp-unconfined", func(t *testing.T, s *server) {
			line(t, s, m{"seccomp": m{"profile_type": "Unconfined"}}, "Seccomp: 0\n")
		}},
		{"seccomp-of-a-file", func(t *testing.T, s *server) {
			path := filepath.Join(t.TempDir(), "profile.json")
			profile := `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}`
			if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
				t.Fatal(err)
			}
			s.pod(t, nil).wantOutput("mkdir: can't create directory '/tmp/d': No space left on device\n",
				secure(m{"seccomp": m{"profile_type": "Localhost", "localhost_ref": path}}), "mkdir", "/tmp/d")
		}},
		{"masked-paths", func(t *testing.T, s *server) {
			context := m{"masked_paths": words("/proc/kcore", "/proc/cpuinfo"), "readonly_paths": words("/proc/sys")}
			s.pod(t, nil).wantOutput("0\nsh: can't create /proc/sys/kernel/panic: Read-only file system\n",
				secure(context), "sh", "-c", "exec 2>&1; cat /proc/cpuinfo | wc -c; echo 1 >/proc/sys/kernel/panic")
		}},
		{"apparmor-default", func(t *testing.T, s *server) {
			harness.AppArmor(t)
			got := s.pod(t, nil).output(secure(m{"apparmor": m{"profile_type": "RuntimeDefault"}}), "cat", "/proc/self/attr/current")
			if !strings.Contains(got, "cri-containerd.apparmor.d (enforce)") {
				t.Errorf("%q", got)
			}
		}},
	}
}

// mishaps are done one after the other.
func mishaps() []check {
	return []check{
		{"containerd-restarted", func(t *testing.T, s *server) { s.restarted(t, s.daemon.Stop) }},
		{"containerd-killed", func(t *testing.T, s *server) { s.restarted(t, s.daemon.Kill) }},
		{"ended-while-containerd-was-away", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, sleeping()...)
			pid := c.pid()
			s.daemon.Stop()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			s.daemon.Start()
			if code := c.ended(); code != 137 && code != 255 { // 2.x has not seen it
				t.Errorf("exit %d", code)
			}
		}},
		{"init-killed-from-outside", func(t *testing.T, s *server) {
			p := s.pod(t, in(m{"pid": "POD"}))
			c := p.run(nil, "sh", "-c", "sleep 1000 & wait")
			if err := syscall.Kill(c.pid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if code := c.ended(); code != 137 {
				t.Errorf("exit %d", code)
			}
		}},
		{"pause-killed", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			p.run(nil, sleeping()...)
			info, _ := at(s.call(t, "PodSandboxStatus", m{"pod_sandbox_id": p.id, "verbose": true}), "info.info").(string)
			_, rest, _ := strings.Cut(info, `"pid":`)
			var pid int
			if _, err := fmt.Sscanf(rest, "%d", &pid); err != nil {
				t.Fatalf("no pid in %q", info)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			world.Until(t, "the pod to be not ready", func() bool { return p.status()["state"] == "SANDBOX_NOTREADY" })
		}},
		{"20-pods-at-once", func(t *testing.T, s *server) { s.manyAtOnce(t, 20) }},
	}
}

// restarted ends containerd and starts it again under a running pod.
func (s *server) restarted(t *testing.T, end func()) {
	t.Helper()
	p := s.pod(t, nil)
	c := p.run(nil, "sh", "-c", "trap 'echo asked; exit 8' TERM; while :; do date +%s.%N; sleep 0.05; done")
	b := p.run(nil, "sh", "-c", "sleep 1; exit 6") // ends meanwhile, or soon
	pid := c.pid()
	end()
	s.daemon.Start()
	if got := p.status()["state"]; got != "SANDBOX_READY" {
		t.Errorf("the pod is %v", got)
	}
	if got := c.pid(); got != pid {
		t.Errorf("init was %d, is %d", pid, got)
	}
	c.wantExec("here\n", "echo", "here")
	lines := strings.Count(c.log(), "\n")
	world.Until(t, "more in the log", func() bool { return strings.Count(c.log(), "\n") > lines })
	if code := b.ended(); code != 6 {
		t.Errorf("exit %d", code)
	}
	p.wantOutput("another\n", nil, "echo", "another")
	s.call(t, "StopContainer", m{"container_id": c.id, "timeout": 30})
	if code := c.ended(); code != 8 {
		t.Errorf("exit %d", code)
	}
}

// manyAtOnce runs n pods at the same time, a container in each, and stops and
// removes all at the same time.
func (s *server) manyAtOnce(t *testing.T, n int) {
	t.Helper()
	ids := make([]string, n)
	each := func(method string, request func(i int) m) (answers []harness.Result) {
		var waits []func() harness.Result
		for i := range n {
			waits = append(waits, harness.Start(t, s.command("call", method, text(t, request(i)))))
		}
		for _, wait := range waits {
			answers = append(answers, wait().WantExit(t, 0))
		}
		return answers
	}
	config := func(i int) m { return s.podConfig(t, fmt.Sprintf("many-%d", i), nil) }
	var containers []string
	for i, r := range each("RunPodSandbox", func(i int) m { return m{"config": config(i)} }) {
		_, id, _ := strings.Cut(r.Stdout, `"podSandboxId":"`)
		ids[i], _, _ = strings.Cut(id, `"`)
	}
	for _, r := range each("CreateContainer", func(i int) m {
		container := m{"metadata": m{"name": "c"}, "image": m{"image": image}, "command": sleeping(), "linux": m{}}
		return m{"pod_sandbox_id": ids[i], "config": container, "sandbox_config": config(i)}
	}) {
		_, id, _ := strings.Cut(r.Stdout, `"containerId":"`)
		id, _, _ = strings.Cut(id, `"`)
		containers = append(containers, id)
	}
	each("StartContainer", func(i int) m { return m{"container_id": containers[i]} })
	for i, r := range each("ExecSync", func(i int) m { return m{"container_id": containers[i], "cmd": words("hostname")} }) {
		if !strings.Contains(r.Stdout, "YS1wb2QK") { // a-pod
			t.Errorf("pod %d: %v", i, r)
		}
	}
	each("StopPodSandbox", func(i int) m { return m{"pod_sandbox_id": ids[i]} })
	each("RemovePodSandbox", func(i int) m { return m{"pod_sandbox_id": ids[i]} })
}
