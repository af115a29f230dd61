// Package initstage is `rt init`: it executes the plan that the parent sends
// and decides nothing. This file holds the table of its steps, top to bottom,
// and the conversation with the parent; the bodies are in steps_*.go.
//
// Everything runs on one locked thread, because namespaces, credentials and
// the seccomp filter belong to a thread and execve keeps those of its caller.
package initstage

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"rt/libcontainer/fault"
	"rt/libcontainer/hook"
	"rt/libcontainer/plan"
	"rt/libcontainer/rootfs"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
)

// Main runs init with the last argument that the program was started with: the
// wire socket's fd. It returns only when something went wrong, after the parent
// has been told, with the exit status. It must be called on the main thread,
// first thing in main: threads, files and mounts of the program's own would
// end up in the container.
func Main(args []string) int {
	runtime.LockOSThread()
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "rt: init is not a command: it is what create and run start")
		return 1
	}
	fd, err := strconv.Atoi(args[0])
	if err != nil || fd < 3 {
		fmt.Fprintln(os.Stderr, "rt: init is not a command: it is what create and run start")
		return 1
	}
	sys.CloseOnExec(fd)
	sys.Alone()
	s := &stage{conn: wire.Conn{Fd: fd}, exitCode: 1}
	if err := s.run(); err != nil {
		// When the parent is gone there is nobody to tell.
		_ = s.conn.SendFault(err)
	}
	return s.exitCode
}

// stage is what the steps share.
type stage struct {
	plan *plan.Plan
	fds  []int // sent with the plan; plan's Fd fields are indexes into it
	conn wire.Conn
	root *rootfs.Root

	program  string // the executable, resolved inside the container
	seccomp  *plan.Seccomp
	exitCode int
	filtered bool // the filter is loaded already
}

type step struct {
	name string
	do   func(*stage) error
}

// run takes the plan and executes the table.
func (s *stage) run() error {
	if err := s.receive(); err != nil {
		return err
	}
	for _, step := range table() {
		if err := step.do(s); err != nil {
			return named(step.name, err)
		}
	}
	return nil
}

// named gives an error without a step the one it happened in.
func named(step string, err error) error {
	if e, ok := err.(*fault.Error); ok { //nolint:errorlint // the outermost carries the step
		if e.Step == "" {
			e.Step = step
		}
		return e
	}
	return fault.New(step, "", "", err)
}

// table is the order in which a container comes to be. Each line says why it
// stands where it stands.
func table() []step {
	return []step{
		// Go's other threads need no privilege for anything. First, while
		// /proc is the host's.
		{"threads", (*stage).demoteThreads},
		// Into namespaces that exist, while the host's fds are at hand.
		{"namespaces", (*stage).joinNamespaces},
		// Files and mounts made below belong to the user namespace's root.
		{"user namespace", (*stage).becomeRoot},
		// Before any terminal is opened, so that none becomes ours by chance.
		{"session", (*stage).newSession},
		// The parent has put us into our cgroups: this is the root of a new
		// cgroup namespace. And we are the uid that owns a new ipc one.
		{"namespaces", (*stage).unshare},
		{"network", (*stage).loopback},
		{"hostname", (*stage).names},
		// A key ring of our own before anything could use the caller's.
		{"keyring", (*stage).keyring},
		// The file system, still reachable from the host's tree.
		{"mounts", (*stage).prepareRootfs},
		// Needs devpts (mounted) and /dev (not yet sealed).
		{"terminal", (*stage).openConsole},
		// prestart and createRuntime: in the parent, with our namespaces
		// and mounts complete.
		{"hooks", (*stage).barrier},
		// In our namespaces, while the host's paths still resolve.
		{"hooks", (*stage).createContainerHooks},
		// Files of /proc/self, while /proc is the host's: the container's
		// may be missing, or made by its image.
		{"process", (*stage).selfAttributes},
		{"pivot", (*stage).pivot},
		// Behind the pivot nothing of the host can be reached by path any
		// more; now what is left is made read-only and hidden.
		{"mounts", (*stage).finishRootfs},
		// Attributes that need privilege, then the container's user. A
		// created container does not wait with more than it will have.
		{"process", (*stage).privilegedAttributes},
		// As the container's user would see it: PATH, permissions.
		{"process", (*stage).findProgram},
		// The filter may still have been compiling until now.
		{"seccomp", (*stage).receiveSeccomp},
		// The container is created. Nothing below runs before `start`.
		{"start", (*stage).waitForStart},
		{"hooks", (*stage).startContainerHooks},
		// The last privileges go, the filter is loaded, execve. Nothing may
		// stand behind it.
		{"exec", (*stage).becomeProgram},
	}
}

