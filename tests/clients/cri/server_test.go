//go:build clients

package cri

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

const (
	image      = "docker.io/library/busybox:test"
	pauseImage = "docker.io/library/pause:test"
	class      = "a-runtime-class" // a handler beside the default one
)

// m is a JSON object: a message of the CRI.
type m = map[string]any

// server is a running containerd with its CRI.
type server struct {
	version  string // "1.6", "2.x"
	bin, dir string
	client   string // the program that asks it
	daemon   *world.Process
}

func start(t *testing.T, version, bin string) *server {
	t.Helper()
	s := &server{version: version, bin: bin, dir: filepath.Join(world.Dir(), "cri-"+version), client: buildClient(t)}
	for _, sub := range []string{"cni", "logs", "pause"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, "cni/10-test.conflist", s.network())
	config := s.write(t, "config.toml", s.config(world.Runtime(t)))
	s.daemon = world.Daemon(t, world.Service{
		Name: "containerd-cri-" + version,
		Argv: []string{filepath.Join(bin, "containerd"), "--config", config},
		Env:  []string{"PATH=" + bin + ":" + os.Getenv("PATH")},
		Ready: func() error {
			out, err := exec.Command(s.client, s.socket(), "call", "Status").CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
	})
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "delete", s.bridge()).Run()
		if err := world.RemoveCgroups("k8s.io"); err != nil {
			t.Error(err)
		}
	})
	s.load(t, world.Image{Name: image, Layer: world.Busybox(t), OCI: m{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sh"}}})
	s.load(t, world.Image{Name: pauseImage, Layer: s.pause(t), OCI: m{"Entrypoint": []string{"/pause"}}})
	p := s.pod(t, nil) // makes what stays: the bridge, the cgroup of all
	p.remove()
	return s
}

func (s *server) socket() string { return "/run/containerd/cri-" + s.version + ".sock" }
func (s *server) bridge() string { return "cri" + strings.NewReplacer(".", "").Replace(s.version) }

func (s *server) write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// network is what CNI's bridge plugin makes for each pod.
func (s *server) network() string {
	subnet := map[string]string{"1.6": "10.116.0.0/24", "2.x": "10.120.0.0/24"}[s.version]
	return fmt.Sprintf(`{"cniVersion":"0.4.0","name":"test","plugins":[{"type":"bridge","bridge":%q,"isGateway":true,
"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":%q}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}`, s.bridge(), filepath.Join(s.dir, "addresses"), subnet)
}

func (s *server) config(runtime string) string {
	cri, images, binDirs := "io.containerd.grpc.v1.cri", "", "bin_dir = \"/usr/lib/cni\""
	version := 2
	sandbox := fmt.Sprintf("sandbox_image = %q\n", pauseImage)
	if s.version != "1.6" {
		cri, version, binDirs = "io.containerd.cri.v1.runtime", 3, "bin_dirs = [\"/usr/lib/cni\"]"
		images, sandbox = fmt.Sprintf("[plugins.\"io.containerd.cri.v1.images\".pinned_images]\nsandbox = %q\n", pauseImage), ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "version = %d\nroot = %q\nstate = \"/run/containerd\"\n[grpc]\naddress = %q\n", version, filepath.Join(s.dir, "root"), s.socket())
	// Without CAP_SYS_RESOURCE no score can be lowered.
	fmt.Fprintf(&b, "%s[plugins.%q]\nrestrict_oom_score_adj = true\n%s", images, cri, sandbox)
	fmt.Fprintf(&b, "[plugins.%q.cni]\n%s\nconf_dir = %q\n", cri, binDirs, filepath.Join(s.dir, "cni"))
	fmt.Fprintf(&b, "[plugins.%q.containerd]\ndefault_runtime_name = \"default\"\n", cri)
	for _, name := range []string{"default", class} {
		fmt.Fprintf(&b, "[plugins.%q.containerd.runtimes.%s]\nruntime_type = \"io.containerd.runc.v2\"\n", cri, name)
		fmt.Fprintf(&b, "[plugins.%q.containerd.runtimes.%s.options]\nBinaryName = %q\n", cri, name, runtime)
	}
	return b.String()
}

// load imports an image and waits until the CRI knows it.
func (s *server) load(t testing.TB, i world.Image) {
	t.Helper()
	world.Command(t, filepath.Join(s.bin, "ctr"), "--address", s.socket(), "--namespace", "k8s.io", "images", "import", i.Archive(t)).WantExit(t, 0)
	world.Until(t, "the image in the CRI", func() bool {
		return strings.Contains(s.raw(t, "call", "ListImages").Stdout, i.Name)
	})
}

// buildClient builds client, a module of its own.
func buildClient(t testing.TB) string {
	t.Helper()
	path := filepath.Join(world.Dir(), "cri-client")
	world.Online(t, func() {
		cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
		cmd.Dir = "client"
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	})
	return path
}

// pause is the layer of the pods' first container.
func (s *server) pause(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(s.dir, "pause")
	world.Command(t, "gcc", "-static", "-Os", "-o", filepath.Join(dir, "pause"), "testdata/pause.c").WantExit(t, 0)
	world.Command(t, "tar", "-C", dir, "-cf", dir+".tar", "pause").WantExit(t, 0)
	return dir + ".tar"
}

// raw runs the client.
func (s *server) raw(t testing.TB, args ...string) harness.Result {
	t.Helper()
	return harness.Exec(t, s.command(args...))
}

func (s *server) command(args ...string) *exec.Cmd {
	return exec.Command(s.client, append([]string{s.socket()}, args...)...)
}

// call asks, and fails the test when the server refuses.
func (s *server) call(t testing.TB, method string, request m) m {
	t.Helper()
	r := s.raw(t, "call", method, text(t, request))
	r.WantExit(t, 0)
	var answer m
	if err := json.Unmarshal([]byte(r.Stdout), &answer); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	return answer
}

// refused asks, and fails the test unless the server refuses with these texts.
func (s *server) refused(t testing.TB, method string, request m, texts ...string) {
	t.Helper()
	s.raw(t, "call", method, text(t, request)).WantFailure(t, texts...)
}

func text(t testing.TB, value any) string {
	t.Helper()
	if object, ok := value.(m); ok && object == nil {
		return "{}"
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// at finds the value below keys, which are joined with dots; nil if there is none.
func at(value any, keys string) any {
	for _, key := range strings.Split(keys, ".") {
		object, ok := value.(m)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}

// offers tells whether the server offers a feature for its default handler.
func (s *server) offers(t testing.TB, feature string) bool {
	t.Helper()
	handlers, _ := s.call(t, "Status", nil)["runtimeHandlers"].([]any)
	for _, h := range handlers {
		if at(h, "name") == "" && at(h, "features."+feature) == true {
			return true
		}
	}
	return false
}

// nothingLeft fails if there is more than before, in the world or in the CRI.
func (s *server) nothingLeft(t *testing.T, before world.Snapshot) {
	t.Helper()
	before.Check(t, "containerd --config") // which was started anew
	for method, list := range map[string]string{"ListContainers": "containers", "ListPodSandbox": "items"} {
		if left, _ := s.call(t, method, nil)[list].([]any); len(left) != 0 {
			t.Errorf("left behind: %s", text(t, left))
		}
	}
	addresses, err := filepath.Glob(filepath.Join(s.dir, "addresses/test/10.*"))
	if err != nil || len(addresses) != 0 {
		t.Errorf("addresses left behind: %v %v", addresses, err)
	}
}
