package cgroups

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestSubPaths(t *testing.T) {
	for _, c := range []struct {
		args []string
		want map[string]string
		err  string
	}{
		{nil, map[string]string{}, ""},
		{[]string{"a/b"}, map[string]string{"": "a/b"}, ""},
		{[]string{"cpu,cpuacct:a", "pids:/b"}, map[string]string{"cpu": "a", "cpuacct": "a", "pids": "/b"}, ""},
		{[]string{"a", "b"}, nil, "invalid --cgroup argument: a (missing <controller>: prefix)"},
		{[]string{"cpu:a", "b"}, nil, "invalid --cgroup argument: b (missing <controller>: prefix)"},
		{[]string{"cpu:a:b"}, nil, "invalid --cgroup argument: cpu:a:b"},
	} {
		got, err := SubPaths(c.args)
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, %v", c.args, got, err)
		}
	}
}

func TestExecPaths(t *testing.T) {
	r := Record{Manager: ManagerHybrid, Paths: map[string]string{"cpu": "/c/cpu/x", "cpuacct": "/c/cpu/x", "pids": "/c/pids/x", "": "/c/unified/x"}}
	for _, c := range []struct {
		sub  map[string]string
		want string
	}{
		{nil, "/c/cpu/x /c/pids/x /c/unified/x"},
		{map[string]string{"": "s"}, "/c/cpu/x/s /c/pids/x/s /c/unified/x/s"},
		{map[string]string{"": "/s/./t/"}, "/c/cpu/x/s/t /c/pids/x/s/t /c/unified/x/s/t"},
		{map[string]string{"cpuacct": "s"}, "/c/cpu/x/s /c/pids/x /c/unified/x"},
		{map[string]string{"pids": "../x/s"}, "/c/cpu/x /c/pids/x/s /c/unified/x"},
		{map[string]string{"": ".."}, "bad sub cgroup path: .. is not a sub cgroup path"},
		{map[string]string{"": "s/../../y"}, "bad sub cgroup path"},
		{map[string]string{"": "../xy"}, "bad sub cgroup path"},
		{map[string]string{"nope": "s"}, "unknown controller nope"},
	} {
		dirs, err := r.ExecPaths(c.sub)
		got := strings.Join(dirs, " ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%v: %q, want %q", c.sub, got, c.want)
		}
	}
}

func TestEnterGone(t *testing.T) {
	r := Record{Paths: map[string]string{"": "/proc/no-cgroup"}}
	err := r.Enter([]string{"/proc/no-cgroup"}, 123, 1, true)
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "adding pid 123 to cgroups: /proc/no-cgroup/cgroup.procs: no such file") {
		t.Error(err)
	}
	r.Rootless = true
	if err := r.Enter([]string{"/proc/no-cgroup"}, 123, 1, true); err == nil {
		t.Error("a cgroup that is gone is not one that may not be entered")
	}
}