func (s *stage) receive() error {
	payload, fds, err := s.conn.Expect(wire.Plan)
	if err != nil {
		return fault.New("init", "", "receive the plan", err)
	}
	s.fds = fds
	s.plan = new(plan.Plan)
	if err := plan.Unmarshal(payload, s.plan); err != nil {
		return fault.New("init", "", "decode the plan", err)
	}
	return nil
}

// fd returns the received fd of an index of the plan, or plan.None.
func (s *stage) fd(index int) int {
	if index < 0 || index >= len(s.fds) {
		return plan.None
	}
	return s.fds[index]
}

func (s *stage) prepareRootfs() (err error) {
	if s.plan.Rootfs == nil {
		return nil
	}
	s.root, err = rootfs.Prepare(s.plan.Rootfs, s.fds)
	return err
}

func (s *stage) barrier() error {
	if !s.plan.RuntimeHooks {
		return nil
	}
	return s.meet()
}

// meet stops until the parent says go.
func (s *stage) meet() error {
	if err := s.conn.Send(wire.Barrier, nil, nil); err != nil {
		return err
	}
	_, _, err := s.conn.Expect(wire.Go)
	return err
}

func (s *stage) createContainerHooks() error {
	dir := s.plan.Bundle
	if s.root != nil {
		// The container's root, where it lies at this moment.
		dir = "/proc/self/fd/" + strconv.Itoa(s.root.Fd())
	}
	return hook.Run(context.Background(), "createContainer", s.plan.CreateContainer, dir, s.plan.CreateState, s.hookOutput())
}

func (s *stage) pivot() error {
	if s.root == nil {
		return nil
	}
	return s.root.Pivot()
}

func (s *stage) finishRootfs() error {
	if s.root == nil {
		return nil
	}
	if len(s.plan.Process.Args) > 0 { // the read-only root comes after it
		if err := rootfs.MakeCwd(s.plan.Process.Cwd); err != nil {
			return err
		}
	}
	return s.root.Finish()
}

func (s *stage) receiveSeccomp() error {
	if !s.plan.SeccompFollows {
		return nil
	}
	payload, fds, err := s.conn.Expect(wire.Seccomp)
	if err != nil {
		return err
	}
	s.seccomp = new(plan.Seccomp)
	if err := plan.Unmarshal(payload, s.seccomp); err != nil {
		return err
	}
	if s.seccomp.NotifyFd != plan.None {
		if len(fds) != 1 {
			return fmt.Errorf("%d fds with the filter", len(fds))
		}
		s.seccomp.NotifyFd = fds[0]
	}
	return nil
}

// waitForStart reports that the container is created and waits: for one
// message of the parent in `run`, else for a `start` that connects to the
// container's socket. What comes next is reported to whoever started it.
func (s *stage) waitForStart() error {
	if err := s.conn.Send(wire.Ready, nil, nil); err != nil {
		return err
	}
	kind, _, _, err := s.conn.Recv()
	if err != nil {
		return err // the parent died before it recorded the container
	}
	if kind == wire.Start {
		return nil
	}
	listener := s.fd(s.plan.ListenFd)
	s.conn.Close()
	for {
		fd, err := sys.Accept(listener)
		if err != nil {
			return err
		}
		s.conn = wire.Conn{Fd: fd}
		// Whoever only looked whether we are here closes again; whoever
		// hangs must not keep others out.
		if err := sys.LimitWait(fd, callerDeadline); err != nil {
			return err
		}
		if kind, _, _, err := s.conn.Recv(); err == nil && kind == wire.Start {
			sys.Close(listener)
			return nil
		}
		s.conn.Close()
	}
}

// callerDeadline is how long who has connected may take to say "start".
const callerDeadline = 10 * time.Second

// hookOutput are the files that the parent has opened for the hooks' output.
func (s *stage) hookOutput() (out hook.Output) {
	if fd := s.fd(s.plan.HookStdout); fd != plan.None {
		out.Stdout = os.NewFile(uintptr(fd), "stdout")
	}
	if fd := s.fd(s.plan.HookStderr); fd != plan.None {
		out.Stderr = os.NewFile(uintptr(fd), "stderr")
	}
	return out
}

// startContainerHooks runs programs of the container, with its program's
// environment where they name none of their own.
func (s *stage) startContainerHooks() error {
	if len(s.plan.StartContainer) == 0 {
		return nil
	}
	if err := s.filterHooks(); err != nil {
		return err
	}
	for i := range s.plan.StartContainer {
		if h := &s.plan.StartContainer[i]; h.Env == nil {
			h.Env = s.plan.Process.Env
		}
	}
	return hook.Run(context.Background(), "startContainer", s.plan.StartContainer, "", s.plan.StartState, s.hookOutput())
}
