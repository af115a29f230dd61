package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runtimePath is the rt under test.
func runtimePath(t *testing.T) string {
	t.Helper()
	path := os.Getenv("RT")
	if path == "" {
		path = filepath.Join(root, "rt")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the built rt is missing (make build): %v", err)
	}
	return path
}

// stage installs rt for a client into a tree of its own, which has this file.
func stage(t *testing.T, file, text string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if text != "" {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{"install", "--write", "--root-dir", dir, "--path", "/usr/sbin/rt"}, args...)
	if out, err := exec.Command(runtimePath(t), args...).CombinedOutput(); err != nil {
		t.Fatalf("rt %v: %v\n%s", args, err, out)
	}
	return filepath.Join(dir, file)
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	return string(out)
}

// TestContainerdReads: containerd itself finds both runtimes in what rt install
// makes of no file, of the least one, and of one with runtimes.
func TestContainerdReads(t *testing.T) {
	need(t, "containerd")
	for name, test := range map[string]struct{ text, def string }{
		"none":    {"", "runc"},
		"least":   {"version = 2\n", "rt"},
		"systemd": {"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n  options = {SystemdCgroup = true}\n", "rt"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"containerd"}
			if test.def == "rt" {
				args = append(args, "--default")
			}
			file := stage(t, "etc/containerd/config.toml", test.text, args...)
			dump := output(t, exec.Command("containerd", "--config", file, "config", "dump"))
			want := []string{
				"containerd.runtimes.runc]", "containerd.runtimes.rt]", "BinaryName = \"/usr/sbin/rt\"", "default_runtime_name = \"" + test.def + "\"",
			}
			if name == "systemd" {
				want = append(want, "SystemdCgroup = true")
			}
			for _, text := range want {
				if !strings.Contains(strings.ReplaceAll(dump, "'", `"`), text) {
					t.Errorf("containerd does not say %s:\n%s", text, dump)
				}
			}
		})
	}
}

// TestPodmanReads: Podman names rt as its runtime, and its path. It reads the one
// file that it is told of, and keeps its hands in a directory of its own.
func TestPodmanReads(t *testing.T) {
	need(t, "podman")
	if os.Getuid() != 0 {
		t.Skip("root is missing")
	}
	rt := runtimePath(t)
	dir := t.TempDir()
	file := stage(t, "etc/containers/containers.conf.d/99-rt.conf", "", "podman", "--default", "--path", rt)
	cmd := exec.Command("unshare", "--mount", "podman", "--root", dir+"/root", "--runroot", dir+"/run", "--tmpdir", dir+"/tmp", "--storage-driver", "vfs",
		"info", "--format", "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}")
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+file)
	if got := output(t, cmd); got != "rt "+rt+"\n" {
		t.Errorf("podman says %q", got)
	}
}
