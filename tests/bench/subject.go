package main

// subject.go: a runtime under measure, its bundles, and its view of the host.

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/seccomp"
	"rt/tests/harness"
	"rt/tests/harness/hierarchy"
)

//go:embed testdata/docker-config.json
var dockerConfig []byte

// subject is one runtime under measure, or the floor program.
type subject struct {
	name, path string
	dir        string // bundles and state
	// plainV1: its calls see the host's cgroup hierarchies without the
	// unified one, which crun of Debian 12 cannot take beside v1.
	plainV1 bool
	isFloor bool
	// hierarchies are the last arguments of the floor's calls.
	hierarchies []string
	peaker      string // the program of peak.c
	// calls are carried out one after the other by a thread in the subject's
	// view of the host.
	calls chan func()

	counts, cold counts // of the scene at hand
}

// inside is set in the environment of the process that ownMounts has executed.
const inside = "RT_BENCH_DIR"

// ownMounts gives the process a mount namespace of its own, in which the states
// of containers lie in memory, as those below /run do, and returns the directory
// for all that is made. It executes the program again: Go has threads by now.
func ownMounts() (string, error) {
	if dir := os.Getenv(inside); dir != "" {
		os.Unsetenv(inside)
		return dir, syscall.Mount("tmpfs", filepath.Join(dir, "state"), "tmpfs", 0, "mode=755")
	}
	dir, err := os.MkdirTemp("", "rt-bench-")
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "state"), 0o755)
	}
	if err == nil {
		runtime.LockOSThread()
		if err = syscall.Unshare(syscall.CLONE_NEWNS); err == nil {
			err = syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, "")
		}
	}
	if err == nil {
		err = syscall.Exec(self, os.Args, append(os.Environ(), inside+"="+dir))
	}
	return "", errors.Join(err, os.RemoveAll(dir))
}

func cleanUp(dir string) error {
	// A container's init may hold the mount a moment longer.
	_ = syscall.Unmount(filepath.Join(dir, "state"), syscall.MNT_DETACH)
	return os.RemoveAll(dir)
}

// root is the subject's state root.
func (s *subject) root() string { return filepath.Join(filepath.Dir(s.dir), "state", s.name) }

func (s *subject) id() string { return fmt.Sprintf("rt-bench-%s-%d", s.name, os.Getpid()) }

// standing is the id of the container that exec and state are measured on.
func (s *subject) standing() string { return s.id() + "-standing" }

// bundle is the directory of a bundle: "" is Docker's configuration, "plain" the
// same without seccomp, "standing" one that stays; "w0" and so on are for
// workers that run side by side.
func (s *subject) bundle(kind string) string { return filepath.Join(s.dir, "bundle"+kind) }

const workers = 8

func (s *subject) makeBundles() error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	rootfs := filepath.Join(s.dir, "rootfs")
	if err := harness.Busybox(rootfs); err != nil {
		return err
	}
	kinds := map[string]string{"": s.id(), "plain": s.id(), "standing": s.standing()}
	for i := range workers {
		kinds[fmt.Sprint("w", i)] = s.worker(i)
	}
	for kind, id := range kinds {
		if err := s.makeBundle(kind, id, rootfs); err != nil {
			return err
		}
	}
	// The floor does not make what it mounts on.
	for _, name := range []string{"proc", "dev", "sys", "etc"} {
		if err := os.MkdirAll(filepath.Join(rootfs, name), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		if err := os.WriteFile(filepath.Join(rootfs, "etc", name), nil, 0o644); err != nil {
			return err
		}
	}
	return os.MkdirAll(s.root(), 0o700)
}

func (s *subject) worker(i int) string { return fmt.Sprint(s.id(), "-", i) }

func (s *subject) makeBundle(kind, id, rootfs string) error {
	dir := s.bundle(kind)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("bench\n"), 0o644); err != nil {
			return err
		}
	}
	config := bytes.ReplaceAll(dockerConfig, []byte("@BUNDLE@"), []byte(dir))
	config = bytes.ReplaceAll(config, []byte("@ID@"), []byte(id))
	config = bytes.Replace(config, []byte(`"rootfs"`), []byte(strconv.Quote(rootfs)), 1)
	if kind == "standing" {
		config = bytes.Replace(config, []byte(`"/bin/true"`), []byte(`"/bin/sleep","100000"`), 1)
	}
	if kind == "plain" {
		var fields, linux map[string]json.RawMessage
		err := json.Unmarshal(config, &fields)
		if err == nil {
			err = json.Unmarshal(fields["linux"], &linux)
		}
		if err != nil {
			return err
		}
		delete(linux, "seccomp")
		if fields["linux"], err = json.Marshal(linux); err != nil {
			return err
		}
		if config, err = json.Marshal(fields); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		return err
	}
	// The floor has no configuration to read.
	return os.Symlink(rootfs, filepath.Join(dir, "rootfs"))
}

