//go:build clients

package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// build makes an image of a Dockerfile and files, by the classic builder or by
// BuildKit, and returns its name with what was printed.
func (e *engine) build(t *testing.T, buildkit bool, files map[string]string) (string, harness.Result) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image := newName()
	args := []string{"build", "--force-rm", "-t", image, dir}
	if buildkit {
		args = []string{"build", "--progress", "plain", "-t", image, dir}
	}
	cmd := e.command(args...)
	if buildkit {
		cmd.Env = append(cmd.Env, "DOCKER_BUILDKIT=1")
	}
	t.Cleanup(func() { e.do(t, "rmi", "-f", image) })
	return image, harness.Exec(t, cmd)
}

func imageChecks() []check {
	both := func(name string, f func(t *testing.T, e *engine, buildkit bool)) []check {
		return []check{
			{"build/classic/" + name, func(t *testing.T, e *engine) { f(t, e, false) }},
			{"build/buildkit/" + name, func(t *testing.T, e *engine) { f(t, e, true) }},
		}
	}
	list := []check{
		{"image/ten-containers-share-its-layers", shareLayers},
		{"image/save-and-load", func(t *testing.T, e *engine) {
			image, r := e.build(t, false, map[string]string{"Dockerfile": "FROM busybox\nRUN echo saved > /saved\n"})
			r.WantExit(t, 0)
			file := filepath.Join(t.TempDir(), "image.tar")
			e.ok(t, "save", "-o", file, image)
			e.ok(t, "rmi", image)
			e.ok(t, "load", "-i", file)
			equal(t, "file", e.ok(t, "run", "--rm", image, "cat", "/saved"), "saved")
		}},
	}
	list = append(list, both("steps", buildSteps)...)
	list = append(list, both("failing-step", buildFails)...)
	return append(list, both("nginx", nginx)...)
}

// Every step is a container, with a file system that the steps before it made.
func buildSteps(t *testing.T, e *engine, buildkit bool) {
	image, r := e.build(t, buildkit, map[string]string{"file": "copied\n", "Dockerfile": `FROM busybox AS first
RUN echo one > /one && id -u && echo in pid $$
ENV WHO=builder
RUN echo $WHO > /two
FROM busybox
COPY --from=first /one /two /
COPY file /three
USER nobody
WORKDIR /tmp/work
RUN pwd; id -un; cat /one /two /three
USER root
RUN test $(cat /one) = one && rm /two && chmod 600 /three && chown 7:7 /three
CMD cat /one /three; stat -c %u:%a /three; ls /two
`})
	r.WantExit(t, 0)
	contains(t, r.Stdout+r.Stderr, "in pid 1", "/tmp/work", "nobody", "copied")
	run := e.do(t, "run", "--rm", image).WantExit(t, 1)
	equal(t, "the image's program", run.Stdout, "one\ncopied\n7:600\n")
	contains(t, run.Stderr, "No such file")
}

func buildFails(t *testing.T, e *engine, buildkit bool) {
	_, r := e.build(t, buildkit, map[string]string{"Dockerfile": "FROM busybox\nRUN echo step; exit 37\n"})
	if r.Code == 0 {
		t.Errorf("a failure wanted: %v", r)
	}
	contains(t, r.Stdout+r.Stderr, "step")
	if text := r.Stdout + r.Stderr; !strings.Contains(text, "returned a non-zero code: 37") && !strings.Contains(text, "did not complete successfully: exit code: 37") && !strings.Contains(text, "exit code: 37") {
		t.Errorf("the step's exit code is missing: %v", r)
	}
	_, r = e.build(t, buildkit, map[string]string{"Dockerfile": "FROM busybox\nRUN [\"nosuch\"]\n"})
	if r.Code == 0 {
		t.Errorf("a failure wanted: %v", r)
	}
	contains(t, r.Stdout+r.Stderr, `exec: "nosuch": executable file not found in $PATH`)
}

// The seed: what happens behind `docker run nginx`, from the image's layers to
// the page, and to the container's end when its process ends.
func nginx(t *testing.T, e *engine, buildkit bool) {
	image, r := e.build(t, buildkit, map[string]string{"site.conf": "server { listen 80; root /srv; }\n", "Dockerfile": `FROM debian
RUN rm -f /etc/nginx/sites-enabled/* && mkdir -p /srv
COPY site.conf /etc/nginx/conf.d/
RUN echo "built by $(cat /etc/debian_version | head -c 2)" > /srv/index.html && nginx -t
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
`})
	r.WantExit(t, 0)
	name := newName()
	t.Cleanup(func() { e.do(t, "rm", "-f", name) })
	e.ok(t, "run", "-d", "--name", name, "-P", "-m", "512m", "--cpus", "0.5", image)
	port := strings.Fields(e.ok(t, "port", name, "80"))[0]
	contains(t, fetchHere(t, "127.0.0.1:"+port[strings.LastIndexByte(port, ':')+1:]), "built by 1")
	contains(t, e.ok(t, "top", name), "nginx: worker process", "nginx: master process")
	// The master ends, the workers with it, and the container.
	e.ok(t, "exec", name, "nginx", "-s", "quit")
	e.await(t, name, "{{.State.Status}} {{.State.ExitCode}}", "exited 0")
	e.ok(t, "start", name)
	e.ok(t, "stop", name)
	e.want(t, name, "{{.State.ExitCode}}", "0")
}

// Ten containers on one image have the same lower directories, and each only
// what it wrote itself on top.
func shareLayers(t *testing.T, e *engine) {
	image, r := e.build(t, false, map[string]string{"Dockerfile": "FROM debian\nRUN echo layer > /layer\n"})
	r.WantExit(t, 0)
	lower := map[string]bool{}
	for i := range 10 {
		name := e.up(t, image, "sh", "-c", fmt.Sprintf("echo %d > /mine; cat /layer; exec sleep 1000", i))
		e.awaitLog(t, name, "layer")
		dirs := e.inspect(t, name, "{{.GraphDriver.Data.LowerDir}}")
		_, shared, _ := strings.Cut(dirs, ":") // the first is the container's own init layer
		lower[shared] = true
		upper := e.inspect(t, name, "{{.GraphDriver.Data.UpperDir}}")
		var size int
		if _, err := fmt.Sscan(world.Command(t, "du", "-s", "-B", "1", upper).Stdout, &size); err != nil || size > 100_000 {
			t.Errorf("%d bytes of its own, %v", size, err)
		}
		contains(t, world.Command(t, "grep", "-c", "lowerdir=", "/proc/"+e.inspect(t, name, "{{.State.Pid}}")+"/mounts").Stdout, "1")
	}
	if len(lower) != 1 {
		t.Errorf("ten containers have %d sets of lower directories", len(lower))
	}
}
