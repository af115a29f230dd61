package install

// clients.go: the clients, what they read and how they take it up.

import (
	"os"
	"path/filepath"
	"strings"
)

// client is one of them.
type client struct {
	name    string
	program string
	// unit is the systemd unit that reads the configuration, "" for a client
	// that reads it at each call.
	unit string
	// reloads: the unit takes up a new runtime when it is told to reload, as
	// long as nothing is taken away.
	reloads bool
	// hasUser: a user may have a client of their own.
	hasUser bool
	target  func(Options) (path string, kind editor, notes []string, err error)
}

func clients() []client {
	return []client{
		{name: "docker", program: "dockerd", unit: "docker", reloads: true, hasUser: true, target: dockerTarget},
		{name: "containerd", program: "containerd", unit: "containerd", hasUser: true, target: containerdTarget},
		{name: "podman", program: "podman", hasUser: true, target: podmanTarget},
		{name: "crio", program: "crio", unit: "crio", target: crioTarget},
		{name: "buildkit", program: "buildkitd", unit: "buildkit", hasUser: true, target: buildkitTarget},
	}
}

// Clients are the names that [Plan] knows.
func Clients() []string {
	var names []string
	for _, c := range clients() {
		names = append(names, c.name)
	}
	return names
}

func known() string { return strings.Join(Clients(), ", ") }

// restart is the command that makes the client read its configuration.
func (c client) restart(o Options) string {
	switch {
	case c.unit == "" || o.Root != "":
		return ""
	case o.Home != "" && c.hasUser:
		return "systemctl --user " + c.verb(o) + " " + c.unit
	}
	return "systemctl " + c.verb(o) + " " + c.unit
}

func (c client) verb(o Options) string {
	if c.reloads && !o.Uninstall {
		return "reload"
	}
	return "restart"
}

func dockerTarget(o Options) (string, editor, []string, error) {
	return o.file("docker/daemon.json"), daemonJSON{}, nil, nil
}

func buildkitTarget(o Options) (string, editor, []string, error) {
	var notes []string
	if !o.Default && !o.Uninstall {
		notes = []string{"A buildkitd has one runtime: rt becomes the one for all of its builds."}
	}
	return o.file("buildkit/buildkitd.toml"), buildkitTOML{o.Binary}, notes, nil
}

// Status is what is known of one client.
type Status struct {
	Client  string
	Program string // its path, "" when it is not there
	Path    string // of the configuration that Plan would change
	// State is "no", "yes", or "default" when rt is what containers get.
	State string
	Err   error // why there is no State
}

// Survey looks for all clients.
func Survey(o Options) []Status {
	var all []Status
	for _, c := range clients() {
		s := Status{Client: c.name, Program: findProgram(o.Root, c.program)}
		s.Path, s.State, s.Err = c.state(o)
		all = append(all, s)
	}
	return all
}

func (c client) state(o Options) (path, state string, err error) {
	path, kind, _, err := c.target(o)
	if err != nil {
		return path, "", err
	}
	text, err := readFile(o.Root, path)
	if err != nil {
		return path, "", err
	}
	without, err := kind.unset(text)
	switch {
	case err != nil:
		return path, "", inFile(path, err)
	case string(without) == string(text):
		return path, "no", nil
	}
	// Where asking for the default changes nothing more, it is there.
	plain, err := kind.set(text, edit{binary: o.Binary})
	if err != nil {
		return path, "", inFile(path, err)
	}
	asDefault, err := kind.set(text, edit{o.Binary, true})
	if err == nil && string(asDefault) == string(plain) {
		return path, "default", nil
	}
	return path, "yes", nil
}

// findProgram looks where packages and people put programs.
func findProgram(root, name string) string {
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		path := filepath.Join(dir, name)
		if fi, err := os.Stat(filepath.Join(root, path)); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
