package main

// hunt.go plays a hostile process of a container: it lies in wait for processes
// of others that enter its pid namespace, and for their keyrings.

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ptraceSeize     = 0x4206
	ptraceInterrupt = 0x4207
	waitAll         = 0x40000000 // __WALL
)

// hunt tries the next pids in a tight loop: it does not make any process of its
// own, so they are those of processes that come from outside.
func hunt(seconds int, path string) {
	runtime.LockOSThread() // the tracer is a thread
	out, err := os.Create(path)
	if err != nil {
		fatal(err.Error())
	}
	fmt.Fprintln(out, "ready")
	last := lastPid(os.Getpid())
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		for range 200 {
			for pid := last + 1; pid < last+12; pid++ { // the threads of one have numbers too
				if got := prey(pid); got != "" {
					fmt.Fprintln(out, "got", pid, got)
					last = pid
				}
			}
		}
		last = lastPid(last)
	}
	fmt.Fprintln(out, "done")
}

// lastPid follows the numbers that were given out (proc_loadavg(5)), and stays
// some behind: they may only now be worth a try.
func lastPid(last int) int {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		fatal(err.Error())
	}
	var skip string
	var now int
	if _, err := fmt.Sscan(string(data), &skip, &skip, &skip, &skip, &now); err != nil {
		fatal(err.Error())
	}
	return max(last, now-8)
}

// prey gets hold of a process in one of two ways and says in which.
func prey(pid int) string {
	proc := "/proc/" + strconv.Itoa(pid)
	if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(pid)); err == nil {
		return ""
	}
	if fd, err := syscall.Open(proc+"/root", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err == nil {
		syscall.Close(fd)
		return "root " + exe(proc)
	}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(pid), 0, 0, 0, 0); errno != 0 {
		return ""
	}
	text := "seized " + exe(proc)
	syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceInterrupt, uintptr(pid), 0, 0, 0, 0)
	var status syscall.WaitStatus
	_, _ = syscall.Wait4(pid, &status, waitAll, nil)
	_ = syscall.PtraceDetach(pid)
	return text
}

func exe(proc string) string {
	link, err := os.Readlink(proc + "/exe")
	if err != nil {
		return err.Error()
	}
	return link
}

// keyctl(2)
const (
	keyctlJoinSession = 1
	keyctlSetPerm     = 5
	keyctlSearch      = 10
	sessionRing       = ^uintptr(2) // KEY_SPEC_SESSION_KEYRING, -3
)

func plant(name string) {
	ring, _, errno := syscall.Syscall(syscall.SYS_KEYCTL, keyctlJoinSession, uintptr(unsafe.Pointer(text(name))), 0)
	if errno != 0 {
		fatal("join: " + errno.Error())
	}
	_, _, _ = syscall.Syscall(syscall.SYS_KEYCTL, keyctlSetPerm, ring, 0x3f3f3f3f)
	payload := []byte("evil")
	_, _, errno = syscall.Syscall6(syscall.SYS_ADD_KEY, uintptr(unsafe.Pointer(text("user"))), uintptr(unsafe.Pointer(text("planted"))),
		uintptr(unsafe.Pointer(&payload[0])), uintptr(len(payload)), sessionRing, 0)
	if errno != 0 {
		fatal("add_key: " + errno.Error())
	}
	fmt.Println("planted")
	if err := os.WriteFile("/tmp/planted", nil, 0o644); err != nil {
		fatal(err.Error())
	}
	time.Sleep(time.Minute)
}

func planted() {
	_, _, errno := syscall.Syscall6(syscall.SYS_KEYCTL, keyctlSearch, sessionRing, uintptr(unsafe.Pointer(text("user"))), uintptr(unsafe.Pointer(text("planted"))), 0, 0)
	fmt.Println("search:", errno)
}

func text(s string) *byte {
	p, err := syscall.BytePtrFromString(s)
	if err != nil {
		fatal(err.Error())
	}
	return p
}

// keyLabel asks with KEYCTL_GET_SECURITY (keyctl_get_security(3)).
func keyLabel() {
	const sessionKeyring = -3
	buf := make([]byte, 256)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_GET_SECURITY, sessionKeyring, buf, 0)
	if err != nil {
		fatal("label of the session keyring: " + err.Error())
	}
	fmt.Println(strings.TrimRight(string(buf[:min(n, len(buf))]), "\x00"))
}
