package rootfs_test

// harness_test.go runs the package in a child with namespaces of its own, as
// init would, and reports what the container sees. Nothing leaks on the host:
// the child's mount namespace dies with it.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/rootfs"
)

const childEnv = "RT_ROOTFS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "container":
		runtime.LockOSThread()
		os.Exit(childMain(container))
	case "shared":
		runtime.LockOSThread()
		os.Exit(childMain(sharedHost))
	case "source":
		runtime.LockOSThread()
		os.Exit(childMain(sourceHost))
	}
}

// job is what a child is to do.
type job struct {
	Spec  *specs.Spec
	Facts planner.Facts
	Opts  planner.Options
	Fds   []int // inherited, in the plan's order
	Plan  *plan.Rootfs

	Console bool     // bind a pty on /dev/console
	Look    []string // files to describe after Finish
	Read    []string // files to read after Finish
	Write   []string // files to try to write after Finish
	Twice   bool     // prepare in the same tree again: what was made is there
	Remount string   // after Finish: mount this again, for propagation
	Share   string   // sharedHost: directory to share
}

type found struct {
	Mode, Target     string
	Rdev             string
	UID, GID         uint32
	Size             int64
	Attr             string // statfs flags
	FS               string
	Err              string
	MountID, Device_ uint64 `json:"-"`
}

type report struct {
	Err       string
	Stage     string
	Host      string // mountinfo after Prepare, of the whole namespace
	Mountinfo string // after Finish, of the container
	Look      map[string]found
	Read      map[string]string
	Write     map[string]string
	OpenFds   []string
	Extra     string
}

func childMain(do func(*job) report) int {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := json.NewEncoder(os.Stdout).Encode(do(&j)); err != nil {
		return 2
	}
	return 0
}

func mountinfo() string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	return string(b)
}

func container(j *job) (rep report) {
	fail := func(stage string, err error) report {
		rep.Stage, rep.Err = stage, err.Error()
		return rep
	}
	before := openFiles()
	r, err := rootfs.Prepare(j.Plan, j.Fds)
	if err == nil && j.Twice {
		p := *j.Plan
		p.Fd = plan.None
		for i := range p.Mounts {
			p.Mounts[i].SourceFd = plan.None
		}
		r, err = rootfs.Prepare(&p, nil)
	}
	rep.Host = mountinfo()
	if err != nil {
		return fail("prepare", err)
	}
	if j.Console {
		// Any terminal does: the host's devpts is in sight.
		ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			return fail("pty", err)
		}
		_ = unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0)
		slave, _, errno := unix.Syscall(unix.SYS_IOCTL, ptmx.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
		if errno != 0 {
			return fail("pty", errno)
		}
		if err := r.Console(int(slave)); err != nil {
			return fail("console", err)
		}
	}
	if err := r.Pivot(); err != nil {
		return fail("pivot", err)
	}
	if err := r.Finish(); err != nil {
		return fail("finish", err)
	}
	observe(j, &rep)
	for fd, file := range openFiles() {
		if before[fd] == "" && !j.Console {
			rep.OpenFds = append(rep.OpenFds, file)
		}
	}
	return rep
}

func openFiles() map[string]string {
	files := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if t, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasSuffix(t, "/fd") && !strings.HasPrefix(t, "anon_inode:[event") {
			files[e.Name()] = t
		}
	}
	return files
}

func observe(j *job, rep *report) {
	rep.Mountinfo = mountinfo()
	rep.Look, rep.Read, rep.Write = map[string]found{}, map[string]string{}, map[string]string{}
	for _, p := range j.Look {
		rep.Look[p] = look(p)
	}
	for _, p := range j.Read {
		b, err := os.ReadFile(p)
		rep.Read[p] = string(b)
		if err != nil {
			rep.Read[p] = "error: " + errnoOf(err)
		}
	}
	for _, p := range j.Write {
		f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE, 0o644)
		if err == nil {
			_, err = f.WriteString("x")
			f.Close()
		}
		rep.Write[p] = errnoOf(err)
	}
	if j.Remount != "" {
		os.MkdirAll(j.Remount, 0o755)
		err := unix.Mount("tmpfs", j.Remount, "tmpfs", 0, "")
		rep.Extra = errnoOf(err)
	}
}

func errnoOf(err error) string {
	var e syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return unix.ErrnoName(e)
	}
	return err.Error()
}

func look(p string) found {
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		return found{Err: errnoOf(err)}
	}
	f := found{Mode: fmt.Sprintf("%o", st.Mode), UID: st.Uid, GID: st.Gid, Size: st.Size}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		f.Target, _ = os.Readlink(p)
	}
	if k := st.Mode & unix.S_IFMT; k == unix.S_IFCHR || k == unix.S_IFBLK {
		f.Rdev = fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	return f
}

// leaveHost keeps what is mounted in this mount namespace out of the host's,
// whose / is shared where systemd is init.
func leaveHost() error { return unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "") }

// sharedHost makes Share a shared mount, starts a container below it as a
// grandchild, and reports what has become visible here.
func sharedHost(j *job) (rep report) {
	if err := leaveHost(); err != nil {
		return report{Err: err.Error()}
	}
	if err := unix.Mount(j.Share, j.Share, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return report{Err: err.Error()}
	}
	if err := unix.Mount("", j.Share, "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return report{Err: err.Error()}
	}
	before := mountinfo()
	rep, err := startContainer(j)
	if err != nil {
		return report{Err: err.Error()}
	}
	rep.Host = ""
	for line := range strings.Lines(mountinfo()) {
		if !strings.Contains(before, line) {
			rep.Host += line
		}
	}
	return rep
}

