//go:build clients

package cri

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rt/tests/clients/world"
)

func containers() []check {
	return []check{
		{"log", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, "sh", "-c", "echo out; echo err >&2; printf partial")
			c.ended()
			data, err := os.ReadFile(c.logFile)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range words(" stdout F out\n", " stderr F err\n", " stdout P partial\n") {
				if !strings.Contains(string(data), want) && !strings.Contains(string(data), strings.Replace(want, " P ", " F ", 1)) {
					t.Errorf("no %q in %q", want, data)
				}
			}
		}},
		{"big-log", func(t *testing.T, s *server) {
			// It stays until all is there: 1.6 may lose the end of what a container
			// prints just before its own.
			c := s.pod(t, nil).run(nil, "sh", "-c", "yes 0123456789 | head -n 500000; echo the end; exec sleep 1000")
			c.printed("the end")
			if got := c.log(); len(got) != 500000*11+8 || !strings.HasSuffix(got, "the end\n") {
				t.Errorf("%d bytes", len(got))
			}
		}},
		{"exit-codes", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			for code, reason := range map[string]string{"0": "Completed", "7": "Error"} {
				c := p.run(nil, "sh", "-c", "exit "+code)
				c.ended()
				if got := c.status(); got["reason"] != reason || text(t, got["exitCode"]) != code {
					t.Errorf("exit %v, %v", got["exitCode"], got["reason"])
				}
			}
		}},
		{"restarts", func(t *testing.T, s *server) {
			p := s.pod(t, nil)
			for n := range 4 {
				c := p.run(nil, "sh", "-c", "[ ! -e /seen ]; echo fresh $?; touch /seen")
				c.ended()
				if got := c.log(); got != strings.Repeat("fresh 0\n", 1+n) { // one file for all
					t.Errorf("%q", got)
				}
				s.call(t, "RemoveContainer", m{"container_id": c.id})
				p.made-- // the same name again
			}
		}},
		{"stop-with-grace", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, "sh", "-c", "trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
			c.printed("ready")
			s.call(t, "StopContainer", m{"container_id": c.id, "timeout": 60})
			if code := c.ended(); code != 3 || !strings.Contains(c.log(), "asked") {
				t.Errorf("exit %d, %q", code, c.log())
			}
		}},
		{"stop-without-mercy", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, "sh", "-c", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done")
			c.printed("ready")
			s.call(t, "StopContainer", m{"container_id": c.id, "timeout": 1})
			if code := c.ended(); code != 137 || !strings.Contains(c.log(), "asked") {
				t.Errorf("exit %d, %q", code, c.log())
			}
		}},
		{"env-and-cwd", func(t *testing.T, s *server) {
			s.pod(t, nil).wantOutput("1 two words /tmp\n", m{"envs": []m{{"key": "A", "value": []byte("1")}, {"key": "B", "value": []byte("two words")}}, "working_dir": "/tmp"}, "sh", "-c", "echo $A $B $PWD")
		}},
		{"device", func(t *testing.T, s *server) {
			device := m{"container_path": "/dev/there", "host_path": "/dev/loop-control", "permissions": "rw"}
			s.pod(t, nil).wantOutput("a ed\nopen\n", m{"devices": []m{device}}, "sh", "-c", "stat -c '%t %T' /dev/there; head -c 0 /dev/there && echo open")
		}},
		{"terminal", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(m{"tty": true}, "sh", "-c", "tty; test -t 1 && echo a terminal")
			c.ended()
			if got := strings.ReplaceAll(c.log(), "\r", ""); got != "/dev/pts/0\na terminal\n" {
				t.Errorf("%q", got)
			}
		}},
		{"attach", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(m{"stdin": true, "stdin_once": true}, "sh", "-c", "while read line; do echo got $line; done; echo the end")
			cmd := s.command("stream", "Attach", text(t, m{"container_id": c.id, "stdin": true, "stdout": true, "stderr": true}))
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := stdin.Write([]byte("some words\n")); err != nil {
				t.Fatal(err)
			}
			c.printed("got some words")
			stdin.Close()
			c.printed("the end")
			_ = cmd.Wait()
			if code := c.ended(); code != 0 {
				t.Errorf("exit %d", code)
			}
		}},
		{"attach-to-a-terminal", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(m{"stdin": true, "tty": true}, "sh", "-c", "read line; stty size; echo got $line; sleep 1")
			x := world.Pty(t, append(words(s.client, s.socket()), "stream", "Attach", text(t, m{"container_id": c.id, "stdin": true, "stdout": true, "tty": true}))...)
			time.Sleep(300 * time.Millisecond) // the size goes ahead of what is typed
			x.Type("some words\r")
			c.printed("got some words")
			c.printed("31 93")
			c.ended()
		}},
		{"not-found", func(t *testing.T, s *server) {
			c := s.pod(t, nil).create(nil, "nowhere")
			s.refused(t, "StartContainer", m{"container_id": c.id}, `exec: "nowhere": executable file not found in $PATH`)
			if got := c.status(); got["state"] != "CONTAINER_EXITED" || got["exitCode"] != 128.0 || got["reason"] != "StartError" {
				t.Errorf("%v", got)
			}
		}},
		{"directory", func(t *testing.T, s *server) {
			c := s.pod(t, nil).create(nil, "/etc")
			s.refused(t, "StartContainer", m{"container_id": c.id}, `exec: "/etc": permission denied`)
		}},
		{"created-and-removed", func(t *testing.T, s *server) {
			c := s.pod(t, nil).create(nil, "true")
			s.call(t, "RemoveContainer", m{"container_id": c.id})
			s.refused(t, "ContainerStatus", m{"container_id": c.id}, "NotFound")
		}},
		{"oom-score", func(t *testing.T, s *server) {
			s.pod(t, nil).wantOutput("937\n", m{"linux": m{"resources": m{"oom_score_adj": 937}}}, "cat", "/proc/self/oom_score_adj")
		}},
	}
}

