package build

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// copyTree copies what `make install` and `make deb` read.
func copyTree(t *testing.T, dir string) {
	t.Helper()
	copySources(t, dir)
	for _, entry := range []string{"docs", "packaging", "CHANGELOG.md", "tests/demo/needs.sh"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(entry)), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-r", filepath.Join(root, entry), filepath.Join(dir, entry)).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v: %s", entry, err, out)
		}
	}
}

func makeIn(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("make", append(args, "OUT=made", "COMMIT=0123456789abcdef")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %v: %v: %s", args, err, out)
	}
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing", program)
		}
	}
}

// files are the regular files below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// manPages are the names of the manual's pages.
func manPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs/man/*.8"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for i, p := range pages {
		pages[i] = filepath.Base(p)
	}
	return pages
}

// version runs an installed program.
func version(t *testing.T, program string) {
	t.Helper()
	out, err := exec.Command(program, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "rt version ") || !strings.Contains(string(out), "\ncommit: 0123456789abcdef\n") {
		t.Errorf("%s --version: %q, %v", program, out, err)
	}
}

func TestMakeInstall(t *testing.T) {
	need(t, "make", "gcc", "install")
	dir, dest := t.TempDir(), t.TempDir()
	copyTree(t, dir)
	for _, prefix := range []string{"/usr/local", "/opt/rt"} {
		makeIn(t, dir, nil, "install", "DESTDIR="+dest, "PREFIX="+prefix)
		want := []string{
			prefix + "/sbin/rt", prefix + "/share/bash-completion/completions/rt",
			prefix + "/share/fish/vendor_completions.d/rt.fish", prefix + "/share/zsh/site-functions/_rt",
		}
		for _, page := range manPages(t) {
			want = append(want, prefix+"/share/man/man8/"+page)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, files(t, dest)); diff != "" {
			t.Errorf("what is installed (-want +got):\n%s", diff)
		}
		version(t, dest+prefix+"/sbin/rt")
		makeIn(t, dir, nil, "uninstall", "DESTDIR="+dest, "PREFIX="+prefix)
		if left := files(t, dest); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	// sudo has a path of its own, without Go: what has been built is installed.
	makeIn(t, dir, []string{"CC=/bin/false"}, "install", "DESTDIR="+dest, "GO=/nonexistent/go")
	version(t, dest+"/usr/local/sbin/rt")
}

func TestDeb(t *testing.T) {
	need(t, "make", "gcc", "dpkg-deb", "dpkg", "gzip")
	var debs [2]string
	for i, umask := range []string{"022", "077"} {
		dir, out := filepath.Join(t.TempDir(), strings.Repeat("x", 1+20*i)), t.TempDir()
		copyTree(t, dir)
		cmd := exec.Command("sh", "-c", "umask "+umask+` && make deb OUT=made COMMIT=0123456789abcdef VERSION=1.2.3 DEB="$1"`, "sh", out)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		if log, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make deb: %v: %s", err, log)
		}
		found, err := filepath.Glob(out + "/rt_1.2.3_*.deb")
		if err != nil || len(found) != 1 {
			t.Fatalf("packages %v, %v", found, err)
		}
		debs[i] = found[0]
	}
	if !bytes.Equal(content(t, debs[0]), content(t, debs[1])) {
		t.Error("two packages of one source differ")
	}
	checkContents(t, debs[0])
	installDeb(t, debs[0])
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkContents looks at the package from outside.
func checkContents(t *testing.T, deb string) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb -x: %v: %s", err, out)
	}
	want := []string{
		"/usr/sbin/rt", "/usr/share/bash-completion/completions/rt", "/usr/share/fish/vendor_completions.d/rt.fish",
		"/usr/share/zsh/vendor-completions/_rt", "/usr/share/lintian/overrides/rt",
		"/usr/share/doc/rt/copyright", "/usr/share/doc/rt/changelog.gz", "/usr/share/doc/rt/CHANGELOG.md.gz", "/usr/share/doc/rt/install.md",
	}
	for _, page := range manPages(t) {
		want = append(want, "/usr/share/man/man8/"+page+".gz")
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("what is in the package (-want +got):\n%s", diff)
	}
	version(t, dir+"/usr/sbin/rt")
	copyright := string(content(t, dir+"/usr/share/doc/rt/copyright"))
	for _, module := range []string{"github.com/urfave/cli/v2", "golang.org/x/sys", "github.com/opencontainers/runtime-spec", "Go runtime", "libseccomp"} {
		if !strings.Contains(copyright, module) {
			t.Errorf("the copyright file does not name %s", module)
		}
	}
	list, err := exec.Command("dpkg-deb", "-c", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		mode, rest, _ := strings.Cut(line, " ")
		executable := strings.HasSuffix(rest, "./usr/sbin/rt\n") || strings.HasPrefix(mode, "d")
		if !strings.HasPrefix(rest, "root/root ") || mode[1:] != map[bool]string{true: "rwxr-xr-x", false: "rw-r--r--"}[executable] {
			t.Errorf("owner and mode of %s", line)
		}
	}
}

// installDeb installs the package into an empty system and removes it.
func installDeb(t *testing.T, deb string) {
	if os.Getuid() != 0 {
		t.Skip("root is missing: dpkg installs as root only")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "var/lib/dpkg/info"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) {
		t.Helper()
		cmd := exec.Command("dpkg", append([]string{"--root=" + dir}, args...)...)
		cmd.Env = append(os.Environ(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("dpkg %v: %v: %s", args, err, out)
		}
	}
	dpkg("--install", deb)
	version(t, dir+"/usr/sbin/rt")
	dpkg("--verify", "rt")
	dpkg("--purge", "rt")
	if left, err := filepath.Glob(dir + "/usr/*"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
