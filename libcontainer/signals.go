package libcontainer

// signals.go: signals on their way to a foreground process.

import (
	"context"
	"fmt"
	"syscall"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// SignalRelay passes the program's own signals on to a foreground process. It
// costs less than os/signal, and there is no way back: it is for a program that
// does nothing else, as the rt command.
type SignalRelay struct {
	fd int
	// early are those that came before there was a process.
	early []syscall.Signal
}

// NewSignalRelay takes the signals over, for the whole process and for good, but
// those that are ignored. A process can have one relay.
func NewSignalRelay(signals ...syscall.Signal) (*SignalRelay, error) {
	fd, err := nsenter.Relay(signals)
	if err != nil {
		return nil, fault.New("signals", "", "sigaction", err)
	}
	return &SignalRelay{fd: fd}, nil
}

// hold keeps a signal for later and says which it is, 0 for none.
func (r *SignalRelay) hold() syscall.Signal {
	s, err := sys.ReadSignal(r.fd)
	if err != nil {
		return 0
	}
	r.early = append(r.early, s)
	return s
}

// interruptible makes of a context one that also ends when a signal comes that is
// a wish to end; all that come are kept. stop ends the watch.
func (r *SignalRelay) interruptible(ctx context.Context) (_ context.Context, stop context.CancelFunc, err error) {
	wake, err := sys.NewEvent()
	if err != nil {
		return nil, nil, fault.New("signals", "", "eventfd", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if i, err := sys.Readable(0, r.fd, wake); err != nil || i == 1 {
				return
			}
			if s := r.hold(); endsProgram(s) {
				cancel(fmt.Errorf("%v signal received", s))
			}
		}
	}()
	return ctx, func() {
		sys.SetEvent(wake)
		<-done
		sys.Close(wake)
		cancel(nil)
	}, nil
}

// untilDead passes signals on until the process behind pidfd has exited.
func (r *SignalRelay) untilDead(pidfd int) error {
	for _, s := range r.early {
		_ = sys.PidfdSignal(pidfd, s)
	}
	r.early = nil
	for {
		i, err := sys.Readable(0, pidfd, r.fd)
		if err != nil || i == 0 {
			return err
		}
		if s, err := sys.ReadSignal(r.fd); err == nil {
			_ = sys.PidfdSignal(pidfd, s)
		}
	}
}
