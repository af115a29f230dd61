//go:build clients

package cri

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rt/tests/clients/world"
)

// pod is a running pod.
type pod struct {
	*server
	t      testing.TB
	id     string
	config m
	made   int // containers
}

// name is the test's, as a pod may have it.
func name(t testing.TB) string {
	return strings.NewReplacer("/", "-", ".", "-").Replace(strings.ToLower(t.Name()))
}

// merge is what a and then b say, objects within objects too.
func merge(a, b m) m {
	all := maps.Clone(a)
	for key, value := range b {
		old, wasObject := all[key].(m)
		object, isObject := value.(m)
		if wasObject && isObject {
			value = merge(old, object)
		}
		all[key] = value
	}
	return all
}

func (s *server) podConfig(t testing.TB, name string, change m) m {
	return merge(m{
		"metadata":      m{"name": name, "namespace": "tests", "uid": name},
		"hostname":      "a-pod",
		"log_directory": filepath.Join(s.dir, "logs", name),
		"linux":         m{"security_context": m{"namespace_options": m{"pid": "CONTAINER"}}},
	}, change)
}

// pod runs a pod whose configuration has change on top.
func (s *server) pod(t testing.TB, change m) *pod {
	t.Helper()
	return s.named(t, name(t), "", change)
}

func (s *server) named(t testing.TB, name, handler string, change m) *pod {
	t.Helper()
	p := &pod{server: s, t: t, config: s.podConfig(t, name, change)}
	answer := s.call(t, "RunPodSandbox", m{"config": p.config, "runtime_handler": handler})
	p.id = answer["podSandboxId"].(string)
	t.Cleanup(p.remove)
	return p
}

// remove stops the pod and removes it, if it is still there.
func (p *pod) remove() {
	if p.id == "" {
		return
	}
	p.call(p.t, "StopPodSandbox", m{"pod_sandbox_id": p.id})
	p.call(p.t, "RemovePodSandbox", m{"pod_sandbox_id": p.id})
	p.id = ""
}

// status is the pod's.
func (p *pod) status() m {
	p.t.Helper()
	status, _ := p.call(p.t, "PodSandboxStatus", m{"pod_sandbox_id": p.id})["status"].(m)
	return status
}

func (p *pod) address() string {
	p.t.Helper()
	return at(p.status(), "network.ip").(string)
}

// container is one in a pod.
type container struct {
	*pod
	id, logFile string
}

// create makes a container that is not started.
func (p *pod) create(change m, command ...string) *container {
	p.t.Helper()
	c := &container{pod: p}
	answer := p.call(p.t, "CreateContainer", c.request(change, command))
	c.id = answer["containerId"].(string)
	return c
}

func (c *container) request(change m, command []string) m {
	c.made++
	name := "c" + strconv.Itoa(c.made)
	c.logFile = filepath.Join(c.config["log_directory"].(string), name)
	inherited := at(c.config, "linux.security_context.namespace_options")
	config := merge(m{
		"metadata": m{"name": name},
		"image":    m{"image": image},
		"command":  command,
		"log_path": name,
		"linux":    m{"security_context": m{"namespace_options": inherited}},
	}, change)
	return m{"pod_sandbox_id": c.pod.id, "config": config, "sandbox_config": c.config}
}

// run creates and starts a container.
func (p *pod) run(change m, command ...string) *container {
	p.t.Helper()
	c := p.create(change, command...)
	c.start()
	return c
}

func (c *container) start() {
	c.t.Helper()
	c.call(c.t, "StartContainer", m{"container_id": c.id})
}

// output runs command in a container of its own to its end, and returns what it
// has printed.
func (p *pod) output(change m, command ...string) string {
	p.t.Helper()
	c := p.run(change, command...)
	c.ended()
	return c.log()
}

// wantOutput runs command in a container of its own, which must print text: it
// may be in the log a moment after the container's end.
func (p *pod) wantOutput(text string, change m, command ...string) {
	p.t.Helper()
	c := p.run(change, command...)
	c.ended()
	got := c.log()
	for range 20 {
		if got == text {
			return
		}
		time.Sleep(50 * time.Millisecond)
		got = c.log()
	}
	p.t.Errorf("%v printed %q, not %q", command, got, text)
}

// status is the container's.
func (c *container) status() m {
	c.t.Helper()
	status, _ := c.call(c.t, "ContainerStatus", m{"container_id": c.id, "verbose": true})["status"].(m)
	return status
}

// pid is its init, as it is seen here.
func (c *container) pid() int {
	c.t.Helper()
	info, _ := at(c.call(c.t, "ContainerStatus", m{"container_id": c.id, "verbose": true}), "info.info").(string)
	_, rest, _ := strings.Cut(info, `"pid":`)
	var pid int
	if _, err := fmt.Sscanf(rest, "%d", &pid); err != nil {
		c.t.Fatalf("no pid in %q", info)
	}
	return pid
}

// ended waits for the container's end and returns its exit code.
func (c *container) ended() int {
	c.t.Helper()
	world.Until(c.t, "the container's end", func() bool { return c.status()["state"] == "CONTAINER_EXITED" })
	return int(c.status()["exitCode"].(float64))
}

// log is what the container has printed, without the log's own words.
func (c *container) log() string {
	c.t.Helper()
	data, err := os.ReadFile(c.logFile)
	if err != nil {
		c.t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, "\n") {
			break // which is being written
		}
		words := strings.SplitN(line, " ", 4) // time, stream, F or P, text
		if len(words) < 4 {
			c.t.Fatalf("a line of the log: %q", line)
		}
		if words[2] == "P" {
			words[3] = strings.TrimSuffix(words[3], "\n")
		}
		b.WriteString(words[3])
	}
	return b.String()
}

func (c *container) printed(text string) {
	c.t.Helper()
	world.Until(c.t, fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(c.log(), text) })
}

// exec runs a command in the container, as a probe does.
func (c *container) exec(command ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	answer := c.call(c.t, "ExecSync", m{"container_id": c.id, "cmd": command, "timeout": 30})
	decode := func(key string) string {
		text, _ := answer[key].(string)
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			c.t.Fatal(err)
		}
		return string(data)
	}
	return decode("stdout"), decode("stderr"), int(answer["exitCode"].(float64))
}

func (c *container) wantExec(text string, command ...string) {
	c.t.Helper()
	if out, err, code := c.exec(command...); code != 0 || out != text {
		c.t.Errorf("%v: exit %d, %q %q; %q wanted", command, code, out, err, text)
	}
}

// words is a command.
func words(list ...string) []string { return list }
