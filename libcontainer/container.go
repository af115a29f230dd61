package libcontainer

// container.go: a container that is recorded on disk, its status, and its end.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/user"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/hook"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
)

// The states of runtime-spec runtime.md, and runc's "paused".
const (
	Creating = "creating"
	Created  = "created"
	Running  = "running"
	Paused   = "paused"
	Stopped  = "stopped"
)

// container is one that exists on disk. dir is nil when it was only read.
type container struct {
	rt     *Runtime
	dir    *state.Dir
	rec    *state.Record
	cg     cgroups.Manager // nil when the record names none
	path   string          // of the container's directory
	notify *notifyProxy
	gone   bool // destroyed
}

// load locks and reads a container; the caller closes c.dir.
func (r *Runtime) load(id string) (*container, error) {
	dir, err := r.lock(id)
	if err != nil {
		return nil, err
	}
	rec, err := dir.Load()
	if err == nil {
		var c *container
		if c, err = r.container(rec, dir.Path()); err == nil {
			c.dir = dir
			return c, nil
		}
	}
	dir.Close()
	return nil, err
}

// lock locks a container's directory. A state root that is not there holds no
// container.
func (r *Runtime) lock(id string) (*state.Dir, error) {
	store, err := r.store(id)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return store.Open(id)
}

func (r *Runtime) store(id string) (*state.Store, error) {
	if err := state.ValidID(id); err != nil {
		return nil, err
	}
	return state.Open(r.opts.Root, false)
}

// read reads a container without its lock.
func (r *Runtime) read(id string) (*container, error) {
	store, err := r.store(id)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return r.readFrom(store, id)
}

func (r *Runtime) readFrom(store *state.Store, id string) (*container, error) {
	rec, err := store.Read(id)
	if err != nil {
		return nil, err
	}
	return r.container(rec, store.Path()+"/"+id)
}

func (r *Runtime) container(rec *state.Record, path string) (*container, error) {
	c := &container{rt: r, rec: rec, path: path}
	if len(rec.Cgroup) == 0 {
		return c, nil
	}
	var err error
	if c.cg, err = cgroups.LoadJSON(rec.Cgroup); err != nil {
		return nil, fault.New("state", rec.ID, "cgroup", err)
	}
	return c, nil
}

// status says what the container is doing now, from what the kernel knows. What
// it does not tell is an error: "stopped" may be answered by a delete.
func (c *container) status() (string, error) {
	if c.rec.Init.Pid == 0 {
		return Creating, nil
	}
	alive, err := c.rec.Init.Look()
	switch {
	case err != nil:
		return "", err
	case !alive:
		return Stopped, nil
	case !c.rec.Ready:
		return Creating, nil
	}
	if c.cg != nil {
		frozen, err := c.cg.Frozen()
		switch {
		case err != nil:
			return "", err
		case frozen:
			return Paused, nil
		}
	}
	waiting, err := c.waiting()
	switch {
	case err != nil:
		return "", err
	case waiting:
		return Created, nil
	}
	return Running, nil
}

// hasNotEnded is fault.ErrNotRunning for a container that is neither created, nor
// running, nor paused.
func (c *container) hasNotEnded() error {
	switch status, err := c.status(); {
	case err != nil:
		return err
	case status != Created && status != Running && status != Paused:
		return fault.New("", c.rec.ID, "", fault.ErrNotRunning)
	}
	return nil
}

// waiting says whether init still waits for start. The socket's file is there
// until start is done with it, but only a listener proves the wait: a start
// that was killed in between leaves the file.
func (c *container) waiting() (bool, error) {
	if c.rec.Started {
		return false, nil
	}
	fd, err := c.connect(false)
	switch {
	case err == nil:
		sys.Close(fd)
		return true, nil
	case errors.Is(err, unix.EAGAIN):
		return true, nil // others wait for an answer too: init is there, but stopped
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENOBUFS):
		return false, fault.New("state", startSocket, "connect", err)
	}
	return false, nil
}

// connect reaches the init that waits for start; with wait it waits for init to
// have an ear, at most some seconds. Where the socket's path is longer than
// unix(7) allows it leads over an fd of the directory.
func (c *container) connect(wait bool) (int, error) {
	path := c.path + "/" + startSocket
	if len(path) > sys.MaxSocketPath {
		dir, err := sys.OpenPath(c.path)
		if err != nil {
			return -1, err
		}
		defer sys.Close(dir)
		path = "/proc/self/fd/" + strconv.Itoa(dir) + "/" + startSocket
	}
	if !wait {
		return sys.ConnectWithin(path, 0)
	}
	return sys.ConnectWithin(path, startDeadline)
}

