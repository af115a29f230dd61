package hierarchy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"rt/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const hybrid = `25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw
31 25 0:27 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755
32 31 0:28 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
33 31 0:29 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
34 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct
35 31 0:31 / /sys/fs/cgroup/memory rw shared:13 - cgroup cgroup rw,memory,release_agent=/x
36 30 0:31 / /mnt/again rw shared:13 - cgroup other rw,memory,release_agent=/x
`

func TestParse(t *testing.T) {
	want := Set{
		{"/sys/fs/cgroup/unified", "cgroup2", ""},
		{"/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd,none"},
		{"/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"},
		{"/sys/fs/cgroup/memory", "cgroup", "memory"},
	}
	got := parse(hybrid)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	var names [][]string
	for _, h := range got {
		names = append(names, h.names())
	}
	if diff := cmp.Diff([][]string{{"unified"}, {"systemd"}, {"cpu", "cpuacct"}, {"memory"}}, names); diff != "" {
		t.Error(diff)
	}
	if v2 := parse("31 30 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"); len(v2) != 1 || len(v2.V1()) != 0 {
		t.Errorf("cgroup v2 alone: %v", v2)
	}
	if !got.Has("cpuacct") || got.Has("pids") || got.Has("unified") || len(got.V1()) != 3 {
		t.Errorf("v1: %v", got.V1())
	}
}

func TestMakeRemove(t *testing.T) {
	harness.Root(t)
	all, err := Mounted()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("rt-hierarchy-%d", os.Getpid())
	t.Cleanup(func() {
		if err := all.Remove(name); err != nil {
			t.Error(err)
		}
	})
	if err := all.Make(name); err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if err := os.MkdirAll(filepath.Join(h.Dir, name, "left", "behind"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := all.Names(name); err != nil || !cmp.Equal(names, []string{name}) {
		t.Errorf("names: %v, %v", names, err)
	}
	if err := all.Remove(name); err != nil {
		t.Fatal(err)
	}
	if names, err := all.Names(name); err != nil || len(names) > 0 {
		t.Errorf("after the removal: %v, %v", names, err)
	}
}

func TestThaw(t *testing.T) {
	harness.Root(t)
	all, err := Mounted()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("rt-hierarchy-thaw-%d", os.Getpid())
	t.Cleanup(func() {
		if err := all.Remove(name); err != nil {
			t.Error(err)
		}
	})
	if err := all.Make(name); err != nil {
		t.Fatal(err)
	}
	file, frozen, thawed := "freezer.state", "FROZEN", "THAWED"
	if !all.Has("freezer") {
		file, frozen, thawed = "cgroup.freeze", "1", "0"
	}
	found, err := filepath.Glob(filepath.Join(top, "*", name, file))
	if direct := filepath.Join(top, name, file); err == nil && len(found) == 0 {
		found = []string{direct}
	}
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	inner := filepath.Join(filepath.Dir(found[0]), "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = all.Thaw(name)
		<-ended
	})
	if err := os.WriteFile(filepath.Join(inner, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{inner, filepath.Dir(inner)} { // both say so: each must be thawed
		if err := os.WriteFile(filepath.Join(dir, file), []byte(frozen), 0); err != nil {
			t.Fatal(err)
		}
	}
	if file == "freezer.state" {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			t.Fatal("it died frozen: this test needs no thawing")
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := all.Thaw(name); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{inner, filepath.Dir(inner)} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || strings.TrimSpace(string(got)) != thawed {
			t.Errorf("%s of %s: %q, %v", file, dir, got, err)
		}
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		ended <- err
	case <-time.After(settle):
		t.Fatal("it does not die")
	}
}