// command is a call of the subject with its own state root.
func (s *subject) command(args ...string) []string {
	return append([]string{s.path, "--root", s.root()}, args...)
}

// run is the call that runs a bundle's program.
func (s *subject) run(kind, id string) []string {
	if s.isFloor {
		return s.floor(kind, id)
	}
	return s.command("run", "--bundle", s.bundle(kind), id)
}

// begin opens the subject's view, and starts the container that stands.
func (s *subject) begin() error {
	s.calls = make(chan func())
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ready <- s.view()
		for call := range s.calls {
			call()
		}
	}()
	if err := <-ready; err != nil {
		return err
	}
	if s.isFloor {
		var err error
		if s.hierarchies, err = mountedHierarchies(); err != nil {
			return err
		}
		return s.saveFilter()
	}
	_, err := s.call(s.command("run", "--detach", "--bundle", s.bundle("standing"), s.standing()))
	return err
}

func (s *subject) end() {
	if s.calls == nil {
		return
	}
	if !s.isFloor {
		if _, err := s.call(s.command("delete", "--force", s.standing())); err != nil {
			fmt.Println(err)
		}
	}
	close(s.calls)
}

// view makes the calling thread see what the subject is to see of the host.
func (s *subject) view() error {
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(unified); err != nil || !s.plainV1 {
		return nil
	}
	if err := syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := syscall.Mount("tmpfs", unified, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("cover %s: %w", unified, err)
	}
	return nil
}

// sample is what one call has cost.
type sample struct {
	wall, cpu time.Duration // cpu: user and system, of all processes waited for
}

// call runs argv to its end in the subject's view of the host.
func (s *subject) call(argv []string) (took sample, err error) {
	// A file: a container that stays would keep a pipe open.
	out, err := os.CreateTemp(s.dir, "output")
	if err != nil {
		return took, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	s.do(func() { took, err = timed(argv, out) })
	return took, err
}

// do has the subject's thread do something.
func (s *subject) do(something func()) {
	done := make(chan struct{})
	s.calls <- func() {
		defer close(done)
		something()
	}
	<-done
}

// output is call for what argv prints.
func (s *subject) output(argv []string) (text string, err error) {
	s.do(func() {
		var raw []byte
		raw, err = exec.Command(argv[0], argv[1:]...).CombinedOutput()
		text = string(raw)
	})
	if err != nil {
		err = fmt.Errorf("%v: %w: %s", argv, err, text)
	}
	return text, err
}

func timed(argv []string, out *os.File) (took sample, err error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	begin := time.Now()
	err = cmd.Run()
	took.wall = time.Since(begin)
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		return took, fmt.Errorf("%v: %w: %s", argv, err, bytes.TrimSpace(text))
	}
	took.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return took, nil
}

// saveFilter has the filter compiled that the floor only loads.
func (s *subject) saveFilter() error {
	var config specs.Spec
	if err := json.Unmarshal(dockerConfig, &config); err != nil {
		return err
	}
	filter, _, err := seccomp.Compile(config.Linux.Seccomp)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "filter"), filter.BPF, 0o600)
}

// floor is the call of the floor program: its filter is compiled beforehand, its
// cgroups are made where rt makes them.
func (s *subject) floor(kind, id string) []string {
	filter := "-"
	if kind != "plain" {
		filter = filepath.Join(s.dir, "filter")
	}
	return append([]string{s.path, s.bundle(kind), id, filter, "/bin/true"}, s.hierarchies...)
}

// mountedHierarchies are the cgroup hierarchies as the floor takes them.
func mountedHierarchies() (argv []string, err error) {
	mounted, err := hierarchy.Mounted()
	for _, h := range mounted {
		version := "1"
		if h.Type == "cgroup2" {
			version = "2"
		}
		argv = append(argv, version+h.Dir)
	}
	return argv, err
}
