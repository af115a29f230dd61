//go:build clients

package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

const dockerCaps = "00000000a80425fb"

func securityChecks() []check {
	return []check{
		{"caps/default", func(t *testing.T, e *engine) {
			equal(t, "capabilities", e.caps(t), fmt.Sprintf("%s %s %s", dockerCaps, dockerCaps, dockerCaps))
			equal(t, "a user's", e.caps(t, "--user", "1000"), fmt.Sprintf("%016d %016d %s", 0, 0, dockerCaps))
		}},
		{"caps/drop-all", func(t *testing.T, e *engine) {
			none := strings.Repeat("0", 16)
			equal(t, "capabilities", e.caps(t, "--cap-drop", "ALL"), none+" "+none+" "+none)
			e.do(t, e.shell("chown 1:1 /etc", "--cap-drop=ALL")...).WantExit(t, 1)
		}},
		{"caps/drop-and-add", func(t *testing.T, e *engine) {
			equal(t, "capabilities", strings.Fields(e.caps(t, "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"))[0], "0000000000001000")
			e.do(t, e.shell("ip link set lo down", "--cap-add", "NET_ADMIN")...).WantExit(t, 0)
			e.do(t, e.shell("ip link set lo down")...).WantFailure(t, "Operation not permitted")
			e.do(t, e.shell("chown 1:1 /etc", "--cap-drop=CHOWN")...).WantFailure(t, "Operation not permitted")
		}},
		{"caps/add-all", func(t *testing.T, e *engine) {
			r := e.do(t, e.shell("grep CapEff /proc/self/status", "--cap-add", "ALL")...)
			e.everything(t, r)
		}},
		{"privileged", func(t *testing.T, e *engine) {
			r := e.do(t, e.shell("grep CapEff /proc/self/status; mount -t tmpfs x /mnt 2>/dev/null; mkdir /m; mount -t tmpfs x /m && echo mounted; ls /dev/vda /dev/kmsg 2>/dev/null | head -1 >/dev/null; touch /proc/sys/kernel/hostname && echo writable; grep Seccomp: /proc/self/status", "--privileged")...)
			if !e.everything(t, r) {
				return
			}
			contains(t, r.Stdout, "mounted", "writable", "Seccomp:\t0")
		}},
		{"no-new-privileges", func(t *testing.T, e *engine) {
			equal(t, "without", e.sh(t, "grep NoNewPrivs /proc/self/status"), "NoNewPrivs:\t0")
			equal(t, "with", e.sh(t, "grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges"), "NoNewPrivs:\t1")
			// A program with the setuid bit makes root of a user, or not.
			script := "cp /usr/bin/id /tmp/id && chmod 4755 /tmp/id && exec sleep 1000"
			for want, flags := range map[string][]string{"0": nil, "65534": {"--security-opt", "no-new-privileges"}} {
				name := e.up(t, append(flags, "debian", "sh", "-c", script)...)
				world.Until(t, "the program", func() bool { return e.do(t, "exec", name, "test", "-u", "/tmp/id").Code == 0 })
				equal(t, "effective user", e.ok(t, "exec", "--user", "65534", name, "/tmp/id", "-u"), want)
			}
		}},
		{"seccomp/default-profile", func(t *testing.T, e *engine) {
			equal(t, "filter", e.sh(t, "grep Seccomp: /proc/self/status"), "Seccomp:\t2")
			e.do(t, e.shell("unshare -U true")...).WantFailure(t, "Operation not permitted")
			equal(t, "unconfined", e.sh(t, "unshare -U true && grep Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined"), "Seccomp:\t0")
			// What a capability opens in the profile.
			e.do(t, e.shell("unshare -m true", "--cap-add", "SYS_ADMIN")...).WantExit(t, 0)
			e.do(t, e.shell("unshare -m true")...).WantFailure(t, "Operation not permitted")
		}},
		{"seccomp/own-profile", ownProfile},
		{"seccomp/exec", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			equal(t, "filter of exec", e.ok(t, "exec", name, "grep", "Seccomp:", "/proc/self/status"), "Seccomp:\t2")
			r := e.do(t, "exec", name, "unshare", "-U", "true")
			r.WantFailure(t, "Operation not permitted")
		}},
		{"read-only", func(t *testing.T, e *engine) {
			e.do(t, e.shell("echo x > /x", "--read-only")...).WantFailure(t, "Read-only file system")
			equal(t, "tmpfs and volume", e.sh(t, "echo 1 > /t/x && echo 2 > /v/x && echo 3 > /dev/shm/x && cat /t/x /v/x", "--read-only", "--tmpfs", "/t", "-v", "/v"), "1\n2")
		}},
		{"paths/masked-and-read-only", func(t *testing.T, e *engine) {
			equal(t, "masked", e.sh(t, "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v : | wc -w"), "0\n0")
			e.do(t, e.shell("echo x > /proc/sys/kernel/hostname")...).WantFailure(t, "Read-only file system")
			e.do(t, e.shell("mkdir /sys/fs/x")...).WantFailure(t, "")
			contains(t, e.sh(t, "grep -c -E ' /proc/(bus|fs|irq|sys) proc ro,' /proc/mounts"), "4")
		}},
		{"paths/unconfined", func(t *testing.T, e *engine) {
			equal(t, "mounts below /proc", e.sh(t, "grep -c ' /proc/' /proc/mounts; true", "--security-opt", "systempaths=unconfined"), "0")
		}},
		{"devices/default", func(t *testing.T, e *engine) {
			equal(t, "devices", e.sh(t, "cd /dev; for d in null zero full random urandom tty; do [ -c $d ] && echo $d; done; echo x > /dev/null; head -c 3 /dev/zero | wc -c"), "null\nzero\nfull\nrandom\nurandom\ntty\n3")
			// mknod is granted, the use of a device is not.
			r := e.do(t, e.shell("mknod /k c 1 11 && echo made; : >> /k")...)
			contains(t, r.Stdout+r.Stderr, "made", "Operation not permitted")
		}},
		{"devices/added", func(t *testing.T, e *engine) {
			equal(t, "opened", e.sh(t, ": >> /dev/log && echo for writing", "--device", "/dev/kmsg:/dev/log:w"), "for writing")
			e.do(t, e.shell("head -c 1 /dev/log", "--device", "/dev/kmsg:/dev/log:w")...).WantFailure(t, "Operation not permitted")
			e.do(t, e.shell(": >> /dev/log", "--device", "/dev/kmsg:/dev/log:r")...).WantFailure(t, "Operation not permitted")
			e.fails(t, 127, []string{"no such file or directory"}, e.shell("true", "--device", "/dev/no-such")...)
		}},
		{"devices/cgroup-rule", func(t *testing.T, e *engine) {
			equal(t, "opened", e.sh(t, "mknod /k c 1 11 && : >> /k && echo for writing", "--device-cgroup-rule", "c 1:11 rmw"), "for writing")
		}},
		{"sysctl", func(t *testing.T, e *engine) {
			equal(t, "sysctls", e.sh(t, "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward", "--sysctl", "net.core.somaxconn=777", "--sysctl", "kernel.msgmax=4096", "--sysctl", "net.ipv4.ip_forward=0"), "777\n4096\n0")
			if r := e.do(t, e.shell("true", "--sysctl", "kernel.pid_max=1000")...); r.Code == 0 {
				t.Errorf("a sysctl of the host was taken: %v", r)
			}
		}},
	}
}

