// Package state keeps what rt knows of its containers on disk: below the
// state root one directory per id, in it the record state.json and whatever
// else a running container needs (its start socket). It decides nothing about
// containers; it stores, locks, and tells whose process a pid is.
//
// # What a crash leaves
//
// A directory without a readable record belongs to a create that was killed:
// [Store.Read] answers ErrBroken for it and [Dir.Remove] takes it away. A
// record is replaced by rename, so a reader sees the old or the new one.
//
// There is no fsync. The state root is meant to be below /run, where fsync
// does nothing and nothing survives a reboot; on a disk it costs 0.4 ms a save
// (measured on ext4) to protect records whose processes die in the same
// power cut. A record that a power cut has emptied is a broken one, see above.
//
// # Locks
//
// The lock of a container is flock(2) on its directory: it ends with the
// process that holds it, however that dies. Commands that change a container
// hold it ([Store.Reserve], [Store.Open]); [Store.Read] and [Store.List] do
// not, so that a hook may ask for the state of the container it runs for.
package state

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// CacheDir is the name of a directory below the state root for compiled
// seccomp filters. No id can be equal to it.
const CacheDir = "@seccomp"

// lockWait is how long a command waits for another one to be done with the
// container: longer than create takes, shorter than a client's patience.
const lockWait = 10 * time.Second

// ErrBroken answers for a container directory that holds no usable record.
var ErrBroken = errors.New("broken state directory")

// ErrForeign answers for a directory in the place of a container's that rt has
// not made. Nobody removes it.
var ErrForeign = errors.New("is not a container's")

// ErrCreating answers Read for a container that another rt is creating.
var ErrCreating = errors.New("container is being created")

// errNotDir answers for a file in the state root that has an id's name.
var errNotDir = errors.New("not a directory")

// Store is an open state root.
type Store struct {
	fd   int // or missing
	path string
	// own: nobody but those we trust can put anything into the root.
	own bool
}

// missing is the fd of a root that is not there.
const missing = -1

