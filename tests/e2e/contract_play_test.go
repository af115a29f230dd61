package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// play is one client's session.
type play struct {
	t      *testing.T
	client client
	c      *harness.Container
	names  map[string]string
	files  []*os.File
	accept func() *os.File // of $TTY or $PIDFD
	log    int64           // how long $LOG was before the call
	// pid is that of the container's init, execPid that of the last exec.
	pid, execPid int
}

// The container's program says by a file that it runs, and what it has open. It
// ignores TERM: only KILL ends it.
const idle = `trap '' TERM; ls /proc/self/fd | wc -l > /fds; cat /proc/1/environ > /environ; echo up > /up; while :; do sleep 1000; done`

func newPlay(t *testing.T, cl client) *play {
	t.Helper()
	if cl.ownRoot {
		privateRoot(t, "/run/"+harness.Find(t).Name)
	}
	c := harness.New(t, sh(idle))
	if cl.since != "" {
		c.Runtime.Only(t, "may be too old for "+cl.since)
	}
	c.Spec.Version = cmp.Or(cl.oci, "1.0.2-dev")
	p := &play{t: t, client: cl, c: c}
	if cl.ownRoot {
		c.State = "/run/" + c.Runtime.Name
	}
	p.names = map[string]string{
		"ID": c.ID, "QUICK": c.ID + "-quick", "BUNDLE": c.Dir, "ROOT": c.State, "LOG": c.Host("log.json"), "PID": c.Host("init.pid"),
		"EXECPID": c.Host("exec.pid"), "BADPID": c.Host("bad.pid"), "RESOURCES": c.Host("resources.json"),
		"TTY": c.Host("tty.sock"), "PIDFD": c.Host("pidfd.sock"),
	}
	for name, process := range map[string]specs.Process{
		"PROCESS": {Args: []string{"sh", "-c", "ls /proc/self/fd | wc -l > /fds.exec; exec sleep 1000"}}, "BADPROCESS": {Args: []string{"nowhere"}},
		"TTYPROCESS": {Args: []string{"sh", "-c", "tty; exec sleep 1000"}, Terminal: true}, "ECHOPROCESS": {Args: []string{"echo", "echo"}},
	} {
		process.Cwd, process.Env = "/", []string{"PATH=/bin"}
		p.names[name] = c.Host(strings.ToLower(name) + ".json")
		p.write(p.names[name], process)
	}
	p.write(p.names["RESOURCES"], resources())
	c.Spec.Process.Terminal = strings.Contains(cl.name, "terminal")
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	for range cl.fds {
		f, err := os.Open("/")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		p.files = append(p.files, f)
	}
	return p
}

// privateRoot hides the host's default state root.
func privateRoot(t *testing.T, dir string) {
	t.Helper()
	harness.Root(t)
	made := os.Mkdir(dir, 0o711) == nil
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=711"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
		if made {
			_ = os.Remove(dir) // not when somebody has begun to use it
		}
	})
}

