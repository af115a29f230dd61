package sys

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSpawnExe: the program is executed wherever its fd lies: where one of the
// child's files is to be, or where Go moves things aside.
func TestSpawnExe(t *testing.T) {
	program, err := unix.Open("/bin/true", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(program)
	null, err := unix.FcntlInt(uintptr(program), unix.F_DUPFD_CLOEXEC, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	files := []uintptr{0, 1, 2}
	for range 30 {
		files = append(files, uintptr(null))
	}
	for _, exe := range []int{20, 60, 99, null + 1, null + 2, null + 3, null + 9} {
		t.Run(strconv.Itoa(exe), func(t *testing.T) {
			if _, err := unix.FcntlInt(uintptr(exe), unix.F_GETFD, 0); err == nil {
				t.Fatalf("fd %d is in use", exe)
			}
			if err := unix.Dup3(program, exe, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(exe)
			s := Spawn{Exe: exe, Argv: []string{"true"}, Env: os.Environ(), Files: files, CgroupFd: -1}
			_, pidfd, err := s.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pidfd)
			if status, err := Reap(pidfd); err != nil || status != 0 {
				t.Errorf("status %v, %v", status, err)
			}
		})
	}
}

// TestChildren: a thread's children are its own alone.
func TestChildren(t *testing.T) {
	cmd := exec.Command("sleep", "100")
	var with, without []int
	OnOwnThread(func() {
		before := children(unix.Gettid())
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		with = slices.DeleteFunc(children(unix.Gettid()), func(pid int) bool { return slices.Contains(before, pid) })
		OnOwnThread(func() { without = children(unix.Gettid()) })
	})
	if cmd.Process == nil {
		return
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if !slices.Equal(with, []int{cmd.Process.Pid}) || slices.Contains(without, cmd.Process.Pid) {
		t.Errorf("%v and %v, the child is %d", with, without, cmd.Process.Pid)
	}
}
