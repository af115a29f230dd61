//go:build clients

package docker

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"rt/tests/clients/world"
)

// aloneChecks are those that need the engine for themselves.
func aloneChecks() []check {
	return []check{
		{"many/fifty-at-once-three-times", fifty},
		{"many/nothing-left", func(t *testing.T, e *engine) { e.clean(t) }},
		{"swarm/overlay-network-and-service", swarm},
		{"daemon/dockerd-killed", dockerdKilled},
		{"daemon/dockerd-restarted", dockerdRestarted},
		{"daemon/shim-killed", shimKilled},
		{"daemon/containerd-restarted", containerdRestarted},
		{"daemon/nothing-left", func(t *testing.T, e *engine) { e.clean(t) }},
	}
}

// fifty starts and removes fifty containers at once, three times. Nothing of
// them may be left: no process, mount, cgroup, network namespace or state.
func fifty(t *testing.T, e *engine) {
	before := world.Snap()
	for range 3 {
		var group sync.WaitGroup
		gate := make(chan struct{}, 16) // clients at once: they are large
		for i := range 50 {
			group.Go(func() {
				gate <- struct{}{}
				defer func() { <-gate }()
				name := fmt.Sprintf("rt-fifty-%d", i)
				if r := e.do(t, "run", "-d", "-m", "64m", "--name", name, "busybox", "sleep", "1000"); r.Code != 0 {
					t.Errorf("run: %v", r)
				}
			})
		}
		group.Wait()
		ids := strings.Fields(e.ok(t, "ps", "-q", "--filter", "name=rt-fifty-"))
		if len(ids) != 50 {
			t.Errorf("%d containers run, want 50", len(ids))
		}
		e.ok(t, append([]string{"rm", "-f"}, ids...)...)
	}
	before.Check(t)
}

// clean checks that a machine without a container looks like one.
func (e *engine) clean(t *testing.T) {
	t.Helper()
	equal(t, "containers", e.ok(t, "ps", "-a", "--format", "{{.ID}} {{.Names}} {{.Command}} {{.Status}}"), "")
	for _, line := range world.Snap() {
		for _, mark := range []string{"containerd-shim", "/overlay2/", "/netns/", "/runtime-", "runtime.v2.task", "sleep 1000"} {
			if strings.Contains(line, mark) && !strings.Contains(line, "/netns/default") && !strings.Contains(line, "/netns/ingress") {
				t.Errorf("left behind: %s", line)
			}
		}
		if kind, dir, _ := strings.Cut(line, " "); kind == "cgroup" && !strings.HasSuffix(dir, "/docker") && !strings.HasSuffix(dir, "/docker/buildkit") {
			t.Errorf("left behind: %s", line)
		}
	}
}

