//go:build clients

package cri

// crictl_test.go: a pod's life as its user knows it, by crictl.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// crictlProgram is built like the current containerd.
func crictlProgram() world.Program {
	return world.Program{Module: "sigs.k8s.io/cri-tools", Version: "v1.37.0", Packages: []string{"cmd/crictl"}}
}

// crictl is the program for one server.
type crictl struct {
	*server
	t       *testing.T
	program string
	dir     string
	config  string // an empty one: no file of the host's says anything
}

func newCrictl(t *testing.T, s *server) *crictl {
	c := &crictl{server: s, t: t, program: filepath.Join(world.Build(t, crictlProgram()), "crictl"), dir: t.TempDir()}
	c.config = c.file("crictl.yaml", m{})
	return c
}

func (c *crictl) do(args ...string) harness.Result {
	c.t.Helper()
	all := []string{c.program, "--config", c.config, "--runtime-endpoint", "unix://" + c.socket(), "--timeout", "60s"}
	return world.Command(c.t, append(all, args...)...)
}

// ok is what a command prints.
func (c *crictl) ok(args ...string) string {
	c.t.Helper()
	return strings.TrimSpace(c.do(args...).WantExit(c.t, 0).Stdout)
}

func (c *crictl) file(name string, value m) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text(c.t, value)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// state is one field of an inspection.
func (c *crictl) state(id, field string) string {
	c.t.Helper()
	return c.ok("inspect", "--output", "go-template", "--template", "{{."+field+"}}", id)
}

func crictls() []check {
	return []check{{"life", func(t *testing.T, s *server) { life(t, s, "") }}, {"life-of-a-runtime-class", func(t *testing.T, s *server) { life(t, s, class) }}}
}

func life(t *testing.T, s *server, handler string) {
	c := newCrictl(t, s)
	sandbox := c.file("sandbox.json", s.podConfig(t, name(t), m{
		"linux": m{"security_context": m{"namespace_options": m{"pid": 1}}}, // CONTAINER: it takes numbers only
	}))
	container := c.file("container.json", m{
		"metadata": m{"name": "one"}, "image": m{"image": image}, "log_path": "one.log",
		"command": []string{"sh", "-c", "echo hello; trap 'exit 5' TERM; while :; do sleep 0.1; done"},
		"linux":   m{"resources": m{"memory_limit_in_bytes": 64 << 20}},
	})
	pod := c.ok("runp", "--runtime", handler, sandbox)
	t.Cleanup(func() {
		c.do("stopp", pod)
		c.do("rmp", "--force", pod)
	})
	id := c.ok("create", pod, container, sandbox)
	if got := c.state(id, "status.state"); got != "CONTAINER_CREATED" {
		t.Errorf("created: %s", got)
	}
	c.ok("start", id)
	if got := c.ok("exec", id, "hostname"); got != "a-pod" {
		t.Errorf("exec: %q", got)
	}
	c.do("exec", "--sync", id, "sh", "-c", "exit 3").WantFailure(t, "3")
	c.do("exec", id, "nowhere").WantFailure(t, "executable file not found in $PATH")
	world.Until(t, "the log", func() bool { return c.do("logs", id).Stdout == "hello\n" })
	if got := c.ok("ps", "--quiet", "--pod", pod); got != id {
		t.Errorf("ps: %q, want %s", got, id)
	}
	if got := c.ok("stats", "--output", "json", "--id", id); !strings.Contains(got, `"workingSetBytes"`) {
		t.Errorf("stats: %s", got)
	}
	c.ok("update", "--memory", "33554432", id)
	if got := c.state(id, "status.resources.linux.memoryLimitInBytes"); got != "33554432" {
		t.Errorf("after update: %q", got)
	}
	c.ok("stop", "--timeout", "20", id)
	if got := c.state(id, "status.state") + " " + c.state(id, "status.exitCode"); got != "CONTAINER_EXITED 5" {
		t.Errorf("stopped: %s", got)
	}
	c.ok("rm", id)
	c.ok("stopp", pod)
	c.ok("rmp", pod)
	if got := c.ok("pods", "--quiet", "--id", pod); got != "" {
		t.Errorf("left: %q", got)
	}
}
