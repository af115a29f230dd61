package nsenter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// spawn starts this test program as a joiner, which takes over before Go.
func spawn(t *testing.T, s Spawn) (pid, sock int) {
	t.Helper()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	ours, theirs, err := sys.Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(theirs)
	s.Exe, s.Sock = int(exe.Fd()), theirs
	pid, pidfd, _, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sys.Close(ours)
		_ = sys.PidfdSignal(pidfd, sys.SIGKILL)
		_, _ = sys.Reap(pidfd)
		sys.Close(pidfd)
	})
	return pid, ours
}

func do(t *testing.T, sock int, ops ...plan.Op) Answer {
	t.Helper()
	if err := SendOps(sock, ops, nil); err != nil {
		t.Fatal(err)
	}
	a, err := RecvAnswer(sock)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSpawn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the child is not dumpable")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	// stdin and stdout in each other's place, and a socket where files are.
	pid, sock := spawn(t, Spawn{Target: 9, CgroupFd: -1, Stdio: [3]int{int(null.Fd()), int(file.Fd()), 0}, Nofile: true})
	if a := do(t, sock, plan.Op{Code: plan.OpDumpable}); a.Kind != AnswerDone {
		t.Errorf("%+v", a)
	}
	proc := fmt.Sprintf("/proc/%d/", pid)
	own, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		t.Fatal(err)
	}
	for fd, want := range map[string]string{"0": "/dev/null", "1": file.Name(), "2": own} {
		if got, err := os.Readlink(proc + "fd/" + fd); err != nil || got != want {
			t.Errorf("fd %s: %q, %v", fd, got, err)
		}
	}
	want := 4
	for fd := 3; fd < 9; fd++ { // whoever runs the tests may have left some open
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			want++
		}
	}
	entries, err := os.ReadDir(proc + "fd")
	if err != nil || len(entries) != want {
		t.Errorf("%d fds are to be there: %v, %v", want, entries, err)
	}
	if env, err := os.ReadFile(proc + "environ"); err != nil || string(env) != JoinEnv(9)+"\x00" {
		t.Errorf("environment %q, %v", env, err)
	}
	// What it cannot do it says with the number of the operation.
	if a := do(t, sock, plan.Op{Code: plan.OpDumpable}, plan.Op{Code: plan.OpUID, A: 1 << 32}, plan.Op{Code: plan.OpWrite, Text: []byte("/nowhere\x00x")}); a.Kind != AnswerFailed || a.Op != 2 || a.Errno != unix.ENOENT {
		t.Errorf("%+v", a)
	}
}

// TestSpawnHidden: without CAP_SYS_PTRACE even an equal may not look inside.
func TestSpawnHidden(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, hide := range []bool{false, true} {
		pid, sock := spawn(t, Spawn{Target: 3, CgroupFd: -1, Stdio: [3]int{0, 1, 2}, Hide: hide})
		const equal = 1 << unix.CAP_DAC_OVERRIDE
		if a := do(t, sock, plan.Op{Code: plan.OpCaps, A: equal, B: equal}); a.Kind != AnswerDone {
			t.Fatalf("%+v", a)
		}
		var err error
		sys.OnOwnThread(func() {
			if err = sys.Capset(equal, equal, 0); err == nil {
				_, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			}
		})
		if hide != errors.Is(err, unix.EACCES) {
			t.Errorf("hidden %v: %v", hide, err)
		}
	}
}

// TestSpawnProcs: the file systems show the new pid namespace.
func TestSpawnProcs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	_, sock := spawn(t, Spawn{Target: 3, CgroupFd: -1, Stdio: [3]int{0, 1, 2}, NewPID: true, Procs: 2})
	var b [1]byte
	_, fds, err := sys.Recv(sock, b[:])
	if err != nil || len(fds) != 2 {
		t.Fatal(fds, err)
	}
	defer sys.CloseAll(fds)
	if err := sys.CreateFS(fds[1]); err != nil {
		t.Fatal(err)
	}
	mount, err := sys.MountFS(fds[1], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(mount)
	names, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d/", mount))
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, n := range names {
		if strings.Trim(n.Name(), "0123456789") == "" {
			pids = append(pids, n.Name())
		}
	}
	if strings.Join(pids, " ") != "1" {
		t.Errorf("processes %q", pids)
	}
}

