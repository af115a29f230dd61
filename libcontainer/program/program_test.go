package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want []string
	}{
		{"", nil, nil},
		{"sh", nil, []string{"/bin/sh", "/usr/bin/sh"}},
		{"./sh", []string{"PATH=/x"}, []string{"./sh"}},
		{"sh", []string{"PATH=/a", "PATH=/b::/c/"}, []string{"/b/sh", "./sh", "/c/sh"}},
		{"sh", []string{"PATH="}, []string{"./sh"}},
	} {
		if diff := cmp.Diff(c.want, Candidates(c.name, c.env)); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", c.name, c.env, diff)
		}
	}
}

// TestInRoot: below another root links and ".." do not lead out of it.
func TestInRoot(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "root/etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	line := "u:x:1000:1::/home/u:\n"
	if err := os.WriteFile(filepath.Join(dir, "passwd"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := sys.OpenDirPath(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	link := filepath.Join(dir, "root/etc/passwd")
	for _, target := range []string{"../../passwd", dir + "/passwd", "/proc/self/fd/0"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if got := Root(fd).Home(1000); got != "/" {
			t.Errorf("by way of %s: %s", target, got)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(link, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Root(fd).Home(1000); got != "/home/u" {
		t.Errorf("its own: %s", got)
	}
	if got := Root(fd).lookupHint("/etc", unix.EACCES); got != "it is a directory" {
		t.Errorf("hint %q", got)
	}
}

func TestHintReadsOnlyFiles(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := Own.readHead(fifo); got != nil {
		t.Errorf("%q", got)
	}
	if got := Own.ExecHint(fifo, unix.EACCES); strings.Contains(got, "ELF") {
		t.Errorf("%q", got)
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 193)))
	f.Add([]byte("#! /bin/sh -x\r\n"))
	f.Add([]byte("\x7fELF\x01\x02" + strings.Repeat("\xff", 100)))
	f.Fuzz(func(_ *testing.T, head []byte) {
		shebang(head)
		parseELF(head)
		Own.elfHint(head, unix.ENOENT)
	})
}

// TestNotInPath: the text is what clients match on, and what helps comes behind.
func TestNotInPath(t *testing.T) {
	for name, hint := range map[string]string{
		"nope":    "",
		"":        "the first of the arguments is the program, and it is empty",
		"echo hi": "each argument is one of its own: the name of this program has a blank in it",
		"-it":     "it looks like an option: those of rt stand before the container's id",
	} {
		err := NotInPath(name, "")
		if want := `exec: "` + name + `": executable file not found in $PATH`; err.Error() != want || fault.Hint(err) != hint {
			t.Errorf("%v (%s)", err, fault.Hint(err))
		}
	}
	if hint := fault.Hint(NotInPath("a b", "/bin/a b")); !strings.Contains(hint, "/bin/a b is there but may not be executed") {
		t.Error(hint)
	}
}