const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// startContainer plans, opens the sources as the parent would and runs the
// child.
func startContainer(j *job) (rep report, err error) {
	if j.Plan == nil {
		if j.Plan, err = planner.Rootfs(j.Spec, j.Facts, j.Opts); err != nil {
			return report{Err: err.Error(), Stage: "plan"}, nil
		}
	}
	fds, err := rootfs.Open(j.Plan, nil, os.Getpid())
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	if err != nil {
		return report{Err: err.Error(), Stage: "open"}, nil
	}
	return spawn("container", j, fds)
}

func spawn(kind string, j *job, fds []int) (rep report, err error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	j.Fds = nil
	for i, fd := range fds {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return rep, err
		}
		f := os.NewFile(uintptr(dup), "")
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		j.Fds = append(j.Fds, 3+i)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	flags := uintptr(namespaces)
	if j.Plan != nil && !j.Plan.NewMountNS {
		// A cgroup2 mounted in the first cgroup namespace takes nsdelegate and
		// its like from the host's.
		flags = unix.CLONE_NEWCGROUP
	}
	if kind != "container" {
		flags = unix.CLONE_NEWNS
	} else if j.Plan.UserNS {
		flags |= unix.CLONE_NEWUSER
		m := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = m, m
		cmd.SysProcAttr.GidMappingsEnableSetgroups = true
		cmd.SysProcAttr.Credential = &syscall.Credential{}
	}
	cmd.SysProcAttr.Cloneflags = flags
	in, err := json.Marshal(j)
	if err != nil {
		return rep, err
	}
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	if err := cmd.Run(); err != nil {
		return rep, fmt.Errorf("%v: %s", err, stderr.String())
	}
	return rep, json.Unmarshal(out.Bytes(), &rep)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: mount namespaces")
	}
}

// run starts a container and fails the test only when it could not be asked.
func run(t *testing.T, j *job) report {
	t.Helper()
	needRoot(t)
	rep, err := startContainer(j)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// mustRun is run for a container that has to come up.
func mustRun(t *testing.T, j *job) report {
	t.Helper()
	rep := run(t, j)
	if rep.Err != "" {
		t.Fatalf("%s: %s", rep.Stage, rep.Err)
	}
	return rep
}

// mounted is one line of mountinfo.
type mounted struct {
	Root, Point, Options, Optional, Type, Source, Super string
}

// at returns the topmost mount on a mount point.
func (rep report) at(point string) (m mounted) {
	for line := range strings.Lines(rep.Mountinfo) {
		if e := parseMount(line); e.Point == point {
			m = e
		}
	}
	return m
}

func parseMount(line string) (m mounted) {
	f := strings.Fields(line)
	for i, w := range f {
		if w == "-" && i >= 6 && len(f) >= i+4 {
			return mounted{f[3], f[4], f[5], strings.Join(f[6:i], " "), f[i+1], f[i+2], f[i+3]}
		}
	}
	return m
}

func has(list, option string) bool {
	for _, o := range strings.Split(list, ",") {
		if o == option {
			return true
		}
	}
	return false
}

// newRoot makes a root file system below a fresh directory; the host's half of
// an attack is beside it.
func newRoot(t *testing.T) (base, root string) {
	t.Helper()
	base = t.TempDir()
	root = filepath.Join(base, "rootfs")
	for _, d := range []string{"proc", "sys", "dev", "etc", "tmp", "data"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(base, 0o755)
	os.Chmod(filepath.Dir(base), 0o755)
	return base, root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// snapshot describes every file below dir: name, type, size, owner, times.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%s %o %d %d:%d %d %d", p, st.Mode, st.Size, st.Uid, st.Gid, st.Ctim.Nano(), st.Ino))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func newSpec(root string, mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{
		Root:   &specs.Root{Path: root},
		Mounts: mounts,
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
			{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.CgroupNamespace},
		}},
	}
}

func procMount() specs.Mount {
	return specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}}
}

// dockerMounts are those of Docker's default container.
func dockerMounts() []specs.Mount {
	return []specs.Mount{
		procMount(),
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
	}
}

// dockerSpec is Docker's default container with its three files.
func dockerSpec(t *testing.T, base, root string) *specs.Spec {
	t.Helper()
	s := newSpec(root, dockerMounts()...)
	for _, f := range []string{"resolv.conf", "hostname", "hosts"} {
		write(t, filepath.Join(base, f), f)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/etc/" + f, Type: "bind", Source: filepath.Join(base, f), Options: []string{"rbind", "rprivate"}})
	}
	s.Linux.MaskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
	s.Linux.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	return s
}

// hostCgroups are the facts of a host with these mounts in /sys/fs/cgroup.
func hostCgroups() planner.CgroupFacts {
	var f planner.CgroupFacts
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		m := parseMount(line)
		if !strings.HasPrefix(m.Point, "/sys/fs/cgroup") {
			continue
		}
		switch m.Type {
		case "cgroup2":
			if m.Point == "/sys/fs/cgroup" {
				return planner.CgroupFacts{V2: true, Unified: m.Point, Own: m.Point}
			}
			f.Unified = m.Point
			f.Hierarchies = append(f.Hierarchies, planner.HierarchyFacts{Name: filepath.Base(m.Point), Own: m.Point})
		case "cgroup":
			var options []string
			for _, o := range strings.Split(m.Super, ",") {
				if o != "rw" && o != "xattr" {
					options = append(options, o)
				}
			}
			o := strings.Join(options, ",")
			if strings.HasPrefix(o, "name=") {
				o = "none," + o
			}
			f.Hierarchies = append(f.Hierarchies, planner.HierarchyFacts{Name: filepath.Base(m.Point), Options: o, Own: m.Point})
		}
	}
	return f
}
