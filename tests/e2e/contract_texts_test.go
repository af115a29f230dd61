package e2e

//lint:file-ignore SA1019 prestart is deprecated in the spec, and is what Docker uses

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"rt/tests/harness"
)

// TestContractProgram: Docker makes 127 and 126 of the message that the shim
// finds in the log of a create, a start or an exec. A directory is "permission
// denied": "is a directory" would be 125.
func TestContractProgram(t *testing.T) {
	for _, test := range []struct{ program, text string }{
		{"nowhere", "executable file not found"},
		{"/nowhere", "no such file or directory"},
		{"/plain", "permission denied"},
		{"/etc", "permission denied"},
	} {
		t.Run(test.program, func(t *testing.T) {
			c := harness.New(t, harness.Spec(test.program))
			if test.program == "/etc" {
				c.Runtime.Only(t, "says that it is a directory")
			}
			c.Write("plain", "no program", 0o644)
			c.Global = []string{"--log", c.Host("log"), "--log-format", "json"}
			c.TryCreate().WantExit(t, 1)
			lastErrorHas(t, c, test.text)
			c.OK("delete", "--force", c.ID)
			c.CheckGone()

			c.Spec.Process.Args = []string{"sleep", "100"}
			c.Detached()
			file := processFile(t, c, specs.Process{Args: []string{test.program}, Cwd: "/", Env: []string{"PATH=/bin"}})
			c.Do("exec", "--process", file, "--detach", "--pid-file", c.Host("pid"), c.ID).WantExit(t, 255)
			lastErrorHas(t, c, test.text)
		})
	}
}

// lastErrorHas looks for the text in the msg of the last error of c's log.
func lastErrorHas(t *testing.T, c *harness.Container, text string) {
	t.Helper()
	data, err := os.ReadFile(c.Host("log"))
	if err != nil {
		t.Fatal(err)
	}
	if msg := lastError(t, strings.Split(strings.TrimSpace(string(data)), "\n")); !strings.Contains(msg, text) {
		t.Errorf("%q wanted in %q", text, msg)
	}
}

// TestContractPrestart: libnetwork is a prestart hook of dockerd's own program,
// named by its process, with neither a timeout nor an environment.
func TestContractPrestart(t *testing.T) {
	daemon := exec.Command(harness.Need(t, "busybox"), "sleep", "1000")
	c := harness.New(t, sh("exit 5"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	state, env := c.Host("hook.state"), c.Host("hook.env")
	c.Spec.Hooks = &specs.Hooks{Prestart: []specs.Hook{{
		Path: fmt.Sprintf("/proc/%d/exe", daemon.Process.Pid),
		Args: []string{"sh", "-c", `read -r l; echo "$l" > "$1"; read -r l < /proc/self/environ; echo "$l" > "$2"`, "libnetwork-setkey", state, env},
	}}}
	c.Run().WantExit(t, 5)
	var s specs.State
	data, err := os.ReadFile(state)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil || s.ID != c.ID || s.Pid == 0 || s.Bundle != c.Dir {
		t.Errorf("the hook was told %q, %v", data, err)
	}
	if data, err := os.ReadFile(env); c.Runtime.Is("rt") && (err != nil || string(data) != "\n") {
		t.Errorf("the hook's environment is %q, %v", data, err)
	}
}

// TestContractFeatures: what containerd 2 and dockerd decide by.
func TestContractFeatures(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "may be older than these")
	var f features.Features
	if err := json.Unmarshal([]byte(c.OK("features").Stdout), &f); err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"rro", "idmap", "ridmap", "tmpcopyup", "rshared", "rslave", "rprivate"} {
		if !slices.Contains(f.MountOptions, option) {
			t.Errorf("no mount option %s", option)
		}
	}
	if !slices.Contains(f.Linux.Namespaces, "user") || !slices.Contains(f.Linux.Namespaces, "time") {
		t.Errorf("namespaces %v", f.Linux.Namespaces)
	}
	if m := f.Linux.MountExtensions; m == nil || m.IDMap == nil || m.IDMap.Enabled == nil || !*m.IDMap.Enabled {
		t.Errorf("id-mapped mounts: %+v", m)
	}
	for _, op := range []string{"SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"} {
		if !slices.Contains(f.Linux.Seccomp.Operators, op) {
			t.Errorf("no operator %s", op)
		}
	}
}
