package libcontainer

// signals.go: signals on their way to a foreground process.

import (
	"syscall"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// SignalRelay passes the program's own signals on to a foreground process. It
// costs less than os/signal, and there is no way back: it is for a program that
// does nothing else, as the rt command.
type SignalRelay struct{ fd int }

// NewSignalRelay takes the signals over, for the whole process and for good, but
// those that are ignored. A process can have one relay.
func NewSignalRelay(signals ...syscall.Signal) (*SignalRelay, error) {
	fd, err := nsenter.Relay(signals)
	if err != nil {
		return nil, fault.New("signals", "", "sigaction", err)
	}
	return &SignalRelay{fd}, nil
}

// untilDead passes signals on until the process behind pidfd has exited.
func (r *SignalRelay) untilDead(pidfd int) error {
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