func execs() []check {
	return []check{
		{"sync", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, sleeping()...)
			if out, err, code := c.exec("sh", "-c", "echo out; echo err >&2; exit 3"); out != "out\n" || err != "err\n" || code != 3 {
				t.Errorf("%q %q %d", out, err, code)
			}
		}},
		{"sync-time-out", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, sleeping()...)
			s.refused(t, "ExecSync", m{"container_id": c.id, "cmd": words("sleep", "998"), "timeout": 1}, "DeadlineExceeded")
			world.Until(t, "the end of the probe", func() bool {
				out, _, _ := c.exec("ps", "-o", "args")
				return !strings.Contains(out, "998")
			})
		}},
		{"sync-not-found", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, sleeping()...)
			s.refused(t, "ExecSync", m{"container_id": c.id, "cmd": words("nowhere")}, `exec: "nowhere": executable file not found in $PATH`)
		}},
		{"sync-into-a-stopped-one", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, "true")
			c.ended()
			s.refused(t, "ExecSync", m{"container_id": c.id, "cmd": words("true")}, "CONTAINER_EXITED")
		}},
		{"sync-many", func(t *testing.T, s *server) { // as a probe each second does
			c := s.pod(t, nil).run(nil, sleeping()...)
			for range 15 {
				c.wantExec("well\n", "echo", "well")
			}
		}},
		{"stream", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, sleeping()...)
			cmd := s.command("stream", "Exec", text(t, m{"container_id": c.id, "cmd": words("sh", "-c", "cat; echo err >&2; exit 4"), "stdin": true, "stdout": true, "stderr": true}))
			data := strings.Repeat("0123456789abcdef", 1<<16)
			cmd.Stdin = strings.NewReader(data)
			var out, err strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &err
			_ = cmd.Run()
			if out.String() != data || !strings.HasSuffix(err.String(), "err\n") || cmd.ProcessState.ExitCode() != 4 {
				t.Errorf("%d bytes, %q, exit %d", out.Len(), err.String(), cmd.ProcessState.ExitCode())
			}
		}},
		{"terminal", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(nil, sleeping()...)
			script := "tty; until [ \"$(stty size)\" = '31 93' ]; do sleep 0.05; done; echo sized; read line; echo got $line; exit 5"
			x := world.Pty(t, append(words(s.client, s.socket()), "stream", "Exec", text(t, m{"container_id": c.id, "cmd": words("sh", "-c", script), "stdin": true, "stdout": true, "tty": true}))...)
			x.Expect("/dev/pts/0")
			x.Expect("sized")
			x.Type("a word\r")
			x.Expect("got a word")
			if code := x.Wait(); code != 5 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"as-the-containers-user", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(secure(m{"run_as_user": m{"value": 65534}, "run_as_group": m{"value": 100}}), sleeping()...)
			c.wantExec("65534\n100\n", "sh", "-c", "id -u; id -g")
		}},
	}
}

