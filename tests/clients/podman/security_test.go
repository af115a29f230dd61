//go:build clients

package podman

var securityChecks = []check{
	{"caps/default", both, func(p *podman) {
		is(p.t, p.run("sed -n 's/^Cap\\(Eff\\|Bnd\\):\t//p' /proc/self/status"), "00000000800405fb\n00000000800405fb")
	}},
	{"caps/drop-all", both, func(p *podman) {
		is(p.t, p.run("--cap-drop", "all", "sed -n 's/^Cap\\(Eff\\|Bnd\\):\t//p' /proc/self/status"), "0000000000000000\n0000000000000000")
	}},
	{"caps/add-one", both, func(p *podman) {
		is(p.t, p.run("--cap-drop", "all", "--cap-add", "net_admin", "sed -n 's/^CapEff:\t//p' /proc/self/status"), "0000000000001000")
	}},
	{"caps/of-a-user", both, func(p *podman) {
		is(p.t, p.run("--user", "1000", "--cap-add", "net_raw", "sed -n 's/^Cap\\(Eff\\|Amb\\):\t//p' /proc/self/status"), "0000000000002000\n0000000000002000")
	}},
	{"caps/chown-needs-it", both, func(p *podman) {
		p.refuses(1, []string{"not permitted"}, "run", "--rm", "--cap-drop", "chown", image, "chown", "1000", "/data")
	}},
	{"seccomp/default", both, func(p *podman) {
		is(p.t, p.run("sed -n 's/^Seccomp:\t//p' /proc/self/status"), "2")
		// kcmp(1, 1, KCMP_VM) needs CAP_SYS_PTRACE in the profile alone.
		is(p.t, p.run("probe syscall 312 1 1 1"), "1")
		is(p.t, p.run("--security-opt", "seccomp=unconfined", "probe syscall 312 1 1 1"), "0")
	}},
	{"seccomp/custom", both, func(p *podman) {
		profile := p.file(p.temp(), "profile.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}`)
		p.refuses(1, []string{"no space left"}, "run", "--rm", "--security-opt", "seccomp="+profile, image, "mkdir", "/data/a")
	}},
	{"seccomp/unconfined", both, func(p *podman) {
		is(p.t, p.run("--security-opt", "seccomp=unconfined", "sed -n 's/^Seccomp:\t//p' /proc/self/status"), "0")
	}},
	{"seccomp/kills", both, func(p *podman) {
		profile := p.file(p.temp(), "profile.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}`)
		p.refuses(159, nil, "run", "--rm", "--security-opt", "seccomp="+profile, image, "mkdir", "/data/a")
	}},
	{"security/no-new-privileges", both, func(p *podman) {
		is(p.t, p.run("--security-opt", "no-new-privileges", "sed -n 's/^NoNewPrivs:\t//p' /proc/self/status"), "1")
		is(p.t, p.run("sed -n 's/^NoNewPrivs:\t//p' /proc/self/status"), "0")
	}},
	{"security/masked-paths", both, func(p *podman) {
		is(p.t, p.run("cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | head -c 10; ls -A /proc/scsi /sys/firmware 2>/dev/null | grep -v : | wc -w"), "0")
	}},
	{"security/unmasked-paths", both, func(p *podman) {
		is(p.t, p.run("cat /proc/keys | wc -c; cut -d' ' -f5 /proc/self/mountinfo | grep -c ^/proc/keys"), "0\n1")
		is(p.t, p.run("--security-opt", "unmask=/proc/keys", "cut -d' ' -f5 /proc/self/mountinfo | grep -c ^/proc/keys || true"), "0")
	}},
	{"security/own-mask", both, func(p *podman) {
		is(p.t, p.run("--security-opt", "mask=/etc/passwd", "cat /etc/passwd"), "")
	}},
	{"security/read-only-proc-sys", both, func(p *podman) {
		p.refuses(1, []string{"read-only"}, "run", "--rm", image, "sh", "-c", "echo 1 >/proc/sys/kernel/msgmax")
	}},
	{"security/read-only-root", both, func(p *podman) {
		p.refuses(1, []string{"read-only"}, "run", "--rm", "--read-only", image, "touch", "/data/a")
		is(p.t, p.run("--read-only", "touch /tmp/a /run/a /dev/shm/a && echo written"), "written")
		p.refuses(1, []string{"read-only"}, "run", "--rm", "--read-only", "--read-only-tmpfs=false", image, "touch", "/tmp/a")
	}},
	{"security/privileged", both, func(p *podman) {
		out := p.run("--privileged", "sed -n 's/^\\(CapEff\\|Seccomp\\):\t//p' /proc/self/status | sed s/fffeffffff/ffffffffff/; mount -t tmpfs none /mnt && echo mounted; test -e /dev/full && echo devices")
		has(p.t, out, "ffffff\n0\nmounted\ndevices")
	}},
	{"security/device", rootful, func(p *podman) {
		is(p.t, p.run("--device", "/dev/full:/dev/mine:rw", "stat -c %t:%T /dev/mine; echo a >/dev/mine 2>/dev/null || echo full"), "1:7\nfull")
	}},
	{"security/device-of-a-user", rootless, func(p *podman) {
		is(p.t, p.run("--device", "/dev/full:/dev/mine", "echo a >/dev/mine 2>/dev/null || echo full"), "full")
	}},
	{"security/default-devices", both, func(p *podman) {
		is(p.t, p.run("cd /dev && ls -d fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 2>/dev/null | tr '\\n' ' '"),
			"fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero")
	}},
}
