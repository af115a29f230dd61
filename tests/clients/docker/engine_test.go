//go:build clients

package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// engine is a dockerd with a containerd, and the client that talks to it.
type engine struct {
	name       string
	version    string // "20.10.24+dfsg1"
	client     string // the program docker
	host       string // its -H
	data       string // dockerd's --data-root
	run        string // dockerd's --exec-root
	runtime    string // "rt", "runc", "crun"
	containerd *world.Process
	dockerd    *world.Process
}

// programs are those of one version of Docker.
type programs struct{ docker, dockerd, containerd, path string }

// debian starts Debian's Docker: with containerd and the shim of its packages,
// by their paths, whatever else is installed.
func debian(t *testing.T, name string, flags ...string) *engine {
	t.Helper()
	return start(t, name, programs{docker: "/usr/bin/docker", dockerd: "/usr/sbin/dockerd", containerd: "/usr/bin/containerd"}, flags...)
}

// start starts p's daemons, with directories and sockets named after name.
func start(t *testing.T, name string, p programs, flags ...string) *engine {
	t.Helper()
	for _, program := range []string{p.docker, p.dockerd, p.containerd} {
		if _, err := os.Stat(program); err != nil {
			t.Skipf("a program of Docker is missing: %v", err)
		}
	}
	runtime := world.Runtime(t)
	dir, run := filepath.Join(world.Dir(), name), filepath.Join("/run", name)
	e := &engine{name: name, client: p.docker, host: "unix://" + run + "/docker.sock", data: dir + "/docker", run: run + "/docker"}
	version, err := exec.Command(runtime, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", runtime, err)
	}
	e.runtime = strings.Fields(string(version))[0]
	for _, d := range []string{dir + "/bin", run} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The bridge outlives its dockerd, and the next engine would take its address.
	t.Cleanup(func() { world.Command(t, "ip", "link", "del", "docker0") })
	// BuildKit in dockerd knows no default runtime: it runs a runc.
	if err := os.Symlink(runtime, dir+"/bin/runc"); err != nil {
		t.Fatal(err)
	}
	e.startContainerd(t, p, dir, run)
	e.startDockerd(t, p, runtime, dir, run, flags)
	return e
}

