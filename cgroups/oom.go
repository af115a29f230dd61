package cgroups

// Telling of the OOM killer. v1 signals an eventfd
// (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control"); v2 makes
// memory.events ready for POLLPRI, which an epoll descriptor turns into being
// readable. So both can be waited for together with other descriptors.

import (
	"encoding/binary"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// OOMWatch tells when processes of a container are killed for want of memory.
// It is not safe for concurrent use. A nil watch is a good one that never has
// anything to tell.
type OOMWatch struct {
	wake    int    // readable when there is something to look at; -1: never again
	events  int    // v2: memory.events; -1 on v1
	control string // v1: the file that is gone when the cgroup is
	kills   uint64 // v2: seen so far
}

// WatchOOM begins to watch. ErrUnavailable: nobody accounts the container's
// memory. The caller closes the watch.
func (m *manager) WatchOOM() (*OOMWatch, error) {
	g := m.v1Group("memory")
	watch := watchV1
	if g == nil {
		g, watch = m.v2Group(), watchV2
	}
	var w *OOMWatch
	err := error(unix.ENOENT)
	if g != nil {
		w, err = watch(g.dir)
	}
	switch {
	case g == nil, err == unix.ENOENT:
		return nil, fault.New(step, "controller memory", "watch for OOM", ErrUnavailable)
	case err != nil:
		return nil, fault.New(step, g.dir, "watch for OOM", err)
	}
	return w, nil
}

func watchV1(dir string) (*OOMWatch, error) {
	oom, err := open(path.Join(dir, "memory.oom_control"), unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	// Once registered, the kernel holds what it needs of it.
	defer unix.Close(oom)
	w := &OOMWatch{events: -1, control: path.Join(dir, "cgroup.event_control")}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, err
	}
	if err := writeFile(w.control, strconv.Itoa(w.wake)+" "+strconv.Itoa(oom)); err != nil {
		unix.Close(w.wake)
		return nil, err
	}
	return w, nil
}

func watchV2(dir string) (*OOMWatch, error) {
	w := &OOMWatch{wake: -1}
	var err error
	if w.events, err = open(path.Join(dir, "memory.events"), unix.O_RDONLY); err != nil {
		return nil, err
	}
	if w.kills, err = w.count(); err == nil {
		w.wake, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	}
	if err == nil {
		err = unix.EpollCtl(w.wake, unix.EPOLL_CTL_ADD, w.events, &unix.EpollEvent{Events: unix.EPOLLPRI})
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// count reads v2's counter, which has the sub-cgroups in it. The read also makes
// the file quiet until it changes again.
func (w *OOMWatch) count() (uint64, error) {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Pread(w.events, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		kills, _ := keyed(string(buf[:n]), "oom_kill")
		return kills, nil
	}
}

// Fd becomes readable when Happened should be asked. It is -1, which poll(2)
// passes over, once the cgroup is gone.
func (w *OOMWatch) Fd() int {
	if w == nil {
		return -1
	}
	return w.wake
}

// Happened says whether there was an OOM kill since it was last asked. It does
// not wait.
func (w *OOMWatch) Happened() bool {
	switch {
	case w.Fd() < 0:
		return false
	case w.events < 0:
		return w.happenedV1()
	}
	kills, err := w.count()
	if err != nil { // ENODEV: removed, and ready for ever
		w.Close()
		return false
	}
	more := kills > w.kills
	w.kills = kills
	return more
}

// happenedV1: the removal of the cgroup signals the eventfd too.
func (w *OOMWatch) happenedV1() bool {
	var buf [8]byte
	if n, err := unix.Read(w.wake, buf[:]); err != nil || n != len(buf) || binary.NativeEndian.Uint64(buf[:]) == 0 {
		return false
	}
	if unix.Access(w.control, unix.F_OK) != nil {
		w.Close()
		return false
	}
	return true
}

// Close ends the watch. It may be called twice.
func (w *OOMWatch) Close() {
	if w == nil {
		return
	}
	for _, fd := range []*int{&w.wake, &w.events} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}
