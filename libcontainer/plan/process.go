package plan

// Process is what becomes of init at the end: the user's program and all of
// its attributes. Numbers are the kernel's.
type Process struct {
	Args []string
	Env  []string
	Cwd  string // absolute, inside the container

	UID, GID       uint32
	AdditionalGids []uint32
	// KeepGroups: the supplementary groups of rt's caller stay, and
	// AdditionalGids do not count.
	KeepGroups bool
	Umask      int // None: the caller's umask stays

	Terminal bool
	// ConsoleFd is the socket to which init sends the pty's master.
	ConsoleFd     int
	Width, Height uint16 // 0: not set

	NoNewPrivileges bool
	Caps            *Caps // nil: leave all five sets alone
	Rlimits         []Rlimit
	OOMScoreAdj     *int
	AppArmor        string // exec profile, "" = none
	SELinux         string // exec label, "" = none
	Scheduler       *Scheduler
	IOPriority      *int // ioprio_set value: class<<13 | data
	// Affinity is the CPU mask to run on before exec, nil: all that the
	// cpuset allows.
	Affinity    []byte
	Personality *uint64
	MemPolicy   *MemPolicy
	// NewKeyring: leave the caller's session keyring for one of its own.
	NewKeyring   bool
	KeyringLabel string // SELinux label for the keyring
	// PreserveFds is how many fds from 3 on reach the program.
	PreserveFds int
}

// Caps are the five sets as bit masks (bit n = capability n). Last is the
// highest capability that the kernel knows.
type Caps struct {
	Bounding, Effective, Inheritable, Permitted, Ambient uint64

	Last int
}

// Rlimit is one prlimit64 call.
type Rlimit struct {
	Resource   int
	Name       string // RLIMIT_*, for errors
	Soft, Hard uint64
}

// Scheduler is sched_setattr's argument.
type Scheduler struct {
	Policy                    uint32
	Flags                     uint64
	Nice                      int32
	Priority                  uint32
	Runtime, Deadline, Period uint64 // ns
	// Cpuset: the container has a cpuset, which is what the kernel's EPERM
	// for SCHED_DEADLINE is about.
	Cpuset bool
}

// MemPolicy is set_mempolicy's argument.
type MemPolicy struct {
	Mode  int // mode | flags
	Nodes []uint64
}

// Seccomp is a compiled filter.
type Seccomp struct {
	BPF   []byte // array of struct sock_filter, native byte order
	Flags uint32 // SECCOMP_FILTER_FLAG_*
	// KillsThread: the filter does not plainly allow all that init may call
	// behind it; a watcher then stands by on a thread without the filter.
	KillsThread bool
	// NotifyFd is the connected agent socket to which init sends NotifyState
	// and the listener; None without SCMP_ACT_NOTIFY.
	NotifyFd    int
	NotifyState []byte
}
