package e2e

//lint:file-ignore SA1019 prestart is deprecated in the spec, and is what Docker uses

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// recorder writes a hook script that appends one block to the file log: its
// name, mount namespace, environment names and stdin.
func recorder(log string) string {
	return "#!/bin/sh\n{ echo \"name $1\"; echo \"mnt $(readlink /proc/self/ns/mnt)\"; echo \"env $A ${PATH_LEAK-none}\"; echo \"stdin $(cat)\"; } >> " + log + "\n"
}

type record struct {
	name, mnt, env string
	state          specs.State
}

func records(t *testing.T, log string) []record {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "name":
			all = append(all, record{name: value})
		case "mnt":
			all[len(all)-1].mnt = value
		case "env":
			all[len(all)-1].env = value
		case "stdin":
			if err := json.Unmarshal([]byte(value), &all[len(all)-1].state); err != nil {
				t.Fatalf("stdin of %s: %v: %q", all[len(all)-1].name, err, value)
			}
		}
	}
	return all
}

// TestContainerHooksSurroundings: a createContainer hook works in the container's
// root, before the pivot; a startContainer hook that names no environment has
// the program's.
func TestContainerHooksSurroundings(t *testing.T) {
	c := harness.New(t, sh("cat /env /made"))
	c.Spec.Process.Env = append(c.Spec.Process.Env, "ONE=two")
	c.Write("env.sh", "#!/bin/sh\necho \"$ONE ${HOME:+home}\" > /env\n", 0o755)
	c.Spec.Hooks = &specs.Hooks{
		CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo here > ./made && test -d ./proc"}}},
		StartContainer:  []specs.Hook{{Path: "/env.sh"}},
	}
	c.Run().WantOutput(t, "two home\nhere\n")
}

func TestHooks(t *testing.T) {
	c := harness.New(t, sh("exec sleep 100"))
	script, log := c.Host("hook.sh"), c.Host("log")
	if err := os.WriteFile(script, []byte(recorder(log)), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Write("hook.sh", recorder("/log"), 0o755)
	hook := func(path, name string) []specs.Hook {
		return []specs.Hook{{Path: path, Args: []string{"hook", name}, Env: []string{"A=" + name, "PATH=/usr/bin:/bin"}}}
	}
	c.Spec.Annotations = map[string]string{"org.example.a": "b"}
	c.Spec.Hooks = &specs.Hooks{
		Prestart:        hook(script, "prestart"),
		CreateRuntime:   hook(script, "createRuntime"),
		CreateContainer: hook(script, "createContainer"),
		StartContainer:  hook("/hook.sh", "startContainer"),
		Poststart:       hook(script, "poststart"),
		Poststop:        hook(script, "poststop"),
	}
	t.Setenv("PATH_LEAK", "leaked")
	c.Create()
	pid := c.Status().Pid
	own, inside := link(t, "/proc/self/ns/mnt"), link(t, fmt.Sprintf("/proc/%d/ns/mnt", pid))
	c.OK("start", c.ID)
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.OK("delete", c.ID)

	type seen struct {
		name, mnt, env, id, bundle, annotation string
		pid                                    int
		status                                 specs.ContainerState
	}
	var got []seen
	for _, r := range append(records(t, log), records(t, filepath.Join(c.Rootfs, "log"))...) {
		got = append(got, seen{r.name, r.mnt, r.env, r.state.ID, r.state.Bundle, r.state.Annotations["org.example.a"], r.state.Pid, r.state.Status})
	}
	var want []seen
	for _, w := range []struct {
		name, mnt string
		pid       int
		status    specs.ContainerState
	}{
		{"prestart", own, pid, specs.StateCreating},
		{"createRuntime", own, pid, specs.StateCreating},
		{"createContainer", inside, pid, specs.StateCreating},
		{"poststart", own, pid, specs.StateRunning},
		{"poststop", own, 0, specs.StateStopped},
		{"startContainer", inside, pid, specs.StateCreated},
	} {
		want = append(want, seen{w.name, w.mnt, w.name + " none", c.ID, c.Dir, "b", w.pid, w.status})
	}
	for i := range got {
		if i >= len(want) {
			break
		}
		// Of peers' hooks in the container's pid namespace the pid may be
		// either, and both words for the status of create are in use.
		if strings.Contains(got[i].name, "Container") {
			if c.Runtime.Is("rt") {
				want[i].pid = 1
			} else {
				got[i].pid = want[i].pid
			}
		}
		if got[i].status == specs.StateCreated && want[i].status == specs.StateCreating && !c.Runtime.Is("rt") {
			got[i].status = specs.StateCreating
		}
		if c.Runtime.Is("runc") && got[i].name == "poststart" { // Debian's says created
			got[i].status = want[i].status
		}
		if got[i] != want[i] {
			t.Errorf("hook %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d hooks ran, want %d", len(got), len(want))
	}
}

func link(t *testing.T, path string) string {
	t.Helper()
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func shHook(script string, timeout int) []specs.Hook {
	h := specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
	if timeout > 0 {
		h.Timeout = &timeout
	}
	return []specs.Hook{h}
}

func TestFailingHooks(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(*specs.Hooks, []specs.Hook)
	}{
		{"prestart", func(h *specs.Hooks, l []specs.Hook) { h.Prestart = l }},
		{"createRuntime", func(h *specs.Hooks, l []specs.Hook) { h.CreateRuntime = l }},
		{"createContainer", func(h *specs.Hooks, l []specs.Hook) { h.CreateContainer = l }},
		{"startContainer", func(h *specs.Hooks, l []specs.Hook) { h.StartContainer = l }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("echo ran > /ran"))
			c.Spec.Hooks = new(specs.Hooks)
			test.set(c.Spec.Hooks, shHook("cat >/dev/null; echo why it failed >&2; exit 9", 0))
			r := c.Run().WantFailure(t, "why it failed")
			if c.Runtime.Is("rt") && !strings.Contains(r.Stderr, "error running "+test.name+" hook #0") {
				t.Errorf("the hook is not named: %v", r)
			}
			if _, err := os.Stat(filepath.Join(c.Rootfs, "ran")); err == nil {
				t.Error("the program ran in spite of the hook")
			}
			c.CheckGone()
		})
		t.Run(test.name+" timeout", func(t *testing.T) {
			c := harness.New(t, sh("true"))
			c.Spec.Hooks = new(specs.Hooks)
			script := "sleep 30; true"
			if c.Runtime.Is("runc") { // waits for grandchildren
				script = "exec sleep 30"
			}
			test.set(c.Spec.Hooks, shHook(script, 1))
			r := c.Run().WantFailure(t)
			// An init that waits for start has given up what only one thread needs.
			c.Spec.Process.User.UID = 1000
			created := c.TryCreate()
			if test.name == "startContainer" {
				created = c.Do("start", c.ID)
			}
			created.WantFailure(t)
			if limit := harness.Slow(10 * time.Second); r.Took > limit || created.Took > limit {
				t.Errorf("the timeout of 1 s is not honoured: %v, %v", r, created)
			}
		})
	}
}

