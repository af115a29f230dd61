package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// TestExecFailures: each way in which a program cannot be run keeps the text
// that clients match, and, from rt, says why.
func TestExecFailures(t *testing.T) {
	busybox, err := os.ReadFile(harness.Need(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := bytes.Clone(busybox)
	foreign[18], foreign[19] = 0xb7, 0 // e_machine: AArch64
	if busybox[18] == 0xb7 {
		foreign[18] = 0x3e
	}
	for _, test := range []struct {
		name string
		set  func(*harness.Container)
		text string // API
		why  string // rt's own explanation, in lower case
	}{
		{"not in PATH", func(c *harness.Container) { c.Spec.Process.Args = []string{"nowhere"} }, "executable file not found in $PATH", ""},
		{"absolute, missing", func(c *harness.Container) { c.Spec.Process.Args = []string{"/nowhere"} }, "no such file or directory", ""},
		{"directory", func(c *harness.Container) { c.Spec.Process.Args = []string{"/etc"} }, "permission denied", "director"},
		{"no execute bit", func(c *harness.Container) { c.Write("x", "#!/bin/sh\n", 0o644) }, "permission denied", "execut"},
		{"interpreter missing", func(c *harness.Container) { c.Write("x", "#!/no/such/interpreter\n", 0o755) }, "no such file or directory", "/no/such/interpreter"},
		{"CRLF", func(c *harness.Container) { c.Write("x", "#!/bin/sh\r\necho hi\r\n", 0o755) }, "no such file or directory", "crlf"},
		{"wrong architecture", func(c *harness.Container) { c.Write("x", string(foreign), 0o755) }, "exec format error", "arch"},
		{"not a program", func(c *harness.Container) { c.Write("x", "\x01\x02\x03\x04 something", 0o755) }, "exec format error", ""},
		{"dynamic, no loader", func(c *harness.Container) {
			data, err := os.ReadFile("/usr/bin/env")
			if err != nil {
				t.Fatal(err)
			}
			c.Write("x", string(data), 0o755)
		}, "no such file or directory", "/lib"},
		{"noexec mount", func(c *harness.Container) {
			if err := os.WriteFile(c.Host("p"), busybox, 0o755); err != nil {
				t.Fatal(err)
			}
			c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: c.Host("p"), Options: []string{"bind", "noexec"}})
		}, "permission denied", "noexec"},
	} {
		for _, command := range []string{"run", "create"} {
			t.Run(test.name+"/"+command, func(t *testing.T) {
				c := harness.New(t, harness.Spec("/x"))
				test.set(c)
				c.Global = []string{"--log", c.Host("log")}
				var r harness.Result
				if command == "run" {
					r = c.Run()
				} else if r = c.TryCreate(); r.Code == 0 {
					r = c.Do("start", c.ID)
				}
				if r.Code == 0 && r.Args[len(r.Args)-2] == "start" {
					c.Runtime.Only(t, "its start does not see the failure")
				}
				r.WantFailure(t, test.text)
				if r.Code != 1 {
					t.Errorf("exit 1 wanted: %v", r)
				}
				if !c.Runtime.Is("rt") || test.why == "" {
					return
				}
				// run's line is compared by users of runc; without a
				// terminal the log has the reason alone.
				log, err := os.ReadFile(c.Host("log"))
				if err != nil || !strings.Contains(strings.ToLower(string(log)), test.why) {
					t.Errorf("a log with %q wanted: %q, %v", test.why, log, err)
				}
				if command != "run" && !strings.Contains(strings.ToLower(r.Stderr), test.why) {
					t.Errorf("an explanation with %q wanted: %v", test.why, r)
				}
			})
		}
	}
}

// A start that fails returns when init's parent, here this process, knows of
// its end: a shim that does not yet would keep the container as created.
func TestFailedStartIsReaped(t *testing.T) {
	c := harness.New(t, harness.Spec("/x"))
	c.Runtime.Only(t, "its start does not see the failure")
	c.Write("x", "\x01\x02\x03\x04 no program", 0o755)
	subreaper := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	subreaper(1)
	defer subreaper(0)
	c.Create()
	init := c.Status().Pid
	start := c.Command("start", c.ID)
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	status := func(pid int) byte {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0
		}
		return data[bytes.LastIndexByte(data, ')')+2]
	}
	for end := time.Now().Add(harness.Slow(10 * time.Second)); status(init) != 'Z'; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("init does not end")
		}
	}
	time.Sleep(100 * time.Millisecond)
	if s := status(start.Process.Pid); s == 'Z' || s == 0 {
		t.Error("start has ended before init was reaped")
	}
	if _, err := unix.Wait4(init, nil, 0, nil); err != nil {
		t.Error(err)
	}
	if err := start.Wait(); err == nil {
		t.Error("a failure wanted")
	}
}

