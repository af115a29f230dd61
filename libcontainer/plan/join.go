package plan

// join.go: what the joiner of exec and a container's init are told to do. Each
// operation is one system call or little more; the planner puts them in order,
// nsenter/join.c does them.

// OpCode is one of the operations of nsenter/join.h.
type OpCode uint32

// The operations; join.h says what A, B, C and Text of each are.
const (
	OpDumpable OpCode = iota + 1
	OpWrite
	OpSetns
	OpChroot
	OpOwner
	OpKeyring
	OpSendRoot
	OpPty
	OpScheduler
	OpIOPriority
	OpAffinity
	OpMemPolicy
	OpPersonality
	OpCwd
	OpUmask
	OpBounding
	OpKeepCaps
	OpGroups
	OpGID
	OpUID
	OpCaps
	OpClearAmbient
	OpAmbient
	OpNoNewPrivs
	OpFind
	OpArgs
	OpCloseFrom
	OpBirth

	// These are init's only.

	OpUnshare
	OpStdio
	OpReady

	// What comes behind the birth is done by the child; init does it itself.

	OpSession
	OpTerminal
	OpSigmask
	OpLimit
	OpTryCaps
	OpSeccomp
	OpExec
)

// Op is one operation, and what an error of it is about.
type Op struct {
	Code    OpCode
	A, B, C uint64
	// Extra is a capability that OpCaps keeps permitted if it can, plus one.
	Extra uint32
	Text  []byte
	// Step, Object and Call are those of the error; see fault.Error.
	Step, Object, Call string
}
