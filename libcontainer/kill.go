package libcontainer

// kill.go: signals to exactly the process that is meant.

import (
	"errors"
	"slices"
	"strconv"
	"syscall"

	"rt/libcontainer/fault"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

// Kill sends sig to the container's init, or with all to every process in its
// cgroup. Errors: fault.ErrNotRunning, fault.ErrNotExist.
func (r *Runtime) Kill(id string, sig syscall.Signal, all bool) error {
	c, err := r.read(id)
	if err != nil {
		return err
	}
	alive := c.rec.Init.Alive()
	// Without a pid namespace of its own the container's other processes
	// outlive init: KILL must reach them too.
	group := all || (sig == sys.SIGKILL && !c.rec.PrivatePids)
	if group && c.cg != nil {
		members, err := c.cg.Procs()
		if err != nil {
			if sig == sys.SIGKILL && alive { // as much as can be done
				err = fault.Join(err, signalProcess(c.rec.Init, sig))
			}
			return err
		}
		if len(members) > 0 {
			err := c.cg.Kill(sig)
			if err == nil && alive && sig == sys.SIGKILL && !slices.Contains(members, c.rec.Init.Pid) { // it was moved
				err = signalProcess(c.rec.Init, sig)
				if errors.Is(err, fault.ErrNotRunning) {
					err = nil
				}
			}
			return err
		}
	}
	if !alive {
		if all {
			return nil
		}
		return fault.New("", id, "", fault.ErrNotRunning)
	}
	if err := signalProcess(c.rec.Init, sig); err != nil {
		return err
	}
	if sig == sys.SIGKILL {
		c.thaw()
	}
	return nil
}

// signalProcess signals exactly this process, never one that got its pid.
func signalProcess(p state.Process, sig syscall.Signal) error {
	pidfd, err := openProcess(p)
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	if err := sys.PidfdSignal(pidfd, sig); err != nil {
		if errors.Is(err, syscall.ESRCH) {
			err = fault.ErrNotRunning
		}
		return fault.New("kill", "pid "+strconv.Itoa(p.Pid), "", err)
	}
	return nil
}

// openProcess returns a pidfd of the process. The start time is compared after
// the fd is held: from then on the pid cannot change hands.
func openProcess(p state.Process) (int, error) {
	pidfd, err := sys.PidfdOpen(p.Pid)
	if err == nil {
		alive, lookErr := p.Look()
		if err = lookErr; err == nil && !alive {
			err = syscall.ESRCH
		}
		if err != nil {
			sys.Close(pidfd)
		}
	}
	if errors.Is(err, syscall.ESRCH) {
		err = fault.ErrNotRunning
	}
	if err != nil {
		return -1, fault.New("", "pid "+strconv.Itoa(p.Pid), "", err)
	}
	return pidfd, nil
}

// killProcess kills the process, thaws it, and waits until it is dead.
func killProcess(p state.Process, thaw func()) error {
	pidfd, err := openProcess(p)
	if errors.Is(err, fault.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	if err := sys.PidfdSignal(pidfd, sys.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fault.New("kill", "pid "+strconv.Itoa(p.Pid), "", err)
	}
	thaw()
	i, err := sys.Readable(removeDeadline, pidfd)
	if err == nil && i < 0 {
		err = errors.New("still alive 10s after SIGKILL")
		return fault.New("kill", "pid "+strconv.Itoa(p.Pid), "", err).
			WithHint("it hangs in the kernel: see /proc/" + strconv.Itoa(p.Pid) + "/wchan")
	}
	return err
}
