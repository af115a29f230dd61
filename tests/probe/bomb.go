package main

import (
	"syscall"
	"time"
	"unsafe"
)

// bomb keeps n processes going that all the time fork a new one and end: none
// is the same for long. Forking by hand, since n Go runtimes are no small
// matter: the child shares nothing with the Go runtime but its memory's copy,
// and makes system calls only.
func bomb(n int) {
	for range n {
		pid, err := fork()
		for ; err != nil; pid, err = fork() {
			time.Sleep(time.Millisecond)
		}
		if pid == 0 {
			chain()
		}
	}
	for { // orphans of the chains come to us when we are pid 1
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(-1, &status, 0, nil); err == syscall.ECHILD {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// chain is the life of one link: a nap, a child, the end. A fork that is
// refused (pids.max) is tried again.
//
//go:nosplit
func chain() {
	nap := syscall.Timespec{Nsec: 3e8} // some thousand forks a second in all: a slow machine must keep up
	for {
		_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == 0 && pid != 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
}

func fork() (int, error) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(pid), nil
}