// swarm makes this one machine a swarm, an overlay network in it, and a
// service that is reached over that network and at a published port. A virtual
// IP would need the kernel's ipvs: the name of the first is resolved to its tasks.
func swarm(t *testing.T, e *engine) {
	world.Command(t, "ip", "link", "add", "rt-swarm", "type", "bridge").WantExit(t, 0)
	t.Cleanup(func() { world.Command(t, "ip", "link", "del", "rt-swarm") })
	world.Command(t, "ip", "addr", "add", "10.99.0.1/24", "dev", "rt-swarm").WantExit(t, 0)
	world.Command(t, "ip", "link", "set", "rt-swarm", "up").WantExit(t, 0)
	e.ok(t, "swarm", "init", "--advertise-addr", "10.99.0.1", "--listen-addr", "10.99.0.1:2377")
	t.Cleanup(func() { e.do(t, "swarm", "leave", "--force") })
	e.ok(t, "network", "create", "-d", "overlay", "--attachable", "rt-overlay")
	script := "mkdir /www; hostname > /www/index.html; exec httpd -f -h /www"
	e.ok(t, "service", "create", "-d", "--name", "rt-service", "--network", "rt-overlay", "--replicas", "2", "--endpoint-mode", "dnsrr", "busybox", "sh", "-c", script)
	e.ok(t, "service", "create", "-d", "--name", "rt-published", "--publish", "mode=host,published=9090,target=80", "--limit-memory", "64m", "busybox", "sh", "-c", script)
	world.Until(t, "both services", func() bool {
		return e.ok(t, "service", "ls", "--format", "{{.Name}} {{.Replicas}}", "--filter", "name=rt-service") == "rt-service 2/2" &&
			e.ok(t, "service", "ls", "--format", "{{.Replicas}}", "--filter", "name=rt-published") == "1/1"
	})
	if page := fetchHere(t, "127.0.0.1:9090"); len(page) != 12 {
		t.Errorf("the published service: %q", page)
	}
	if page := e.fetch(t, "rt-service", "--network", "rt-overlay"); len(page) != 12 {
		t.Errorf("over the overlay network: %q", page)
	}
	// A task that dies is made anew.
	id := e.ok(t, "ps", "-q", "--filter", "name=rt-published")
	world.Command(t, "kill", "-9", e.inspect(t, id, "{{.State.Pid}}")).WantExit(t, 0)
	world.Until(t, "another task", func() bool {
		now := e.ok(t, "ps", "-q", "--filter", "name=rt-published")
		return now != "" && now != id
	})
	t.Run("virtual-ip", func(t *testing.T) {
		if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
			t.Skipf("the kernel's ip_vs is missing: %v", err)
		}
		e.ok(t, "service", "create", "-d", "--name", "rt-virtual", "--network", "rt-overlay", "busybox", "sh", "-c", script)
		defer e.do(t, "service", "rm", "rt-virtual")
		world.Until(t, "the service", func() bool {
			return e.ok(t, "service", "ls", "--format", "{{.Replicas}}", "--filter", "name=rt-virtual") == "1/1"
		})
		if page := e.fetch(t, "rt-virtual", "--network", "rt-overlay"); len(page) != 12 {
			t.Errorf("at the virtual address: %q", page)
		}
	})
	e.ok(t, "service", "rm", "rt-service", "rt-published")
	world.Until(t, "the end of the tasks", func() bool {
		return e.ok(t, "ps", "-aq", "--filter", "label=com.docker.swarm.service.name") == ""
	})
	e.ok(t, "network", "rm", "rt-overlay")
}

// dockerd is killed, and another comes: without live-restore it ends what the
// first one left running, and starts what is to run always.
func dockerdKilled(t *testing.T, e *engine) {
	plain, always := e.sleeper(t), e.sleeper(t, "--restart", "always")
	first := e.inspect(t, always, "{{.State.Pid}}")
	e.dockerd.Kill()
	e.dockerd.Start()
	e.await(t, plain, "{{.State.Status}}", "exited")
	world.Until(t, "the restart", func() bool {
		pid := e.inspect(t, always, "{{.State.Pid}}")
		return pid != first && pid != "0"
	})
	e.ok(t, "exec", always, "true")
	e.ok(t, "start", plain)
}

func dockerdRestarted(t *testing.T, e *engine) {
	plain, always := e.sleeper(t), e.sleeper(t, "--restart", "unless-stopped")
	e.dockerd.Stop()
	e.dockerd.Start()
	e.want(t, plain, "{{.State.Status}}", "exited")
	e.await(t, always, "{{.State.Status}}", "running")
	e.ok(t, "exec", always, "true")
}

// The shim is killed: the container is seen as ended, and can be started again.
func shimKilled(t *testing.T, e *engine) {
	name := e.sleeper(t)
	pid := e.inspect(t, name, "{{.State.Pid}}")
	shim := strings.TrimSpace(world.Command(t, "sh", "-c", "sed 's/.*) //' /proc/"+pid+"/stat | cut -d ' ' -f 2").Stdout)
	contains(t, world.Command(t, "cat", "/proc/"+shim+"/cmdline").Stdout, "containerd-shim")
	world.Command(t, "kill", "-9", shim).WantExit(t, 0)
	e.await(t, name, "{{.State.Running}}", "false")
	world.Until(t, "the end of the container's process", func() bool { return world.Command(t, "test", "-d", "/proc/"+pid).Code != 0 })
	e.ok(t, "start", name)
	e.ok(t, "exec", name, "true")
}

// containerd is killed and comes again: what runs goes on.
func containerdRestarted(t *testing.T, e *engine) {
	name := e.sleeper(t)
	pid := e.inspect(t, name, "{{.State.Pid}}")
	e.containerd.Kill()
	e.containerd.Start()
	world.Until(t, "an exec in the running container", func() bool { return e.do(t, "exec", name, "true").Code == 0 })
	e.want(t, name, "{{.State.Status}} {{.State.Pid}}", "running "+pid)
	e.ok(t, "stop", "-t", "0", name)
	e.want(t, name, "{{.State.ExitCode}}", "137")
	equal(t, "a new one", e.sh(t, "echo new"), "new")
}
