package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var serial atomic.Int64

// Container is a bundle, an id and a state root of its own, and the runtime
// that acts on them. When the test ends it is deleted by force and nothing of
// it may be left: see [Leaks].
type Container struct {
	t       testing.TB
	Runtime Runtime
	ID      string
	Dir     string // the bundle, on a short path (unix sockets)
	Rootfs  string
	State   string // --root
	Spec    *specs.Spec
	Global  []string // global flags besides --root
	// Systemd has systemd's PID 1 start the runtime, in the host's namespaces:
	// the pid of a container in the tests' own means nothing to it. What is
	// left behind is looked for among its units too.
	Systemd bool
	before  Snapshot
}

// New makes a container from spec with a busybox root file system. The config
// is written by the first call of the runtime; change Spec and Rootfs before.
func New(t testing.TB, spec *specs.Spec) *Container {
	t.Helper()
	Root(t)
	Need(t, "busybox")
	c := newEmpty(t, spec)
	if err := Busybox(c.Rootfs); err != nil {
		t.Fatalf("busybox root file system: %v", err)
	}
	return c
}

// NewForAnyone is New that does without root: an unprivileged user's container
// has a user namespace, with the user as its root and the user's subordinate
// ids for the rest, its cgroup where the runtime finds one, and no device rules.
func NewForAnyone(t testing.TB, spec *specs.Spec) *Container {
	t.Helper()
	if os.Getuid() == 0 {
		return New(t, spec)
	}
	Need(t, "busybox", "newuidmap", "newgidmap")
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	spec.Linux.UIDMappings = subordinate(t, "/etc/subuid", os.Getuid())
	spec.Linux.GIDMappings = subordinate(t, "/etc/subgid", os.Getgid())
	spec.Linux.Resources = nil
	c := newEmpty(t, spec)
	spec.Linux.CgroupsPath = ""
	if err := Busybox(c.Rootfs); err != nil {
		t.Fatalf("busybox root file system: %v", err)
	}
	return c
}

// subordinate maps 0 to id and what follows to the user's range in file.
func subordinate(t testing.TB, file string, id int) []specs.LinuxIDMapping {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("%s is missing: %v", file, err)
	}
	name, number := os.Getenv("USER"), strconv.Itoa(os.Getuid())
	if u, err := user.LookupId(number); err == nil {
		name = u.Username
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != number {
			continue
		}
		first, err1 := strconv.ParseUint(f[1], 10, 32)
		size, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 == nil && err2 == nil {
			return []specs.LinuxIDMapping{
				{ContainerID: 0, HostID: uint32(id), Size: 1},
				{ContainerID: 1, HostID: uint32(first), Size: uint32(size)},
			}
		}
	}
	t.Skipf("subordinate ids of %s in %s are missing", name, file)
	return nil
}

// NewOn makes a container from spec whose rootfs is the given directory.
func NewOn(t testing.TB, spec *specs.Spec, rootfs string) *Container {
	t.Helper()
	Root(t)
	c := newEmpty(t, spec)
	spec.Root.Path = rootfs
	c.Rootfs = rootfs
	return c
}

