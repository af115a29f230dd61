package fault

import "errors"

// The texts below are API: Docker, containerd, Podman and go-runc match on
// them. They are runc's. TestAPITexts pins them.
var (
	// ErrNotExist answers every command on an unknown container id.
	ErrNotExist = errors.New("container does not exist")
	// ErrExist answers create and run for an id that is taken.
	ErrExist = errors.New("container with given ID already exists")
	// ErrNotRunning answers kill (and others) on a stopped container.
	ErrNotRunning = errors.New("container not running")
	// ErrRunning answers delete of a running container without --force.
	ErrRunning = errors.New("container still running")
	// ErrPaused answers exec into a paused container.
	ErrPaused = errors.New("cannot exec in a paused container")
	// ErrNotPaused answers resume of a container that is not paused.
	ErrNotPaused = errors.New("container not paused")
	// ErrInvalidID answers an id that cannot be a container's name.
	ErrInvalidID = errors.New("invalid container ID format")
	// ErrNotFoundInPath answers a program that is in no directory of $PATH.
	ErrNotFoundInPath = errors.New("executable file not found in $PATH")
	// ErrProcessDone answers a signal to a process that is gone.
	ErrProcessDone = errors.New("os: process already finished")
)
