//go:build clients

package podman

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// parent is a cgroup that podman makes and leaves.
const parent = "rt-podman-parent"

var limitChecks = []check{
	{"limits/memory", rootful, func(p *podman) {
		name := p.sleeping("-m", "64m", "--memory-reservation", "32m", "--memory-swap", "64m")
		is(p.t, p.cgroup(name, "memory", "memory.limit_in_bytes"), "67108864")
		is(p.t, p.cgroup(name, "memory", "memory.soft_limit_in_bytes"), "33554432")
		has(p.t, p.ok("stats", "--no-stream", "--format", "{{.MemUsage}}", name), "67.11MB")
	}},
	{"limits/oom", rootful, func(p *podman) {
		name := p.name()
		p.refuses(137, nil, "run", "--name", name, "-m", "64m", "--memory-swap", "64m", image, "probe", "hog", "256")
		is(p.t, p.inspect(name, "{{.State.ExitCode}}"), "137")
	}},
	{"limits/cpus", rootful, func(p *podman) {
		name := p.sleeping("--cpus", "0.5", "--cpu-shares", "512")
		is(p.t, p.cgroup(name, "cpu", "cpu.cfs_quota_us")+" "+p.cgroup(name, "cpu", "cpu.cfs_period_us"), "50000 100000")
		is(p.t, p.cgroup(name, "cpu", "cpu.shares"), "512")
	}},
	{"limits/cpuset", rootful, func(p *podman) {
		is(p.t, p.run("--cpuset-cpus", "0", "grep Cpus_allowed_list /proc/self/status | cut -f2"), "0")
	}},
	{"limits/pids", rootful, func(p *podman) {
		name := p.sleeping("--pids-limit", "30")
		is(p.t, p.cgroup(name, "pids", "pids.max"), "30")
		r := p.do("exec", name, "sh", "-c", "for i in $(seq 40); do sleep 5 & done")
		has(p.t, strings.ToLower(r.Stderr), "fork")
	}},
	{"limits/default-pids", rootful, func(p *podman) { is(p.t, p.cgroup(p.sleeping(), "pids", "pids.max"), "2048") }},
	{"limits/no-pids-limit", rootful, func(p *podman) { is(p.t, p.cgroup(p.sleeping("--pids-limit", "-1"), "pids", "pids.max"), "max") }},
	{"limits/shm-size", both, func(p *podman) {
		is(p.t, p.run("--shm-size", "10m", "df -k /dev/shm | tail -n 1 | awk '{print $2}'"), "10240")
	}},
	{"limits/device-rules", rootful, func(p *podman) {
		try := "mknod /data/dev c 10 237; cat /data/dev"
		has(p.t, p.do("run", "--rm", "--cap-add", "mknod", image, "sh", "-c", try).Stderr, "not permitted")
		has(p.t, p.do("run", "--rm", "--cap-add", "mknod", "--device-cgroup-rule", "c 10:237 rwm", image, "sh", "-c", try).Stderr, "Invalid argument")
	}},
	{"limits/update", rootful, func(p *podman) {
		name := p.sleeping("-m", "64m")
		p.ok("update", "-m", "128m", "--memory-swap", "256m", "--cpus", "0.25", "--cpu-shares", "333", name)
		is(p.t, p.cgroup(name, "memory", "memory.limit_in_bytes"), "134217728")
		is(p.t, p.cgroup(name, "cpu", "cpu.cfs_quota_us"), "25000")
		is(p.t, p.cgroup(name, "cpu", "cpu.shares"), "333")
		p.ok("update", "-m", "32m", "--memory-swap", "32m", name)
		is(p.t, p.cgroup(name, "memory", "memory.limit_in_bytes"), "33554432")
	}},
	{"limits/of-a-user-are-warned-of", rootless, func(p *podman) {
		r := p.do("run", "--rm", "-m", "64m", image, "echo", "ran").WantExit(p.t, 0)
		is(p.t, r.Stdout, "ran\n")
		has(p.t, r.Stderr, "Resource limits are not supported and ignored on cgroups V1 rootless systems")
	}},
	{"cgroup/own-and-gone", rootful, func(p *podman) {
		name := p.sleeping()
		dir := p.cgroupDir(name, "memory")
		if _, err := os.Stat(dir); err != nil {
			p.t.Fatal(err)
		}
		p.ok("rm", "-f", "-t", "0", name)
		if _, err := os.Stat(dir); err == nil {
			p.t.Errorf("%s is left", dir)
		}
	}},
	{"cgroup/parent", rootful, func(p *podman) {
		has(p.t, p.cgroupDir(p.sleeping("--cgroup-parent", "/"+parent), "memory"), "/"+parent+"/libpod-")
	}},
	{"cgroup/conmon-has-another", rootful, func(p *podman) {
		name := p.sleeping()
		text, err := os.ReadFile(fmt.Sprintf("/proc/%s/cgroup", p.inspect(name, "{{.State.ConmonPid}}")))
		must(p.t, err)
		has(p.t, string(text), "conmon")
	}},
	{"cgroup/namespace", rootful, func(p *podman) {
		is(p.t, p.run("--cgroupns", "private", "grep :memory: /proc/self/cgroup | cut -d: -f3"), "/")
		has(p.t, p.run("--cgroupns", "host", "grep :memory: /proc/self/cgroup | cut -d: -f3"), "/libpod")
	}},
	{"cgroup/disabled", both, func(p *podman) {
		is(p.t, p.run("--cgroups", "disabled", "echo ran"), "ran")
	}},
	{"cgroup/no-conmon", both, func(p *podman) { is(p.t, p.run("--cgroups", "no-conmon", "echo ran"), "ran") }},
	{"cgroup/split", rootful, func(p *podman) {
		r := p.do("run", "--rm", "--cgroups", "split", image, "echo", "ran")
		if r.Code != 0 { // podman itself wants cgroup v2
			has(p.t, r.Stderr, "cgroup")
		}
	}},
	{"cgroup/mounted-read-only", rootful, func(p *podman) {
		p.refuses(1, []string{"read-only"}, "run", "--rm", image, "mkdir", "/sys/fs/cgroup/memory/made")
	}},
	{"cgroup/without-permission", rootless, func(p *podman) {
		// No cgroup is delegated to the user; the container runs in podman's.
		name := p.sleeping("--cgroupns", "host")
		text, err := os.ReadFile("/proc/self/cgroup")
		must(p.t, err)
		is(p.t, p.ok("exec", name, "cat", "/proc/1/cgroup"), strings.TrimSpace(string(text)))
	}},
}

// cgroupDir is the directory of a container's v1 cgroup.
func (p *podman) cgroupDir(name, controller string) string {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.pid(name)))
	must(p.t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.SplitN(strings.TrimSpace(line), ":", 3); len(fields) == 3 && fields[1] == controller {
			return filepath.Join("/sys/fs/cgroup", controller, fields[2])
		}
	}
	p.t.Fatalf("no %s in %s", controller, text)
	return ""
}

func (p *podman) cgroup(name, controller, file string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.cgroupDir(name, controller), file))
	must(p.t, err)
	return strings.TrimSpace(string(text))
}

// cgroupsNamed are the cgroups of this world whose name begins so.
func cgroupsNamed(prefix string) []string {
	var found []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), prefix) {
			found = append(found, path)
		}
		return nil
	})
	return found
}
