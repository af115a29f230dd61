package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"rt/tests/harness"
	"rt/tests/harness/hierarchy"
)

// cell is where one program runs: namespaces and cgroups of its own. All that
// it and its containers leave ends with it.
type cell struct {
	Argv    []string
	Env     []string
	Dir     string
	Temp    string // an empty file system of its own is mounted here
	Name    string // of the cgroups
	Cgroups hierarchy.Set
	// HostNetwork leaves it in our network namespace: net_prio knows only the
	// devices of the first one.
	HostNetwork bool
}

// start begins the cell: this program once more, as its init. The cgroups are
// made and removed by the caller.
func (c cell) start(stdout, stderr *os.File) (*exec.Cmd, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe", "cell", string(text))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if !c.HostNetwork {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
	}
	return cmd, cmd.Start()
}

// inhabit is the cell's init. It returns the program's status.
func inhabit(text string) (int, error) {
	var c cell
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return lost, err
	}
	runtime.LockOSThread() // the cgroup namespace is the thread's
	if err := c.settle(); err != nil {
		return lost, err
	}
	// Not the one we were started with, which is the host's.
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return lost, err
	}
	defer stdin.Close()
	child, err := os.StartProcess(c.Argv[0], c.Argv, &os.ProcAttr{
		Dir: c.Dir, Env: c.Env,
		Files: []*os.File{stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return lost, err
	}
	// Containers are orphans once they are created.
	status, err := harness.Reap(child.Pid)
	if err != nil {
		return lost, err
	}
	return status, nil
}

// lost is the status of a cell that could not be made: none of the program's.
const lost = 125

func (c cell) settle() error {
	if err := c.Cgroups.Enter(c.Name); err != nil {
		return err
	}
	if err := c.Cgroups.Descend(c.Name); err != nil {
		return err
	}
	for _, m := range []struct {
		kind, at, data string
		flags          uintptr
	}{
		{"", "/", "", syscall.MS_PRIVATE | syscall.MS_REC},
		{"proc", "/proc", "", 0},
		{"tmpfs", "/run", "mode=755", 0},
		{"tmpfs", c.Temp, "mode=755", 0},
	} {
		if err := syscall.Mount(m.kind, m.at, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s %s: %w", m.kind, m.at, err)
		}
	}
	if err := harness.OwnNull(c.Temp); err != nil {
		return err
	}
	if err := c.Cgroups.Mount(); err != nil {
		return err
	}
	if c.HostNetwork {
		return nil
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w\n%s", err, out)
	}
	return nil
}
