package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/tests/harness"
	"rt/tests/harness/hierarchy"
)

// job is one file of the suite, for the process that runs it.
type job struct {
	Args    []string // bats and its arguments
	Env     []string
	Dir     string
	Tmp     string
	Name    string // of the cgroup
	Cgroups hierarchy.Set
	User    int    // who runs it, 0 or the user of the name "rootless"
	Ground  string // bound there for a user, who may not come to where it is
	Bare    bool   // in the machine's own namespaces: systemd knows no others
	OneCPU  bool   // on one processor from its first namespace on
}

// start begins the job in namespaces of its own: this program as their first
// process, which runs the suite's. What that leaves ends with it.
func (j job) start(stdout, stderr io.Writer) (*exec.Cmd, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe", "world", string(text))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if !j.Bare {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	}
	if j.OneCPU {
		return cmd, onOneCPU(cmd.Start)
	}
	return cmd, cmd.Start()
}

// onOneCPU does what starts a process while this thread may run on one
// processor alone, which the process inherits.
func onOneCPU(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("processors of this thread: %w", err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("stay on one processor: %w", err)
	}
	err := start()
	return errors.Join(err, unix.SchedSetaffinity(0, &all))
}

// inhabit is the other side of start. It returns the status of the suite.
func inhabit(text string) (int, error) {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return 0, err
	}
	if !j.Bare {
		// The cgroup namespace is the thread's.
		runtime.LockOSThread()
		if err := j.settle(); err != nil {
			return 0, err
		}
	}
	return j.run()
}

// settle makes the namespaces a world: /proc, /sys with a view of nothing but
// our own cgroups, an empty /run, a loopback that works.
func (j job) settle() error {
	if err := j.Cgroups.Enter(j.Name); err != nil {
		return err
	}
	type mount struct {
		source, target, kind, data string
		flags                      uintptr
	}
	mounts := []mount{
		{"", "/", "", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", "", 0},
		{"tmpfs", "/run", "tmpfs", "mode=755", 0},
		{"tmpfs", j.Tmp, "tmpfs", "mode=1777", 0}, // an image is unpacked for every test
	}
	if len(j.Cgroups) > 0 {
		mounts = append(mounts, mount{"sysfs", "/sys", "sysfs", "", 0})
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := harness.OwnNull(j.Tmp); err != nil {
		return err
	}
	if len(j.Cgroups) > 0 {
		if err := j.Cgroups.Mount(); err != nil {
			return err
		}
	}
	if j.User != 0 {
		if err := j.settleUser(); err != nil {
			return err
		}
	}
	// Checkpoints are not rt's, and not every kernel's.
	if err := j.hide("criu"); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w\n%s", err, out)
	}
	return nil
}

// hide takes a program that some hosts have out of the world, so that the same
// tests run everywhere: an overlay with a whiteout in its place.
func (j job) hide(program string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil // there is none
	}
	layer, err := os.MkdirTemp(j.Tmp, "without-")
	if err != nil {
		return err
	}
	if err := os.Chmod(layer, 0o755); err != nil {
		return err
	}
	if err := syscall.Mknod(filepath.Join(layer, filepath.Base(path)), syscall.S_IFCHR, 0); err != nil {
		return fmt.Errorf("whiteout of %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	if err := syscall.Mount("overlay", dir, "overlay", 0, "lowerdir="+layer+":"+dir); err != nil {
		return fmt.Errorf("overlay on %s: %w", dir, err)
	}
	return nil
}

// run runs the suite on a terminal of its own and reaps whatever comes to the
// namespace's first process.
func (j job) run() (int, error) {
	master, slave, err := terminal()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	go func() { _, _ = io.Copy(io.Discard, master) }()
	attr := &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if j.User != 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(j.User), Gid: uint32(j.User)}
		if err := slave.Chown(j.User, ttyGroup); err != nil {
			return 0, err
		}
	}
	child, err := os.StartProcess(j.Args[0], j.Args, &os.ProcAttr{
		Dir: j.Dir, Env: j.Env,
		Files: []*os.File{slave, os.Stdout, os.Stderr},
		Sys:   attr,
	})
	if err != nil {
		return 0, err
	}
	slave.Close()
	return harness.Reap(child.Pid)
}
