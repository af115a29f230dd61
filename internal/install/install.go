// Package install tells clients of an OCI runtime about rt: it changes their
// configuration files.
//
// What is to be changed is decided by pure functions from the text of a file to
// its new text. A file that belongs to somebody else is edited where it has to
// be, so that its order, comments and unknown fields stay, and the result is read
// again and compared with what was meant before anything is written. Where a
// client reads a directory of files, rt has one of its own there.
//
// Nothing is started, stopped or reloaded: a change says what is to be.
package install

import (
	"bytes"
	"errors"
	"path/filepath"

	"rt/libcontainer/fault"
)

// Name is the name under which clients know rt.
const Name = "rt"

// step is the step in this package's errors.
const step = "install"

// Options say what is wanted.
type Options struct {
	// Binary is the absolute path of rt as the client will call it.
	Binary string
	// Default makes rt the runtime of containers that name none.
	Default bool
	// Uninstall takes back what an earlier change has put.
	Uninstall bool
	// Config is the file to change instead of the client's usual one.
	Config string
	// Root is the directory that stands for /, as of an image that is being
	// made; "" is the host itself. Config and Binary are paths below it.
	Root string
	// Home is the home directory of a user whose own client it is, whose
	// configuration is below XDGConfig or Home/.config; "" is the host's client.
	Home, XDGConfig string
}

// configHome is the directory of the user's configuration files.
func (o Options) configHome() string {
	if o.XDGConfig != "" {
		return o.XDGConfig
	}
	return filepath.Join(o.Home, ".config")
}

// file is the client's file of that name: the one that is asked for, the user's or
// the host's.
func (o Options) file(name string) string {
	switch {
	case o.Config != "":
		return o.Config
	case o.Home != "":
		return filepath.Join(o.configHome(), name)
	}
	return filepath.Join("/etc", name)
}

// Change is one file as it is and as it is to be.
type Change struct {
	Path     string // below Options.Root
	Old, New []byte // nil: there is no such file
	// Restart is the command that puts the change into effect, or "".
	Restart string
	// Notes are sentences for the user.
	Notes []string

	root string
	// backup is the file that is written beside Path first, "" for none; drop
	// is one that is of no use afterwards.
	backup, drop string
}

// Needed tells whether there is anything to change.
func (c *Change) Needed() bool {
	return (c.Old == nil) != (c.New == nil) || !bytes.Equal(c.Old, c.New)
}

// edit is a change of a text: what is wanted of a client's file.
type edit struct {
	binary string
	def    bool
}

// editor changes the text of one kind of file. Both functions are pure; nil is a
// file that is not there, or is no longer needed.
type editor interface {
	// set puts rt in. It refuses a file in which somebody else is the default
	// where rt is to be.
	set(old []byte, e edit) ([]byte, error)
	// unset takes rt out, whatever its path is there.
	unset(old []byte) ([]byte, error)
}

// Plan reads what there is and returns the change. client is a name of [Clients].
func Plan(client string, o Options) (*Change, error) {
	for _, c := range clients() {
		if c.name == client {
			return c.plan(o)
		}
	}
	return nil, fault.New(step, client, "", errors.New("unknown client")).WithHint("known are " + known())
}

func (c client) plan(o Options) (*Change, error) {
	if o.Binary == "" || !filepath.IsAbs(o.Binary) {
		return nil, fault.New(step, o.Binary, "", errors.New("the path of rt must be absolute"))
	}
	path, kind, notes, err := c.target(o)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(path) {
		return nil, fault.New(step, path, "", errors.New("the path of the configuration must be absolute"))
	}
	change := &Change{Path: path, root: o.Root, Notes: notes, Restart: c.restart(o)}
	if change.Old, err = readFile(o.Root, path); err != nil {
		return nil, err
	}
	if _, own := kind.(dropIn); own {
		err = change.planOwn(kind, o)
	} else {
		err = change.planEdit(kind, o)
	}
	return change, inFile(path, err)
}

// planOwn plans a file that is all rt's.
func (c *Change) planOwn(kind editor, o Options) (err error) {
	if o.Uninstall {
		c.New, err = kind.unset(c.Old)
		return err
	}
	c.New, err = kind.set(c.Old, edit{o.Binary, o.Default})
	return err
}

// backupSuffix names the copy of a file as it was before rt came. Not a name
// that any client reads.
const backupSuffix = ".before-rt"

// planEdit plans a change of somebody else's file. There is a backup: the text
// from which what is there now was made, by edits of this package alone. When it
// still is that, uninstalling puts it back to the letter; when the file has been
// changed since, rt is edited out of it.
func (c *Change) planEdit(kind editor, o Options) error {
	backup, err := readFile(o.Root, c.Path+backupSuffix)
	if err != nil {
		return err
	}
	original := backup != nil && derived(kind, backup, c.Old, o.Binary)
	if !o.Uninstall {
		if c.New, err = kind.set(c.Old, edit{o.Binary, o.Default}); err != nil {
			return err
		}
		if c.Old != nil && !original {
			c.backup = c.Path + backupSuffix
		}
		return nil
	}
	base := c.Old
	switch {
	case original:
		base, c.drop = backup, c.Path+backupSuffix
	case backup == nil && derived(kind, nil, c.Old, o.Binary):
		base = nil // made by an install
	case backup != nil:
		c.Notes = append(c.Notes, c.Path+" has been changed since rt was put in; "+c.Path+backupSuffix+" stays as it is.")
	}
	c.New, err = kind.unset(base)
	return err
}

// derived tells whether now is what this package makes of before.
func derived(kind editor, before, now []byte, binary string) bool {
	same := func(text []byte, err error) bool { return err == nil && text != nil && bytes.Equal(text, now) }
	plain, err := kind.set(before, edit{binary: binary})
	if same(plain, err) {
		return true
	}
	if err == nil {
		if same(kind.set(plain, edit{binary, true})) {
			return true
		}
	}
	return same(kind.set(before, edit{binary, true}))
}

// inFile names the file in an error of an editor.
func inFile(path string, err error) error {
	var e *fault.Error
	if err == nil || errors.As(err, &e) && e.Step == step {
		return err
	}
	named := fault.New(step, path, "", err)
	return named.WithHint(fault.Hint(err))
}
