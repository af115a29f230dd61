package cli

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rt/libcontainer"
	"rt/libcontainer/fault"
)

type result struct{ stdout, stderr string }

// run runs a command line inside the test and compares its exit code.
func run(t *testing.T, want int, args ...string) result {
	t.Helper()
	var out, stderr strings.Builder
	a := &app{build: testBuild, out: &out, stderr: &stderr}
	if got := a.run(args); got != want {
		t.Errorf("%q exits %d, want %d\n%s", args, got, want, stderr.String())
	}
	return result{out.String(), stderr.String()}
}

func TestFlagsFirst(t *testing.T) {
	for in, want := range map[string]string{
		"rt":                                      "rt",
		"rt --debug":                              "rt --debug",
		"rt --root /x list":                       "rt --root /x list",
		"rt --root=/x list -q":                    "rt --root=/x list -q",
		"rt kill id 9 --all":                      "rt kill --all id 9",
		"rt kill id -a 9":                         "rt kill -a id 9",
		"rt --root run delete id -f":              "rt --root run delete -f id",
		"rt run id -b /x -d":                      "rt run -b /x -d id",
		"rt run id --bundle=/x":                   "rt run --bundle=/x id",
		"rt run id -bundle /x":                    "rt run -bundle /x id",
		"rt run id -b":                            "rt run -b",
		"rt run -- -id":                           "rt run -- -id",
		"rt run -d -- -id -b":                     "rt run -d -- -id -b",
		"rt run id -- -b":                         "rt run -- id -b",
		"rt run -- id":                            "rt run id",
		"rt run id -d --help x":                   "rt run --help",
		"rt run -- a --":                          "rt run -- a --",
		"rt nothing id --all":                     "rt nothing id --all",
		"rt -- run id -d":                         "rt -- run id -d",
		"rt ps -f json id -o pid -f":              "rt ps -f json id -o pid -f",
		"rt start id --nope":                      "rt start --nope id",
		"rt create x --preserve-fds 3 --no-pivot": "rt create --preserve-fds 3 --no-pivot x",
		"rt exec id ls -la --help":                "rt exec -- id ls -la --help",
		"rt exec -t -e A=1 id -t":                 "rt exec --tty --env A=1 -- id -t",
		"rt exec -e=A=1 --user 1 -- id -- x":      "rt exec --env=A=1 --user 1 -- id -- x",
		"rt exec --nope id -d":                    "rt exec --nope -- id -d",
		"rt exec id":                              "rt exec -- id",
		"rt exec -u":                              "rt exec --user",
		"rt exec --help":                          "rt exec --help",
	} {
		got := strings.Join(flagsFirst(definition(), strings.Fields(in)), " ")
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzFlagsFirst(f *testing.F) {
	f.Add("rt\x00run\x00id\x00-b\x00/x\x00--\x00y")
	u := definition()
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		got := flagsFirst(u, args)
		if len(got) > len(args)+1 {
			t.Errorf("%q became %q", args, got)
		}
	})
}

func TestKillArgs(t *testing.T) {
	for _, test := range []struct {
		args, flag string
		ids        string
		sig        syscall.Signal
	}{
		{"web1", "", "web1", syscall.SIGTERM},
		{"web1 9", "", "web1", syscall.SIGKILL},
		{"web1 SIGHUP", "", "web1", syscall.SIGHUP},
		{"a b c kill", "", "a b c", syscall.SIGKILL},
		{"9", "", "9", syscall.SIGTERM}, // an id
		{"a b", "TERM", "a b", syscall.SIGTERM},
		{"9 15", "1", "9 15", syscall.SIGHUP},
		{"a 0", "", "a", 0},
	} {
		ids, sig, err := killArgs(strings.Fields(test.args), test.flag)
		if got := strings.Join(ids, " "); err != nil || got != test.ids || sig != test.sig {
			t.Errorf("%+v: %q, %d, %v", test, got, sig, err)
		}
	}
	for _, args := range []string{"web1 NONSENSE", "a b", "a 65", "a 9 b"} {
		if ids, sig, err := killArgs(strings.Fields(args), ""); !errors.Is(err, errUnknownSignal) || fault.Hint(err) == "" {
			t.Errorf("%q: %q, %d, %v", args, ids, sig, err)
		}
	}
	if _, _, err := killArgs([]string{"a"}, "x"); !errors.Is(err, errUnknownSignal) {
		t.Error(err)
	}
}

