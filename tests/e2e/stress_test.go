package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// TestForkBomb freezes, kills and deletes a container with 1,000 processes that
// fork all the time. pids.max keeps the machine alive.
func TestForkBomb(t *testing.T) {
	const crowd, limit = 1000, 1200
	for _, test := range []struct {
		name       string
		namespaces []specs.LinuxNamespaceType
		end        func(*harness.Container)
	}{
		{"kill --all", nil, func(c *harness.Container) {
			c.OK("kill", "--all", c.ID, "KILL")
			c.Await(specs.StateStopped)
			c.OK("delete", c.ID)
		}},
		{"delete --force", nil, func(c *harness.Container) { c.OK("delete", "--force", c.ID) }},
		{"no pid namespace", []specs.LinuxNamespaceType{specs.MountNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.NetworkNamespace},
			func(c *harness.Container) { c.OK("delete", "--force", c.ID) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, harness.Spec("probe", "bomb", strconv.Itoa(crowd)))
			c.Runtime.Only(t, "its delete --force leaves some, or takes minutes")
			harness.AddProbe(t, c.Rootfs)
			c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(limit))}
			if test.namespaces != nil {
				harness.WithNamespaces(c.Spec, test.namespaces...)
			}
			c.Detached()
			awaitCrowd(t, c, crowd)
			freeze(t, c)
			test.end(c)
			c.CheckGone()
		})
	}
}

// awaitCrowd waits until the container has n processes.
func awaitCrowd(t *testing.T, c *harness.Container, n int) {
	t.Helper()
	end := time.Now().Add(harness.Slow(60 * time.Second))
	for {
		got, err := strconv.Atoi(c.Cgroup("pids.current"))
		if err == nil && got >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d processes after a minute, want %d (%v)", got, n, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// freeze holds a crowd still by the kernel's own file, looks whether it is, and
// leaves it so: what comes next must cope.
func freeze(t *testing.T, c *harness.Container) {
	t.Helper()
	end := time.Now().Add(harness.Slow(60 * time.Second))
	path := c.CgroupFile("freezer.state", "cgroup.freeze")
	v2 := filepath.Base(path) == "cgroup.freeze"
	word := map[bool]string{true: "1", false: "FROZEN"}[v2]
	if err := os.WriteFile(path, []byte(word), 0); err != nil {
		t.Fatal(err)
	}
	for {
		frozen := false
		if v2 {
			frozen = strings.Contains(c.Cgroup("cgroup.events"), "frozen 1")
		} else {
			frozen = c.Cgroup("freezer.state") == "FROZEN"
		}
		if frozen {
			break
		}
		if time.Now().After(end) {
			t.Fatal("not frozen after a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s := c.Status().Status; s != "paused" {
		t.Errorf("state is %s while frozen", s)
	}
}

// TestManyContainers creates and deletes 200 containers, 8 at a time: nothing
// is left of any.
func TestManyContainers(t *testing.T) {
	const count, workers = 200, 8
	c := harness.New(t, harness.Spec("true"))
	c.Spec.Linux.CgroupsPath = ""
	c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(100))}
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Save()
	ids := make(chan string)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for id := range ids {
				for _, args := range [][]string{{"create", "--bundle", c.Dir, id}, {"start", id}, {"delete", "--force", id}} {
					if err := c.Command(args...).Run(); err != nil { // no pipe: init would hold it
						t.Errorf("%v: %v", args, err)
					}
				}
			}
		})
	}
	for i := range count {
		ids <- fmt.Sprintf("%s-n%d", c.ID, i)
	}
	close(ids)
	group.Wait()
	if left, err := filepath.Glob(filepath.Join(c.State, c.ID+"*")); len(left) > 0 || err != nil {
		t.Errorf("state directories left behind: %v (%v)", left, err)
	}
	c.CheckGone() // also cgroups: their names begin with the id
}
