//go:build clients

package podman

import (
	"fmt"
	"strings"
)

var userChecks = []check{
	{"user/by-name", both, func(p *podman) {
		is(p.t, p.run("--user", "user", "id -un; id -gn; id -Gn | tr ' ' '\\n' | sort -u; echo $HOME"), "user\nuser\nextra\nuser\n/home/user")
	}},
	{"user/by-numbers", both, func(p *podman) { is(p.t, p.run("--user", "5:6", "id -u; id -g"), "5\n6") }},
	{"user/unknown-has-home", both, func(p *podman) { is(p.t, p.run("--user", "12345", "echo $HOME; id -u"), "/\n12345") }},
	{"user/unknown-name", both, func(p *podman) {
		p.refuses(126, []string{"nobody-we-know"}, "run", "--rm", "--user", "nobody-we-know", image, "true")
	}},
	{"user/added-groups", both, func(p *podman) {
		is(p.t, p.run("--user", "user", "--group-add", "77", "id -G | tr ' ' '\\n' | sort -n | tr '\\n' ' '"), "77 1000 2000")
	}},
	{"user/kept-groups", rootless, func(p *podman) { is(p.t, p.run("--group-add", "keep-groups", "id -u"), "0") }},
	{"user/tty-belongs-to-it", both, func(p *podman) {
		has(p.t, p.ok("run", "--rm", "-t", "--user", "1000", image, "sh", "-c", "stat -c %u $(tty)"), "1000")
	}},
	{"userns/mapped-by-hand", rootful, func(p *podman) {
		out := p.run("--uidmap", "0:300000:1000", "--gidmap", "0:400000:1000", "id -u; cat /proc/self/uid_map /proc/self/gid_map")
		is(p.t, strings.Join(strings.Fields(out), " "), "0 0 300000 1000 0 400000 1000")
	}},
	{"userns/auto", rootful, func(p *podman) {
		out := p.run("--userns", "auto:size=3000,uidmapping=0:300000:3000,gidmapping=0:300000:3000", "id -u; cat /proc/self/uid_map")
		has(p.t, strings.Join(strings.Fields(out), " "), "0 0 300000 3000")
	}},
	{"userns/exec", rootful, func(p *podman) {
		name := p.sleeping("--uidmap", "0:300000:5000", "--gidmap", "0:300000:5000")
		is(p.t, p.ok("exec", name, "id", "-u"), "0")
		is(p.t, p.ok("exec", "-u", "1000", name, "id", "-u"), "1000")
		has(p.t, p.ok("top", name, "huser"), "300000")
	}},
	{"userns/of-another-container", rootful, func(p *podman) {
		name := p.sleeping("--uidmap", "0:300000:5000", "--gidmap", "0:300000:5000")
		is(p.t, p.run("--userns", "container:"+name, "readlink /proc/self/ns/user"), p.ok("exec", name, "readlink", "/proc/self/ns/user"))
	}},
	{"userns/limits", rootful, func(p *podman) {
		name := p.sleeping("--uidmap", "0:300000:5000", "--gidmap", "0:300000:5000", "-m", "64m")
		is(p.t, p.cgroup(name, "memory", "memory.limit_in_bytes"), "67108864")
	}},
	{"userns/default-of-a-user", rootless, func(p *podman) {
		out := p.run("cat /proc/self/uid_map")
		is(p.t, strings.Join(strings.Fields(out), " "), fmt.Sprintf("0 %d 1 1 200000 65536", userID))
	}},
	{"userns/keep-id", rootless, func(p *podman) {
		dir := p.temp()
		p.file(dir, "mine", "")
		is(p.t, p.run("--userns", "keep-id", "-v", dir+":/data", "id -u; stat -c %u /data/mine; touch /data/new"), fmt.Sprintf("%d\n%d", userID, userID))
	}},
	{"userns/keep-id-exec", rootless, func(p *podman) {
		name := p.sleeping("--userns", "keep-id")
		is(p.t, p.ok("exec", name, "id", "-u"), fmt.Sprint(userID))
		is(p.t, p.ok("exec", "-u", "root", name, "id", "-u"), "0")
	}},
	{"userns/keep-id-root", rootless, func(p *podman) {
		is(p.t, p.run("--userns", "keep-id", "--user", "root", "id -u; touch /data/a && echo made"), "0\nmade")
	}},
	{"userns/nomap", rootless, func(p *podman) {
		out := p.run("--userns", "nomap", "id -u; cat /proc/self/uid_map")
		has(p.t, strings.Join(strings.Fields(out), " "), "0 0 1 65536")
	}},
	{"userns/auto-of-a-user", rootless, func(p *podman) {
		out := p.run("--userns", "auto:size=3000", "id -u; wc -l </proc/self/uid_map")
		is(p.t, out, "0\n1")
	}},
	{"userns/mapped-by-a-user", rootless, func(p *podman) {
		out := p.run("--uidmap", "0:1:1000", "--gidmap", "0:1:1000", "id -u; cat /proc/self/uid_map")
		is(p.t, strings.Join(strings.Fields(out), " "), "0 0 1 1000")
	}},
}
