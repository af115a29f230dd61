package cli

// global.go: the flags in front of the command, and what follows from them.

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

const defaultRoot = "/run/rt"

func (a *app) globalFlags() []cli.Flag {
	return []cli.Flag{
		toggle("debug", "log what rt does"),
		&cli.StringFlag{Name: "log", Usage: "append log lines to `FILE` instead of writing them to stderr"},
		&cli.StringFlag{Name: "log-format", Value: "text", Usage: "write log lines as `FORMAT`: text or json"},
		&cli.StringFlag{Name: "root", Value: defaultRoot,
			Usage: "keep the containers' states in `DIR`; for a user other than root $XDG_RUNTIME_DIR/rt"},
		toggle("systemd-cgroup", `have systemd make the cgroups; linux.cgroupsPath is then "slice:prefix:name"`),
		&cli.StringFlag{Name: "cgroup-manager", Usage: "have `WHO` make the cgroups: cgroupfs (the default), systemd or disabled"},
		&cli.StringFlag{Name: "rootless", Value: "auto",
			Usage: "go on where cgroups may not be changed: `WHEN` is true, false or auto"},
		&cli.StringFlag{Name: "criu", Usage: "accepted for old clients; rt does not make checkpoints", Hidden: true},
	}
}

// before sets up the log and the library. It runs after the global flags are
// parsed and before the command's.
func (a *app) before(c *cli.Context) error {
	switch c.String("log-format") {
	case "text", "":
	case "json":
		a.sink.json = true
	default:
		return fault.New("", "--log-format", "", fmt.Errorf("%q is neither text nor json", c.String("log-format")))
	}
	if err := checkRoot(c); err != nil {
		return err
	}
	if c.Bool("debug") {
		a.sink.level = slog.LevelDebug
	}
	if path := c.String("log"); path != "" {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return pathFault("--log", err)
		}
		a.sink.file = f
	}
	rootless, err := rootlessMode(c.String("rootless"))
	if err != nil {
		return err
	}
	manager, err := cgroupManager(c)
	if err != nil {
		return err
	}
	a.rt = libcontainer.New(libcontainer.RuntimeOptions{
		Root:          root(c),
		CgroupManager: manager,
		Rootless:      rootless,
		Logger:        a.log,
		Standalone:    true,
	})
	return noCheckpoints(c.Args().First())
}

// noCheckpoints refuses the two commands that clients send although rt does not
// have them, in words that they can show. Podman and CRI-O learn from the failure
// of "checkpoint --help" that they must not offer checkpoints.
func noCheckpoints(command string) error {
	if command != "checkpoint" && command != "restore" {
		return nil
	}
	return fault.New(command, "", "", errors.New("not supported: rt does not make checkpoints"))
}

// cgroupManager is who makes the cgroups; runc and crun say it by different
// flags.
func cgroupManager(c *cli.Context) (string, error) {
	name := c.String("cgroup-manager")
	switch name {
	case "":
		if c.IsSet("cgroup-manager") {
			break
		}
		if c.Bool("systemd-cgroup") {
			name = libcontainer.CgroupSystemd
		}
		return name, nil
	case libcontainer.CgroupFS, libcontainer.CgroupSystemd, libcontainer.CgroupDisabled:
		if c.Bool("systemd-cgroup") && name != libcontainer.CgroupSystemd {
			return "", fault.New("", "--cgroup-manager", "", fmt.Errorf("%s contradicts --systemd-cgroup", name)).
				WithHint("leave out one of the two")
		}
		return name, nil
	}
	return "", fault.New("", "--cgroup-manager", "", fmt.Errorf("%q is none of cgroupfs, systemd and disabled", name))
}

// rootlessMode is "true", "false" or "auto" for what runc takes as such.
func rootlessMode(text string) (string, error) {
	if text == "" || text == "auto" {
		return "auto", nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return "", fault.New("", "--rootless", "", fmt.Errorf("%q is none of true, false and auto", text))
	}
	return strconv.FormatBool(yes), nil
}

// checkRoot refuses a --root whose directories are no containers.
func checkRoot(c *cli.Context) error {
	switch {
	case !c.IsSet("root"):
	case c.String("root") == "":
		return fault.New("", "--root", "", errors.New("is empty, and every directory here would be taken for a container")).
			WithHint("is a variable not set?")
	case root(c) == "/":
		return fault.New("", "--root", "", errors.New("must not be /, whose directories are no containers"))
	}
	return nil
}

// root is the state root: --root, or the default of this user.
func root(c *cli.Context) string {
	if c.IsSet("root") {
		if abs, err := filepath.Abs(c.String("root")); err == nil {
			return abs
		}
		return c.String("root")
	}
	if dir := xdgRoot(); dir != "" {
		return dir
	}
	return defaultRoot
}

// xdgRoot is the state root of a user who is not the host's root, or "". A root
// who has the directory of a user in the environment (sudo -E) must not put
// root's containers there; a user who is root of a user namespace must. The
// name in USER tells them apart, as it does for runc; Podman gives none when it
// runs without root.
func xdgRoot() string {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return ""
	}
	if os.Geteuid() == 0 && (os.Getenv("USER") == "root" || !sys.InUserNamespace()) {
		return ""
	}
	return filepath.Join(dir, "rt")
}

// makeRoot makes the default root below XDG_RUNTIME_DIR. Its sticky bit keeps
// the files there from being cleaned up by age (XDG base directory
// specification, "Environment variables").
func makeRoot(c *cli.Context) error {
	if c.IsSet("root") {
		return nil
	}
	dir := xdgRoot()
	if dir == "" {
		return nil
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(dir, 0o700|os.ModeSticky)
	}
	if err != nil {
		return pathFault("state root", err)
	}
	return nil
}

// pathFault makes an error of package os one of ours.
func pathFault(step string, err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return fault.New(step, p.Path, p.Op, p.Err)
	}
	return fault.New(step, "", "", err)
}
