//go:build clients

package podman

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

var execChecks = []check{
	{"exec/output-and-status", both, func(p *podman) {
		name := p.sleeping()
		is(p.t, p.ok("exec", name, "echo", "hi"), "hi")
		p.refuses(11, nil, "exec", name, "sh", "-c", "exit 11")
		p.refuses(137, nil, "exec", name, "sh", "-c", "kill -9 $$; sleep 1")
	}},
	{"exec/not-found-127", both, func(p *podman) {
		p.refuses(127, []string{"not found"}, "exec", p.sleeping(), "nothere")
	}},
	{"exec/missing-path-127", both, func(p *podman) {
		p.refuses(127, []string{"no such file"}, "exec", p.sleeping(), "/no/such/program")
	}},
	{"exec/not-executable-126", both, func(p *podman) {
		p.refuses(126, []string{"permission denied"}, "exec", p.sleeping(), "/bin/noexec")
	}},
	{"exec/into-a-stopped-one-255", both, func(p *podman) {
		name := p.sleeping()
		p.ok("kill", name)
		p.ok("wait", name)
		p.refuses(255, []string{"running containers"}, "exec", name, "true")
	}},
	{"exec/into-none-125", both, func(p *podman) { p.refuses(125, []string{"no such container"}, "exec", "none-of-ours", "true") }},
	{"exec/environment", both, func(p *podman) {
		name := p.sleeping("-e", "OF=run")
		is(p.t, p.ok("exec", "-e", "A=1", "--env", "B=2", name, "sh", "-c", "echo $A $B $OF $HOME"), "1 2 run /root")
	}},
	{"exec/user", both, func(p *podman) {
		name := p.sleeping()
		is(p.t, p.ok("exec", "-u", "user", name, "sh", "-c", "id; echo $HOME"), "uid=1000(user) gid=1000(user) groups=2000(extra)\n/home/user")
		is(p.t, p.ok("exec", "-u", "33:44", name, "id"), "uid=33 gid=44")
		p.refuses(255, []string{"nobody-we-know"}, "exec", "-u", "nobody-we-know", name, "id")
	}},
	{"exec/workdir", both, func(p *podman) { is(p.t, p.ok("exec", "-w", "/data", p.sleeping(), "pwd"), "/data") }},
	{"exec/missing-workdir", both, func(p *podman) {
		r := p.do("exec", "-w", "/none/such", p.sleeping(), "pwd")
		has(p.t, strings.ToLower(r.Stderr), "no such file or directory")
		if r.Code != 126 && r.Code != 127 {
			p.t.Error(r)
		}
	}},
	{"exec/tty", both, func(p *podman) {
		x := p.typing("exec", "-it", p.sleeping(), "sh", "-c", "tty; echo begin; while read line; do stty size; done; exit 4")
		x.Expect("/dev/pts/")
		x.Expect("begin")
		x.Resize(63, 21)
		p.types(x, "\n", "21 63")
		x.Type("\x04")
		is(p.t, x.Wait(), 4)
	}},
	{"exec/tty-not-found-127", both, func(p *podman) { is(p.t, p.typing("exec", "-it", p.sleeping(), "nothere").Wait(), 127) }},
	{"exec/stdin", both, func(p *podman) {
		is(p.t, p.with(strings.Repeat("0123456789", 100000), "exec", "-i", p.sleeping(), "wc", "-c"), "1000000")
	}},
	{"exec/detached", both, func(p *podman) {
		name := p.sleeping()
		p.ok("exec", "-d", name, "sh", "-c", "echo done > /data/mark; sleep 1000")
		p.await("the detached program", func() bool { return p.do("exec", name, "cat", "/data/mark").Stdout == "done\n" })
		has(p.t, p.ok("top", name, "args"), "sleep 1000")
	}},
	{"exec/privileged", both, func(p *podman) {
		name := p.sleeping("--cap-drop", "all")
		is(p.t, p.ok("exec", name, "sh", "-c", "grep CapEff /proc/self/status | cut -f2"), "0000000000000000")
		if all := p.ok("exec", "--privileged", name, "sh", "-c", "grep CapEff /proc/self/status | cut -f2"); !strings.HasSuffix(all, "ffff") {
			p.t.Errorf("capabilities %s", all)
		}
	}},
	{"exec/of-a-user-has-no-capabilities", both, func(p *podman) {
		is(p.t, p.ok("exec", "-u", "1000", p.sleeping(), "sh", "-c", "grep CapEff /proc/self/status | cut -f2"), "0000000000000000")
	}},
	{"exec/shares-the-namespaces", both, func(p *podman) {
		name := p.sleeping()
		is(p.t, p.ok("exec", name, "sh", "-c", "for n in /proc/self/ns/*; do test $(readlink $n) = $(readlink /proc/1/ns/${n##*/}) || echo ${n##*/}; done"), "")
	}},
	{"exec/in-the-cgroup", both, func(p *podman) {
		name := p.sleeping("--cgroupns", "host")
		is(p.t, p.ok("exec", name, "cat", "/proc/self/cgroup"), p.ok("exec", name, "cat", "/proc/1/cgroup"))
	}},
	{"exec/8-at-once", both, func(p *podman) {
		name := p.sleeping()
		var group sync.WaitGroup
		results := make([]string, 8)
		for i := range results {
			wait := p.start("exec", name, "echo", fmt.Sprint(i))
			group.Go(func() { results[i] = strings.TrimSpace(wait().Stdout) })
		}
		group.Wait()
		is(p.t, strings.Join(results, " "), "0 1 2 3 4 5 6 7")
	}},
	{"exec/into-a-paused-one", rootful, func(p *podman) {
		name := p.sleeping()
		p.ok("pause", name)
		r := p.do("exec", name, "true")
		if r.Code == 0 || !strings.Contains(r.Stderr, "paused") && !strings.Contains(r.Stderr, "running containers") {
			p.t.Error(r)
		}
		p.ok("unpause", name)
		p.ok("exec", name, "true")
	}},
	{"exec/session-ends-with-the-container", both, func(p *podman) {
		name := p.sleeping()
		wait := p.start("exec", name, "sh", "-c", "echo in; sleep 1000")
		time.Sleep(time.Second)
		p.ok("kill", name)
		if r := wait(); r.Code == 0 {
			p.t.Error(r)
		}
	}},
}
