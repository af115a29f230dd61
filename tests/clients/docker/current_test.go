//go:build clients

package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

// current is the current Docker, built from its module. Its client would be a
// module of its own: Debian's speaks the oldest API that this daemon takes.
func current() world.Program {
	return world.Program{
		Module:   "github.com/moby/moby/v2",
		Version:  "v2.0.0-beta.24",
		Packages: []string{"cmd/dockerd", "cmd/docker-proxy"},
	}
}

// otherwise are the checks in which a current Docker, with a current
// containerd and its shim, calls the runtime otherwise than Debian's does: more
// namespaces, other capabilities, other forms of the same flags, other mounts.
func otherwise() []string {
	return []string{
		"run/output", "run/exit-codes", "run/not-", "run/directory", "run/exec-format", "run/user", "run/init", "run/stdin-10MB", "tty/size", "tty/detach",
		"exec/", "kill/init", "stop/", "pause/", "health/healthy", "update/", "stats", "events/oom", "limits/memory", "limits/oom-killed",
		"limits/pids", "limits/blkio", "caps/", "privileged", "no-new", "seccomp/", "paths/", "devices/", "bind/", "tmpfs/", "pid/", "ipc/",
		"cgroupns/", "cgroup/", "net/published", "net/user-defined", "build/",
	}
}

// TestCurrent is that part of the list with the current Docker.
func TestCurrent(t *testing.T) {
	moby, containerd := world.Build(t, current()), world.Build(t, world.Containerd())
	p := programs{
		docker: "/usr/bin/docker", dockerd: moby + "/dockerd", containerd: containerd + "/containerd", path: moby + ":" + containerd + ":",
	}
	var flags []string
	if !knowsTime(t) { // runc 1.1: the daemon does not ask it
		flags = []string{"--feature", "time-namespaces=false"}
	}
	e := start(t, "current", p, flags...)
	e.load(t)
	t.Run("list", func(t *testing.T) {
		for _, c := range append(slices.Concat(lists()...), currentChecks()...) {
			if !slices.ContainsFunc(otherwise(), func(prefix string) bool { return strings.HasPrefix(c.name, prefix) }) && !strings.HasPrefix(c.name, "current/") {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, e)
			})
		}
	})
	t.Run("nothing-left", func(t *testing.T) { e.clean(t) })
	t.Run("remap/ids", func(t *testing.T) {
		r := start(t, "current-remap", p, append(flags, "--userns-remap", remapUser(t), "--bip", "172.30.0.1/24")...)
		r.ok(t, "import", world.Busybox(t), "busybox")
		remapIDs(t, r)
	})
}

// currentChecks are what Debian's Docker does not have.
func currentChecks() []check {
	return []check{
		{"current/features-are-known", func(t *testing.T, e *engine) {
			var info struct {
				Runtimes map[string]struct{ Status map[string]string }
			}
			decode(t, e.api(t, http.MethodGet, "/v1.44/info", nil), &info)
			contains(t, info.Runtimes["undertest"].Status["org.opencontainers.runtime-spec.features"], `"ociVersionMax"`, `"rro"`)
		}},
		{"current/time-namespace", func(t *testing.T, e *engine) {
			host := strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/time").Stdout)
			got := e.sh(t, "readlink /proc/self/ns/time")
			if known := knowsTime(t); known == (got == host) {
				t.Errorf("the host's %s, the container's %s; the runtime knows it: %v", host, got, known)
			}
			name := e.sleeper(t)
			equal(t, "exec's", e.ok(t, "exec", name, "readlink", "/proc/self/ns/time"), e.ok(t, "exec", name, "readlink", "/proc/1/ns/time"))
		}},
		{"current/read-only-with-all-below", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			world.Command(t, "sh", "-c", "mkdir "+dir+"/sub && mount -t tmpfs x "+dir+"/sub").WantExit(t, 0)
			t.Cleanup(func() { world.Command(t, "umount", dir+"/sub") })
			name := e.named(t)
			e.api(t, http.MethodPost, "/v1.44/containers/create?name="+name, map[string]any{
				"Image": "busybox", "Cmd": []string{"touch", "/d/sub/x"},
				"HostConfig": map[string]any{"Mounts": []any{map[string]any{
					"Type": "bind", "Source": dir, "Target": "/d", "ReadOnly": true,
					"BindOptions": map[string]any{"ReadOnlyForceRecursive": true, "Propagation": "rprivate"},
				}}},
			})
			e.do(t, "start", "-a", name).WantFailure(t, "Read-only file system")
		}},
	}
}

// knowsTime tells whether the runtime says that it makes time namespaces.
func knowsTime(t *testing.T) bool {
	t.Helper()
	var features struct {
		Linux struct{ Namespaces []string }
	}
	decode(t, world.Command(t, world.Runtime(t), "features").WantExit(t, 0).Stdout, &features)
	return slices.Contains(features.Linux.Namespaces, "time")
}

// api calls the daemon as no client of Debian's can.
func (e *engine) api(t *testing.T, method, path string, body any) string {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.host, "unix://"))
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequest(method, "http://docker"+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v: %s", method, path, response.Status, err, text)
	}
	return string(text)
}