// Open opens the state root. With create it is made, with its parents, mode
// 0700; without, a missing root is a store without containers, which only List
// complains about. A root that other users may write to is refused: they could
// name any process as a container's.
func Open(root string, create bool) (*Store, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, fault.New("state root", root, "", err)
	}
	// The root itself may be a symbolic link; it is the caller's own choice.
	open := func() (int, error) { return sys.OpenFileAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0) }
	fd, err := open()
	if create && errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, noRoot("", "", err)
		}
		fd, err = open()
	}
	if !create && errors.Is(err, unix.ENOENT) {
		return &Store{fd: missing, path: path}, nil
	}
	if err != nil {
		return nil, noRoot(path, "open", err)
	}
	s := &Store{fd: fd, path: path}
	if err := s.check(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func noRoot(object, op string, err error) error {
	e := fault.New("state root", object, op, err)
	if errors.Is(err, unix.EACCES) && os.Geteuid() != 0 {
		e.Hint = "a user other than root sets XDG_RUNTIME_DIR or --root to a directory of their own"
	}
	return e
}

func (s *Store) check() error {
	st, err := sys.Fstat(s.fd)
	if err != nil {
		return fault.New("state root", s.path, "stat", err)
	}
	if !trusted(st.Uid) {
		return fault.New("state root", s.path, "", unix.EPERM).
			WithHint("it belongs to another user; choose another --root")
	}
	if st.Mode&unix.S_IWOTH != 0 && st.Mode&unix.S_ISVTX == 0 {
		return fault.New("state root", s.path, "", unix.EPERM).
			WithHint("every user may write to it; chmod o-w it or choose another --root")
	}
	s.own = st.Mode&(unix.S_IWGRP|unix.S_IWOTH) == 0
	return nil
}

// trusted says whether files of this owner can be believed: our own and root's.
func trusted(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// Close closes the root. Dirs that were opened from it stay valid.
func (s *Store) Close() {
	if s.fd != missing {
		sys.Close(s.fd)
		s.fd = missing
	}
}

// Path is the absolute path of the root.
func (s *Store) Path() string { return s.path }

// Reserve makes the directory of a new container and returns it locked. Of
// two callers one wins; the other gets fault.ErrExist and has changed nothing.
func (s *Store) Reserve(id string) (*Dir, error) {
	if err := ValidID(id); err != nil {
		return nil, err
	}
	// A second round is due when `delete --force` took the new directory
	// for a dead one in the moment before it was locked.
	for range 3 {
		err := sys.MakeDirAt(s.fd, id, 0o700)
		if errors.Is(err, unix.EEXIST) {
			return nil, s.taken(id)
		}
		if err != nil {
			return nil, fault.New("state", id, "mkdir", err)
		}
		d, err := s.lock(id)
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, fault.ErrNotExist) {
			_ = sys.RemoveDirAt(s.fd, id) // it is empty, or somebody else's by now
			return nil, err
		}
	}
	return nil, fault.New("state", id, "lock", unix.EBUSY)
}

// taken is the answer to a second create of an id.
func (s *Store) taken(id string) error {
	e := fault.New("", id, "", fault.ErrExist)
	if _, err := s.Read(id); errors.Is(err, ErrBroken) {
		return e.WithHint("a create was killed half-way: rt delete --force " + id)
	}
	return e.WithHint("rt delete it first, or choose another id")
}

// Open opens and locks an existing container's directory. Errors:
// fault.ErrNotExist, fault.ErrInvalidID, or the lock cannot be had in time.
func (s *Store) Open(id string) (*Dir, error) {
	if err := ValidID(id); err != nil {
		return nil, err
	}
	return s.lock(id)
}

// lock opens the directory, waits for its lock and makes sure that it is
// still the one that has this name.
func (s *Store) lock(id string) (*Dir, error) {
	fd, err := s.openDir(id)
	if err != nil {
		return nil, err
	}
	if err := flockWithin(fd, lockWait); err != nil {
		e := fault.New("state", id, "lock", err)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			e.Hint = "another rt command is at work on this container"
		}
		return nil, e
	}
	same, err := s.holds(id, fd)
	if err != nil || !same {
		sys.Close(fd)
		if err == nil {
			err = notExist(id)
		}
		return nil, err
	}
	return &Dir{fd: fd, id: id, path: s.path + "/" + id}, nil
}

// openDir opens the directory of id unlocked and checks whose it is.
func (s *Store) openDir(id string) (int, error) {
	if s.fd == missing {
		return -1, notExist(id)
	}
	fd, err := sys.OpenDirAt(s.fd, id)
	switch {
	case errors.Is(err, unix.ENOENT):
		return -1, notExist(id)
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return -1, broken(id, errNotDir)
	case err != nil:
		return -1, fault.New("state", id, "open", err)
	}
	st, err := sys.Fstat(fd)
	if err == nil && !trusted(st.Uid) {
		err = unix.EPERM
	}
	if err != nil {
		sys.Close(fd)
		return -1, fault.New("state", id, "open", err)
	}
	return fd, nil
}

// holds says whether id still names the directory fd.
func (s *Store) holds(id string, fd int) (bool, error) {
	here, err := sys.Fstat(fd)
	if err != nil {
		return false, fault.New("state", id, "stat", err)
	}
	there, err := sys.Lstat(s.fd, id)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fault.New("state", id, "stat", err)
	}
	return here.Dev == there.Dev && here.Ino == there.Ino, nil
}

