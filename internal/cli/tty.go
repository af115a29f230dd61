package cli

// tty.go: the user's end of a foreground container's terminal: bytes both ways
// between rt's stdio and the pty's master, raw mode, window size. It knows
// nothing of containers; the library hands it the master.

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/console"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// drainTime is how long the output may pause, after the program has ended,
// until rt stops listening. Mostly the end of the pty is seen at once; it is
// not when a process that outlives the container still holds it.
const drainTime = 100 * time.Millisecond

// terminal is an attached pty.
type terminal struct {
	master *os.File        // pollable
	host   console.Console // the user's terminal in raw mode, or nil
	resize chan os.Signal
	output sync.WaitGroup
	ended  atomic.Bool
}

// attach connects the master to rt's stdio: what libcontainer.CreateOptions
// wants as Attach. The master stays the caller's. The function it returns puts
// everything back, after the program's last output was written.
func attach(master *os.File) (detach func(), err error) {
	return newTerminal(master, os.Stdin, os.Stdout)
}

func newTerminal(master, in, out *os.File) (detach func(), err error) {
	t := &terminal{}
	if err := t.open(master); err != nil {
		return nil, fault.New("terminal", "", "take the pty's master", err)
	}
	if err := t.followSize(master, in, out); err != nil {
		_ = t.master.Close()
		return nil, fault.New("terminal", "", "set the window's size", err)
	}
	// A background job must not touch its terminal: it would be stopped.
	ours := sys.Foreground(int(in.Fd()))
	if ours {
		if err := t.raw(in); err != nil {
			t.close()
			return nil, fault.New("terminal", "stdin", "set raw mode", err)
		}
	}
	if ours || !isTerminal(in) {
		// Nothing can call off a read from stdin; it ends with rt.
		go func() { _, _ = io.Copy(t.master, in) }()
	}
	t.output.Go(func() { t.copyOutput(out) })
	return t.close, nil
}

// open takes a pollable copy of the master, one with read deadlines, and
// switches off the pty's own "\n" to "\r\n": the user's terminal does that
// (its raw mode keeps output processing), and output to a file stays as it is.
func (t *terminal) open(master *os.File) error {
	if err := console.ClearONLCR(master.Fd()); err != nil {
		return err
	}
	fd, err := sys.DupNonblock(int(master.Fd()))
	if err != nil {
		return err
	}
	t.master = os.NewFile(uintptr(fd), master.Name())
	return nil
}

// raw passes every key on to the container: ^C is for the program in it.
func (t *terminal) raw(in *os.File) error {
	host, err := console.ConsoleFromFile(in)
	if err != nil {
		return err
	}
	if err := host.SetRaw(); err != nil {
		return errors.Join(err, host.Reset())
	}
	t.host = host
	return nil
}

// followSize gives the pty the size of the user's window now and whenever that
// changes. Without a terminal the pty keeps the size it has.
//
// Only the caller's os.File is asked for its fd: Fd would make the pollable
// copy blocking again.
func (t *terminal) followSize(master, in, out *os.File) error {
	var window console.Console
	for _, f := range []*os.File{out, in} {
		if c, err := console.ConsoleFromFile(f); err == nil {
			window = c
			break
		}
	}
	if window == nil {
		return nil
	}
	pty, err := console.ConsoleFromFile(master)
	if err != nil {
		return err
	}
	t.resize = make(chan os.Signal, 1)
	signal.Notify(t.resize, syscall.SIGWINCH)
	go func() {
		for range t.resize {
			_ = pty.ResizeFrom(window)
		}
	}()
	// A window of no size (a serial line, a pipe of script(1)) says nothing.
	if size, err := window.Size(); err != nil || size.Width == 0 || size.Height == 0 {
		return err
	}
	return pty.ResizeFrom(window)
}

// copyOutput copies until the pty is at its end (EIO), or, once the program
// has ended, until nothing came for drainTime.
func (t *terminal) copyOutput(out io.Writer) {
	buf := make([]byte, 32<<10)
	for {
		n, err := t.master.Read(buf)
		if n > 0 {
			// The program must not block for a reader that is gone.
			if _, werr := out.Write(buf[:n]); werr != nil {
				out = io.Discard
			}
		}
		if err != nil {
			return // EIO: no slave is open any more; or the deadline of close
		}
		if t.ended.Load() {
			_ = t.master.SetReadDeadline(time.Now().Add(drainTime))
		}
	}
}

// close waits for the last output and puts the user's terminal back.
func (t *terminal) close() {
	if t.resize != nil {
		signal.Stop(t.resize)
		close(t.resize)
	}
	t.ended.Store(true)
	_ = t.master.SetReadDeadline(time.Now().Add(drainTime))
	t.output.Wait()
	if t.host != nil {
		_ = t.host.Reset()
	}
	_ = t.master.Close()
}
