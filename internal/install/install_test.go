package install

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"rt/libcontainer/fault"
)

var update = flag.Bool("update", false, "rewrite the wanted part of testdata/*.txtar")

// want is the part of a case that holds the change, or the error. The comment in
// front of the parts is what rt is called with; the other parts are files.
const want = "want"

// TestCases: what is shown for each file, and that it is then written, once, and
// taken back to the letter.
func TestCases(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases: ", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := testCase(t, archive)
			for i, f := range archive.Files {
				if f.Name != want {
					continue
				}
				if *update {
					archive.Files[i].Data = []byte(got)
					if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(string(f.Data), got); diff != "" && !*update {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			t.Error("the case wants nothing")
		})
	}
}

func testCase(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range archive.Files {
		if f.Name != want {
			makeFile(t, filepath.Join(root, f.Name), string(f.Data))
		}
	}
	before := snapshot(t, root)
	args := strings.Fields(string(archive.Comment))
	client, o := args[0], Options{Root: root, Binary: "/usr/sbin/rt"}
	for _, arg := range args[1:] {
		switch arg {
		case "default":
			o.Default = true
		case "uninstall":
			o.Uninstall = true
		case "user":
			o.Home = "/home/u"
		default:
			t.Fatalf("unknown word %q", arg)
		}
	}
	change, err := Plan(client, o)
	if err != nil {
		if diff := cmp.Diff(before, snapshot(t, root)); diff != "" {
			t.Errorf("an error has changed something:\n%s", diff)
		}
		return "error: " + err.Error() + "\nhint: " + fault.Hint(err) + "\n"
	}
	if !change.Needed() {
		return "nothing to change\n"
	}
	if diff := cmp.Diff(before, snapshot(t, root)); diff != "" {
		t.Errorf("the plan has changed something:\n%s", diff)
	}
	there(t, client, o, before)
	return change.Diff() + strings.Join(append(change.Notes, ""), "\n")
}

// there makes the change, finds nothing more to do, and when it was an install
// goes back to how it was.
func there(t *testing.T, client string, o Options, before map[string]string) {
	t.Helper()
	write := func(needed bool) {
		t.Helper()
		change, err := Plan(client, o)
		if err != nil {
			t.Fatal(err)
		}
		if change.Needed() != needed {
			t.Errorf("a change is needed: %v\n%s", change.Needed(), change.Diff())
		}
		if err := change.Write(); err != nil {
			t.Fatal(err)
		}
	}
	_, was, err := stateOf(client, o)
	if err != nil {
		t.Fatal(err)
	}
	write(true)
	write(false)
	if o.Uninstall {
		return
	}
	if _, state, err := stateOf(client, o); err != nil || state == "no" {
		t.Errorf("state %q, %v", state, err)
	}
	o.Uninstall, o.Default = true, false
	write(true)
	write(false)
	if diff := cmp.Diff(before, snapshot(t, o.Root)); diff != "" && was == "no" {
		t.Errorf("uninstalling does not lead back (-before +after):\n%s", diff)
	}
}

func stateOf(name string, o Options) (string, string, error) {
	for _, c := range clients() {
		if c.name == name {
			return c.state(o)
		}
	}
	return "", "", nil
}

func makeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// snapshot is every file below root with its mode and text.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if fi.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(data)
		}
		all[strings.TrimPrefix(path, root)] = fi.Mode().String() + "\n" + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func plan(t *testing.T, client string, o Options) *Change {
	t.Helper()
	change, err := Plan(client, o)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

const daemonFile = "etc/docker/daemon.json"

// TestEditedMeanwhile: what was put in between install and uninstall stays.
func TestEditedMeanwhile(t *testing.T) {
	o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt", Default: true}
	file := filepath.Join(o.Root, daemonFile)
	makeFile(t, file, "{\n  \"debug\": true\n}\n")
	if err := plan(t, "docker", o).Write(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	makeFile(t, file, strings.Replace(string(data), `"debug": true`, `"debug": false, "ipv6": true`, 1))
	o.Uninstall, o.Default = true, false
	change := plan(t, "docker", o)
	if err := change.Write(); err != nil {
		t.Fatal(err)
	}
	if len(change.Notes) != 1 || !strings.Contains(change.Notes[0], "daemon.json.before-rt stays") {
		t.Errorf("notes %q", change.Notes)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "{\n  \"debug\": false, \"ipv6\": true\n}\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTwice: the backup is of the file before the first install, whatever was
// asked for later.
func TestTwice(t *testing.T) {
	o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt"}
	file := filepath.Join(o.Root, daemonFile)
	const text = "{\"default-runtime\": \"runc\"}"
	makeFile(t, file, text)
	for _, o.Default = range []bool{false, true, false} {
		if err := plan(t, "docker", o).Write(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file + backupSuffix); err != nil || string(got) != text {
		t.Errorf("backup %q, %v", got, err)
	}
	if got, err := os.ReadFile(file); err != nil || !strings.Contains(string(got), `"default-runtime": "rt"`) {
		t.Errorf("an install without --default takes the default away: %s, %v", got, err)
	}
	o.Uninstall = true
	if err := plan(t, "docker", o).Write(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != text {
		t.Errorf("%q, %v", got, err)
	}
}

// TestMoved: rt has another path now.
func TestMoved(t *testing.T) {
	for _, client := range Clients() {
		o := Options{Root: t.TempDir(), Binary: "/usr/local/sbin/rt", Default: true}
		if err := plan(t, client, o).Write(); err != nil {
			t.Fatal(err)
		}
		o.Binary = "/usr/sbin/rt"
		change := plan(t, client, o)
		if err := change.Write(); err != nil || !change.Needed() || strings.Contains(string(change.New), "/usr/local") {
			t.Errorf("%s: %v\n%s", client, err, change.Diff())
		}
		if _, state, err := stateOf(client, o); state != "default" && client != "buildkit" || err != nil {
			t.Errorf("%s: %q, %v", client, state, err)
		}
	}
}

// TestWritten: mode and owner stay, nothing is left beside the file, and a link
// is not replaced.
func TestWritten(t *testing.T) {
	o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt"}
	file := filepath.Join(o.Root, daemonFile)
	makeFile(t, file, "{}")
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	uid := uint32(os.Getuid())
	if uid == 0 {
		uid = 12
		if err := os.Chown(file, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	if err := plan(t, "docker", o).Write(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + backupSuffix} {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st := fi.Sys().(*syscall.Stat_t); st.Uid != uid || fi.Mode().Perm() != 0o604 {
			t.Errorf("%s: owner %d, mode %v", path, st.Uid, fi.Mode())
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestRefused: what is no file of one's own stays as it is, and is told.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, file string)
		text string
	}{
		"link": {func(t *testing.T, file string) {
			if err := os.Symlink("/etc/passwd", file); err != nil {
				t.Fatal(err)
			}
		}, "is a symbolic link to /etc/passwd"},
		"directory": {func(t *testing.T, file string) {
			if err := os.Mkdir(file, 0o755); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
		"fifo": {func(t *testing.T, file string) {
			if err := syscall.Mkfifo(file, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
		"huge": {func(t *testing.T, file string) {
			makeFile(t, file, strings.Repeat(" ", maxConfig+1))
		}, "larger than any configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt"}
			file := filepath.Join(o.Root, daemonFile)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			test.make(t, file)
			before := snapshot(t, o.Root)
			if _, err := Plan("docker", o); err == nil || !strings.Contains(err.Error(), "install: /etc/docker/daemon.json: "+test.text) {
				t.Errorf("error %v, want %q", err, test.text)
			}
			if diff := cmp.Diff(before, snapshot(t, o.Root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestImageLinks: a link of an image leads nowhere but into the image.
func TestImageLinks(t *testing.T) {
	outside := t.TempDir()
	makeFile(t, filepath.Join(outside, "daemon.json"), "{}")
	for _, target := range []string{outside, "../../../../../../../../.." + outside} {
		o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt"}
		if err := os.Mkdir(filepath.Join(o.Root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(o.Root, "etc/docker")); err != nil {
			t.Fatal(err)
		}
		change, err := Plan("docker", o)
		if err == nil {
			err = change.Write()
		}
		if err == nil {
			t.Errorf("a link to %s is followed", target)
		}
		if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
			t.Errorf("outside: %v, %v", entries, err)
		}
	}
}

// TestChangedMeanwhile: what somebody has written after the plan is not lost.
func TestChangedMeanwhile(t *testing.T) {
	o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt"}
	file := filepath.Join(o.Root, daemonFile)
	change := plan(t, "docker", o)
	makeFile(t, file, `{"debug": true}`)
	if err := change.Write(); err == nil || !strings.Contains(err.Error(), "changed in the meantime") {
		t.Error(err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != `{"debug": true}` {
		t.Errorf("%s, %v", data, err)
	}
}

func TestUnwritable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("an unprivileged user is missing: root may write everywhere")
	}
	o := Options{Root: t.TempDir(), Binary: "/usr/sbin/rt"}
	file := filepath.Join(o.Root, daemonFile)
	makeFile(t, file, "{}")
	if err := os.Chmod(filepath.Dir(file), 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(file), 0o755) })
	err := plan(t, "docker", o).Write()
	if err == nil || fault.Hint(err) == "" || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("%v, hint %q", err, fault.Hint(err))
	}
}

func TestUnknown(t *testing.T) {
	if _, err := Plan("lxc", Options{Binary: "/rt"}); err == nil || fault.Hint(err) != "known are docker, containerd, podman, crio, buildkit" {
		t.Error(err)
	}
	if _, err := Plan("docker", Options{Binary: "rt"}); err == nil {
		t.Error("a relative path of rt is taken")
	}
}
