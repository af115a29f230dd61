package cli

// docs_test.go: the man pages and completions know every command and flag, and
// name none that is not there.

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"rt/libcontainer/spec"
)

// docs is the directory of the documentation.
const docs = "../../docs"

// flagNames are the flags with their dashes, sorted; hidden ones on request.
func flagNames(flags []cli.Flag, long, hidden bool) []string {
	var names []string
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() && !hidden {
			continue
		}
		for _, n := range f.Names() {
			switch {
			case len(n) > 1:
				names = append(names, "--"+n)
			case !long:
				names = append(names, "-"+n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func commandNames() []string {
	names := []string{"help"}
	for _, c := range definition().Commands {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docs, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestManPages(t *testing.T) {
	check := func(page string, words ...string) {
		text := strings.ReplaceAll(read(t, "man/"+page), `\-`, "-")
		if !strings.HasPrefix(text, ".TH ") {
			t.Errorf("%s does not begin with .TH", page)
		}
		for _, w := range words {
			if !strings.Contains(text, `\fB`+w+`\fR`) {
				t.Errorf("%s does not name %s", page, w)
			}
		}
	}
	u := definition()
	var pages []string
	for _, c := range u.Commands {
		pages = append(pages, "rt-"+c.Name+"(8)")
		check("rt-"+c.Name+".8", flagNames(c.Flags, false, true)...)
	}
	check("rt.8", append(flagNames(u.Flags, false, true), "--help", "--version")...)
	main := strings.NewReplacer(`\fR`, "", `\-`, "-").Replace(read(t, "man/rt.8"))
	for _, p := range pages {
		if !strings.Contains(main, p) {
			t.Errorf("rt.8 does not name %s", p)
		}
	}
	files, err := filepath.Glob(filepath.Join(docs, "man", "*.8"))
	if err != nil || len(files) != len(pages)+1 {
		t.Errorf("%d pages for %d commands and rt itself: %v", len(files), len(pages), err)
	}
}

// TestAnnotationsDocumented: each annotation that does something is explained.
func TestAnnotationsDocumented(t *testing.T) {
	for _, page := range []string{"annotations.md", "man/rt.8"} {
		text, err := os.ReadFile(filepath.Join(docs, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range spec.Annotations() {
			if !strings.Contains(strings.ReplaceAll(string(text), `\-`, "-"), name) {
				t.Errorf("%s does not explain %s", page, name)
			}
		}
	}
}

func TestManPagesFormat(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is missing")
	}
	files, _ := filepath.Glob(filepath.Join(docs, "man", "*.8"))
	for _, f := range files {
		out, err := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z", f).CombinedOutput()
		if err != nil || len(out) != 0 {
			t.Errorf("%s: %v\n%s", f, err, out)
		}
	}
}

// checkCompletion asks a completion for what may follow each command and rt itself,
// and compares: long flags for a dash, commands for nothing.
func checkCompletion(t *testing.T, complete func(words ...string) []string) {
	t.Helper()
	u := definition()
	compare := func(want []string, words ...string) {
		t.Helper()
		got := complete(words...)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", words, diff)
		}
	}
	compare(commandNames(), "rt", "")
	compare(append(flagNames(u.Flags, true, false), "--help", "--version"), "rt", "--")
	for _, c := range u.Commands {
		compare(append(flagNames(c.Flags, true, false), "--help"), "rt", "--root", "/nonexistent", c.Name, "--")
	}
}

func TestBashCompletion(t *testing.T) {
	checkCompletion(t, func(words ...string) []string { return bashCompletes(t, words...) })
}

// bashCompletes is what bash offers for the last of the words, where web1 and
// web2 are the containers.
func bashCompletes(t *testing.T, words ...string) []string {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is missing")
	}
	cmd := exec.Command(bash, append([]string{"--norc", "-c", `
		source "$0" || exit
		_rt_ids() { echo web1 web2; }
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_rt
		printf '%s\n' "${COMPREPLY[@]}"`, filepath.Join(docs, "completion/rt.bash")}, words...)...)
	return output(t, cmd)
}

// TestBashCompletionOfArguments: containers where one is wanted, and behind the
// container what belongs there.
func TestBashCompletionOfArguments(t *testing.T) {
	const ids = "web1 web2"
	for words, want := range map[string]string{
		"exec ":                 ids,
		"exec --user 0 ":        ids,
		"exec --user = 0 ":      ids,
		"exec -t web1 --us":     "",
		"kill ":                 ids,
		"kill web1 KIL":         "KILL",
		"kill --regex web1 KIL": "KILL",
		"kill -s TERM ":         ids,
		"state web1 ":           "",
		"delete web1 ":          ids,
		"update -r f ":          ids,
	} {
		if got := strings.Join(bashCompletes(t, strings.Split("rt "+words, " ")...), " "); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

func TestFishCompletion(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		t.Skip("fish is missing")
	}
	checkCompletion(t, func(words ...string) []string {
		cmd := exec.Command(fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`,
			filepath.Join(docs, "completion/rt.fish"), strings.Join(words, " "))
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		lines := output(t, cmd)
		for i, l := range lines { // "--flag\tdescription"
			lines[i], _, _ = strings.Cut(l, "\t")
		}
		return lines
	})
}

// zsh completes only in a terminal: its file is read instead.
func TestZshCompletion(t *testing.T) {
	text := read(t, "completion/_rt")
	u := definition()
	top, sections, _ := strings.Cut(text, "\n\tcase $state in")
	for _, f := range append(flagNames(u.Flags, false, false), "--help", "--version") {
		if !strings.Contains(top, f) {
			t.Errorf("global %s is missing", f)
		}
	}
	_, create, _ := strings.Cut(top, "create=(")
	for _, c := range u.Commands {
		if !strings.Contains(top, "'"+c.Name+":") {
			t.Errorf("command %s is missing", c.Name)
		}
		section := zshSection(sections, c.Name)
		if strings.Contains(section, "$create") {
			section += create
		}
		for _, f := range append(flagNames(c.Flags, false, false), "--help") {
			if !strings.Contains(section, f+"[") && !strings.Contains(section, f+"}") && !strings.Contains(section, "{"+f+",") {
				t.Errorf("%s %s is missing", c.Name, f)
			}
		}
	}
	zsh, err := exec.LookPath("zsh")
	if err != nil {
		t.Skip("zsh is missing: its syntax is not checked")
	}
	if out, err := exec.Command(zsh, "-f", "-n", filepath.Join(docs, "completion/_rt")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// zshSection is the body of the case of a command.
func zshSection(text, command string) string {
	var body []string
	in := false
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if labels, ok := strings.CutSuffix(line, ")"); ok && !strings.ContainsAny(labels, "'$(") {
			in = slices.Contains(strings.Split(labels, " | "), command)
		}
		if in {
			body = append(body, line)
		}
		in = in && line != ";;"
	}
	return strings.Join(body, "\n")
}

func output(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