func TestConfigErrors(t *testing.T) {
	for _, test := range []struct {
		name, config string
		texts        []string
	}{
		{"missing file", "", []string{"config.json"}},
		{"not JSON", "{ nonsense", nil},
		{"binary", "\x7fELF\x02\x01\x01\x00\xff\xfe", nil},
		{"null", "null", nil},
		{"wrong type", `{"ociVersion":"1.0.2","process":{"cwd":17}}`, []string{"cwd"}},
		{"nested", strings.Repeat(`{"a":`, 1<<20), nil},
		{"all at once", `{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":["true"],"cwd":"x"},
			"linux":{"namespaces":[{"type":"mount"},{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":0,"size":0}]}}`,
			[]string{"process.cwd", "linux.uidMappings[0].size"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("true"))
			if !c.Runtime.Is("rt") {
				test.texts = nil
				if test.config == "null" {
					c.Runtime.Only(t, "crashes")
				}
			}
			if test.config != "" {
				if err := os.WriteFile(c.Host("config.json"), []byte(test.config), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := c.Do("create", "--bundle", c.Dir, c.ID).WantFailure(t, test.texts...)
			if r.Code != 1 || strings.Contains(r.Stderr, "goroutine ") || len(r.Stderr) > 16<<10 {
				t.Errorf("a short error and exit 1 wanted: %v", r)
			}
			c.CheckGone()
		})
	}
}

func TestHugeConfig(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "reads it")
	f, err := os.Create(c.Host("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(200 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r := c.Do("run", "--bundle", c.Dir, c.ID).WantFailure(t, "config.json")
	if r.Took.Seconds() > 5 {
		t.Errorf("it was read: %v", r)
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	c := harness.New(t, sh("echo fine"))
	c.Save()
	data, err := os.ReadFile(c.Host("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte("{"), []byte(`{"org.example.new": {"a": [1, 2]},`), 1)
	data = bytes.Replace(data, []byte(`"hostname"`), []byte(`"hostName"`), 1) // keys are case-insensitive
	if err := os.WriteFile(c.Host("config.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Do("run", "--bundle", c.Dir, c.ID).WantOutput(t, "fine\n")
}

func TestMissingRootfs(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Spec.Root.Path = "nowhere"
	c.TryCreate().WantFailure(t, "nowhere", "no such file or directory")
	c.CheckGone()
	if _, err := os.Stat(filepath.Join(c.Dir, "nowhere")); err == nil {
		t.Error("the missing root was made")
	}
}

// TestErrorLineForm: one line of error, at most one of hint, no stacked words.
func TestErrorLineForm(t *testing.T) {
	c := harness.New(t, harness.Spec("/nowhere"))
	c.Runtime.Only(t, "stacks them")
	r := c.Run().WantFailure(t)
	for _, word := range []string{"failed to", "unable to", "error while"} {
		if strings.Contains(r.Stderr, word) {
			t.Errorf("stderr holds %q: %v", word, r)
		}
	}
	if n := strings.Count(r.Stderr, "\n"); n > 2 {
		t.Errorf("%d lines: %v", n, r)
	}
	if n := strings.Count(r.Stderr, "/nowhere"); n > 2 {
		t.Errorf("the error is printed more than once: %v", r)
	}
}

// TestErrorBeforeTheFilter: init fails at once, while the runtime is still
// busy with a filter that nobody has compiled before. What init said must not
// be lost to the broken pipe that the runtime runs into.
func TestErrorBeforeTheFilter(t *testing.T) {
	data, err := os.ReadFile("../bench/testdata/docker-config.json")
	if err != nil {
		t.Fatal(err)
	}
	var docker specs.Spec
	if err := json.Unmarshal(data, &docker); err != nil {
		t.Fatal(err)
	}
	for errno := uint(71); errno < 76; errno++ { // each is a filter of its own
		c := harness.New(t, sh("true"))
		c.Runtime.Only(t, "has a socket to speak through")
		c.Spec.Linux.Seccomp = docker.Linux.Seccomp
		c.Spec.Linux.Seccomp.DefaultErrnoRet = &errno
		c.Spec.Mounts = append([]specs.Mount{{Destination: "/mnt", Type: "nosuchfs", Source: "none"}}, c.Spec.Mounts...)
		c.Run().WantFailure(t, "mounts[0] /mnt", "no such device")
	}
}
