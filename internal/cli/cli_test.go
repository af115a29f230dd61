package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

var testBuild = Build{Version: "1.2.3-test", Commit: "0123abcd"}

func TestMain(m *testing.M) {
	if script := os.Getenv("RT_TEST_TERMINAL"); script != "" {
		os.Exit(terminalChild(script))
	}
	testscript.Main(m, map[string]func(){
		"rt": func() { os.Exit(Main(append([]string{"rt"}, os.Args[1:]...), testBuild)) },
	})
}

// The command lines that need neither root nor a container, as a user types
// them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(e *testscript.Env) error {
			// A root of its own for every script, so that /run/rt is left alone.
			e.Setenv("XDG_RUNTIME_DIR", "")
			e.Setenv("STATE", filepath.Join(e.WorkDir, "state"))
			return nil
		},
	})
}

// definition is the command line's definition, for tests that walk it.
func definition() *cli.App {
	a := &app{build: testBuild}
	return a.urfave("rt", nil)
}

// TestOneCommand: a command is found by its own name, and alone; where others
// are shown or meant, all are there.
func TestOneCommand(t *testing.T) {
	a := &app{build: testBuild}
	all := definition().Commands
	for _, c := range all {
		for _, args := range [][]string{{"rt", c.Name}, {"rt", "--root", "list", "--debug", c.Name, "--help"}} {
			got := a.urfave("rt", args).Commands
			if len(got) != 1 || got[0].Name != c.Name || got[0].OnUsageError == nil || !got[0].HideHelpCommand {
				t.Errorf("%q: %d commands", args, len(got))
			}
		}
	}
	for _, args := range [][]string{{"rt"}, {"rt", "--help", "list"}, {"rt", "lists"}, {"rt", "help", "list"}, {"rt", "--", "list"}} {
		if got := a.urfave("rt", args).Commands; len(got) != len(all) {
			t.Errorf("%q: %d commands", args, len(got))
		}
	}
}

func TestHelp(t *testing.T) {
	topics := [][]string{{"rt", "--help"}}
	for _, c := range definition().Commands {
		topics = append(topics, []string{"rt", c.Name, "--help"})
	}
	for _, args := range topics {
		name := "rt"
		if len(args) == 3 {
			name = args[1]
		}
		t.Run(name, func(t *testing.T) {
			golden(t, name, run(t, 0, args...).stdout)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("go test ./internal/cli -update writes it anew if this is meant (-want +got):\n%s", diff)
	}
}