// flockWithin takes the exclusive lock of fd. When it fails fd is, or will
// be, closed: a flock that blocks cannot be called off, only left behind.
func flockWithin(fd int, limit time.Duration) error {
	err := sys.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		sys.Close(fd)
		return err
	}
	done := make(chan error)
	late := make(chan struct{})
	go func() {
		err := sys.Flock(fd, unix.LOCK_EX)
		select {
		case done <- err:
		case <-late:
			sys.Close(fd)
		}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			sys.Close(fd)
		}
		return err
	case <-timer.C:
		close(late)
		return os.ErrDeadlineExceeded
	}
}

// Read returns the record of id without taking its lock. Errors:
// fault.ErrNotExist, fault.ErrInvalidID, ErrBroken, ErrCreating.
func (s *Store) Read(id string) (*Record, error) {
	if err := ValidID(id); err != nil {
		return nil, err
	}
	if r := s.readAtOnce(id); r != nil {
		return r, nil
	}
	fd, err := s.openDir(id)
	if err != nil {
		return nil, err
	}
	defer sys.Close(fd)
	record, err := load(fd, id)
	if !errors.Is(err, ErrBroken) {
		return record, err
	}
	// No record: somebody is at it, or was killed at it.
	lockErr := sys.Flock(fd, unix.LOCK_SH|unix.LOCK_NB)
	if !errors.Is(lockErr, unix.EWOULDBLOCK) {
		// Its creator may have finished between the two looks.
		return load(fd, id)
	}
	return nil, fault.New("state", id, "", ErrCreating)
}

// usual is more than most records take.
const usual = 4096

var rooms = sync.Pool{New: func() any { return new([usual]byte) }}

// readAtOnce reads a good record with four system calls instead of seven, where
// nobody can exchange the directory meanwhile: list has thousands. With nil,
// Read finds out why.
func (s *Store) readAtOnce(id string) *Record {
	if !s.own || s.fd == missing {
		return nil
	}
	if st, err := sys.Lstat(s.fd, id); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR || !trusted(st.Uid) {
		return nil
	}
	room := rooms.Get().(*[usual]byte)
	defer rooms.Put(room)
	n, err := sys.ReadOnce(s.fd, id+"/"+recordName, room[:])
	if err != nil || n == len(room) { // it may be longer
		return nil
	}
	r, err := decode(slices.Clone(room[:n]), id) // which keeps parts of it
	if err != nil {
		return nil
	}
	return r
}

// ReadConfig returns what SaveConfig has kept of the container, without taking
// its lock. Errors: fault.ErrNotExist, fault.ErrInvalidID.
func (s *Store) ReadConfig(id string) ([]byte, error) {
	if err := ValidID(id); err != nil {
		return nil, err
	}
	fd, err := s.openDir(id)
	if err != nil {
		return nil, err
	}
	defer sys.Close(fd)
	data, err := sys.ReadSmall(fd, configName, maxRecord)
	if err != nil {
		return nil, fault.New("state", id, "read "+configName, err)
	}
	return data, nil
}

// List returns the ids below the root, sorted, broken ones included: the
// names of directories that are valid ids. For a missing root the error is
// fs.ErrNotExist.
func (s *Store) List() ([]string, error) {
	if s.fd == missing {
		return nil, fault.New("state root", s.path, "open", unix.ENOENT)
	}
	names, err := sys.ReadDirs(s.fd)
	if err != nil {
		return nil, fault.New("state root", s.path, "read", err)
	}
	ids := slices.DeleteFunc(names, func(name string) bool { return ValidID(name) != nil })
	slices.Sort(ids)
	return ids, nil
}

func notExist(id string) error { return fault.New("", id, "", fault.ErrNotExist) }

// broken says what is wrong with the directory of id, and how to be rid of it.
func broken(id string, why error) error {
	return fault.New("state", id, "", brokenError{why}).WithHint("rt delete --force " + id)
}

// brokenError is ErrBroken with its reason.
type brokenError struct{ why error }

func (e brokenError) Error() string   { return ErrBroken.Error() + ": " + e.why.Error() }
func (e brokenError) Unwrap() []error { return []error{ErrBroken, e.why} }
