package sys

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
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

// TestSpawnSlack: the program gets the timer slack that this one was given, from
// a thread with another one, also where it is born in another's namespaces.
func TestSpawnSlack(t *testing.T) {
	own, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(own)
	for name, join := range map[string][]NamespaceFd{"born here": nil, "born in a namespace": {{own, unix.CLONE_NEWUTS}}} {
		t.Run(name, func(t *testing.T) {
			if join != nil && os.Geteuid() != 0 {
				t.Skip("root is missing")
			}
			OnOwnThread(func() { // threads get theirs from this one
				if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 3_000_000, 0, 0, 0); err != nil {
					t.Error(err)
				}
				if got := spawnedSlack(t, join); join == nil && got != "3000000\n" {
					t.Errorf("without: %q", got)
				}
				GivenSlack = 60_000
				defer func() { GivenSlack = 0 }()
				if got := spawnedSlack(t, join); got != "60000\n" {
					t.Errorf("the program has %q", got)
				}
			})
		})
	}
}

// spawnedSlack is the timer slack that a program finds.
func spawnedSlack(t *testing.T, join []NamespaceFd) string {
	program, err := unix.Open("/bin/cat", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer unix.Close(program)
	r, w, err := os.Pipe()
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Close()
	s := Spawn{Exe: program, Argv: []string{"cat", "/proc/self/timerslack_ns"}, Files: []uintptr{0, w.Fd(), 2}, CgroupFd: -1, Join: join}
	_, pidfd, err := s.Start()
	w.Close()
	if err != nil {
		t.Error(err)
		return ""
	}
	defer unix.Close(pidfd)
	text, err := io.ReadAll(r)
	if status, waited := Reap(pidfd); err != nil || waited != nil || status != 0 {
		t.Errorf("%v; status %v, %v", err, status, waited)
	}
	return string(text)
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

// TestExecutable: nobody writes through the fd, and it is no copy, also for a
// program that was executed from another mount namespace.
func TestExecutable(t *testing.T) {
	const inside = "RT_TEST_EXECUTABLE"
	if os.Getuid() != 0 {
		t.Skip("root is missing: only it may clone a mount")
	}
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestExecutable$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("from another mount namespace: %v\n%s", err, out)
		}
	}
	fd, err := Executable("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var got, want unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &got), unix.Stat("/proc/self/exe", &want)); err != nil {
		t.Fatal(err)
	}
	if got.Dev != want.Dev || got.Ino != want.Ino {
		t.Error("a copy of the program")
	}
	again := "/proc/self/fd/" + strconv.Itoa(fd)
	if w, err := unix.Open(again, unix.O_WRONLY|unix.O_CLOEXEC, 0); err != unix.EROFS && err != unix.ETXTBSY {
		t.Errorf("opened for writing: fd %d, %v", w, err)
	}
	if os.Getenv(inside) == "" {
		return
	}
	// What lies at its path in this namespace may not be executed.
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount(own, own, "", unix.MS_BIND, ""),
		unix.Mount("", own, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_NOEXEC, "")); err != nil {
		t.Fatal(err)
	}
	other, err := Executable("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(other, &fs); err != nil || fs.Flags&unix.ST_NOEXEC != 0 {
		t.Errorf("from a noexec mount: %v", err)
	}
}

// TestSealedCopy: it is the file, and can be changed in no way.
func TestSealedCopy(t *testing.T) {
	content := bytes.Repeat([]byte("program\n"), 10_000)
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := sealedCopy(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if got, err := os.ReadFile("/proc/self/fd/" + strconv.Itoa(fd)); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes of %d, %v", len(got), len(content), err)
	}
	w, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(w)
	const punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	_, written := unix.Pwrite(w, []byte("x"), 0)
	_, mapped := unix.Mmap(w, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	_, sealed := unix.FcntlInt(uintptr(w), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	for how, err := range map[string]error{
		"write": written, "shared mapping": mapped, "more seals": sealed,
		"shrink": unix.Ftruncate(w, 1), "grow": unix.Ftruncate(w, 1<<20),
		"hole": unix.Fallocate(w, punch, 0, 4096),
	} {
		if err != unix.EPERM {
			t.Errorf("%s: %v", how, err)
		}
	}
}
