package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// TestExecRootless: a user without privileges executes in a container of their
// own, which has their one id.
func TestExecRootless(t *testing.T) {
	harness.Need(t, "runuser")
	c := harness.New(t, harness.Spec("sleep", "1000"))
	c.Spec.Linux.CgroupsPath = ""
	c.Spec.Linux.Resources = nil
	c.Spec.Process.OOMScoreAdj = new(500)
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 65534, Size: 1}}
	c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = ids, ids
	for i, m := range c.Spec.Mounts { // gid 5 is not mapped
		if m.Destination == "/dev/pts" {
			c.Spec.Mounts[i].Options = []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
		}
	}
	c.Save()
	if err := os.Mkdir(c.Host("xdg"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := harness.CopyFile(c.Runtime.Path, c.Host("runtime"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chown", "-R", "65534:65534", c.Dir).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
	as := func(args ...string) harness.Result {
		t.Helper()
		line := "cd /; unset PATH; export XDG_RUNTIME_DIR=" + c.Host("xdg") + "; exec " + c.Host("runtime") + " " + strings.Join(args, " ")
		return harness.Exec(t, exec.Command("runuser", "-u", "nobody", "--", "sh", "-c", line))
	}
	as("run", "--detach", "--bundle", c.Dir, c.ID).WantExit(t, 0)
	as("exec", c.ID, "sh", "-c", `'id -u; cat /proc/self/uid_map | tr -s " "; echo $HOME; [ $(readlink /proc/1/ns/user) = $(readlink /proc/self/ns/user) ] && echo same'`).
		WantOutput(t, "0\n 0 65534 1\n/root\nsame\n")
	for range 20 { // its files in /proc are root's from some instruction on
		as("exec", c.ID, "cat", "/proc/self/oom_score_adj").WantOutput(t, "500\n")
	}
	if own, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil && strings.TrimSpace(string(own)) == "0" {
		data := `{"args":["true"],"cwd":"/","oomScoreAdj":-500}`
		if err := os.WriteFile(c.Host("process.json"), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		as("exec", "--process", c.Host("process.json"), c.ID).
			WantFailure(t, "process: process.oomScoreAdj: write /proc/self/oom_score_adj: permission denied", "hint: lowering it needs CAP_SYS_RESOURCE")
	}
	as("exec", "-t", c.ID, "tty").WantOutput(t, "/dev/pts/0\n")
	as("exec", c.ID, "sh", "-c", "'exit 8'").WantExit(t, 8)
	as("exec", "-u", "5", c.ID, "true").WantFailure(t, "process.user.uid: uid 5 is not in linux.uidMappings").WantExit(t, 255)
	as("exec", "-g", "5", c.ID, "true").WantFailure(t, "process.user.additionalGids[0]: gid 5 is not in linux.gidMappings").WantExit(t, 255)
	as("delete", "--force", c.ID).WantExit(t, 0)
}