func limits() []check {
	resources := func(change m) m { return m{"linux": m{"resources": change}} }
	wanted := func(c *container, value string, files ...string) {
		c.t.Helper()
		if got := world.CgroupFile("/k8s.io/"+c.id, files...); got != value {
			c.t.Errorf("%v: %q, not %q", files, got, value)
		}
	}
	return []check{
		{"memory-and-cpu", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(resources(m{"memory_limit_in_bytes": 64 << 20, "cpu_quota": 50000, "cpu_period": 100000, "cpu_shares": 512, "cpuset_cpus": "0"}), sleeping()...)
			wanted(c, "67108864", "memory.limit_in_bytes", "memory.max")
			wanted(c, "0", "cpuset.cpus")
			if world.CgroupFile("/k8s.io/"+c.id, "cpu.max") == "" {
				wanted(c, "50000", "cpu.cfs_quota_us")
				wanted(c, "512", "cpu.shares")
			} else {
				wanted(c, "50000 100000", "cpu.max")
			}
		}},
		{"update", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(resources(m{"memory_limit_in_bytes": 64 << 20, "cpu_quota": 50000, "cpu_period": 100000}), sleeping()...)
			for _, mib := range []int{128, 32, 256} {
				s.call(t, "UpdateContainerResources", m{"container_id": c.id, "linux": m{"memory_limit_in_bytes": mib << 20, "cpu_quota": 1000 * mib}})
				wanted(c, text(t, mib<<20), "memory.limit_in_bytes", "memory.max")
				if world.CgroupFile("/k8s.io/"+c.id, "cpu.max") == "" {
					wanted(c, text(t, 1000*mib), "cpu.cfs_quota_us")
				}
			}
		}},
		{"out-of-memory", func(t *testing.T, s *server) {
			c := s.pod(t, nil).run(resources(m{"memory_limit_in_bytes": 32 << 20}), "sh", "-c", "until [ -e /go ]; do sleep 0.1; done; exec probe hog 200")
			c.wantExec("", "touch", "/go")
			if code := c.ended(); code != 137 {
				t.Errorf("exit %d", code)
			}
			world.Until(t, "the reason OOMKilled", func() bool { return c.status()["reason"] == "OOMKilled" })
		}},
		{"open-cgroup", func(t *testing.T, s *server) { // the container sees its own limits
			s.pod(t, nil).wantOutput("67108864\n", resources(m{"memory_limit_in_bytes": 64 << 20}), "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null")
		}},
	}
}

