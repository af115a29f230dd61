package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// mountsFile writes a file for rt mounts.
func mountsFile(t *testing.T, mounts ...specs.Mount) string {
	t.Helper()
	data, err := json.Marshal(mounts)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mounts.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func bindOf(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Source: source, Destination: destination, Options: append([]string{"rbind"}, options...)}
}

func tmpfsOn(destination string, options ...string) specs.Mount {
	return specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: destination, Options: options}
}

// volume is a directory of the host with a file in it.
func volume(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "volume")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

const asleep = "exec sleep 1000"

// in runs a command of a shell in the container.
func in(c *harness.Container, script string) harness.Result {
	return c.Do("exec", c.ID, "sh", "-c", script)
}

func TestMountsAddAndRemove(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Spec.Root.Readonly = false
	c.Detached()
	vol := volume(t)
	host := harness.Mounts(t)
	file := mountsFile(t,
		bindOf(vol, "/new/dir"), bindOf(vol+"/file", "/new/file", "ro"), tmpfsOn("/new/tmp", "size=64k", "mode=711"), bindOf(vol, "/new/tmp/below", "rro"))
	c.OK("mounts", "add", c.ID, file)
	if now := harness.Mounts(t); !slices.Equal(now, host) {
		t.Errorf("the host's mounts changed:\n%s", strings.Join(now, "\n"))
	}
	in(c, "cat /new/dir/file /new/file /new/tmp/below/file && stat -c %a /new/tmp && echo x > /new/dir/written").
		WantOutput(t, strings.Repeat("of the host\n", 3)+"711\n")
	if _, err := os.Stat(filepath.Join(vol, "written")); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/new/file", "/new/tmp/below/file"} {
		in(c, "echo x > "+path).WantFailure(t, "Read-only file system")
	}
	c.OK("mounts", "remove", c.ID, file)
	in(c, "ls /new/dir; cat /new/file; grep -c /new /proc/self/mountinfo; true").WantOutput(t, "0\n")
	c.Do("mounts", "remove", c.ID, file).WantFailure(t, "mounts[3].destination", "was not added")
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.Do("mounts", "add", c.ID, file).WantFailure(t, "container not running")
}

func TestMountsOfEachState(t *testing.T) {
	c := harness.New(t, sh("cat /vol/file >/out; "+asleep))
	c.Create()
	vol := volume(t)
	c.OK("mounts", "add", c.ID, mountsFile(t, bindOf(vol, "/vol")))
	c.OK("start", c.ID)
	awaitFile(t, filepath.Join(c.Rootfs, "out"))
	c.OK("pause", c.ID)
	c.Await(paused)
	c.OK("mounts", "add", c.ID, mountsFile(t, bindOf(vol, "/second")))
	c.OK("resume", c.ID)
	in(c, "cat /second/file").WantOutput(t, "of the host\n")
}

func TestMountsAreAllOrNothing(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Detached()
	vol := volume(t)
	if err := os.Symlink("loop", filepath.Join(c.Rootfs, "loop")); err != nil {
		t.Fatal(err)
	}
	c.Do("mounts", "add", c.ID, mountsFile(t, bindOf(vol, "/a"), tmpfsOn("/b"), bindOf(vol, "/loop/c"))).
		WantFailure(t, "mounts[2] /loop/c", "too many levels of symbolic links")
	in(c, "grep -cE ' /(a|b) ' /proc/self/mountinfo; true").WantOutput(t, "0\n")
	c.Do("mounts", "remove", c.ID, mountsFile(t, specs.Mount{Destination: "/a"})).WantFailure(t, "was not added")
}

func TestMountsRefused(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Spec.Root.Readonly = true
	c.Detached()
	vol := volume(t)
	for _, bad := range []struct {
		mount specs.Mount
		text  string
	}{
		{bindOf(vol, "/"), "mounts[0].destination"},
		{bindOf(vol, "/proc"), "mounts[0].destination"},
		{bindOf(vol, "/dev/../proc/self"), "inside /proc"},
		{tmpfsOn("/dev"), "mounts[0].destination"},
		{specs.Mount{Type: "proc", Destination: "/p"}, "mounts[0].type"},
		{specs.Mount{Type: "cgroup", Destination: "/c"}, "mounts[0].type"},
		{tmpfsOn("/tmp", "remount"), "mounts[0].options"},
		{tmpfsOn("/tmp", "tmpcopyup"), "mounts[0].options"},
		{tmpfsOn("/missing"), "read-only file system"},
		{bindOf(vol+"/nothing", "/tmp"), "no such file"},
		{bindOf("", "/tmp"), "mounts[0].source"},
		{bindOf(vol, "/tmp", "idmap"), "idmap needs uidMappings"},
		{bindOf(vol+"/file", "/tmp"), "not a directory"},
	} {
		c.Do("mounts", "add", c.ID, mountsFile(t, bad.mount)).WantFailure(t, bad.text)
	}
	c.OK("mounts", "add", c.ID, mountsFile(t, tmpfsOn("/tmp")))
	c.Do("mounts", "remove", c.ID, mountsFile(t, specs.Mount{Destination: "/proc"})).WantFailure(t, "was not added")
	c.Do("mounts", "frob", c.ID, "x").WantFailure(t, "neither add nor remove")

	own := harness.New(t, sh(asleep))
	own.Spec.Linux.Namespaces = slices.DeleteFunc(own.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.MountNamespace })
	own.Spec.Mounts, own.Spec.Linux.MaskedPaths, own.Spec.Linux.ReadonlyPaths = nil, nil, nil
	own.Detached()
	host := harness.Mounts(t)
	own.Do("mounts", "add", own.ID, mountsFile(t, tmpfsOn("/tmp"))).WantFailure(t, "mount namespace")
	if !slices.Equal(host, harness.Mounts(t)) {
		t.Error("the host's mounts changed")
	}
}