func (c *container) state() (*State, error) {
	status, err := c.status()
	if err != nil {
		return nil, err
	}
	s := &State{
		Version: c.rec.OCIVersion, ID: c.rec.ID, Status: status,
		Bundle: c.rec.Bundle, Rootfs: c.rec.Rootfs, Created: c.rec.Created,
		Annotations: c.rec.Annotations, Owner: ownerName(c.rec.Owner),
	}
	if s.Status != Stopped {
		s.Pid = c.rec.Init.Pid
	}
	return s, nil
}

func ownerName(uid int) string {
	if uid == 0 {
		return "root" // spares reading /etc/passwd
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}

// destroy ends what is left of the container and removes all that rt made for
// it: processes, cgroups, resctrl groups, state, in this order, so that a crash leaves the
// record to try again with. Then the poststop hooks run; their failures are
// warnings (runtime-spec runtime.md, "Lifecycle", step 13).
func (c *container) destroy() error {
	sharer, err := c.killAll()
	if err != nil {
		return err
	}
	if err := c.removeCgroup(sharer); err != nil {
		return err
	}
	if err := c.removeRdt(); err != nil {
		return err
	}
	if err := c.dir.Remove(); err != nil {
		return err
	}
	c.gone = true
	c.rt.children.forget(c.rec.Init)
	c.rt.log.Debug("container removed", "id", c.rec.ID)
	c.poststop()
	return nil
}

// removeCgroup removes what is left of the cgroup. A container with a pid
// namespace of its own has no process when its init is dead: whoever is still
// there is another container that was given the same cgroup, and keeps it; so
// does sharer, if there is one.
func (c *container) removeCgroup(sharer string) error {
	if c.cg == nil {
		return nil
	}
	if c.rec.PrivatePids && c.rec.Init.Pid != 0 {
		stay, err := c.othersStay()
		if err != nil {
			return err
		}
		if stay {
			c.rt.log.Warn("the cgroup of container " + c.rec.ID + " stays: others are in it")
			return nil
		}
	}
	if sharer != "" {
		c.rt.log.Warn("the cgroup of container " + c.rec.ID + " stays, and whoever of it still lives: container " + sharer + " is in it")
		return nil
	}
	err := c.cg.Remove(removeDeadline)
	c.rt.warn(c.cg.Warnings())
	if c.rec.Init.Pid == 0 {
		return nil
	}
	return err
}

// leaveTime is how long somebody may take who was on the way into the container
// when it ended: the joiner of an exec gives up as soon as it knows.
const leaveTime = time.Second

// othersStay says whether there are strangers in the cgroup who do not leave.
func (c *container) othersStay() (bool, error) {
	for end := time.Now().Add(leaveTime); ; time.Sleep(5 * time.Millisecond) {
		members, err := c.cg.Procs()
		if err != nil {
			return false, nil // nobody is removed with the cgroup
		}
		stay, err := c.strangers(members)
		if err != nil || !stay {
			return false, err
		}
		if time.Now().After(end) {
			return true, nil
		}
	}
}

// strangers says whether one of the processes is none of the container's: it is
// alive, and the container's are dead.
func (c *container) strangers(pids []int) (bool, error) {
	for _, pid := range pids {
		p, err := state.Identify(pid)
		switch {
		case errors.Is(err, unix.ESRCH):
			continue
		case err != nil:
			return false, fault.New("process", "", fmt.Sprintf("read /proc/%d/stat", pid), err)
		}
		if pid == c.rec.Init.Pid && p != c.rec.Init {
			return false, fault.New("delete", "pid "+strconv.Itoa(pid), "", errors.New("is in the container's cgroup and looks like its init, which began at another time")).
				WithHint("clocks differ in a time namespace: call rt in the one in which the container was created")
		}
		if p != c.rec.Init && p.Alive() {
			return true, nil
		}
	}
	return false, nil
}

// cleanUp is destroy on the way out with another error, which is the one to
// return: its own is logged.
func (c *container) cleanUp() {
	if err := c.destroy(); err != nil {
		c.rt.log.Warn("cleaning up: " + err.Error())
	}
}

// killAll ends init and with it its pid namespace. Without one of its own the
// other processes outlive init: then every process of the cgroup is killed,
// unless another container, sharer, is in it.
func (c *container) killAll() (sharer string, err error) {
	if c.rec.Init.Alive() {
		if err := killProcess(c.rec.Init, c.thaw); err != nil {
			return "", err
		}
	}
	if c.cg == nil || c.rec.PrivatePids {
		return "", nil
	}
	// Without a recorded init nobody of the container can be in the cgroup;
	// who is, was there before.
	if sharer = c.sharer(); sharer != "" || c.rec.Init.Pid == 0 {
		return sharer, nil
	}
	return "", c.cg.Kill(unix.SIGKILL)
}

// sharer is the id of another container that lives in the same cgroup, or "".
// Without a pid namespace the processes there do not tell whose they are, so
// all records are read; not where there are no processes.
func (c *container) sharer() string {
	if members, err := c.cg.Procs(); err == nil && len(members) == 0 {
		return ""
	}
	store, err := c.rt.store(c.rec.ID)
	if err != nil {
		return ""
	}
	defer store.Close()
	ids, err := store.List()
	if err != nil {
		return ""
	}
	paths := c.cg.Record().Paths
	for _, id := range ids {
		if id == c.rec.ID {
			continue
		}
		other, err := c.rt.readFrom(store, id)
		if err == nil && other.cg != nil && other.rec.Init.Alive() && maps.Equal(paths, other.cg.Record().Paths) {
			return id
		}
	}
	return ""
}

// thaw lets processes die that were killed: v1's freezer holds them, also in
// sub-cgroups that the container has frozen itself.
func (c *container) thaw() {
	if c.cg == nil {
		return
	}
	if err := c.cg.Thaw(); err != nil {
		c.rt.log.Warn("the container may be frozen, and its processes cannot die: " + err.Error())
	}
}

func (c *container) poststop() {
	if c.rec.Hooks == nil {
		return
	}
	// Each runs whatever became of the one before it.
	for _, h := range planner.Hooks(c.rec.Hooks.Poststop) {
		if err := c.runHooks(context.Background(), "poststop", []plan.Hook{h}, Stopped, 0); err != nil {
			c.rt.log.Warn(err.Error())
		}
	}
}

// runHooks runs hooks in the runtime's own namespaces.
func (c *container) runHooks(ctx context.Context, kind string, list []plan.Hook, status string, pid int) error {
	st, err := hookStateJSON(c.rec, status, pid)
	if err != nil {
		return err
	}
	return c.rt.runHooks(ctx, kind, list, c.rec.Bundle, st, c.rec.Annotations)
}

// runHooks runs hooks as children of the process. What rt's own caller has left
// open on exec must not reach them; a program that embeds rt opens its files
// close-on-exec, as Go does.
func (r *Runtime) runHooks(ctx context.Context, kind string, list []plan.Hook, dir string, state []byte, annotations map[string]string) error {
	if r.opts.Standalone && len(list) > 0 {
		if err := sys.CloseFrom(3); err != nil {
			return fault.New(kind+" hooks", "", "close_range", err)
		}
	}
	out, err := openHookOutput(annotations)
	if err != nil {
		return err
	}
	defer closeHookOutput(out)
	return hook.Run(ctx, kind, list, dir, state, out)
}

// report waits for the answer to a start: the end of the connection is
// success, init has become the program. That may take as long as it likes, but
// init must take the call in time.
func report(conn wire.Conn) error {
	for {
		i, err := sys.Readable(startDeadline, conn.Fd)
		if err != nil {
			return fault.New("start", "", "poll", err)
		}
		if i == 0 {
			break
		}
		if n, err := sys.Unread(conn.Fd); err == nil && n > 0 {
			return fault.New("start", "init", "", fmt.Errorf("does not take the call in %v", startDeadline)).
				WithHint("is it stopped or frozen? It has been killed")
		}
	}
	kind, payload, fds, err := conn.Recv()
	if err == nil && kind == wire.Refused {
		return explainRefusal(payload, fds)
	}
	sys.CloseAll(fds)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fault.New("start", "", "receive init's report", err)
	case kind == wire.Fault:
		return wire.DecodeFault(payload)
	}
	return fault.New("start", "", "", errors.New("unexpected "+kind.String()))
}