// TestSpawnInCgroup: it is there from its birth.
func TestSpawnInCgroup(t *testing.T) {
	root := ""
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			root = dir
		}
	}
	if root == "" || os.Geteuid() != 0 {
		t.Skip("needs root and a mount of cgroup2 on /sys/fs/cgroup or /sys/fs/cgroup/unified")
	}
	name := fmt.Sprintf("rt-test-spawn-%d", os.Getpid())
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the process has gone
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	fd, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	pid, sock := spawn(t, Spawn{Target: 3, CgroupFd: int(fd.Fd()), Stdio: [3]int{0, 1, 2}})
	if a := do(t, sock, plan.Op{Code: plan.OpDumpable}); a.Kind != AnswerDone {
		t.Errorf("%+v", a)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil || !strings.Contains(string(text), "0::/") || !strings.Contains(string(text), name+"\n") {
		t.Errorf("cgroups %q, %v", text, err)
	}
	if _, _, _, err := (&Spawn{Exe: -1, Sock: 0, Target: 3, CgroupFd: 0, Stdio: [3]int{0, 1, 2}}).Start(); err == nil {
		t.Error("born in what is no cgroup")
	}
}

// TestSpawnDoors: the process goes in by itself before it is executed.
func TestSpawnDoors(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// One of the numbers is wanted by the process, too.
	door := int(w.Fd())
	_, sock := spawn(t, Spawn{Target: door, CgroupFd: -1, Stdio: [3]int{0, 1, 2}, Doors: []int{door, door}})
	var got [3]byte
	if n, err := r.Read(got[:]); err != nil || string(got[:n]) != "00" {
		t.Errorf("%q, %v", got[:n], err)
	}
	if a := do(t, sock, plan.Op{Code: plan.OpDumpable}); a.Kind != AnswerDone {
		t.Errorf("%+v", a)
	}
}

// TestSpawnRefused: a process that does not get in is not there.
func TestSpawnRefused(t *testing.T) {
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	s := Spawn{Exe: int(null.Fd()), Sock: int(null.Fd()), Target: 9, CgroupFd: -1, Stdio: [3]int{0, 1, 2}, Doors: []int{int(null.Fd())}}
	if pid, _, _, err := s.Start(); err != unix.EBADF {
		t.Errorf("%d, %v", pid, err)
	}
}

// TestBorn: a process that cannot go on to its execve can be killed, and Start
// comes back.
func TestBorn(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer sys.CloseAll(pipe[:])
	for {
		if _, err := unix.Write(pipe[1], make([]byte, 4096)); err != nil {
			break
		}
	}
	if err := unix.SetNonblock(pipe[1], false); err != nil { // full: a door that nobody gets through
		t.Fatal(err)
	}
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	var born atomic.Int32
	born.Store(-1)
	s := Spawn{Exe: int(exe.Fd()), Sock: pipe[0], Target: 3, Stdio: [3]int{0, 1, 2}, CgroupFd: -1, Doors: []int{pipe[1]}, Born: &born}
	type started struct {
		pidfd int
		err   error
	}
	done := make(chan started)
	go func() {
		_, pidfd, _, err := s.Start()
		done <- started{pidfd, err}
	}()
	for end := time.Now().Add(30 * time.Second); born.Load() < 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no pidfd while Start waits")
		}
	}
	if err := sys.PidfdSignal(int(born.Load()), sys.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := <-done
	if r.err != nil || r.pidfd != int(born.Load()) {
		t.Fatalf("%+v, born %d", r, born.Load())
	}
	if status, err := sys.Reap(r.pidfd); err != nil || status.Signal() != unix.SIGKILL {
		t.Error(status, err)
	}
	sys.Close(r.pidfd)
}