func TestAbout(t *testing.T) {
	for want, err := range map[string]error{
		"create web1: mounts: mounts[3] /data: open /srv/nope: no such file or directory": fault.New("mounts", "mounts[3] /data", "open /srv/nope", syscall.ENOENT),
		"create web1: container does not exist":                                           fault.New("", "web1", "", fault.ErrNotExist),
		"create web1: state: broken":                                                      fault.New("state", "web1", "", errors.New("broken")),
	} {
		if got := about("create", "web1", err); got.Error() != want || !errors.Is(got, errors.Unwrap(err)) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := about("create", "web1", nil); err != nil {
		t.Error(err)
	}
}

// How each kind of error looks on stderr.
func TestReport(t *testing.T) {
	hinted := about("create", "web1", fault.New("mounts", "mounts[3] /data", "open /srv/nope", syscall.ENOENT).WithHint("create it"))
	exec, ok := asExec(fault.New("exec", "/run.sh", "", syscall.ENOENT).WithHint("the interpreter is missing"))
	if !ok {
		t.Fatal("not recognised")
	}
	for _, test := range []struct {
		name, want string
		err        error
		code       int
	}{
		{"hint", "rt: create web1: mounts: mounts[3] /data: open /srv/nope: no such file or directory\nhint: create it\n", hinted, 1},
		{"plain", "rt: x\n", errors.New("x\n"), 1},
		{"exec", "exec /run.sh: no such file or directory\n", exec, 1},
		{"exec of exec", "rt: exec web1: exec /run.sh: no such file or directory (hint: the interpreter is missing)\n", execFailure{about("exec", "web1", exec)}, 255},
		{"usage", "rt: y\nhint: see rt run --help\n", &usage{command: "run", err: errors.New("y")}, 1},
		{"lines", "rt: config:\n  a: x\n  b: y\n", errors.New("config:\n  a: x\n  b: y"), 1},
		{"steering", "rt: create a\\x1b[2Jb: \\x0d\\x07ü€\\x7f\\u009b1m\\xff\\u202e\nhint: rm \\x1b]0;x\\x07\n",
			fault.New("create a\x1b[2Jb", "\r\aü€\x7f\u009b1m\xff\u202e", "", nil).WithHint("rm \x1b]0;x\a"), 1},
		{"steering exec", "exec /\\x1b[0m: no such file or directory\n", execError{fault.New("exec", "/\x1b[0m", "", syscall.ENOENT)}, 1},
		{"several", "rt: x\nrt: y\n", failures{errors.New("x"), errors.New("y")}, 1},
	} {
		var stderr strings.Builder
		s := sink{stderr: &stderr}
		if code := s.report(test.err); code != test.code {
			t.Errorf("%s: exit %d", test.name, code)
		}
		if diff := cmp.Diff(test.want, stderr.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What a bundle's path holds does not reach the terminal either.
func TestListTable(t *testing.T) {
	var out strings.Builder
	a := &app{out: &out}
	if err := a.table([]*libcontainer.State{{ID: "web1", Status: "running", Bundle: "/b\x1b[2J\n\t\xffü", Owner: "o\x9b\u009b"}}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(out.String(), "\n")
	want := "web1        0           running     /b\\x1b[2J\\x0a\\x09\\xffü   0001-01-01T00:00:00Z   o\\x9b\\u009b\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExecErrorForms(t *testing.T) {
	for want, f := range map[string]*fault.Error{
		"exec /run.sh: no such file or directory": fault.New("exec", "/run.sh", "", syscall.ENOENT),
		"exec /run.sh: permission denied":         fault.New("exec", "", "exec /run.sh", syscall.EACCES),
		"exec /run.sh: execve: exec format error": fault.New("exec", "/run.sh", "execve", syscall.ENOEXEC),
	} {
		e, ok := asExec(fault.New("start", "", "", f))
		if !ok || e.Error() != want {
			t.Errorf("got %q, want %q", e, want)
		}
	}
	if _, ok := asExec(fault.New("process", "/run.sh", "", syscall.ENOENT)); ok {
		t.Error("another step is taken for an execve")
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]uint32{"0": 0, "1": 1, "65534": 65534, "4294967294": 1<<32 - 2} {
		if got, err := parseID("--user", text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "00", "01", "-1", "+1", " 1", "1 ", "0x1", "1e3", "root", "4294967295", "4294967296", "99999999999999999999", "1:2", "１"} {
		if got, err := parseID("--user", text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