// TestMountsThatAreGone: recorded, but unmounted by the container, covered or
// moved by it.
func TestMountsThatAreGone(t *testing.T) {
	c := harness.New(t, sh(asleep))
	for _, set := range []*[]string{&c.Spec.Process.Capabilities.Bounding, &c.Spec.Process.Capabilities.Effective, &c.Spec.Process.Capabilities.Permitted} {
		*set = append(*set, "CAP_SYS_ADMIN")
	}
	c.Detached()
	vol := volume(t)
	a, b := mountsFile(t, bindOf(vol, "/a")), mountsFile(t, bindOf(vol, "/b"))
	c.OK("mounts", "add", c.ID, a)
	c.OK("mounts", "add", c.ID, b)
	in(c, "umount /a && mount -t tmpfs other /a && mount -t tmpfs cover /b").WantExit(t, 0)
	if out := c.OK("mounts", "remove", c.ID, a).Stderr; !strings.Contains(out, "not mounted any more") {
		t.Errorf("no warning: %q", out)
	}
	in(c, "grep -c ' /a .* other ' /proc/self/mountinfo; true").WantOutput(t, "1\n")
	c.Do("mounts", "remove", c.ID, b).WantFailure(t, "something else is mounted over it")
	in(c, "umount /b && mkdir /moved && mount -o move /b /moved").WantExit(t, 0)
	c.OK("mounts", "remove", c.ID, b)
	in(c, "grep -c ' /moved ' /proc/self/mountinfo; true").WantOutput(t, "0\n")
}

// TestMountsSharedRoot: what is added does not reach the host, whatever the
// container's root shares.
func TestMountsSharedRoot(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Spec.Linux.RootfsPropagation = "shared"
	c.Detached()
	vol := volume(t)
	host := harness.Mounts(t)
	c.OK("mounts", "add", c.ID, mountsFile(t, bindOf(vol, "/vol"), tmpfsOn("/vol/sub")))
	if now := harness.Mounts(t); !slices.Equal(now, host) {
		t.Errorf("the host's mounts changed:\n%s", strings.Join(now, "\n"))
	}
}

func TestMountsInUserNamespace(t *testing.T) {
	c := harness.New(t, sh(asleep))
	userns(t, c)
	c.Detached()
	vol := volume(t)
	c.OK("mounts", "add", c.ID, mountsFile(t, tmpfsOn("/t"), tmpfsOn("/u", "uid=7", "gid=8"), bindOf(vol, "/made/id", "idmap"), bindOf(vol, "/plain")))
	in(c, "stat -c %u:%g /t /u /made /made/id /plain && touch /t/x").WantOutput(t, "0:0\n7:8\n0:0\n0:0\n65534:65534\n")
	c.Do("mounts", "add", c.ID, mountsFile(t, tmpfsOn("/v", "uid=70000"))).WantFailure(t, "70000", "is not")
}

// TestMountsPlannedOnly: a record of mounts that were never made, as a kill
// leaves it, is cleared by remove.
func TestMountsPlannedOnly(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Detached()
	file := mountsFile(t, tmpfsOn("/t"))
	c.OK("mounts", "add", c.ID, file)
	path := filepath.Join(c.State, c.ID, "state.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	first := record["mounts"].([]any)[0].(map[string]any)
	planned := map[string]any{"destination": "/planned", "type": "tmpfs", "name": map[string]any{"id": 1 << 30, "unique": 1 << 50}}
	record["mounts"] = []any{first, planned}
	if data, err = json.Marshal(record); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c.OK("mounts", "remove", c.ID, mountsFile(t, tmpfsOn("/planned")))
	c.Do("mounts", "remove", c.ID, mountsFile(t, tmpfsOn("/planned"))).WantFailure(t, "was not added")
	c.OK("mounts", "remove", c.ID, file)
}