// resources are Docker's for `docker update -m 48m --pids-limit 31`: what is not
// changed is 0.
func resources() any {
	type object = map[string]any
	return object{
		"memory":  object{"limit": 48 << 20, "reservation": 0, "swap": 0, "kernel": 0},
		"cpu":     object{"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""},
		"blockIO": object{"weight": 0}, "pids": object{"limit": 31},
	}
}

func (p *play) write(path string, v any) {
	p.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// words splits a line at its blanks and puts values for names.
func (p *play) words(line string) []string {
	words := strings.Fields(line)
	for i, w := range words {
		words[i] = os.Expand(w, func(name string) string { return p.names[name] })
	}
	return words
}

// pattern is an expression in which names have values; all of it must match.
func (p *play) pattern(expr string) *regexp.Regexp {
	for _, name := range []string{"ID", "BUNDLE"} {
		expr = strings.ReplaceAll(expr, "$"+name, regexp.QuoteMeta(p.names[name]))
	}
	return regexp.MustCompile("^(?:" + expr + `)\n?$`)
}

func (p *play) call(c call) {
	p.t.Helper()
	line := c.argv
	if !c.bare {
		line = p.client.global + line
	}
	p.c.Spec.Process.Args = []string{"sh", "-c", idle}
	if strings.Contains(line, "$QUICK") {
		p.c.Spec.Process.Args = []string{"sh", "-c", "exit 7"}
	}
	p.c.Save()
	for _, socket := range []string{"TTY", "PIDFD"} {
		if strings.Contains(line, "$"+socket+" ") {
			_ = os.Remove(p.names[socket])
			p.accept = harness.Console(p.t, p.names[socket])
		}
	}
	cmd := exec.Command(p.c.Runtime.Path, p.words(line)...)
	cmd.Dir = p.c.Dir
	cmd.Env = append([]string{}, p.client.env...)
	cmd.ExtraFiles = p.files
	if c.stdin != "" {
		data, err := os.ReadFile(p.names["RESOURCES"])
		if err != nil {
			p.t.Fatal(err)
		}
		cmd.Stdin = strings.NewReader(string(data))
	}
	p.log = size(p.names["LOG"])
	r := harness.Exec(p.t, cmd)
	p.compare(c, line, r)
	if p.t.Failed() {
		p.t.FailNow()
	}
	if c.then != nil {
		c.then(p)
	}
}

// compare holds the answer against the line.
func (p *play) compare(c call, line string, r harness.Result) {
	p.t.Helper()
	if r.Code != c.code {
		p.t.Fatalf("exit %d wanted: %v", c.code, r)
	}
	if !p.pattern(c.out).MatchString(r.Stdout) {
		p.t.Errorf("stdout %q wanted: %v", c.out, r)
	}
	msg := r.Stderr
	if strings.Contains(line, "--log $LOG") {
		msg = p.lastError()
	}
	switch {
	case c.err == "" && c.code == 0 && (msg != "" || r.Stderr != ""):
		p.t.Errorf("no error wanted, the log says %q: %v", msg, r)
	case c.err != "" && !regexp.MustCompile(c.err).MatchString(msg):
		p.t.Errorf("%q wanted in %q: %v", c.err, msg, r)
	}
}

// lastError is what the shim shows its users: the msg of the last error that the
// call has appended to $LOG.
func (p *play) lastError() string {
	p.t.Helper()
	return lastError(p.t, p.logged())
}

// lastError is the msg of the last error among lines of a log.
func lastError(t *testing.T, lines []string) string {
	t.Helper()
	last := ""
	for _, line := range lines {
		var entry struct {
			Level, Msg string
			Time       time.Time
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time.IsZero() {
			t.Fatalf("a log line %q: %v", line, err)
		}
		if entry.Level == "error" {
			last = entry.Msg
		}
	}
	return last
}

// logged are the lines that the last call has appended to $LOG.
func (p *play) logged() []string {
	data, err := os.ReadFile(p.names["LOG"])
	if err != nil || int64(len(data)) == p.log {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data[p.log:])), "\n")
}

func size(path string) int64 {
	if fi, err := os.Stat(path); err == nil {
		return fi.Size()
	}
	return 0
}

// pidIn reads a pid file: a number and nothing else, as go-runc and conmon want it.
func (p *play) pidIn(name string) int {
	p.t.Helper()
	data, err := os.ReadFile(p.names[name])
	if err != nil {
		p.t.Fatal(err)
	}
	var pid int
	if n, err := fmt.Sscan(string(data), &pid); n != 1 || err != nil || fmt.Sprint(pid) != string(data) {
		p.t.Fatalf("the pid file %q", data)
	}
	return pid
}

func isCreated(p *play) {
	p.t.Helper()
	p.pid = p.pidIn("PID")
	if s := p.c.Status(); s.Pid != p.pid || s.Status != specs.StateCreated {
		p.t.Errorf("%+v, and the pid file has %d", s, p.pid)
	}
}

// isUp: the program runs, with nothing of the caller's but stdio.
func isUp(p *play) {
	p.t.Helper()
	awaitFile(p.t, filepath.Join(p.c.Rootfs, "up"))
	if data, err := os.ReadFile(filepath.Join(p.c.Rootfs, "fds")); err != nil || strings.TrimSpace(string(data)) != "4" {
		p.t.Errorf("%q open fds, 0 to 2 and that of ls wanted; %v", data, err)
	}
	data, err := os.ReadFile(filepath.Join(p.c.Rootfs, "environ"))
	if env := strings.ReplaceAll(string(data), "\x00", "\n"); err != nil || env != "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/root\n" {
		p.t.Errorf("environment %q, %v", env, err)
	}
}

func isStopped(p *play) {
	p.t.Helper()
	p.c.Await(specs.StateStopped)
}

// hasExec: the program is there, in the container, without the caller's fds.
func hasExec(p *play) { p.exec("4") }

// hasExecFds: two of the caller's were asked for.
func hasExecFds(p *play) { p.exec("6") }

func (p *play) exec(fds string) {
	p.t.Helper()
	isInside(p)
	path := filepath.Join(p.c.Rootfs, "fds.exec")
	awaitFileText(p.t, path, fds+"\n")
	if err := os.Remove(path); err != nil {
		p.t.Fatal(err)
	}
}

// isInside: the process of the pid file is in the container.
func isInside(p *play) {
	p.t.Helper()
	p.execPid = p.pidIn("EXECPID")
	if own, init := link(p.t, fmt.Sprintf("/proc/%d/ns/pid", p.execPid)), link(p.t, fmt.Sprintf("/proc/%d/ns/pid", p.c.Status().Pid)); own != init {
		p.t.Errorf("the process is in %s, not in %s", own, init)
	}
}

// awaitFileText waits until the file has this text.
func awaitFileText(t *testing.T, path, want string) {
	t.Helper()
	end := time.Now().Add(harness.Slow(20 * time.Second))
	var data []byte
	for time.Now().Before(end) {
		if data, _ = os.ReadFile(path); string(data) == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s is %q, want %q", path, data, want)
}

// noPid: nothing was started, so there is no pid file.
func noPid(p *play) {
	p.t.Helper()
	if _, err := os.Stat(p.names["BADPID"]); err == nil {
		p.t.Error("a pid file of a process that is not there")
	}
}

// onlyLine: Podman decodes the whole log as one JSON object.
func onlyLine(p *play) {
	p.t.Helper()
	if lines := p.logged(); len(lines) != 1 {
		p.t.Errorf("one line wanted in the log: %q", lines)
	}
	noPid(p)
}

// isLimited: as resources says; what is 0 there is as it was.
func isLimited(p *play) {
	p.t.Helper()
	limit{"memory.limit_in_bytes", "memory.max", "50331648", "50331648"}.check(p.t, p.c)
	limit{"pids.max", "pids.max", "31", "31"}.check(p.t, p.c)
}

func hasTerminal(p *play) {
	p.t.Helper()
	master := p.accept()
	p.t.Cleanup(func() { master.Close() })
	if !strings.HasPrefix(master.Name(), "/dev/p") {
		p.t.Errorf("the master's name is %q", master.Name())
	}
}

func hasExecTerminal(p *play) {
	p.t.Helper()
	master := p.accept()
	defer master.Close()
	buf := make([]byte, 64)
	n, err := master.Read(buf)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "/dev/pts/") {
		p.t.Errorf("the terminal says %q, %v", got, err)
	}
	p.execPid = p.pidIn("EXECPID")
}

func hasPidfd(p *play) {
	p.t.Helper()
	pidfd := p.accept()
	defer pidfd.Close()
	wantPidfd(p.t, p.c, pidfd)
	isUp(p)
}

func hasExecPidfd(p *play) {
	p.t.Helper()
	pidfd := p.accept()
	defer pidfd.Close()
	hasExec(p)
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd.Fd()))
	if want := fmt.Sprintf("Pid:\t%d\n", p.execPid); err != nil || !strings.Contains(string(info), want) {
		p.t.Errorf("%q wanted in %q, %v", want, info, err)
	}
}
