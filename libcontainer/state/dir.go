package state

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

const (
	recordName = "state.json"
	tempName   = "state.json.new"
	// configName is the configuration that the container was created with:
	// the bundle's may change or go while the container runs.
	configName = "config.json"
	// StartSocket is the file on which a created init listens for start.
	StartSocket = "start.sock"
	// NotifyDir has the socket that the container's notifications come by.
	NotifyDir = "notify"
)

// Dir is one container's directory, locked. Close it.
type Dir struct {
	fd   int
	id   string
	path string
}

// Path is the directory's path: absolute, for messages and other programs.
func (d *Dir) Path() string { return d.path }

// SocketPath is a path of the file name in the directory that leads over its
// fd: it names this directory whatever happens to the root, and fits into the
// 108 bytes of a unix socket's address however long root and id are (unix(7)).
// It is good in this process and as long as the Dir is open.
func (d *Dir) SocketPath(name string) string {
	return "/proc/self/fd/" + strconv.Itoa(d.fd) + "/" + name
}

// Close ends the lock. It is no error to close after Remove, or twice.
func (d *Dir) Close() {
	if d.fd >= 0 {
		sys.Close(d.fd)
		d.fd = -1
	}
}

// Save replaces the record. After an error the old one stands.
func (d *Dir) Save(r *Record) error {
	data, err := r.encode(d.id)
	if err != nil {
		return fault.New("state", d.id, "encode", err)
	}
	if err := d.write(data); err != nil {
		_ = sys.RemoveFileAt(d.fd, tempName)
		return err
	}
	return nil
}

func (d *Dir) write(data []byte) error {
	// A temp file of a killed writer is in the way of nobody: O_TRUNC.
	fd, err := sys.OpenFileAt(d.fd, tempName, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fault.New("state", d.id, "open "+tempName, err)
	}
	err = sys.WriteAll(fd, data)
	sys.Close(fd)
	if err != nil {
		return fault.New("state", d.id, "write "+tempName, err)
	}
	if err := sys.RenameAt(d.fd, tempName, recordName); err != nil {
		return fault.New("state", d.id, "rename "+tempName, err)
	}
	return nil
}

// SaveConfig keeps the configuration, byte by byte. It is written once.
func (d *Dir) SaveConfig(data []byte) error {
	fd, err := sys.OpenFileAt(d.fd, configName, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fault.New("state", d.id, "open "+configName, err)
	}
	err = sys.WriteAll(fd, data)
	sys.Close(fd)
	if err != nil {
		return fault.New("state", d.id, "write "+configName, err)
	}
	return nil
}

// Load reads the record. A missing or unreadable one is ErrBroken, and a
// directory that is none of rt's ErrForeign.
func (d *Dir) Load() (*Record, error) { return load(d.fd, d.id) }

func load(dir int, id string) (*Record, error) {
	data, err := sys.ReadSmall(dir, recordName, maxRecord)
	switch {
	case errors.Is(err, unix.ENOENT):
		if name := foreign(dir); name != "" {
			return nil, fault.New("state", id, "", fmt.Errorf("%w: there is no %s in the directory, but %s", ErrForeign, recordName, name)).
				WithHint("move it away, or name another --root")
		}
		return nil, broken(id, errNoRecord)
	case errors.Is(err, unix.EFBIG), errors.Is(err, unix.ELOOP), errors.Is(err, unix.EISDIR):
		return nil, broken(id, err)
	case err != nil:
		return nil, fault.New("state", id, "read "+recordName, err)
	}
	r, err := decode(data, id)
	if err != nil {
		return nil, broken(id, err)
	}
	return r, nil
}

// foreign is a name in a directory that rt has not made, or "". Only what has no
// record is asked: with one it is a container's, whatever somebody has put there.
func foreign(dir int) string {
	names, err := sys.ReadNames(dir)
	if err != nil {
		return ""
	}
	for _, name := range names {
		switch name {
		case tempName, configName, StartSocket, NotifyDir:
		default:
			return name
		}
	}
	return ""
}

// Salvage returns as much as can be believed of a record that Load calls broken
// (one of another rt, a damaged one): Init and Cgroup, or neither. Init still
// has to be compared with who runs, see [Process.Alive].
func (d *Dir) Salvage() *Record {
	data, err := sys.ReadSmall(d.fd, recordName, maxRecord)
	if err != nil {
		return &Record{ID: d.id}
	}
	return salvage(data, d.id)
}

// Remove deletes the directory with all that is in it and ends the lock. What
// it cannot delete it names; the rest is gone and Remove can be tried again.
func (d *Dir) Remove() error {
	defer d.Close()
	if err := removeAll(d.fd); err != nil {
		return fault.New("state", d.id, "", err)
	}
	// The store may be closed already; ".." of the locked directory is the
	// root in every case.
	root, err := sys.OpenDirAt(d.fd, "..")
	if err != nil {
		return fault.New("state", d.id, "open ..", err)
	}
	defer sys.Close(root)
	err = sys.RemoveDirAt(root, d.id)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fault.New("state", d.id, "rmdir", err)
	}
	return nil
}

// removeAll empties the directory dir. The record goes last, so that a
// directory half removed is still a container that can be deleted.
func removeAll(dir int) error {
	names, err := sys.ReadNames(dir)
	if err != nil {
		return err
	}
	for _, name := range append(without(names, recordName), recordName) {
		if err := remove(dir, name); err != nil && !errors.Is(err, unix.ENOENT) {
			return fault.New("", name, "remove", err)
		}
	}
	return nil
}

func remove(dir int, name string) error {
	err := sys.RemoveFileAt(dir, name)
	if !errors.Is(err, unix.EISDIR) {
		return err
	}
	// A mount there is not rt's, nor is what lies on it.
	sub, err := sys.OpenDirHere(dir, name)
	if err != nil {
		return err
	}
	defer sys.Close(sub)
	if err := removeAll(sub); err != nil {
		return err
	}
	return sys.RemoveDirAt(dir, name)
}

// without returns names without one of them, in a slice of its own.
func without(names []string, not string) []string {
	kept := make([]string, 0, len(names)+1)
	for _, name := range names {
		if name != not {
			kept = append(kept, name)
		}
	}
	return kept
}