func (e *engine) startContainerd(t *testing.T, p programs, dir, run string) {
	t.Helper()
	socket := run + "/containerd.sock"
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = %q
`, dir+"/containerd", run+"/containerd", socket)
	if err := os.WriteFile(dir+"/containerd.toml", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	e.containerd = world.Daemon(t, world.Service{
		Name: e.name + "-containerd",
		Argv: []string{p.containerd, "--config", dir + "/containerd.toml"},
		Env:  []string{"PATH=" + p.path + os.Getenv("PATH")}, // the shim
		Ready: func() error {
			conn, err := net.Dial("unix", socket)
			if err == nil {
				conn.Close()
			}
			return err
		},
	})
}

func (e *engine) startDockerd(t *testing.T, p programs, runtime, dir, run string, flags []string) {
	t.Helper()
	// What dockerd itself does not remove.
	world.Allow(t, e.run+"/netns/default")
	world.Allow(t, "/docker$")
	world.Allow(t, "/docker/buildkit$")
	argv := append([]string{
		p.dockerd, "--containerd", run + "/containerd.sock", "--data-root", e.data, "--exec-root", e.run,
		"--pidfile", run + "/docker.pid", "--host", e.host, "--storage-driver", "overlay2", "--group", "root",
		"--add-runtime", "undertest=" + runtime, "--default-runtime", "undertest",
	}, flags...)
	e.dockerd = world.Daemon(t, world.Service{
		Name: e.name + "-dockerd",
		Argv: argv,
		Env:  []string{"PATH=" + dir + "/bin:" + p.path + os.Getenv("PATH")},
		Ready: func() error {
			out, err := e.command("version", "--format", "{{.Server.Version}}").Output()
			if err != nil {
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					return errors.New(string(exit.Stderr))
				}
				return err
			}
			e.version = strings.TrimSpace(string(out))
			return nil
		},
	})
}

func (e *engine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(e.client, append([]string{"-H", e.host}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG=/run/"+e.name+"/config", "DOCKER_BUILDKIT=0")
	return cmd
}

// do calls the client.
func (e *engine) do(t *testing.T, args ...string) harness.Result {
	t.Helper()
	return harness.Exec(t, e.command(args...))
}

// ok calls the client, which must exit 0, and returns its trimmed output.
func (e *engine) ok(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(e.do(t, args...).WantExit(t, 0).Stdout)
}

// fails calls the client, which must exit with code and have each of the texts
// on its stderr.
func (e *engine) fails(t *testing.T, code int, texts []string, args ...string) {
	t.Helper()
	e.do(t, args...).WantExit(t, code).WantFailure(t, texts...)
}

// sh runs a script in a new container and returns its trimmed output.
func (e *engine) sh(t *testing.T, script string, flags ...string) string {
	t.Helper()
	return e.ok(t, e.shell(script, flags...)...)
}

// shell are the arguments of run for a script in a new container that is removed.
func (e *engine) shell(script string, flags ...string) []string {
	return append(append([]string{"run", "--rm"}, flags...), "busybox", "sh", "-c", script)
}

var serial atomic.Int64

// newName is a name for a container, a volume or a network of the test's.
func newName() string { return fmt.Sprintf("rt-test-%d", serial.Add(1)) }

// up runs a container in the background, by `docker run -d` with these
// arguments, and returns its name. It is removed when the test ends.
func (e *engine) up(t *testing.T, args ...string) string {
	t.Helper()
	name := e.named(t)
	e.ok(t, append([]string{"run", "-d", "--name", name}, args...)...)
	return name
}

// named is a name for a container that the test makes. It is removed when the
// test ends, with its volumes.
func (e *engine) named(t *testing.T) string {
	name := newName()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs: %v", e.do(t, "logs", name))
		}
		e.do(t, "rm", "-f", "-v", name)
	})
	return name
}

// sleeper is a container that stays until it is removed.
func (e *engine) sleeper(t *testing.T, flags ...string) string {
	t.Helper()
	return e.up(t, append(append(flags, "busybox"), "sleep", "1000")...)
}

// inspect evaluates a template of the object.
func (e *engine) inspect(t *testing.T, name, template string) string {
	t.Helper()
	return e.ok(t, "inspect", "--format", template, name)
}

// want fails the test unless the template gives this.
func (e *engine) want(t *testing.T, name, template, want string) {
	t.Helper()
	if got := e.inspect(t, name, template); got != want {
		t.Errorf("%s of %s: %q, want %q", template, name, got, want)
	}
}

// await waits until the template gives this.
func (e *engine) await(t *testing.T, name, template, want string) {
	t.Helper()
	got := ""
	world.Until(t, fmt.Sprintf("%s of %s is %q", template, name, want), func() bool {
		got = e.inspect(t, name, template)
		return got == want
	})
}

// awaitLog waits until the container has printed text.
func (e *engine) awaitLog(t *testing.T, name, text string) {
	t.Helper()
	world.Until(t, fmt.Sprintf("%q in the log of %s", text, name), func() bool {
		r := e.do(t, "logs", name)
		return strings.Contains(r.Stdout+r.Stderr, text)
	})
}

// cgroup reads the first that exists of the files of the container's cgroup: a
// thing has one name on v1 and another on v2.
func (e *engine) cgroup(t *testing.T, name string, files ...string) string {
	t.Helper()
	id := e.inspect(t, name, "{{.Id}}")
	for _, file := range files {
		for _, pattern := range []string{"/sys/fs/cgroup/*/docker/", "/sys/fs/cgroup/docker/"} {
			paths, _ := filepath.Glob(pattern + id + "/" + file)
			for _, path := range paths {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return strings.TrimSpace(string(data))
			}
		}
	}
	t.Fatalf("none of %v in the cgroups of %s", files, name)
	return ""
}

// wantCgroup fails the test unless one of the files has one of the values; cases
// are FILE=VALUE.
func (e *engine) wantCgroup(t *testing.T, name string, cases ...string) {
	t.Helper()
	var files []string
	for _, c := range cases {
		file, _, _ := strings.Cut(c, "=")
		files = append(files, file)
	}
	got := e.cgroup(t, name, files...)
	for _, c := range cases {
		if _, value, _ := strings.Cut(c, "="); got == value {
			return
		}
	}
	t.Errorf("%q, want %v", got, cases)
}

// load makes the images busybox and debian from trees: there is no registry.
func (e *engine) load(t *testing.T) {
	t.Helper()
	e.ok(t, "import", "--change", "CMD [\"sh\"]", world.Busybox(t), "busybox")
	e.ok(t, "import", world.Debian(t), "debian")
}

// equal fails the test unless the text is this.
func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// contains fails the test unless the text has each of these in it.
func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
