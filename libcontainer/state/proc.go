package state

// proc.go: whose process is a pid? Read from /proc/<pid>/stat.

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// Stat is the part of /proc/<pid>/stat that rt needs (proc_pid_stat(5)).
type Stat struct {
	State   byte // field 3: R, S, D, Z, T, t, X, I
	Ppid    int  // field 4
	Threads int  // field 20
	// Start is field 22: clock ticks since boot.
	Start uint64
	// ExitCode is field 52 (Linux 3.5): wait(2)'s status word of a zombie.
	// It is 0 for a reader who may not trace the process.
	ExitCode int
}

var errStat = errors.New("not a line of /proc/pid/stat")

// ParseStat reads one line of /proc/<pid>/stat. Field 2 is the program's name
// in parentheses and may hold blanks and parentheses itself, so the fields are
// counted from the last ")".
func ParseStat(line []byte) (Stat, error) {
	i := bytes.LastIndexByte(line, ')')
	if i < 0 {
		return Stat{}, errStat
	}
	const first = 3 // number of the field that comes after the name
	fields := bytes.Fields(line[i+1:])
	if len(fields) <= 52-first || len(fields[0]) != 1 {
		return Stat{}, errStat
	}
	field := func(n int) string { return string(fields[n-first]) }
	ppid, err1 := strconv.Atoi(field(4))
	threads, err2 := strconv.Atoi(field(20))
	start, err3 := strconv.ParseUint(field(22), 10, 64)
	exit, err4 := strconv.Atoi(field(52))
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return Stat{}, errStat
	}
	return Stat{State: fields[0][0], Ppid: ppid, Threads: threads, Start: start, ExitCode: exit}, nil
}

// ReadStat reads the stat line of a process. A process that is gone answers
// ESRCH.
func ReadStat(pid int) (Stat, error) {
	line, err := sys.ReadRecord("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, unix.ENOENT) {
		err = unix.ESRCH
	}
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(line)
}

// Identify returns the process that has the pid now. ESRCH: none has.
func Identify(pid int) (Process, error) {
	st, err := ReadStat(pid)
	if err != nil {
		return Process{}, err
	}
	return Process{Pid: pid, Start: st.Start}, nil
}

// Look says whether the process still runs: whoever has the pid and the same start
// time. A zombie does not. An error says that it cannot be told, which is not the
// same as its end.
func (p Process) Look() (alive bool, err error) {
	if p.Pid <= 0 {
		return false, nil
	}
	for range 2 { // the number may be somebody else's by the second question
		st, err := ReadStat(p.Pid)
		if err == nil {
			return st.Start == p.Start && st.running(), nil
		}
		if !errors.Is(err, unix.ESRCH) {
			return false, fault.New("process", "", fmt.Sprintf("read /proc/%d/stat", p.Pid), err)
		}
		// Its directory is missing. A process that we may not even signal is
		// another one, hidden from us (proc(5), hidepid).
		if !sys.MaySignal(p.Pid) {
			return false, nil
		}
	}
	return false, fault.New("process", fmt.Sprintf("/proc/%d/stat", p.Pid), "", errors.New("is missing, though there is such a process")).
		WithHint("rt must see the processes of the host in a /proc of their pid namespace")
}

// Alive is Look, where one that cannot be told counts as alive.
func (p Process) Alive() bool {
	alive, err := p.Look()
	return alive || err != nil
}

// running: a zombie with other threads is only a first thread that has ended.
func (s Stat) running() bool {
	switch s.State {
	case 'X', 'x':
		return false
	case 'Z':
		return s.Threads > 1
	}
	return true
}