func ownProfile(t *testing.T, e *engine) {
	profile := filepath.Join(t.TempDir(), "profile.json")
	text := `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122},
		{"names": ["rmdir"], "action": "SCMP_ACT_ERRNO"},
		{"names": ["sethostname"], "action": "SCMP_ACT_KILL_PROCESS"},
		{"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}`
	if err := os.WriteFile(profile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	opt := []string{"--security-opt", "seccomp=" + profile}
	e.do(t, e.shell("mkdir /new", opt...)...).WantFailure(t, "Disk quota exceeded")
	e.do(t, e.shell("rmdir /tmp", opt...)...).WantFailure(t, "Operation not permitted")
	contains(t, e.sh(t, "hostname x; echo code $?", append(opt, "--cap-add", "SYS_ADMIN")...), "code 159")
	equal(t, "the rest", e.sh(t, "echo x > /x && cat /x", opt...), "x")
}

// caps are the effective, permitted and bounding capabilities of a new container.
func (e *engine) caps(t *testing.T, flags ...string) string {
	t.Helper()
	out := e.sh(t, "grep -E 'Cap(Eff|Prm|Bnd)' /proc/self/status | sort | cut -f 2", flags...)
	f := strings.Fields(out) // Bnd, Eff, Prm
	if len(f) != 3 {
		t.Fatalf("capabilities: %q", out)
	}
	return f[1] + " " + f[2] + " " + f[0]
}