func newEmpty(t testing.TB, spec *specs.Spec) *Container {
	t.Helper()
	r := Find(t)
	dir, err := os.MkdirTemp("/tmp", "rt-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("rt-e2e-%d-%d", os.Getppid()+os.Getpid()+int(time.Now().UnixNano()%1e6), serial.Add(1))
	c := &Container{t: t, Runtime: r, ID: id, Dir: dir, Rootfs: filepath.Join(dir, "rootfs"), State: filepath.Join(dir, "state"), Spec: spec}
	if err := os.Mkdir(c.Rootfs, 0o755); err != nil {
		t.Fatal(err)
	}
	if spec.Linux != nil && spec.Linux.CgroupsPath == "" {
		spec.Linux.CgroupsPath = "/" + id
	}
	c.before = Snap(t)
	t.Cleanup(c.cleanup)
	return c
}

func (c *Container) cleanup() {
	if _, err := os.Stat(filepath.Join(c.State, c.ID)); err == nil {
		c.Do("delete", "--force", c.ID)
	}
	c.CheckGone()
	if err := os.RemoveAll(c.Dir); err != nil {
		c.t.Errorf("remove the bundle: %v", err)
	}
}

// CheckGone fails the test if anything of the container is left: a mount, a
// cgroup, a process, its state.
func (c *Container) CheckGone() {
	c.t.Helper()
	for _, leak := range c.before.Leaks(c.t, c.ID, c.cgroup()) {
		c.t.Errorf("left behind: %s", leak)
	}
	if c.Systemd {
		for _, leak := range Units(c.t, "*"+c.ID+"*") {
			c.t.Errorf("left behind: %s", leak)
		}
	}
	if _, err := os.Stat(filepath.Join(c.State, c.ID)); err == nil {
		c.t.Errorf("left behind: the state directory of %s", c.ID)
	}
}

// cgroup is the container's cgroup below each mount: its path, or where
// slice:prefix:name leads.
func (c *Container) cgroup() string {
	if c.Spec.Linux == nil {
		return ""
	}
	path := c.Spec.Linux.CgroupsPath
	if parts := strings.Split(path, ":"); c.Systemd && len(parts) == 3 {
		return "/" + parts[0] + "/" + parts[1] + "-" + parts[2] + ".scope"
	}
	return path
}

// Save writes the bundle's config.json.
func (c *Container) Save() {
	c.t.Helper()
	if err := SaveSpec(c.Dir, c.Spec); err != nil {
		c.t.Fatal(err)
	}
}

// SaveSpec writes the config.json of the bundle dir.
func SaveSpec(dir string, spec *specs.Spec) error {
	data, err := json.MarshalIndent(spec, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)
}

// Command is the runtime with these arguments after the global flags.
func (c *Container) Command(args ...string) *exec.Cmd {
	all := append([]string{"--root", c.State}, c.Global...)
	if c.Systemd {
		return Outside(append(append([]string{c.Runtime.Path}, all...), args...)...)
	}
	return exec.Command(c.Runtime.Path, append(all, args...)...)
}

// Do calls the runtime.
func (c *Container) Do(args ...string) Result {
	c.t.Helper()
	return Exec(c.t, c.Command(args...))
}

// OK calls the runtime and fails the test unless it exits 0.
func (c *Container) OK(args ...string) Result {
	c.t.Helper()
	r := c.Do(args...)
	if r.Code != 0 {
		c.t.Fatalf("exit 0 wanted: %v", r)
	}
	return r
}

// Run saves the config and runs the container in the foreground.
func (c *Container) Run(flags ...string) Result {
	c.t.Helper()
	c.Save()
	return c.Do(c.args("run", flags)...)
}

// Create saves the config and creates the container; it must succeed.
func (c *Container) Create(flags ...string) Result {
	c.t.Helper()
	c.Save()
	return c.OK(c.args("create", flags)...)
}

// TryCreate is Create that may fail.
func (c *Container) TryCreate(flags ...string) Result {
	c.t.Helper()
	c.Save()
	return c.Do(c.args("create", flags)...)
}

// Detached saves the config and runs the container in the background.
func (c *Container) Detached(flags ...string) Result {
	c.t.Helper()
	return c.detach(true, flags)
}

func (c *Container) detach(must bool, flags []string) Result {
	c.t.Helper()
	c.Save()
	flags = append([]string{"--detach"}, flags...)
	if must {
		return c.OK(c.args("run", flags)...)
	}
	return c.Do(c.args("run", flags)...)
}

func (c *Container) args(command string, flags []string) []string {
	args := append([]string{command, "--bundle", c.Dir}, flags...)
	return append(args, c.ID)
}

// Status is the runtime's `state` of the container.
func (c *Container) Status() specs.State {
	c.t.Helper()
	r := c.OK("state", c.ID)
	var s specs.State
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		c.t.Fatalf("state: %v: %v", err, r)
	}
	return s
}

// Await waits until the container has this status.
func (c *Container) Await(status specs.ContainerState) specs.State {
	c.t.Helper()
	end := time.Now().Add(Slow(10 * time.Second))
	for {
		s := c.Status()
		if s.Status == status {
			return s
		}
		if time.Now().After(end) {
			c.t.Fatalf("status %s, want %s", s.Status, status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Write puts a file into the container's root file system.
func (c *Container) Write(path, data string, mode os.FileMode) {
	c.t.Helper()
	path = filepath.Join(c.Rootfs, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), mode); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		c.t.Fatal(err)
	}
}

// Host returns the path of name in the bundle directory, beside the rootfs.
func (c *Container) Host(name string) string { return filepath.Join(c.Dir, name) }

// WantExit fails the test unless the call ended with this status.
func (r Result) WantExit(t testing.TB, code int) Result {
	t.Helper()
	if r.Code != code {
		t.Fatalf("exit %d wanted: %v", code, r)
	}
	return r
}

// WantOutput fails the test unless the call exited 0 and printed exactly this.
func (r Result) WantOutput(t testing.TB, stdout string) Result {
	t.Helper()
	r.WantExit(t, 0)
	if r.Stdout != stdout {
		t.Fatalf("stdout %q wanted: %v", stdout, r)
	}
	return r
}

// WantFailure fails the test unless the call failed and its stderr holds each
// of the texts.
func (r Result) WantFailure(t testing.TB, texts ...string) Result {
	t.Helper()
	if r.Code == 0 {
		t.Fatalf("a failure wanted: %v", r)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("stderr with %q wanted: %v", text, r)
		}
	}
	return r
}