func mounts() []check {
	// volume is a tmpfs on the host, a shared mount.
	volume := func(t *testing.T) string {
		t.Helper()
		dir := t.TempDir()
		world.Command(t, "mount", "-t", "tmpfs", "volume", dir).WantExit(t, 0)
		world.Command(t, "mount", "--make-shared", dir).WantExit(t, 0)
		t.Cleanup(func() { world.Command(t, "umount", "-R", dir).WantExit(t, 0) })
		if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	at := func(dir string, change m) m {
		return m{"mounts": []m{merge(m{"container_path": "/data", "host_path": dir}, change)}}
	}
	// comes tells whether a mount that the host makes later is seen in c.
	comes := func(t *testing.T, c *container, dir string) bool {
		t.Helper()
		world.Command(t, "mount", "-t", "tmpfs", "late", filepath.Join(dir, "sub")).WantExit(t, 0)
		_, _, code := c.exec("grep", "-q", "^late /data/sub tmpfs", "/proc/mounts")
		return code == 0
	}
	return []check{
		{"host-path", func(t *testing.T, s *server) {
			dir := t.TempDir()
			s.pod(t, nil).wantOutput("text\n", at(dir, nil), "sh", "-c", "echo text >/data/file; cat /data/file")
			if data, err := os.ReadFile(filepath.Join(dir, "file")); string(data) != "text\n" {
				t.Errorf("%q, %v", data, err)
			}
		}},
		{"one-file", func(t *testing.T, s *server) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte("text\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			s.pod(t, nil).wantOutput("text\n", m{"mounts": []m{{"container_path": "/etc/of/mine", "host_path": path}}}, "cat", "/etc/of/mine")
		}},
		{"read-only", func(t *testing.T, s *server) {
			s.pod(t, nil).wantOutput("touch: /data/file: Read-only file system\n", at(t.TempDir(), m{"readonly": true}), "touch", "/data/file")
		}},
		{"recursively-read-only", func(t *testing.T, s *server) {
			if !s.offers(t, "recursiveReadOnlyMounts") {
				t.Skip("recursiveReadOnlyMounts is missing in what the server offers for the runtime")
			}
			dir := volume(t)
			world.Command(t, "mount", "-t", "tmpfs", "below", filepath.Join(dir, "sub")).WantExit(t, 0)
			s.pod(t, nil).wantOutput("touch: /data/sub/file: Read-only file system\n", at(dir, m{"readonly": true, "recursive_read_only": true}), "touch", "/data/sub/file")
		}},
		{"private", func(t *testing.T, s *server) {
			dir := volume(t)
			c := s.pod(t, nil).run(at(dir, m{"propagation": "PROPAGATION_PRIVATE"}), sleeping()...)
			if comes(t, c, dir) {
				t.Error("the host's mount is seen")
			}
		}},
		{"host-to-container", func(t *testing.T, s *server) {
			dir := volume(t)
			p := s.pod(t, m{"linux": m{"security_context": m{"privileged": true}}})
			c := p.run(merge(at(dir, m{"propagation": "PROPAGATION_HOST_TO_CONTAINER"}), secure(m{"privileged": true})), sleeping()...)
			if !comes(t, c, dir) {
				t.Error("the host's mount is not seen")
			}
			c.wantExec("", "umount", "/data/sub")
			if _, err := os.Stat(filepath.Join(dir, "sub")); err != nil || !mounted(t, "late", filepath.Join(dir, "sub")) {
				t.Error("the container has taken the host's mount away")
			}
		}},
		{"both-ways", func(t *testing.T, s *server) {
			dir := volume(t)
			p := s.pod(t, m{"linux": m{"security_context": m{"privileged": true}}})
			c := p.run(merge(at(dir, m{"propagation": "PROPAGATION_BIDIRECTIONAL"}), secure(m{"privileged": true})), sleeping()...)
			c.wantExec("", "sh", "-c", "mkdir /data/mine && mount -t tmpfs inner /data/mine")
			if !mounted(t, "inner", filepath.Join(dir, "mine")) {
				t.Error("the container's mount is not seen on the host")
			}
			if !comes(t, c, dir) {
				t.Error("the host's mount is not seen in the container")
			}
		}},
		{"no-such-source", func(t *testing.T, s *server) { // is made
			dir := filepath.Join(t.TempDir(), "new")
			s.pod(t, nil).wantOutput("here\n", at(dir, nil), "sh", "-c", "cd /data && echo here")
		}},
	}
}

// mounted tells whether the host has a tmpfs called source there.
func mounted(t testing.TB, source, dir string) bool {
	t.Helper()
	data, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(data), source+" "+dir+" tmpfs ")
}
