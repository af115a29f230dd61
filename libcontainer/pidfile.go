package libcontainer

// pidfile.go writes the file of --pid-file.

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"rt/libcontainer/fault"
)

// pidFile replaces the file in one step: who sees it, sees a whole pid. What it
// takes to make it is known beforehand.
type pidFile struct {
	path, temp string
	file       *os.File
}

// newPidFile makes the temporary file, always a new one: what somebody may have
// put in its place is removed, never written to.
func newPidFile(path string) (*pidFile, error) {
	p := &pidFile{path: path, temp: filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")}
	open := func() (*os.File, error) {
		return os.OpenFile(p.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o644)
	}
	var err error
	p.file, err = open()
	if errors.Is(err, os.ErrExist) {
		if err = os.Remove(p.temp); err == nil {
			p.file, err = open()
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
	_, err := p.file.WriteString(strconv.Itoa(pid))
	if cerr := p.file.Close(); err == nil {
		err = cerr
	}
	p.file = nil
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
	if p != nil && p.file != nil {
		p.file.Close()
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
