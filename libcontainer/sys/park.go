package sys

// park.go: waiting for a process without a thread. Go's poller watches the
// pidfd, as it does sockets, and only a goroutine sleeps.

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// ReapParked is Reap for a process with many children. The pidfd stays the
// caller's to close.
func ReapParked(pidfd int) (syscall.WaitStatus, error) {
	if err := park(context.Background(), pidfd); err != nil {
		return 0, err
	}
	return Reap(pidfd)
}

// AwaitExit waits until the process behind pidfd has exited, or ctx ends with
// its error.
func AwaitExit(ctx context.Context, pidfd int) error {
	if ctx.Done() == nil {
		_, err := Readable(0, pidfd)
		return err
	}
	return park(ctx, pidfd)
}

func park(ctx context.Context, pidfd int) error {
	// Of its own: os.File closes what it is given.
	own, err := DupCloexec(pidfd)
	if err != nil {
		return err
	}
	// The flag is the open file's, so pidfd has it too: waitid(2) with one
	// answers EAGAIN where it would wait, which it need not behind park.
	if err := syscall.SetNonblock(own, true); err != nil {
		Close(own)
		return err
	}
	f := os.NewFile(uintptr(own), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var perr error
	err = conn.Read(func(fd uintptr) bool {
		var i int
		i, perr = Poll(int(fd))
		return perr != nil || i >= 0
	})
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return perr
}
