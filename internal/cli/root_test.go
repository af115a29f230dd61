package cli

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The default state root of a user who is root of a user namespace: below
// XDG_RUNTIME_DIR, missing for list, made sticky by create.
func TestDefaultRootInUserNamespace(t *testing.T) {
	dir := t.TempDir()
	rt := func(env []string, args ...string) (string, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Args = append([]string{"rt"}, args...)
		cmd.Dir = dir
		cmd.Env = append([]string{"XDG_RUNTIME_DIR=" + dir}, env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	user := []string{"USER=somebody"}
	out, err := rt(user, "list", "--quiet")
	if err != nil && out == "" {
		t.Skip("no user namespaces here: ", err)
	}
	if err != nil || out != "" {
		t.Errorf("list of a missing default root: %v\n%s", err, out)
	}
	root := filepath.Join(dir, "rt")
	if _, err := os.Stat(root); err == nil {
		t.Error("list made the root")
	}
	// Root's environment after sudo: its containers do not belong there.
	if out, err := rt([]string{"USER=root"}, "create", "web1"); err == nil || !strings.Contains(out, "config.json") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("USER=root made the user's root")
	}
	// Podman without root calls with almost no environment.
	if out, err := rt(nil, "create", "web1"); err == nil || !strings.Contains(out, "config.json") {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.Remove(root); err != nil {
		t.Errorf("without USER: %v", err)
	}
	if out, err := rt(user, "create", "web1"); err == nil || !strings.Contains(out, "config.json") {
		t.Errorf("%v: %s", err, out)
	}
	fi, err := os.Stat(root)
	if err != nil {
		t.Fatal(err)
	}
	if want := fs.ModeDir | fs.ModeSticky | 0o700; fi.Mode() != want {
		t.Errorf("mode %v, want %v", fi.Mode(), want)
	}
}
