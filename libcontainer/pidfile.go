package libcontainer

// pidfile.go writes the file of --pid-file.

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// pidFile replaces the file in one step: who sees it, sees a whole pid. What it
// takes to make it is known beforehand.
type pidFile struct {
	path, temp string
	fd         int // not an os.File, which would start Go's poller
}

// newPidFile makes the temporary file, always a new one: what somebody may have
// put in its place is removed, never written to.
func newPidFile(path string) (*pidFile, error) {
	p := &pidFile{path: path, temp: filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")}
	open := func() (int, error) {
		return sys.OpenFileAt(unix.AT_FDCWD, p.temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o644)
	}
	var err error
	p.fd, err = open()
	if errors.Is(err, unix.EEXIST) {
		if err = os.Remove(p.temp); err == nil {
			p.fd, err = open()
		}
	}
	if err != nil {
		return nil, p.fail(err)
	}
	return p, nil
}

func (p *pidFile) fail(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fault.New("pid file", "--pid-file", p.path, err)
}

func (p *pidFile) write(pid int) error {
	err := sys.WriteAll(p.fd, []byte(strconv.Itoa(pid)))
	sys.Close(p.fd)
	p.fd = plan.None
	if err == nil {
		err = os.Rename(p.temp, p.path)
	}
	if err != nil {
		_ = os.Remove(p.temp)
		return p.fail(err)
	}
	return nil
}

// drop gives up what has not been written.
func (p *pidFile) drop() {
	if p.fd != plan.None {
		sys.Close(p.fd)
		_ = os.Remove(p.temp)
	}
}

func writePidFile(path string, pid int) error {
	p, err := newPidFile(path)
	if err != nil {
		return err
	}
	return p.write(pid)
}
