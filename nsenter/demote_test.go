package nsenter

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDemoteOthers runs in a child, in a pid namespace of its own: there the
// threads' ids are not those that the host's /proc shows.
func TestDemoteOthers(t *testing.T) {
	if os.Getenv("RT_TEST_DEMOTE") == "1" {
		demoteChild(t)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestDemoteOthers$", "-test.v")
	cmd.Env = append(os.Environ(), "RT_TEST_DEMOTE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "threads demoted") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func demoteChild(t *testing.T) {
	runtime.LockOSThread()
	busy := make(chan struct{})
	for range 8 { // threads in all states: running, in a system call, idle
		go func() {
			for {
				select {
				case <-busy:
					return
				default:
					unix.Nanosleep(&unix.Timespec{Nsec: 1000}, nil)
				}
			}
		}()
	}
	if err := DemoteOthers(1000, 1001); err != nil {
		t.Fatal(err)
	}
	close(busy)
	self, err := os.Readlink("/proc/thread-self")
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, task := range tasks {
		status, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		if err != nil {
			continue
		}
		whole := string(status)
		if strings.HasSuffix(self, "/"+task.Name()) {
			if !strings.Contains(whole, "Uid:\t0\t0\t0\t0") || !strings.Contains(whole, "NoNewPrivs:\t0") {
				t.Errorf("the calling thread was changed:\n%s", whole)
			}
			continue
		}
		others++
		for _, want := range []string{"Uid:\t1000\t1000\t1000\t1000", "Gid:\t1001\t1001\t1001\t1001", "Groups:\t \n",
			"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
			if !strings.Contains(whole, want) {
				t.Errorf("thread %s lacks %q:\n%s", task.Name(), want, whole)
			}
		}
	}
	if others == 0 {
		t.Error("there is no other thread")
	}
	fmt.Println(others, "threads demoted")
}
