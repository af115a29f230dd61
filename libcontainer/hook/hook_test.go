package hook

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rt/libcontainer/plan"
)

func sh(script string) plan.Hook {
	return plan.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
}

func TestRunGivesStateAndOnlyTheNamedEnvironment(t *testing.T) {
	t.Setenv("LEAK", "1")
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	h := sh(`read line; echo "$line $A ${LEAK-unset}" > out`)
	h.Env = []string{"A=b"}
	if err := Run(context.Background(), "prestart", []plan.Hook{h}, dir, []byte("{}\n"), Output{}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil || string(got) != "{} b unset\n" {
		t.Errorf("hook saw %q, %v", got, err)
	}
}

func TestRunErrors(t *testing.T) {
	quiet := sh("exit 0")
	slow := sh("sleep 60")
	slow.Timeout = 1
	tests := []struct {
		name  string
		hooks []plan.Hook
		want  string
	}{
		{"stderr is shown", []plan.Hook{quiet, sh("echo no such bridge >&2; exit 3")},
			"error running poststart hook #1: /bin/sh: exit status 3: no such bridge"},
		{"missing", []plan.Hook{{Path: "/nope/hook"}},
			"error running poststart hook #0: /nope/hook: exec: no such file or directory"},
		{"timeout", []plan.Hook{slow},
			"error running poststart hook #0: /bin/sh: no end after its timeout of 1 s, killed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			begin := time.Now()
			err := Run(context.Background(), "poststart", test.hooks, "", []byte("{}"), Output{})
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestTimeoutKillsGrandchildren(t *testing.T) {
	dir := t.TempDir()
	h := sh("sleep 61 & echo $! > pid; wait")
	h.Timeout = 1
	if err := Run(context.Background(), "prestart", []plan.Hook{h}, dir, nil, Output{}); err == nil {
		t.Fatal("no error")
	}
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(status), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the hook's child lives on: %s", status)
		}
	}
}

func TestRunAcceptsAHookThatDoesNotRead(t *testing.T) {
	state := []byte(strings.Repeat("x", 1<<20))
	if err := Run(context.Background(), "prestart", []plan.Hook{sh("exec <&-; exit 0")}, "", state, Output{}); err != nil {
		t.Error(err)
	}
}

func TestRunOutput(t *testing.T) {
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	out := Output{Stdout: open("out"), Stderr: open("err")}
	if err := Run(context.Background(), "prestart", []plan.Hook{sh("echo a; echo b >&2"), sh("echo c")}, "", nil, out); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[*os.File]string{out.Stdout: "a\nc\n", out.Stderr: "b\n"} {
		if got, err := os.ReadFile(file.Name()); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", file.Name(), got, err, want)
		}
	}
	err := Run(context.Background(), "prestart", []plan.Hook{sh("echo why >&2; exit 1")}, "", nil, Output{Stdout: out.Stdout})
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 1: why") {
		t.Errorf("stderr without a file is lost: %v", err)
	}
}
