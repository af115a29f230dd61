//go:build clients

package podman

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"rt/tests/harness"
)

var buildChecks = []check{
	{"build/several-steps", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "copied", "copied\n")
		p.file(dir, "Containerfile", "FROM "+image+`
ARG WHAT=nothing
ENV A=1
RUN echo $A $WHAT >/data/one && id -u >>/data/one
WORKDIR /data
COPY copied .
USER 1000
RUN id -u >/tmp/two && cat /data/copied >>/tmp/two
USER 0
RUN --mount=type=tmpfs,target=/mnt touch /mnt/a && ls /mnt >>/tmp/two
CMD ["sh", "-c", "cat /data/one /tmp/two; ls /mnt 2>/dev/null || true"]
`)
		made := "localhost/" + p.label()
		p.ok("build", "-q", "--build-arg", "WHAT=all", "-t", made, dir)
		is(p.t, p.ok("run", "--rm", made), "1 all\n0\n1000\ncopied\na")
		p.ok("rmi", "-f", made)
	}},
	{"build/failing-step", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "Containerfile", "FROM "+image+"\nRUN echo before\nRUN exit 9\n")
		r := p.do("build", "--no-cache", dir)
		if r.Code != 9 && r.Code != 125 {
			p.t.Error(r)
		}
		has(p.t, r.Stderr, "exit status 9")
		has(p.t, r.Stdout, "before")
	}},
	{"build/step-not-found", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "Containerfile", "FROM "+image+"\nRUN [\"nothere\"]\n")
		r := p.do("build", "--no-cache", dir)
		if r.Code == 0 {
			p.t.Error(r)
		}
		has(p.t, strings.ToLower(r.Stderr), "not found")
	}},
	{"build/several-stages", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "Containerfile", "FROM "+image+" AS first\nRUN echo made >/data/made\nFROM "+image+"\nCOPY --from=first /data/made /made\nRUN cat /made\n")
		made := "localhost/" + p.label()
		has(p.t, p.ok("build", "--no-cache", "-t", made, dir), "made")
		is(p.t, p.ok("run", "--rm", made, "cat", "/made"), "made")
		p.ok("rmi", "-f", made)
	}},
	{"build/secret-and-limits", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "hush", "hush\n")
		p.file(dir, "Containerfile", "FROM "+image+"\nRUN --mount=type=secret,id=h cat /run/secrets/h && ulimit -n\n")
		has(p.t, p.ok("build", "--no-cache", "--secret", "id=h,src="+filepath.Join(dir, "hush"), "--ulimit", "nofile=123:123", dir), "hush\n123")
	}},
	{"buildah/run", both, func(p *podman) {
		name := p.buildah("from", "--pull-never", image)
		defer p.buildah("rm", name)
		is(p.t, p.buildah("run", name, "sh", "-c", "echo built >/data/a; cat /data/a"), "built")
		is(p.t, p.buildah("run", "--user", "1000", "--workingdir", "/tmp", "--env", "A=1", name, "sh", "-c", "id -u; pwd; echo $A"), "1000\n/tmp\n1")
		harness.Exec(p.t, p.buildahCommand("run", name, "sh", "-c", "exit 6")).WantExit(p.t, 6)
		if r := harness.Exec(p.t, p.buildahCommand("run", name, "nothere")); r.Code == 0 || !strings.Contains(r.Stderr, "not found") {
			p.t.Error(r)
		}
	}},
	{"buildah/run-stdin", both, func(p *podman) {
		name := p.buildah("from", "--pull-never", image)
		defer p.buildah("rm", name)
		cmd := p.buildahCommand("run", name, "wc", "-c")
		cmd.Stdin = strings.NewReader(strings.Repeat("0123456789", 10000))
		is(p.t, strings.TrimSpace(harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout), "100000")
	}},
	{"buildah/run-volume", both, func(p *podman) {
		name := p.buildah("from", "--pull-never", image)
		defer p.buildah("rm", name)
		dir := p.temp()
		p.buildah("run", "-v", dir+":/data", name, "touch", "/data/a")
		if _, err := os.Stat(filepath.Join(dir, "a")); err != nil {
			p.t.Error(err)
		}
	}},
	{"buildah/bud-from-scratch", both, func(p *podman) {
		dir := p.temp()
		harness.Exec(p.t, p.command("cp", p.tar, filepath.Join(dir, "bb.tar"))).WantExit(p.t, 0)
		p.file(dir, "Containerfile", "FROM scratch\nADD bb.tar /\nRUN echo scratch >/data/a\nRUN cat /data/a\n")
		made := "localhost/" + p.label()
		has(p.t, p.buildah("bud", "--isolation", "oci", "--runtime", p.runtime, "--network", "none", "-t", made, dir), "scratch")
		is(p.t, p.ok("run", "--rm", made, "cat", "/data/a"), "scratch")
		p.ok("rmi", "-f", made)
	}},
	{"buildah/commit", both, func(p *podman) {
		name := p.buildah("from", "--pull-never", image)
		p.buildah("run", name, "touch", "/data/committed")
		made := "localhost/" + p.label()
		p.buildah("commit", "-q", "--rm", name, made)
		is(p.t, p.ok("run", "--rm", made, "ls", "/data"), "committed")
		p.ok("rmi", "-f", made)
	}},
}

// buildah calls buildah with the runtime under test.
func (p *podman) buildah(args ...string) string {
	p.t.Helper()
	return strings.TrimSpace(harness.Exec(p.t, p.buildahCommand(args...)).WantExit(p.t, 0).Stdout)
}

func (p *podman) buildahCommand(args ...string) *exec.Cmd {
	if args[0] == "run" {
		args = slices.Concat([]string{"run", "--isolation", "oci", "--runtime", p.runtime, "--network", "none"}, args[1:])
	}
	return p.command("buildah", args...)
}
