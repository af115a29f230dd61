package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTrace(t *testing.T) {
	trace := `10    execve("/rt", ["rt"], 0x1 /* 1 var */) = 0
10    clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD, parent_tid=[11]) = 11
11    read(3, ""..., 4096 <unfinished ...>
10    clone3({flags=CLONE_PIDFD|CLONE_NEWNS, exit_signal=SIGCHLD}, 88 <unfinished ...>
11    <... read resumed>)               = 4000
12    execve("/proc/self/fd/5", ["init"], 0x1 /* 0 vars */ <unfinished ...>
10    <... clone3 resumed>)             = 12
12    <... execve resumed>)             = 0
12    execve("/bin/true", ["true"], 0x1 /* 0 vars */) = -1 ENOENT (No such file or directory)
12    pread64(3, ""..., 100, 0)         = 96
12    exit_group(0)                     = ?
12    +++ exited with 0 +++
10    clone(child_stack=NULL, flags=SIGCHLD) = 13
13    +++ exited with 0 +++
11    +++ exited with 0 +++
10    exit_group(0)                     = ?
10    +++ exited with 0 +++
`
	got, err := parseTrace(strings.NewReader(trace))
	want := counts{syscalls: 10, processes: 3, atOnce: 2, threads: 1, execs: 2, bytesRead: 4096}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(counts{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := parseTrace(strings.NewReader("")); err == nil {
		t.Error("an empty trace is accepted")
	}
}

func TestBudgetFails(t *testing.T) {
	limit := budget{syscalls: 900, execs: 3, atOnce: 2, threads: 4, bytesRead: 100}
	s := subject{name: "rt", counts: counts{syscalls: 901, execs: 3, atOnce: 3, threads: 5, bytesRead: 101}}
	err := s.within(limit)
	for _, want := range []string{"901 system calls", "3 processes at once", "5 threads", "101 bytes read"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("over the budget in %s: %v", want, err)
		}
	}
	s.counts = counts{syscalls: 900, execs: 3, atOnce: 2}
	if err := s.within(limit); err != nil {
		t.Errorf("within the budget: %v", err)
	}
}