func TestPoststartHookFails(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Runtime.Only(t, "goes on")
	c.Spec.Hooks = &specs.Hooks{Poststart: shHook("echo why >&2; exit 1", 0)}
	c.Create()
	c.Do("start", c.ID).WantFailure(t, "error running poststart hook #0", "why")
	c.CheckGone()
}

func TestPoststopHookFailureIsAWarning(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "fails")
	c.Spec.Hooks = &specs.Hooks{Poststop: append(shHook("exit 1", 0), shHook("echo second > "+c.Host("second"), 0)...)}
	c.Create()
	c.OK("delete", c.ID)
	if _, err := os.Stat(c.Host("second")); err != nil {
		t.Error("the hook after the failing one did not run")
	}
}

// TestPrestartEntersByPid: libnetwork enters the namespaces of a created
// container from a prestart hook by /proc/PID.
func TestPrestartEntersByPid(t *testing.T) {
	c := harness.New(t, sh("cat /sys/class/net/lo/mtu"))
	harness.Need(t, "nsenter", "ip")
	script := `pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/'); exec nsenter -t $pid -n ip link set lo mtu 1404`
	c.Spec.Hooks = &specs.Hooks{Prestart: shHook("PATH=/usr/sbin:/usr/bin:/sbin:/bin; "+script, 0)}
	c.Run().WantOutput(t, "1404\n")
}

// TestStartContainerHooksAreFiltered: a startContainer hook is the container's, and
// under its filter; one that kills init's thread on the way ends the start.
func TestStartContainerHooksAreFiltered(t *testing.T) {
	for name, test := range map[string]struct {
		action   specs.LinuxSeccompAction
		syscalls []string
		texts    []string
	}{
		"refuses":         {specs.ActErrno, []string{"mkdir", "mkdirat"}, []string{"error running startContainer hook #0", "exit status 1"}},
		"kills":           {specs.ActKillProcess, []string{"mkdir", "mkdirat"}, []string{"error running startContainer hook #0", "bad system call"}},
		"kills a thread":  {specs.ActKill, []string{"mkdir", "mkdirat"}, []string{"error running startContainer hook #0", "bad system call"}},
		"kills our forks": {specs.ActKill, []string{"clone", "clone3", "vfork", "fork"}, []string{"bad system call"}},
		"is harmless":     {specs.ActErrno, []string{"swapon"}, nil},
	} {
		for _, noNewPrivileges := range []bool{false, true} {
			c := harness.New(t, sh("test -d /tmp/made"))
			c.Spec.Process.NoNewPrivileges = noNewPrivileges
			c.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: test.syscalls, Action: test.action}}}
			c.Spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "exec mkdir /tmp/made"}}}}
			if test.texts == nil {
				c.Run().WantExit(t, 0)
				continue
			}
			if name == "kills our forks" {
				c.Runtime.Only(t, "says what killed it")
			}
			if r := c.Run().WantFailure(t, test.texts...); t.Failed() {
				t.Fatalf("%s, noNewPrivileges %v: %v", name, noNewPrivileges, r)
			}
		}
	}
}

// TestInterruptedCreate: what is half made when somebody wants an end is undone,
// and the hook does not stay.
func TestInterruptedCreate(t *testing.T) {
	for _, args := range [][]string{{"create"}, {"run", "--detach"}, {"run"}} {
		c := harness.New(t, sh("exec sleep 1000"))
		c.Runtime.Only(t, "goes on")
		began := c.Host("began")
		c.Spec.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo $$ > " + began + ".new; mv " + began + ".new " + began + "; exec sleep 1000"}}}}
		c.Save()
		cmd := c.Command(append(args, "--bundle", c.Dir, c.ID)...)
		wait := harness.Start(t, cmd)
		awaitFile(t, began)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		wait().WantExit(t, 1).WantFailure(t, "prestart hook", "terminated")
		pid, err := os.ReadFile(began)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid))); err == nil {
			t.Error("the hook is still there")
		}
		c.CheckGone()
	}
}
