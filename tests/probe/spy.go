package main

// spy.go plays a hostile process of a container that looks into whatever is
// executed in it from outside, from the first moment on.

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// spy tries the next pids in a tight loop until the file stop is there, and
// writes two kinds of lines to path: "saw" when it could look into a process
// that is not yet the container's program, "got" when there was something in it
// that is not the container's. mark is the name of a file that lies in its root
// and in its directories, and nowhere else.
func spy(path, stop, mark string) {
	runtime.LockOSThread() // the tracer is a thread
	out, err := os.Create(path)
	if err != nil {
		fatal(err.Error())
	}
	fmt.Fprintln(out, "ready")
	last, own, tries := lastPid(os.Getpid()), permitted("/proc/self"), 0
	for {
		for range 100 {
			for pid := last + 1; pid < last+12; pid++ { // lastPid stays some behind
				lines := look("/proc/"+strconv.Itoa(pid), pid, own, mark)
				// A thread of our own may have got the number.
				if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(pid)); err == nil {
					continue
				}
				for _, line := range lines {
					fmt.Fprintln(out, line)
				}
				tries++
			}
		}
		last = lastPid(last)
		if _, err := os.Stat(stop); err == nil {
			fmt.Fprintln(out, "done", tries, last)
			return
		}
	}
}

// look takes all that can be had of one process.
func look(proc string, pid int, own uint64, mark string) (lines []string) {
	program, err := os.Readlink(proc + "/exe")
	early := err == nil && program != "/bin/busybox" && program != "/bin/probe"
	say := func(kind, what string) { lines = append(lines, kind+" "+strconv.Itoa(pid)+" "+program+" "+what) }
	if early {
		say("saw", "exe")
		if fd, err := syscall.Open(proc+"/exe", syscall.O_WRONLY, 0); err == nil {
			syscall.Close(fd)
			say("got", "its program for writing")
		}
	}
	for n := range 12 {
		link, err := os.Readlink(proc + "/fd/" + strconv.Itoa(n))
		if err != nil || n < 3 {
			continue
		}
		say("saw", "fd "+link)
		if !strings.HasPrefix(link, "socket:") && !strings.HasPrefix(link, "pipe:") {
			say("got", "fd "+link)
		}
	}
	for _, dir := range []string{"/root", "/cwd"} {
		fd, err := syscall.Open(proc+dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		inside, err := syscall.Openat(fd, mark, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			say("got", "another "+dir)
		} else {
			syscall.Close(inside)
		}
		syscall.Close(fd)
	}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(pid), 0, 0, 0, 0); errno == 0 {
		syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceInterrupt, uintptr(pid), 0, 0, 0, 0)
		var status syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &status, waitAll, nil)
		// Now it holds still.
		if program, err = os.Readlink(proc + "/exe"); err == nil && program != "/bin/busybox" && program != "/bin/probe" {
			say("saw", "seized")
			if more := permitted(proc) &^ own; more != 0 {
				say("got", fmt.Sprintf("capabilities %x", more))
			}
		}
		_ = syscall.PtraceDetach(pid)
	}
	if early {
		var b [64]byte
		local := syscall.Iovec{Base: &b[0]}
		local.SetLen(len(b))
		remote := struct{ base, length uintptr }{0x400000, uintptr(len(b))}
		if n, _, errno := syscall.RawSyscall6(unix.SYS_PROCESS_VM_READV, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1, 0); errno == 0 && n > 0 {
			say("saw", "memory")
		}
		if data, err := os.ReadFile(proc + "/environ"); err == nil && strings.Contains(string(data), "SECRET") {
			say("got", "the environment")
		}
	}
	return lines
}

// permitted is a process's permitted capability set.
func permitted(proc string) uint64 {
	data, err := os.ReadFile(proc + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "CapPrm:")
	word, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	n, _ := strconv.ParseUint(word, 16, 64)
	return n
}
