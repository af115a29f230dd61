// Bench measures one container's whole life, `run /bin/true` with the
// configuration that Docker 20.10 gives a plain container, and `exec /bin/true`
// and `state` of one that stands, on rt and, beside it in the same run, on the
// runc and crun of the host: what they do (system calls, processes, threads,
// bytes read) and how long it takes. The counts are held against a budget, that
// of exec also against crun's; a time never fails.
//
//	bench -rt ./rt            the whole table
//	BENCH=counts bench -rt …  the counts alone
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"rt/tests/harness"
)

//go:embed testdata/docker-config.json
var dockerConfig []byte

// budget is what one call may cost, over all processes, once its seccomp
// filter is cached. It keeps what has been reached: the calls of a quiet run and
// a tenth for the scheduler's mood on a busy machine.
type budget struct {
	syscalls, execs, atOnce int
	// below names a peer that must make more system calls.
	below string
}

// scene is one thing that is measured.
type scene struct {
	name string
	args func(*subject) []string
	// aim is where the system calls should go, 0: they are there. See
	// docs/performance.md for what stands in the way.
	aim    int
	budget budget
}

func scenes() []scene {
	return []scene{
		{"run /bin/true", (*subject).run, 900, budget{
			syscalls: 1450,
			execs:    3, // rt, rt init, the program
			atOnce:   2, // rt and what becomes the program
		}},
		{"exec /bin/true", func(s *subject) []string { return s.command("exec", s.standing(), "/bin/true") }, 0, budget{
			syscalls: 590,
			execs:    3, // rt, the joiner, the program
			atOnce:   3, // the three
			below:    "crun",
		}},
		{"state", func(s *subject) []string { return s.command("state", s.standing()) }, 0, budget{syscalls: 350, execs: 1, atOnce: 1}},
	}
}

// subject is one runtime under measure.
type subject struct {
	name, path string
	dir        string // bundle and state
	// plainV1: its calls see the host's cgroup hierarchies without the
	// unified one, which crun of Debian 12 cannot take beside v1.
	plainV1 bool

	// counts, those of the first time and times of the scene at hand.
	counts, cold counts
	times        []sample
}

func main() {
	rt := flag.String("rt", "./rt", "the rt binary")
	rounds := flag.Int("rounds", 100, "timed runs of each runtime")
	keep := flag.String("trace", "", "keep rt's system call trace in this file")
	flag.Parse()
	if err := bench(*rt, *rounds, *keep, os.Getenv("BENCH") == "counts"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(rt string, rounds int, keep string, countsOnly bool) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("root is needed")
	}
	// All mounts of this program are its own thread's; see view.
	runtime.LockOSThread()
	dir, err := os.MkdirTemp("", "rt-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	subjects, err := find(rt, dir)
	if err != nil {
		return err
	}
	for _, s := range subjects {
		defer s.end()
		if err := s.stand(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Printf("\nDocker's default configuration; counts are over all processes\n")
	var over []error
	for _, sc := range scenes() {
		err := sc.measure(subjects, rounds, keep, countsOnly)
		if err != nil {
			return err
		}
		over = append(over, sc.within(subjects))
	}
	return errors.Join(over...)
}

func (sc scene) measure(subjects []*subject, rounds int, keep string, countsOnly bool) error {
	if keep != "" {
		keep += "." + strings.Fields(sc.name)[0]
	}
	for _, s := range subjects {
		s.times = nil
		if err := s.count(sc.args(s), keep); err != nil {
			return fmt.Errorf("%s: %s: %w", s.name, sc.name, err)
		}
	}
	sc.printCounts(subjects)
	if countsOnly {
		return nil
	}
	if err := timeAll(subjects, sc, rounds); err != nil {
		return err
	}
	printTimes(subjects, rounds)
	return nil
}

// find returns rt first, then those of its peers that the host has.
func find(rt, dir string) ([]*subject, error) {
	rt, err := filepath.Abs(rt)
	if err != nil {
		return nil, err
	}
	subjects := []*subject{{name: "rt", path: rt}}
	for _, name := range []string{"runc", "crun"} {
		if path, err := exec.LookPath(name); err == nil {
			subjects = append(subjects, &subject{name: name, path: path, plainV1: name == "crun"})
		} else {
			fmt.Printf("%s is missing: not measured\n", name)
		}
	}
	for _, s := range subjects {
		s.dir = filepath.Join(dir, s.name)
		if err := s.bundle(); err != nil {
			return nil, fmt.Errorf("bundle for %s: %w", s.name, err)
		}
	}
	return subjects, nil
}

func (s *subject) id() string { return fmt.Sprintf("rt-bench-%s-%d", s.name, os.Getpid()) }

func (s *subject) bundle() error {
	if err := os.MkdirAll(filepath.Join(s.dir, "state"), 0o700); err != nil {
		return err
	}
	if err := harness.Busybox(filepath.Join(s.dir, "rootfs")); err != nil {
		return err
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte("bench\n"), 0o644); err != nil {
			return err
		}
	}
	config := bytes.ReplaceAll(dockerConfig, []byte("@BUNDLE@"), []byte(s.dir))
	config = bytes.ReplaceAll(config, []byte("@ID@"), []byte(s.id()))
	if err := os.WriteFile(filepath.Join(s.dir, "config.json"), config, 0o644); err != nil {
		return err
	}
	// The container that stands has the same but its program and its cgroup.
	config = bytes.Replace(config, []byte(`"/bin/true"`), []byte(`"/bin/sleep","100000"`), 1)
	config = bytes.ReplaceAll(config, []byte(s.id()), []byte(s.standing()))
	dir := filepath.Join(s.dir, "standing")
	if err := harness.Busybox(filepath.Join(dir, "rootfs")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
}

// command is a call of the subject with its own state root.
func (s *subject) command(args ...string) []string {
	return append([]string{s.path, "--root", filepath.Join(s.dir, "state")}, args...)
}

func (s *subject) run() []string { return s.command("run", "--bundle", s.dir, s.id()) }

// standing is the id of the container that exec and state are measured on.
func (s *subject) standing() string { return s.id() + "-standing" }

func (s *subject) stand() error {
	_, err := s.call(s.command("run", "--detach", "--bundle", filepath.Join(s.dir, "standing"), s.standing()))
	return err
}

func (s *subject) end() {
	if _, err := s.call(s.command("delete", "--force", s.standing())); err != nil {
		fmt.Println(err)
	}
}

// call runs argv to its end in the subject's view of the host.
func (s *subject) call(argv []string) (*os.ProcessState, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	// A file: a container that stays would keep a pipe open.
	out, err := os.Create(filepath.Join(s.dir, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = s.view(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		return nil, fmt.Errorf("%v: %w: %s", argv, err, text)
	}
	return cmd.ProcessState, nil
}

// view runs start on a thread whose mount namespace shows the host as the
// subject must see it. The thread is not used again.
func (s *subject) view(start func() error) error {
	if !s.plainV1 {
		return start()
	}
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(unified); err != nil {
		return start()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- func() error {
			if err := syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWNS); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
				return fmt.Errorf("make / private: %w", err)
			}
			if err := syscall.Mount("tmpfs", unified, "tmpfs", 0, ""); err != nil {
				return fmt.Errorf("cover %s: %w", unified, err)
			}
			return start()
		}()
	}()
	return <-done
}
