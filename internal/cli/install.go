package cli

// install.go: rt install. It shows; --write makes the change.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"rt/internal/install"
	"rt/libcontainer/fault"
)

func (a *app) installCommand() *cli.Command {
	return &cli.Command{
		Name:      "install",
		Usage:     "tell Docker, containerd, Podman, CRI-O or BuildKit about rt",
		ArgsUsage: "[" + strings.Join(install.Clients(), " | ") + "]",
		Description: `Shows how the configuration of a client changes so that it knows rt as the
runtime "rt"; with --write the change is made. What else is in the file stays,
and a copy of it is kept beside it. Nothing is restarted: the last line says
what to do. Without a client the ones that are found are listed.

For a user other than root it is the user's own client.`,
		Flags: []cli.Flag{
			toggle("default", "make rt the runtime of containers that name none"),
			toggle("write", "make the change"),
			toggle("uninstall", "take back what was put there"),
			&cli.StringFlag{Name: "config", Usage: "change `FILE` instead of the client's usual configuration"},
			&cli.StringFlag{Name: "path", Usage: "have the client call rt as `FILE`; the default is where this rt is"},
			&cli.StringFlag{Name: "root-dir", Usage: "take `DIR` for /, for an image that is being made"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return exactly(c, 1)
			}
			o, err := installOptions(c)
			if err != nil {
				return err
			}
			if c.NArg() == 0 {
				return a.survey(c, o)
			}
			return a.install(c.Args().First(), o, c.Bool("write"))
		},
	}
}

func installOptions(c *cli.Context) (install.Options, error) {
	o := install.Options{
		Binary:    c.String("path"),
		Default:   c.Bool("default"),
		Uninstall: c.Bool("uninstall"),
		Config:    c.String("config"),
		Root:      c.String("root-dir"),
	}
	if o.Default && o.Uninstall {
		return o, fault.New("", "--default", "", errors.New("contradicts --uninstall")).WithHint("leave out one of the two")
	}
	var err error
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return o, pathFault("--path", err)
		}
	}
	if o.Config != "" && o.Root == "" {
		if o.Config, err = filepath.Abs(o.Config); err != nil {
			return o, pathFault("--config", err)
		}
	}
	if os.Geteuid() != 0 && o.Root == "" {
		o.XDGConfig = os.Getenv("XDG_CONFIG_HOME")
		if o.Home, err = os.UserHomeDir(); err != nil {
			return o, fault.New("install", "", "", err)
		}
	}
	return o, nil
}

func (a *app) install(client string, o install.Options, write bool) error {
	if !o.Uninstall {
		if err := a.callable(o); err != nil {
			return err
		}
	}
	change, err := install.Plan(client, o)
	if err != nil {
		return err
	}
	for _, note := range change.Notes {
		fmt.Fprintln(a.out, note)
	}
	if !change.Needed() {
		fmt.Fprintf(a.out, "%s: nothing to change\n", printable(change.Path))
		return nil
	}
	fmt.Fprint(a.out, printableTabs(change.Diff()))
	if !write {
		fmt.Fprintln(a.out, "Nothing has been changed: --write makes the change.")
		return nil
	}
	if err := change.Write(); err != nil {
		return err
	}
	a.installed(change)
	return nil
}

// installed says what was done and what is left to do.
func (a *app) installed(change *install.Change) {
	path, what := printable(change.Path), "written"
	if change.New == nil {
		what = "removed"
	}
	fmt.Fprintf(a.out, "%s is %s.\n", path, what)
	if backup := change.Backup(); backup != "" {
		fmt.Fprintf(a.out, "As it was before: %s\n", printable(backup))
	}
	if change.Restart != "" {
		fmt.Fprintf(a.out, "To put it into effect: %s\n", change.Restart)
	}
}

// callable refuses an rt that a client could not call, or that others than its
// owner could replace.
func (a *app) callable(o install.Options) error {
	fi, err := os.Stat(filepath.Join(o.Root, o.Binary))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(a.out, "%s is not there yet.\n", printable(o.Binary))
		return nil
	case err != nil:
		return pathFault("--path", err)
	case !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0:
		return fault.New("install", o.Binary, "", errors.New("is not a program"))
	case fi.Mode()&0o022 != 0:
		return fault.New("install", o.Binary, "", errors.New("can be changed by others than its owner")).
			WithHint("chmod go-w " + o.Binary)
	}
	if o.Root != "" || os.Geteuid() != 0 {
		return nil
	}
	weak, err := exchangeable(o.Binary)
	if err != nil {
		return pathFault("--path", err)
	}
	if weak != "" {
		return fault.New("install", o.Binary, "", fmt.Errorf("could be exchanged by others than root: by way of %s", weak)).
			WithHint("a daemon of root's would execute it: copy rt to a directory of root's, such as /usr/local/sbin")
	}
	return nil
}

// exchangeable is a file on the way to path, or itself, that somebody else than
// root can change or replace, or "". Root's is also what belongs to who owns /:
// in a user namespace that is nobody.
func exchangeable(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	top, err := os.Lstat("/")
	if err != nil {
		return "", err
	}
	root := top.Sys().(*syscall.Stat_t).Uid
	for _, path := range []string{real, filepath.Dir(path)} {
		for ; ; path = filepath.Dir(path) {
			fi, err := os.Stat(path)
			if err != nil {
				return "", err
			}
			owner := fi.Sys().(*syscall.Stat_t).Uid
			// In a sticky directory everybody has only what is theirs.
			shared := fi.Mode()&0o022 != 0 && !(fi.IsDir() && fi.Mode()&os.ModeSticky != 0)
			if owner != 0 && owner != root || shared {
				return path, nil
			}
			if path == "/" {
				break
			}
		}
	}
	return "", nil
}

// printableTabs is printable for a text in which tabs are meant.
func printableTabs(s string) string {
	parts := strings.Split(s, "\t")
	for i, p := range parts {
		parts[i] = printable(p)
	}
	return strings.Join(parts, "\t")
}

// survey lists the clients.
func (a *app) survey(c *cli.Context, o install.Options) error {
	for _, flag := range []string{"default", "write", "uninstall", "config"} {
		if c.IsSet(flag) {
			return &usage{command: "install", err: fmt.Errorf("--%s needs a client: %s", flag, strings.Join(install.Clients(), ", "))}
		}
	}
	w := tabwriter.NewWriter(a.out, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "CLIENT\tPROGRAM\tRT\tCONFIGURATION\n")
	var errs failures
	for _, s := range install.Survey(o) {
		program, state := s.Program, s.State
		if program == "" {
			program = "-"
		}
		if s.Err != nil {
			state = "?"
			errs = append(errs, s.Err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Client, cell(program), state, cell(s.Path))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, err := range errs {
		a.sink.report(err)
	}
	return nil
}
