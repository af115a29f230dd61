package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const tools = "github.com/opencontainers/runtime-tools"

// recipe is part of the key of what is kept: change it with how things are built.
const recipe = "1"

// suite is a directory with the built programs in programs/ and what they
// expect to find in their working directory beside it.
type suite struct{ dir string }

func (s suite) program(name string) string { return filepath.Join(s.dir, "programs", name) }

// programs are the names of all, sorted.
func (s suite) programs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "programs"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// prepare builds the suite, unless it is kept from another run with the same
// inputs: the pinned module, our corrections, the compiler.
func prepare(ctx context.Context, module, cache string) (suite, error) {
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return suite{}, err
		}
		cache = filepath.Join(base, "rt-tests")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return suite{}, err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "conformance.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return suite{}, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return suite{}, fmt.Errorf("lock the cache: %w", err)
	}
	b := builder{ctx: ctx, module: module}
	key, err := b.key()
	if err != nil {
		return suite{}, err
	}
	s := suite{filepath.Join(cache, "conformance-"+key)}
	if _, err := os.Stat(s.dir); err == nil {
		now := time.Now()
		return s, os.Chtimes(s.dir, now, now)
	}
	if err := prune(cache); err != nil {
		return suite{}, err
	}
	b.dir = s.dir + ".building"
	if err := os.RemoveAll(b.dir); err != nil {
		return suite{}, err
	}
	if err := b.all(); err != nil {
		return suite{}, errors.Join(err, os.RemoveAll(b.dir))
	}
	return s, os.Rename(b.dir, s.dir)
}

// prune removes what no run has used for a week.
func prune(cache string) error {
	dirs, err := filepath.Glob(filepath.Join(cache, "conformance-*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err == nil && info.IsDir() && time.Since(info.ModTime()) > 7*24*time.Hour {
			err = os.RemoveAll(dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type builder struct {
	ctx    context.Context
	module string // the pinning module in our tree
	dir    string // what is made
}

func (b builder) key() (string, error) {
	sum := sha256.New()
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(b.module, file))
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	compiler, err := b.output(b.module, "go", "env", "GOVERSION", "GOARCH", "GOROOT")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(sum, "%s\n%s\n%s", compiler, recipe, corrections())
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// all makes the suite: the programs as they are, those with corrections from
// copies of their sources in a module like ours, and the program that they run
// inside of the container.
func (b builder) all() error {
	source := filepath.Join(b.dir, "source")
	if err := os.MkdirAll(source, 0o755); err != nil {
		return err
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(b.module, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(source, file), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if _, err := b.output(source, "go", "mod", "download", tools); err != nil {
		return err
	}
	at, err := b.output(source, "go", "list", "-m", "-f", "{{.Dir}}", tools)
	if err != nil {
		return err
	}
	for _, c := range corrections() {
		if err := c.apply(at, source); err != nil {
			return err
		}
	}
	overlay, err := b.quietRlimits(source)
	if err != nil {
		return err
	}
	strip := "-ldflags=-s -w"
	for _, args := range [][]string{
		{"build", "-trimpath", strip, "-o", b.dir + "/programs/", tools + "/validation/...", "./corrected/..."},
		{"build", "-trimpath", strip, "-o", b.dir + "/runtimetest", "-overlay", overlay, "-tags", "netgo osusergo", tools + "/cmd/runtimetest"},
	} {
		if _, err := b.output(source, "go", args...); err != nil {
			return err
		}
	}
	goarch, err := b.output(source, "go", "env", "GOARCH")
	if err != nil {
		return err
	}
	name := "rootfs-" + goarch + ".tar.gz"
	root, err := os.ReadFile(filepath.Join(at, name))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, name), root, 0o644); err != nil {
		return err
	}
	return os.RemoveAll(source)
}

var raisesNofile = regexp.MustCompile(`(?m)^func init\(\) \{$`)

// quietRlimits writes an overlay for the compiler in which Go does not raise
// RLIMIT_NOFILE before main: the program inside of the container is to see the
// limits that the runtime has set. The text is that of the compiler at hand,
// with the function's name changed.
func (b builder) quietRlimits(dir string) (string, error) {
	root, err := b.output(dir, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, "src/syscall/rlimit.go")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if len(raisesNofile.FindAll(text, -1)) != 1 {
		return "", fmt.Errorf("%s: not one func init: this Go raises limits in another way", file)
	}
	quiet := filepath.Join(dir, "rlimit.go.txt")
	text = raisesNofile.ReplaceAll(text, []byte("func never() {"))
	if err := os.WriteFile(quiet, text, 0o644); err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, fmt.Appendf(nil, `{"Replace": {%q: %q}}`, file, quiet), 0o644)
}

// output runs a program without cgo and returns what it prints, trimmed.
func (b builder) output(dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// correction is a program that cannot pass, whatever the runtime does, and
// what makes it one that can: it is built and run a second time, as
// NAME_corrected, beside the one as it is.
type correction struct {
	program string
	edits   [][2]string // regular expression, what stands in its place
}

func corrections() []correction {
	return []correction{
		// The wanted text is not what its own hooks write; the file that they
		// write is gone when it is read; and without an error it asks the nil
		// one for its text.
		{"hooks", [][2]string{
			{`(post-(?:start|stop)\d)\\n`, `${1} called\n`},
			{`var output string`, `var output string; var saved []byte`},
			{`(config := util\.LifecycleConfig\{)`, `${1} PostDelete: func(*util.Runtime) (err error) { saved, err = os.ReadFile(output); return err },`},
			{`outputData, _ := os\.ReadFile\(output\)`, `outputData := saved`},
			{`\} else \{`, `} else if err != nil {`},
		}},
		// Its container is gone before it can be killed.
		{"pidfile", [][2]string{{`\{"true"\}`, `{"sleep", "30"}`}}},
		// The hook races with the container's program for the first line.
		{"poststart", [][2]string{{`"(echo 'post-start called')`, `"sleep 1; ${1}`}}},
		// One of its containers has a program that is not there.
		{"misc_props", [][2]string{{`(annotationConfig)(\.AddAnnotation)`, `${1}.SetProcessArgs([]string{"true"}); ${1}${2}`}}},
		// It takes success for the error that it wants.
		{"start", [][2]string{{`err == nil(, specerror\.NewError\(specerror\.StartWithProcUnset)`, `err != nil${1}`}}},
	}
}

const correctedSuffix = "_corrected"

// apply writes the corrected program into the module at source.
func (c correction) apply(tools, source string) error {
	files, err := filepath.Glob(filepath.Join(tools, "validation", c.program, "*.go"))
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return fmt.Errorf("%s: %w: one source file is expected, there are %d", c.program, fs.ErrNotExist, len(files))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	for _, edit := range c.edits {
		if text, err = replace(text, edit); err != nil {
			return fmt.Errorf("%s: %w", files[0], err)
		}
	}
	dir := filepath.Join(source, "corrected", c.program+correctedSuffix)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "main.go"), text, 0o644)
}

func replace(text []byte, edit [2]string) ([]byte, error) {
	re, err := regexp.Compile(edit[0])
	if err != nil {
		return nil, err
	}
	changed := re.ReplaceAll(text, []byte(edit[1]))
	if slices.Equal(changed, text) {
		return nil, fmt.Errorf("nothing to correct at %s", edit[0])
	}
	return changed, nil
}
