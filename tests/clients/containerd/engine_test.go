//go:build clients

package containerd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

const image = "docker.io/library/busybox:test"

// engine is a running containerd with the image in it, and its ctr.
type engine struct {
	version string // "1.6", "2.x"
	bin     string // the directory of its programs
	dir     string
	runtime string
	daemon  *world.Process
}

// start starts the containerd that is in bin and imports the image.
func start(t *testing.T, version, bin string) *engine {
	t.Helper()
	e := &engine{version: version, bin: bin, dir: filepath.Join(world.Dir(), "containerd-"+version), runtime: world.Runtime(t)}
	paths := filepath.Join(e.dir, "path")
	if err := os.MkdirAll(paths, 0o755); err != nil {
		t.Fatal(err)
	}
	// A shim that is told of no runtime takes the runc of its PATH.
	if err := os.Symlink(e.runtime, filepath.Join(paths, "runc")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(e.dir, "config.toml")
	text := fmt.Sprintf("version = 2\nroot = %q\nstate = \"/run/containerd\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		filepath.Join(e.dir, "root"), e.socket())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	e.daemon = world.Daemon(t, world.Service{
		Name: "containerd-" + version,
		Argv: []string{filepath.Join(bin, "containerd"), "--config", config},
		Env:  []string{"PATH=" + paths + ":" + bin + ":" + os.Getenv("PATH")},
		Ready: func() error {
			if out, err := e.command("version").CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
	})
	archive := world.Image{Name: image, Layer: world.Busybox(t), OCI: map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sh"}}}.Archive(t)
	e.ctr(t, "images", "import", archive).WantExit(t, 0)
	e.parents(t)
	return e
}

// parents makes what is made for the first container and stays: a cgroup of
// containerd's namespace, and the directory of the network namespaces.
func (e *engine) parents(t *testing.T) {
	t.Helper()
	e.run(t, nil, "true").WantExit(t, 0)
	world.Command(t, "ip", "netns", "add", "first").WantExit(t, 0)
	world.Command(t, "ip", "netns", "delete", "first").WantExit(t, 0)
	t.Cleanup(func() {
		if err := world.RemoveCgroups("/default"); err != nil {
			t.Error(err)
		}
		world.Command(t, "umount", "/run/netns")
	})
}

func (e *engine) socket() string { return "/run/containerd/" + e.version + ".sock" }

func (e *engine) argv(args ...string) []string {
	return append([]string{filepath.Join(e.bin, "ctr"), "--address", e.socket()}, args...)
}

func (e *engine) command(args ...string) *exec.Cmd {
	argv := e.argv(args...)
	return exec.Command(argv[0], argv[1:]...)
}

// ctr runs ctr to its end.
func (e *engine) ctr(t testing.TB, args ...string) harness.Result {
	t.Helper()
	return harness.Exec(t, e.command(args...))
}

// words is a list of flags, or a command.
func words(list ...string) []string { return list }

// args is `ctr run` of a container with id, with flags, of the image.
func (e *engine) args(id string, flags, command []string) []string {
	args := append([]string{"run", "--runc-binary", e.runtime}, flags...)
	return append(append(args, image, id), command...)
}

// id is a name for the test's container.
func id(t testing.TB) string {
	return strings.NewReplacer("/", "-", "#", "-").Replace(strings.ToLower(t.Name()))
}

// run runs command in the foreground, and removes the container whatever comes.
func (e *engine) run(t testing.TB, flags []string, command ...string) harness.Result {
	t.Helper()
	e.removeAtEnd(t, id(t))
	return e.logged(t, e.args(id(t), append(words("--rm"), flags...), command)...)
}

// fails runs a script in the foreground that must end badly and print each of the
// texts, its stderr included.
func (e *engine) fails(t testing.TB, flags []string, script string, texts ...string) {
	t.Helper()
	r := e.run(t, flags, "sh", "-c", "exec 2>&1; "+script)
	if r.Code == 0 {
		t.Errorf("a failure wanted: %v", r)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stdout, text) {
			t.Errorf("%q wanted: %v", text, r)
		}
	}
}

// logged runs the ctr command whose words come first ("run", "tasks exec") with a
// file for the container's stdout, which becomes the result's: with pipes a short
// program's output is lost now and then ([gate]). Its stderr is not asked for:
// the shim closes the file under it when stdout has ended.
func (e *engine) logged(t testing.TB, args ...string) harness.Result {
	t.Helper()
	return e.begin(t, args...)()
}

// begin starts what logged runs and returns the function that waits for it.
func (e *engine) begin(t testing.TB, args ...string) (wait func() harness.Result) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	n := 1
	if args[0] == "tasks" {
		n = 2
	}
	end := harness.Start(t, e.command(slices.Insert(args, n, "--log-uri", "file://"+log)...))
	return func() harness.Result {
		r := end()
		data, err := os.ReadFile(log) // not there when the program could not be begun
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
		r.Stdout += string(data)
		return r
	}
}

