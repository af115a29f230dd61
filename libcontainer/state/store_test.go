package state

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

func TestValidID(t *testing.T) {
	for _, id := range []string{"a", "web1", "_x", "-x", "+x", ".x", "...", "A.b-c+d_9", strings.Repeat("a", 255)} {
		if err := ValidID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", "..", "a/b", "../x", "/", "a b", "a\x00b", "a\nb", "é", "a:b", "a@b", CacheDir, strings.Repeat("a", 256)} {
		if err := ValidID(id); !errors.Is(err, fault.ErrInvalidID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if got, want := ValidID("a\nb").Error(), "a?b: invalid container ID format"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "below", "root"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// records are all that can be read, and an error for each that is broken.
func records(s *Store) (good []*Record, broken []error, err error) {
	ids, err := s.List()
	for _, id := range ids {
		switch r, err := s.Read(id); {
		case err == nil:
			good = append(good, r)
		case errors.Is(err, ErrBroken):
			broken = append(broken, err)
		}
	}
	return good, broken, err
}

func reserve(t *testing.T, s *Store, id string) *Dir {
	t.Helper()
	d, err := s.Reserve(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestRecordRoundTrip(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	want := &Record{
		Version: recordVersion, ID: "web1", OCIVersion: "1.3.0", Bundle: "/b", Rootfs: "/b/rootfs",
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Owner: 7,
		Annotations: map[string]string{"a": "b"}, Init: Process{Pid: 42, Start: 1 << 60},
		Started: true, Cgroup: json.RawMessage(`{"Manager":"v2"}`),
		Hooks: &specs.Hooks{Poststop: []specs.Hook{{Path: "/x", Args: []string{"x"}}}},
	}
	if err := d.Save(want); err != nil {
		t.Fatal(err)
	}
	for name, get := range map[string]func() (*Record, error){
		"Load": d.Load,
		"Read": func() (*Record, error) { return s.Read("web1") },
	} {
		got, err := get()
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestReadAnyRoot: a record is the same by each way to it: that for the usual
// ones, for those that are longer than usual, and for roots where others, too,
// have directories.
func TestReadAnyRoot(t *testing.T) {
	s := open(t)
	for id, length := range map[string]int{"short": 1, "edge": usual, "long": 3 * usual} {
		d := reserve(t, s, id)
		want := &Record{
			Version: recordVersion, ID: id, Annotations: map[string]string{"a": strings.Repeat("b", length)},
			Cgroup: json.RawMessage(`{"Manager":"v2"}`),
		}
		if err := d.Save(want); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []uint32{0o700, 0o770, 0o1777} {
			if err := syscall.Chmod(s.Path(), mode); err != nil {
				t.Fatal(err)
			}
			again, err := Open(s.Path(), false)
			if err != nil {
				t.Fatal(err)
			}
			if again.own != (mode == 0o700) {
				t.Errorf("%o: nobody else may write: %v", mode, again.own)
			}
			got, err := again.Read(id)
			if err != nil {
				t.Fatal(id, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, mode %o (-want +got):\n%s", id, mode, diff)
			}
			again.Close()
		}
	}
	list, broken, err := records(s)
	if err != nil || len(broken) != 0 || len(list) != 3 || list[0].Annotations["a"] != strings.Repeat("b", usual) {
		t.Errorf("%v, %v, %v", list, broken, err)
	}
}

func TestModes(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	if err := d.Save(&Record{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, "web1": 0o700, "web1/" + recordName: 0o600} {
		fi, err := os.Stat(filepath.Join(s.Path(), path))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%q: mode %o, want %o", path, fi.Mode().Perm(), want)
		}
	}
}

func TestMissingRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "nope")
	s, err := Open(root, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.List(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List: %v", err)
	}
	if _, err := s.Read("x"); !errors.Is(err, fault.ErrNotExist) {
		t.Errorf("Read: %v", err)
	}
	if _, err := s.Open("x"); !errors.Is(err, fault.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root was made: %v", err)
	}
}

func TestRootOfOthersIsRefused(t *testing.T) {
	root := t.TempDir()
	for mode, ok := range map[fs.FileMode]bool{
		0o700: true, 0o755: true, 0o775: true, 0o777: false, 0o777 | fs.ModeSticky: true,
	} {
		if err := os.Chmod(root, mode); err != nil {
			t.Fatal(err)
		}
		s, err := Open(root, true)
		if ok != (err == nil) || !ok && !errors.Is(err, syscall.EPERM) {
			t.Errorf("%v: %v", mode, err)
		}
		if err == nil {
			s.Close()
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("chown needs root")
	}
	if err := errors.Join(os.Chmod(root, 0o700), os.Chown(root, 4321, 4321)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(root, true); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a root of uid 4321: %v", err)
	}
}

func TestReserveTwice(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	if err := d.Save(&Record{Bundle: "/first"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reserve("web1"); !errors.Is(err, fault.ErrExist) {
		t.Errorf("second: %v", err)
	}
	if r, err := d.Load(); err != nil || r.Bundle != "/first" {
		t.Errorf("the winner's record: %v, %v", r, err)
	}
}

// Many at once: exactly one has it, and nobody removes its directory.
func TestReserveRace(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	dirs := make(chan *Dir, 32)
	for range cap(dirs) {
		wg.Go(func() {
			d, err := s.Reserve("web1")
			if err == nil {
				dirs <- d
			} else if !errors.Is(err, fault.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(dirs) != 1 {
		t.Fatalf("%d winners", len(dirs))
	}
	d := <-dirs
	defer d.Close()
	if err := d.Save(&Record{}); err != nil {
		t.Error(err)
	}
	if _, err := s.Read("web1"); err != nil {
		t.Error(err)
	}
}

// Creators against deleters of half-made containers: whoever holds a Dir holds
// the directory of that name.
func TestReserveAgainstForcedDelete(t *testing.T) {
	s := open(t)
	stop := time.Now().Add(200 * time.Millisecond)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for time.Now().Before(stop) {
				if d, err := s.Reserve("web1"); err == nil {
					if err := d.Save(&Record{}); err != nil {
						t.Errorf("a reserved directory vanished: %v", err)
					}
					d.Close()
				}
			}
		})
		wg.Go(func() {
			for time.Now().Before(stop) {
				if d, err := s.Open("web1"); err == nil {
					if err := d.Remove(); err != nil {
						t.Error(err)
					}
				} else if !errors.Is(err, fault.ErrNotExist) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestBroken(t *testing.T) {
	for name, content := range map[string]string{
		"empty":         "",
		"garbage":       "\x00\x00\x00",
		"cut":           `{"version":1,"id":"web1"`,
		"other format":  `{"version":99,"id":"web1"}`,
		"other id":      `{"version":1,"id":"web2"}`,
		"pid 1":         `{"version":1,"id":"web1","init":{"pid":1}}`,
		"pid -1":        `{"version":1,"id":"web1","init":{"pid":-1}}`,
		"pid of no one": `{"version":1,"id":"web1","init":{"pid":99999999}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			reserve(t, s, "web1").Close()
			if err := os.WriteFile(filepath.Join(s.Path(), "web1", recordName), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			checkBroken(t, s)
		})
	}
	t.Run("killed after mkdir", func(t *testing.T) {
		s := open(t)
		reserve(t, s, "web1").Close()
		checkBroken(t, s)
	})
	t.Run("killed while writing", func(t *testing.T) {
		s := open(t)
		reserve(t, s, "web1").Close()
		if err := os.WriteFile(filepath.Join(s.Path(), "web1", tempName), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		checkBroken(t, s)
	})
	t.Run("record is a link", func(t *testing.T) {
		s := open(t)
		reserve(t, s, "web1").Close()
		if err := os.Symlink("/etc/passwd", filepath.Join(s.Path(), "web1", recordName)); err != nil {
			t.Fatal(err)
		}
		checkBroken(t, s)
	})
}

// TestForeign: what rt has not made it does not remove, and in a container's
// directory nothing that is mounted there.
func TestForeign(t *testing.T) {
	s := open(t)
	reserve(t, s, "web1").Close()
	mine := filepath.Join(s.Path(), "web1", "precious")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := s.Open("web1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(); !errors.Is(err, ErrForeign) || errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "precious") {
		t.Errorf("Load: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("root is missing: nothing can be mounted")
	}
	if err := d.Save(&Record{OCIVersion: "1.0.2"}); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(s.Path(), "web1", "below")
	kept := filepath.Join(t.TempDir(), "kept")
	for _, dir := range []string{below, kept} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount(filepath.Dir(kept), below, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(below, unix.MNT_DETACH) })
	if err := d.Remove(); !errors.Is(err, unix.EXDEV) {
		t.Errorf("Remove: %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	if _, err := s.Read("web1"); err != nil {
		t.Errorf("after Remove: %v", err)
	}
}

// Of a record that cannot be used, what ends its container is still read.
func TestSalvage(t *testing.T) {
	const init, cgroup = `"init":{"pid":42,"start":7}`, `"cgroup":{"manager":"v2"}`
	full := &Record{ID: "web1", Init: Process{Pid: 42, Start: 7}, Cgroup: json.RawMessage(`{"manager":"v2"}`)}
	none := &Record{ID: "web1"}
	for name, test := range map[string]struct {
		content string
		want    *Record
	}{
		"other format":     {`{"version":2,"id":"web1",` + init + `,` + cgroup + `}`, full},
		"no version":       {`{` + init + `,` + cgroup + `}`, full},
		"garbled fields":   {`{"version":"1","id":7,"created":0,"owner":"root","hooks":[],` + init + `,` + cgroup + `}`, full},
		"resctrl groups":   {`{"version":2,"intelRdt":{"dir":"/r/web1"}}`, &Record{ID: "web1", IntelRdt: json.RawMessage(`{"dir":"/r/web1"}`)}},
		"cgroup only":      {`{"version":2,"init":{"pid":"42"},` + cgroup + `}`, &Record{ID: "web1", Cgroup: full.Cgroup}},
		"init only":        {`{"version":2,` + init + `,"cgroup":null}`, &Record{ID: "web1", Init: full.Init}},
		"no start":         {`{"version":2,"init":{"pid":42}}`, none},
		"pid 1":            {`{"version":2,"init":{"pid":1,"start":7}}`, none},
		"pid -1":           {`{"version":2,"init":{"pid":-1,"start":7}}`, none},
		"pid of no one":    {`{"version":2,"init":{"pid":99999999,"start":7}}`, none},
		"of another":       {`{"version":2,"id":"web2",` + init + `,` + cgroup + `}`, none},
		"cut":              {`{"version":1,"id":"web1",` + init, none},
		"empty":            {``, none},
		"no object at all": {`[1]`, none},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			d := reserve(t, s, "web1")
			if err := os.WriteFile(filepath.Join(s.Path(), "web1", recordName), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, d.Salvage()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(none, reserve(t, open(t), "web1").Salvage()); diff != "" {
		t.Errorf("no record (-want +got):\n%s", diff)
	}
}

// checkBroken: named by every reader, taken for a create, removable.
func checkBroken(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.Read("web1")
	if !errors.Is(err, ErrBroken) || fault.Hint(err) != "rt delete --force web1" {
		t.Errorf("Read: %v (%s)", err, fault.Hint(err))
	}
	if _, broken, err := records(s); err != nil || len(broken) != 1 || !strings.Contains(broken[0].Error(), "web1") {
		t.Errorf("all: %v, %v", broken, err)
	}
	_, err = s.Reserve("web1")
	if !errors.Is(err, fault.ErrExist) || !strings.Contains(fault.Hint(err), "delete --force") {
		t.Errorf("Reserve: %v (%s)", err, fault.Hint(err))
	}
	d, err := s.Open("web1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := s.Read("web1"); !errors.Is(err, fault.ErrNotExist) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestCreatingIsNotBroken(t *testing.T) {
	s := open(t)
	reserve(t, s, "web1")
	if _, err := s.Read("web1"); !errors.Is(err, ErrCreating) {
		t.Errorf("Read: %v", err)
	}
	if records, broken, err := records(s); len(records)+len(broken) != 0 || err != nil {
		t.Errorf("Records: %v %v %v", records, broken, err)
	}
}

func TestList(t *testing.T) {
	s := open(t)
	for _, id := range []string{"b", "a", "c"} {
		if err := reserve(t, s, id).Save(&Record{}); err != nil {
			t.Fatal(err)
		}
	}
	reserve(t, s, "broken").Close()
	for _, name := range []string{CacheDir, "not an id"} {
		if err := os.Mkdir(filepath.Join(s.Path(), name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.Path(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ids, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "broken", "c"}, ids); diff != "" {
		t.Error(diff)
	}
	records, broken, err := records(s)
	if err != nil || len(records) != 3 || len(broken) != 1 {
		t.Errorf("%d good, broken %v, %v", len(records), broken, err)
	}
}

// A link in the root must not lead a command to another directory.
func TestLinkIsNoContainer(t *testing.T) {
	s := open(t)
	outside := t.TempDir()
	keep := filepath.Join(outside, "keep")
	if err := errors.Join(os.WriteFile(keep, nil, 0o600), os.Symlink(outside, filepath.Join(s.Path(), "web1"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open("web1"); !errors.Is(err, ErrBroken) {
		t.Errorf("Open: %v", err)
	}
	d := reserve(t, s, "web2")
	if err := os.Symlink(outside, filepath.Join(s.Path(), "web2", "link")); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
}

func TestRemoveTakesAll(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	if want := s.Path() + "/web1"; d.Path() != want {
		t.Errorf("path %s, want %s", d.Path(), want)
	}
	if err := errors.Join(d.Save(&Record{}), os.MkdirAll(filepath.Join(s.Path(), "web1", "a", "b"), 0o700),
		os.WriteFile(filepath.Join(s.Path(), "web1", "a", "f"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.List(); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestRemoveAfterTheStoreIsClosed(t *testing.T) {
	root := t.TempDir()
	s, err := Open(root, true)
	if err != nil {
		t.Fatal(err)
	}
	d := reserve(t, s, "web1")
	s.Close()
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "web1")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestSaveFailureKeepsTheOldRecord(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	if err := d.Save(&Record{Bundle: "/old"}); err != nil {
		t.Fatal(err)
	}
	// A directory in the temp file's place is what makes the open fail.
	if err := os.Mkdir(filepath.Join(s.Path(), "web1", tempName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Save(&Record{Bundle: "/new"}); err == nil {
		t.Error("Save succeeded")
	}
	if r, err := d.Load(); err != nil || r.Bundle != "/old" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestLock(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	if err := d.Save(&Record{}); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		second, err := s.Open("web1")
		if err == nil {
			second.Close()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("locked twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	d.Close()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestLockDeadline(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	fd, err := s.openDir("web1")
	if err != nil {
		t.Fatal(err)
	}
	if err := flockWithin(fd, 20*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	d.Close()
	// The lock that was left waiting must not stay taken.
	again, err := s.Open("web1")
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// Waiters on a directory that is deleted and made anew get the new one or
// nothing, never the dead one.
func TestOpenAfterRemove(t *testing.T) {
	s := open(t)
	d := reserve(t, s, "web1")
	got := make(chan error)
	go func() {
		_, err := s.Open("web1")
		got <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, fault.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// The lock of a killed process is free at once.
func TestLockEndsWithItsHolder(t *testing.T) {
	if root := os.Getenv("STATE_TEST_HOLD"); root != "" {
		s, err := Open(root, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reserve("web1"); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("held\n")
		select {}
	}
	s := open(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockEndsWithItsHolder$")
	cmd.Env = append(os.Environ(), "STATE_TEST_HOLD="+s.Path())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("web1"); !errors.Is(err, ErrCreating) {
		t.Errorf("while it lives: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	checkBroken(t, s)
}

func TestSocketPathIsShort(t *testing.T) {
	s := open(t)
	d := reserve(t, s, strings.Repeat("x", 255))
	path := d.SocketPath("start.sock")
	if len(path) > 107 {
		t.Errorf("%d bytes: %s", len(path), path)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"id":"web1","init":{"pid":7,"start":9}}`))
	f.Add([]byte(`{"version":1,"id":"web1","hooks":{"poststop":[{"path":"/x"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r := salvage(data, "web1"); r.Init.Pid < 0 || r.Init.Pid == 1 || r.ID != "web1" {
			t.Errorf("salvaged %+v", r)
		}
		r, err := decode(data, "web1")
		if err != nil {
			return
		}
		if r.Init.Pid < 0 || r.Init.Pid == 1 || r.ID != "web1" {
			t.Errorf("accepted %+v", r)
		}
	})
}

func BenchmarkSave(b *testing.B) {
	for _, root := range []string{b.TempDir(), "/dev/shm"} {
		b.Run(root, func(b *testing.B) {
			root, err := os.MkdirTemp(root, "rt")
			if err != nil {
				b.Skip(err)
			}
			defer os.RemoveAll(root)
			s, err := Open(root, true)
			if err != nil {
				b.Fatal(err)
			}
			d, err := s.Reserve("x")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := d.Save(&Record{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestConfig(t *testing.T) {
	s := open(t)
	d, err := s.Reserve("web1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := s.ReadConfig("web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it is there: %v", err)
	}
	config := strings.Repeat("{ }\n", 10000)
	if err := d.SaveConfig([]byte(config)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.ReadConfig("web1"); err != nil || string(got) != config {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, id := range []string{"web2", "../web1", ""} {
		if _, err := s.ReadConfig(id); err == nil {
			t.Errorf("%q has a config", id)
		}
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
}

// TestTooLong: a record that could not be read again is not written.
func TestTooLong(t *testing.T) {
	d := reserve(t, open(t), "web1")
	r := &Record{OCIVersion: "1.0.2", Annotations: map[string]string{"a": "b"}}
	if err := d.Save(r); err != nil {
		t.Fatal(err)
	}
	r.Annotations["a"] = strings.Repeat("<", maxRecord/6)
	if err := d.Save(r); err == nil || !strings.Contains(err.Error(), "the annotations are too long") {
		t.Errorf("%v", err)
	}
	if r, err := d.Load(); err != nil || r.Annotations["a"] != "b" {
		t.Errorf("the old one: %v, %v", r, err)
	}
}
