//go:build clients

package podman

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"rt/tests/harness"
)

var engineChecks = []check{
	{"engine/info", both, func(p *podman) {
		is(p.t, p.ok("info", "--format", "{{.Host.OCIRuntime.Name}} {{.Host.CgroupManager}}"), "under-test cgroupfs")
		has(p.t, p.ok("info", "--format", "{{.Host.OCIRuntime.Version}}"), "version")
	}},
	{"engine/init-killed-from-outside", both, func(p *podman) {
		name := p.sleeping()
		must(p.t, syscall.Kill(p.pid(name), syscall.SIGKILL))
		p.await("the end", func() bool { return p.inspect(name, "{{.State.Status}} {{.State.ExitCode}}") == "exited 137" })
		p.ok("start", name)
		is(p.t, p.ok("exec", name, "echo", "again"), "again")
	}},
	{"engine/conmon-killed", both, func(p *podman) {
		name := p.sleeping()
		conmon, pid, id := p.number(name, "{{.State.ConmonPid}}"), p.pid(name), p.inspect(name, "{{.Id}}")
		must(p.t, syscall.Kill(conmon, syscall.SIGKILL))
		p.await("conmon's end", func() bool { return syscall.Kill(conmon, 0) != nil || zombie(conmon) })
		p.ok("rm", "-f", "-t", "0", name)
		p.await("init's end", func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
		// podman does not tell the runtime: what is left there goes this way.
		harness.Exec(p.t, p.command(p.runtime, "delete", "--force", id)).WantExit(p.t, 0)
	}},
	{"engine/state-of-the-runtime", both, func(p *podman) {
		name := p.sleeping()
		id := p.inspect(name, "{{.Id}}")
		found := false
		for _, dir := range p.stateRoots() {
			if _, err := os.Stat(filepath.Join(dir, id)); err == nil {
				found = true
			}
		}
		if !found {
			p.t.Errorf("no state of %s in %s", id, p.stateRoots())
		}
	}},
}

// aloneChecks run when nothing else does.
var aloneChecks = []check{
	{"crowd/50-at-once-three-times", both, func(p *podman) {
		for round := range 3 {
			var waits []func() harness.Result
			var names []string
			for i := range 50 {
				name := fmt.Sprintf("crowd-%d-%d", round, i)
				names = append(names, name)
				waits = append(waits, p.start("run", "-d", "--name", name, image, "sleep", "1000"))
			}
			for _, wait := range waits {
				wait().WantExit(p.t, 0)
			}
			is(p.t, p.ok("ps", "-q", "--no-trunc", "--filter", "status=running", "--format", "x"), strings.TrimSpace(strings.Repeat("x\n", 50)))
			p.ok(append([]string{"rm", "-f", "-t", "0"}, names...)...)
			p.leftNothing()
		}
	}},
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// stateRoots is where the runtimes keep the states of this user's containers.
func (p *podman) stateRoots() []string {
	run := "/run"
	if p.rootless {
		run = userRun
	}
	return []string{filepath.Join(run, "rt"), filepath.Join(run, "runc"), filepath.Join(run, "crun")}
}

// processesOf are the processes of this world with that name.
func processesOf(name string) []string {
	var found []string
	comms, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range comms {
		if comm, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(comm)) == name {
			found = append(found, filepath.Dir(path))
		}
	}
	return found
}