// container is one that runs in the background; what it prints is in log.
type container struct {
	*engine
	t       testing.TB
	id, log string
}

// detached starts command in the background.
func (e *engine) detached(t testing.TB, flags []string, command ...string) *container {
	t.Helper()
	return e.named(t, id(t), flags, command...)
}

func (e *engine) named(t testing.TB, id string, flags []string, command ...string) *container {
	t.Helper()
	c := &container{e, t, id, filepath.Join(t.TempDir(), "log")}
	e.removeAtEnd(t, id)
	e.ctr(t, e.args(id, append(words("--detach", "--log-uri", "file://"+c.log), flags...), command)...).WantExit(t, 0)
	return c
}

func (e *engine) removeAtEnd(t testing.TB, id string) {
	t.Cleanup(func() {
		_ = e.command("tasks", "delete", "--force", id).Run()
		_ = e.command("containers", "delete", id).Run()
	})
}

// task is `ctr tasks` about the container.
func (c *container) task(command string, args ...string) harness.Result {
	c.t.Helper()
	return c.ctr(c.t, append(words("tasks", command), args...)...)
}

// exec runs a command in the container.
func (c *container) exec(flags []string, command ...string) harness.Result {
	c.t.Helper()
	args := append(words("--exec-id", "e"+strconv.Itoa(len(flags)+len(command))), flags...)
	return c.logged(c.t, append(append(append(words("tasks", "exec"), args...), c.id), command...)...)
}

// status is what `ctr tasks ls` says of the container, "" when it is not there.
func (c *container) status() string {
	c.t.Helper()
	_, status := c.listed()
	return status
}

// pid is the container's init as it is seen here.
func (c *container) pid() int {
	c.t.Helper()
	pid, _ := c.listed()
	return pid
}

func (c *container) listed() (pid int, status string) {
	c.t.Helper()
	r := c.task("ls")
	r.WantExit(c.t, 0)
	for line := range strings.Lines(r.Stdout) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == c.id {
			pid, err := strconv.Atoi(f[1])
			if err != nil {
				c.t.Fatal(r)
			}
			return pid, f[2]
		}
	}
	return 0, ""
}

func (c *container) wantStatus(status string) {
	c.t.Helper()
	var is string
	world.Until(c.t, c.id+" "+status, func() bool { is = c.status(); return is == status })
}

// wantEnd deletes the task, which ended with code.
func (c *container) wantEnd(code int, flags ...string) {
	c.t.Helper()
	r := c.task("delete", append(flags, c.id)...)
	if !strings.Contains(r.Stderr, fmt.Sprintf("exit with non-zero exit code %d", code)) {
		c.t.Errorf("exit code %d wanted: %v", code, r)
	}
}

// cgroup reads the first of the files (v1's and v2's names of one thing) that the
// container's cgroup has: "" when it has none.
func (c *container) cgroup(files ...string) string {
	return world.CgroupFile("/default/"+c.id, files...)
}

// printed waits until the container has printed text.
func (c *container) printed(text string) {
	c.t.Helper()
	world.Until(c.t, fmt.Sprintf("%q in the output", text), func() bool {
		data, _ := os.ReadFile(c.log)
		return strings.Contains(string(data), text)
	})
}
