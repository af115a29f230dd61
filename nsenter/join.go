package nsenter

/*
#include "join.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// join.go is the parent's end of join.h. Who answers is called the joiner; it
// may be an init as well.

// JoinEnv is the environment entry that makes an init with its socket at fd a
// joiner.
func JoinEnv(fd int) string { return C.RT_JOIN_ENV + "=" + strconv.Itoa(fd) }

type join struct{ Magic, Count, Bytes, Fds uint32 }

type joinOp struct {
	Code, Text, Length, Extra uint32
	A, B, C                   uint64
}

type joinReply struct{ Kind, Op, Error, Value, Path int32 }

// Sizes of the C structs and the last code, for the test.
const (
	cSizeJoin      = C.sizeof_struct_rt_join
	cSizeJoinOp    = C.sizeof_struct_rt_join_op
	cSizeJoinReply = C.sizeof_struct_rt_join_reply
	cSizeRefusal   = C.sizeof_struct_rt_refusal
	cWireStart     = C.RT_WIRE_START
	cWireDetach    = C.RT_WIRE_DETACH
	cWireRefused   = C.RT_WIRE_REFUSED
	cLastOp        = C.RT_OP_EXEC
)

// AnswerKind says what an Answer is about.
type AnswerKind int32

// The answers; see join.h.
const (
	AnswerDone     AnswerKind = C.RT_JOIN_DONE
	AnswerFailed   AnswerKind = C.RT_JOIN_FAILED
	AnswerRoot     AnswerKind = C.RT_JOIN_ROOT
	AnswerListener AnswerKind = C.RT_JOIN_LISTENER
	AnswerBorn     AnswerKind = C.RT_JOIN_BORN
	AnswerReady    AnswerKind = C.RT_JOIN_READY
)

// Answer is one message of the joiner.
type Answer struct {
	Kind AnswerKind
	// Op is the index of the operation that failed with Errno, if that is
	// not 0.
	Op    int
	Errno unix.Errno
	// Pid is the child's.
	Pid int
	// Path is the index of what OpFind has taken, or, when it has failed, of
	// the first that is there but may not be executed; else -1.
	Path int
	// Fds are close-on-exec and the receiver's: the pidfd comes first, the
	// root last.
	Fds []int
}

// SendOps sends a request over the joiner's socket. fds are the files that the
// operations name by index; they stay the caller's.
func SendOps(sock int, ops []plan.Op, fds []int) error {
	var body bytes.Buffer
	list := make([]joinOp, 0, len(ops))
	for _, op := range ops {
		// seccomp's filter and the lists of numbers are read where they lie.
		for body.Len()%8 != 0 {
			body.WriteByte(0)
		}
		list = append(list, joinOp{
			Code: uint32(op.Code), Text: uint32(body.Len()), Length: uint32(len(op.Text)), Extra: op.Extra,
			A: op.A, B: op.B, C: op.C,
		})
		body.Write(op.Text)
		body.WriteByte(0) // a text is a C string as well
	}
	if body.Len() > C.RT_JOIN_MAX_BYTES || len(fds) > C.RT_JOIN_MAX_FDS {
		return unix.E2BIG
	}
	var msg bytes.Buffer
	head := join{C.RT_JOIN_MAGIC, uint32(len(list)), uint32(body.Len()), uint32(len(fds))}
	if err := binary.Write(&msg, binary.NativeEndian, head); err != nil {
		return err
	}
	if err := binary.Write(&msg, binary.NativeEndian, list); err != nil {
		return err
	}
	msg.Write(body.Bytes())
	return sys.SendAll(sock, msg.Bytes(), fds)
}

// errAnswer is for what no joiner sends.
var errAnswer = errors.New("unreadable answer of the joiner")

// RecvAnswer waits for the joiner's next message. io.EOF: it is dead.
func RecvAnswer(sock int) (Answer, error) {
	raw := make([]byte, cSizeJoinReply)
	n, fds, err := sys.Recv(sock, raw)
	if err == nil && n == 0 {
		err = io.EOF
	}
	var r joinReply
	if err == nil && n != len(raw) { // it is sent in one piece
		err = errAnswer
	}
	if err == nil {
		err = binary.Read(bytes.NewReader(raw), binary.NativeEndian, &r)
	}
	a := Answer{Kind: AnswerKind(r.Kind), Op: int(r.Op), Errno: unix.Errno(r.Error), Pid: int(r.Value), Path: int(r.Path), Fds: fds}
	if err == nil && !a.complete() {
		err = fmt.Errorf("%w: kind %d with %d files", errAnswer, r.Kind, len(fds))
	}
	if err != nil {
		sys.CloseAll(fds)
		return Answer{}, err
	}
	return a, nil
}

// Refusal is what an init that has been told to start could not do: an
// operation, with the kernel's answer.
type Refusal struct {
	Code  plan.OpCode
	Errno unix.Errno
	// Detail is A of the operation: the resource of an OpLimit.
	Detail int
	// Path is the program's, of an OpExec.
	Path string
}

type refusal struct{ Code, Error, Detail int32 }

// ParseRefusal reads the payload of a refusal.
func ParseRefusal(payload []byte) (Refusal, error) {
	var r refusal
	if len(payload) < cSizeRefusal {
		return Refusal{}, errAnswer
	}
	if err := binary.Read(bytes.NewReader(payload), binary.NativeEndian, &r); err != nil {
		return Refusal{}, err
	}
	return Refusal{plan.OpCode(r.Code), unix.Errno(r.Error), int(r.Detail), string(payload[cSizeRefusal:])}, nil
}

// complete says whether the files are there that the message must bring.
func (a Answer) complete() bool {
	switch a.Kind {
	case AnswerDone, AnswerReady:
		return len(a.Fds) == 0
	case AnswerFailed:
		return len(a.Fds) <= 1
	case AnswerRoot:
		return len(a.Fds) == 1
	case AnswerListener:
		return len(a.Fds) == 2 && a.Pid > 0
	case AnswerBorn:
		return len(a.Fds) >= 1 && len(a.Fds) <= 2 && a.Pid > 0
	}
	return false
}
