// Package nsenter is the part of init that runs before the Go runtime: it
// joins existing user and time namespaces, which the kernel allows to
// single-threaded processes only, and makes new namespaces inside a joined
// user namespace. nsenter.h is the contract; this file is its mirror and the
// parent's end of it.
package nsenter

/*
#cgo CFLAGS: -Wall -Wextra -Werror -O2 -std=gnu11
#include "nsenter.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// InitEnv is the environment entry of every init, whose last argument is the fd
// of its wire socket too: it is what the fds above are closed by.
func InitEnv(fd int) string { return C.RT_INIT_ENV + "=" + strconv.Itoa(fd) }

// InInit says whether this process was started with InitEnv.
func InInit() bool { return os.Getenv(C.RT_INIT_ENV) != "" }

// Env is the environment entry that makes an init with the wire socket at fd
// wait for a request.
func Env(fd int) string { return C.RT_ENTER_ENV + "=" + strconv.Itoa(fd) }

// Request says what an init enters before it runs.
type Request struct {
	Join    []plan.Namespace // Fd is an open fd of the caller
	Unshare uintptr          // CLONE_NEW* to make after the joins
	Fork    bool             // pid or time namespaces take effect in a child
	Offsets string           // of a new time namespace, in timens_offsets' form
}

type enter struct {
	Magic, Count uint32
	Flags        [C.RT_ENTER_MAX]uint32
	Unshare      uint32
	Fork         uint32
	OffsetsLen   uint32
	Offsets      [C.RT_ENTER_OFFSETS]byte
}

type enterReply struct{ Step, Error, Object, PID int32 }

// Sizes of the C structs, for the test: cgo is not available in test files.
const (
	cSizeEnter = C.sizeof_struct_rt_enter
	cSizeReply = C.sizeof_struct_rt_enter_reply
)

// Send sends the request over the wire socket and waits for the reply. pid is
// the process that goes on as init when it is not the one that was asked (it
// is a child of the caller too), else 0. io.EOF: init is dead.
func (r *Request) Send(sock int) (pid int, err error) {
	msg := enter{
		Magic:      C.RT_ENTER_MAGIC,
		Count:      uint32(len(r.Join)),
		Unshare:    uint32(r.Unshare),
		OffsetsLen: uint32(len(r.Offsets)),
	}
	if len(r.Join) > len(msg.Flags) || len(r.Offsets) > len(msg.Offsets) {
		return 0, fault.New("namespaces", "", "request to init", unix.E2BIG)
	}
	if r.Fork {
		msg.Fork = 1
	}
	copy(msg.Offsets[:], r.Offsets)
	var rights []byte
	fds := make([]int, len(r.Join))
	for i, ns := range r.Join {
		msg.Flags[i], fds[i] = uint32(ns.Flag), ns.Fd
	}
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.NativeEndian, &msg); err != nil {
		return 0, err
	}
	if err := unix.Sendmsg(sock, b.Bytes(), rights, nil, unix.MSG_NOSIGNAL); err != nil {
		return 0, fault.New("namespaces", "", "send request to init", err)
	}
	return r.receive(sock)
}

// replyDeadline is generous: all that is to be done are a few system calls.
const replyDeadline = 30 * time.Second

func (r *Request) receive(sock int) (int, error) {
	// A program that has not got this package's C in it would never answer.
	if i, err := sys.Readable(replyDeadline, sock); err == nil && i < 0 {
		return 0, fault.New("namespaces", "", "receive init's reply", unix.ETIMEDOUT)
	}
	raw := make([]byte, binary.Size(enterReply{}))
	n, _, err := unix.Recvfrom(sock, raw, unix.MSG_WAITALL)
	for err == unix.EINTR {
		n, _, err = unix.Recvfrom(sock, raw, unix.MSG_WAITALL)
	}
	if err != nil {
		return 0, err
	}
	if n != len(raw) {
		return 0, io.EOF
	}
	var reply enterReply
	if err := binary.Read(bytes.NewReader(raw), binary.NativeEndian, &reply); err != nil {
		return 0, err
	}
	if reply.Step == C.RT_STEP_DONE {
		return int(reply.PID), nil
	}
	return 0, r.explain(reply)
}

func (r *Request) explain(reply enterReply) error {
	errno := unix.Errno(reply.Error)
	switch reply.Step {
	case C.RT_STEP_SETNS:
		path := "?"
		if int(reply.Object) < len(r.Join) {
			path = r.Join[reply.Object].Path
		}
		return fault.New("namespaces", path, "setns", errno)
	case C.RT_STEP_UNSHARE:
		return fault.New("namespaces", "", fmt.Sprintf("unshare %#x", r.Unshare), errno)
	case C.RT_STEP_OFFSETS:
		return fault.New("namespaces", "linux.timeOffsets", "write /proc/self/timens_offsets", errno)
	case C.RT_STEP_FORK:
		return fault.New("namespaces", "", "fork into the pid namespace", errno)
	}
	return fault.New("namespaces", "", "receive request", errno)
}
