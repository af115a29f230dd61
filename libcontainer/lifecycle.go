package libcontainer

// lifecycle.go: what the commands do to a container after its creation.

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rt/libcontainer/fault"
	"rt/libcontainer/planner"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
)

// State returns the container's state. Errors: fault.ErrNotExist.
func (r *Runtime) State(id string) (*State, error) {
	c, err := r.read(id)
	if errors.Is(err, state.ErrCreating) {
		return &State{ID: id, Status: Creating}, nil
	}
	if err != nil {
		return nil, err
	}
	return c.state()
}

// List returns the state of every container below the root, sorted by id, and
// an error for each broken one, naming it. err says that the root itself could
// not be read; a missing one is fs.ErrNotExist.
func (r *Runtime) List() (list []*State, broken []error, err error) {
	store, err := state.Open(r.opts.Root, false)
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	ids, err := store.List()
	if err != nil {
		return nil, nil, err
	}
	all := make([]struct {
		state *State
		err   error
	}, len(ids))
	abreast(len(ids), func(i int) {
		c, err := r.readFrom(store, ids[i])
		if err == nil {
			all[i].state, err = c.state()
		}
		all[i].err = err
	})
	for _, c := range all {
		switch {
		case c.err == nil:
			list = append(list, c.state)
		case errors.Is(c.err, fault.ErrNotExist), errors.Is(c.err, state.ErrCreating): // they come or go
		default:
			broken = append(broken, c.err)
		}
	}
	return list, broken, nil
}

// abreast calls do for 0 to n-1, where there are many on several processors.
func abreast(n int, do func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n/32+1) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wait.Wait()
}

// Start lets a created container's process begin. It returns when the program
// runs and the poststart hooks are done. Errors: what kept the program from
// being executed; the container is stopped then.
func (r *Runtime) Start(id string) error {
	c, err := r.load(id)
	if err != nil {
		return err
	}
	defer c.dir.Close()
	status, err := c.status()
	if err != nil {
		return err
	}
	switch status {
	case Created:
	case Stopped, Creating:
		return fault.New("", id, "", errors.New("cannot start a container that has stopped"))
	case Paused:
		return fault.New("", id, "", errors.New("cannot start a container in the paused state")).WithHint("rt resume it first")
	default:
		return fault.New("", id, "", errors.New("cannot start an already running container"))
	}
	fd, err := c.connect(true)
	if err != nil {
		e := fault.New("start", startSocket, "connect", err)
		if errors.Is(err, syscall.EAGAIN) {
			e.Hint = "init does not answer: is it stopped or frozen?"
		}
		return e
	}
	conn := wire.Conn{Fd: fd}
	defer conn.Close()
	if err := c.start(context.Background(), conn); err != nil {
		c.untilReaped()
		return err
	}
	return c.waitReady()
}

// reapTime is how long a failed start waits for init's parent.
const reapTime = 2 * time.Second

// untilReaped waits until the init of a start that failed is dead and its
// parent has taken its status. A client that is told of the failure asks its
// shim next, and containerd does not remove a task that the shim has as created
// still: the shim and the cgroup would stay for ever.
func (c *container) untilReaped() {
	for end := time.Now().Add(reapTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if p, err := state.Identify(c.rec.Init.Pid); err != nil || p.Start != c.rec.Init.Start {
			return
		}
	}
}

// waitReady waits, without the lock, until a service that can notify is up.
func (c *container) waitReady() error {
	if c.notify == nil {
		return nil
	}
	c.dir.Close()
	pidfd, err := openProcess(c.rec.Init)
	if errors.Is(err, fault.ErrNotRunning) {
		return nil // it was quick
	}
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	c.notify.untilReady(pidfd)
	return nil
}

// start releases init and runs what comes after. Whoever ends ctx kills init too.
func (c *container) start(ctx context.Context, conn wire.Conn) error {
	if c.rec.NoProcess {
		// Like any other container whose program cannot be executed, it
		// has stopped when start returns.
		if err := killProcess(c.rec.Init, c.thaw); err != nil {
			return err
		}
		return fault.New("start", "process", "", errors.New("not set in the bundle's config.json")).
			WithHint("a container without a process can be created and deleted, not started")
	}
	var err error
	if c.notify, err = c.listenNotify(); err != nil {
		return err
	}
	if err := conn.Send(wire.Start, nil, nil); err != nil {
		return fault.New("start", "", "tell init", err)
	}
	if err := report(conn); err != nil {
		c.stopped(conn)
		// A container whose hook failed is destroyed (runtime-spec
		// runtime.md, "Lifecycle", step 7).
		var e *fault.Error
		if errors.As(err, &e) && strings.HasPrefix(e.Step, "error running startContainer hook") {
			c.cleanUp()
		}
		return err
	}
	c.rt.log.Debug("container started", "id", c.rec.ID, "pid", c.rec.Init.Pid)
	if !c.rec.Started {
		c.rec.Started = true
		// It spares others a question, and the program runs by now.
		if err := c.dir.Save(c.rec); err != nil {
			c.rt.log.Warn(err.Error())
		}
	}
	return c.poststart(ctx)
}

// endTime is how long an init that has failed may take to end by itself.
const endTime = time.Second

// stopped sees to it that an init that has said why it cannot go on has ended
// when start returns.
func (c *container) stopped(conn wire.Conn) {
	_ = sys.Shutdown(conn.Fd) // it waits for us to have seen enough
	pidfd, err := openProcess(c.rec.Init)
	if err != nil {
		return
	}
	i, err := sys.Readable(endTime, pidfd)
	sys.Close(pidfd)
	if err != nil || i < 0 {
		err = killProcess(c.rec.Init, c.thaw)
	}
	if err != nil {
		c.rt.log.Warn(err.Error())
	}
}

// poststart runs the hooks; when one fails the container is stopped and
// destroyed (runtime-spec 1.3 runtime.md, "Lifecycle", step 10).
func (c *container) poststart(ctx context.Context) error {
	if c.rec.Hooks == nil || len(c.rec.Hooks.Poststart) == 0 {
		return nil
	}
	err := c.runHooks(ctx, "poststart", planner.Hooks(c.rec.Hooks.Poststart), Running, c.rec.Init.Pid)
	if err == nil {
		return nil
	}
	c.cleanUp()
	return err
}

// Delete removes a stopped (or created) container. With force it is killed
// first, and whatever a killed rt has left behind is removed too, and so is one
// whose record cannot be used, with the process and the cgroup that it still
// names. Errors: fault.ErrRunning, fault.ErrNotExist (also with force: the caller decides).
func (r *Runtime) Delete(id string, force bool) error {
	dir, err := r.lock(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	rec, err := dir.Load()
	if errors.Is(err, state.ErrBroken) && force {
		rec, err = dir.Salvage(), nil
	}
	if err != nil {
		return err
	}
	c, err := r.container(rec, dir.Path())
	if err != nil && force {
		r.log.Warn("its cgroups, if there are any, stay: " + err.Error())
		rec.Cgroup = nil
		c, err = r.container(rec, dir.Path())
	}
	if err != nil {
		return err
	}
	c.dir = dir
	if !force {
		status, err := c.status()
		if err != nil {
			return err
		}
		switch status {
		case Stopped, Created, Creating:
		case Paused:
			return fault.New("", id, "", fault.ErrRunning).WithHint("it is paused: rt resume it, or use --force")
		default:
			return fault.New("", id, "", fault.ErrRunning).WithHint("rt kill it first, or use --force")
		}
	}
	return c.destroy()
}
