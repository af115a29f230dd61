//go:build clients

package podman

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// podman is one user's engine, in one test.
type podman struct {
	*site
	t        *testing.T
	rootless bool
}

// argv calls a program as the engine's user, with such a user's environment.
func (p *podman) argv(program string, args ...string) []string {
	env := []string{"env", "-i", "-C", "/", "PATH=" + path, "TERM=xterm", "HOME=/root", "USER=root"}
	if p.rootless {
		id := strconv.Itoa(userID)
		env = []string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups",
			"env", "-i", "-C", "/", "PATH=" + path, "TERM=xterm", "HOME=" + userHome, "USER=" + userName, "XDG_RUNTIME_DIR=" + userRun}
	}
	return slices.Concat(env, []string{program}, args)
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (p *podman) command(program string, args ...string) *exec.Cmd {
	argv := p.argv(program, args...)
	return exec.Command(argv[0], argv[1:]...)
}

// in calls podman with more in its environment.
func (p *podman) in(env string, args ...string) *exec.Cmd {
	return p.command("env", slices.Concat([]string{env, "podman"}, args)...)
}

func (p *podman) do(args ...string) harness.Result {
	p.t.Helper()
	return harness.Exec(p.t, p.command("podman", args...))
}

// start does, and the function that it returns waits for the end.
func (p *podman) start(args ...string) func() harness.Result {
	p.t.Helper()
	return harness.Start(p.t, p.command("podman", args...))
}

// ok is what podman prints when it succeeds.
func (p *podman) ok(args ...string) string {
	p.t.Helper()
	return strings.TrimSpace(p.do(args...).WantExit(p.t, 0).Stdout)
}

// with is ok with something on stdin.
func (p *podman) with(stdin string, args ...string) string {
	p.t.Helper()
	cmd := p.command("podman", args...)
	cmd.Stdin = strings.NewReader(stdin)
	return strings.TrimSpace(harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout)
}

// typing is podman at a terminal.
func (p *podman) typing(args ...string) *world.Terminal {
	p.t.Helper()
	return world.Pty(p.t, p.argv("podman", args...)...)
}

// run is the output of a shell script in a container that ends with it. The
// flags of podman stand before the script.
func (p *podman) run(flagsAndScript ...string) string {
	p.t.Helper()
	last := len(flagsAndScript) - 1
	return p.ok(slices.Concat([]string{"run", "--rm"}, flagsAndScript[:last], []string{image, "sh", "-c", flagsAndScript[last]})...)
}

// refuses runs a command that must fail with this exit status and these texts,
// whatever their case, on stderr.
func (p *podman) refuses(code int, texts []string, args ...string) {
	p.t.Helper()
	r := p.do(args...).WantExit(p.t, code)
	has(p.t, strings.ToLower(r.Stderr), texts...)
}

// name is a name of this test's own for a container, which goes with it.
func (p *podman) name(suffix ...string) string {
	name := p.label() + strings.Join(suffix, "")
	p.t.Cleanup(func() { p.ok("rm", "-f", "-i", "-t", "0", name) })
	return name
}

// label is a name of this test's own.
func (p *podman) label() string {
	_, name, _ := strings.Cut(p.t.Name(), "/all/")
	return strings.ToLower(strings.ReplaceAll(name, "/", "-"))
}

// sleeping is the name of a running container that does nothing.
func (p *podman) sleeping(flags ...string) string {
	p.t.Helper()
	name := p.name()
	p.ok(slices.Concat([]string{"run", "-d", "--name", name}, flags, []string{image, "sleep", "1000"})...)
	return name
}

func (p *podman) inspect(name, format string) string {
	p.t.Helper()
	return p.ok("inspect", "--format", format, name)
}

// pid is the host's number of the container's init.
func (p *podman) pid(name string) int { p.t.Helper(); return p.number(name, "{{.State.Pid}}") }

func (p *podman) number(name, format string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.inspect(name, format))
	if err != nil || n <= 0 {
		p.t.Fatalf("%s of %s: %d, %v", format, name, n, err)
	}
	return n
}

// temp is a directory of the test that belongs to the engine's user.
func (p *podman) temp() string {
	p.t.Helper()
	dir, err := os.MkdirTemp(p.dir, "t")
	must(p.t, err)
	must(p.t, os.Chmod(dir, 0o755))
	p.own(dir)
	p.t.Cleanup(func() { must(p.t, os.RemoveAll(dir)) })
	return dir
}

// file is a file of the engine's user with this text.
func (p *podman) file(dir, name, text string) string {
	p.t.Helper()
	path := filepath.Join(dir, name)
	must(p.t, os.WriteFile(path, []byte(text), 0o644))
	p.own(path)
	return path
}

// own gives a file to the engine's user.
func (p *podman) own(path string) {
	p.t.Helper()
	if p.rootless {
		must(p.t, os.Chown(path, userID, userID))
	}
}

func (p *podman) await(what string, there func() bool) { p.t.Helper(); world.Until(p.t, what, there) }

func (p *podman) awaitLog(name, text string) {
	p.t.Helper()
	p.await(text+" in the log", func() bool { return strings.Contains(p.do("logs", name).Stdout, text) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is compares what there is with what there should be.
func is[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%#v instead of %#v", got, want)
	}
}

// has looks for each text in what there is.
func has(t testing.TB, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
