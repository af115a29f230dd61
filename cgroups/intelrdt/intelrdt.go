// Package intelrdt puts a container into a group of the kernel's resctrl file
// system: a class of service with its share of cache and memory bandwidth, and
// a monitoring group that counts what it uses. It is what the specification
// calls Intel RDT; AMD's QoS and Arm's MPAM are the same files.
//
// It acts only for containers that ask for it (runtime-spec config-linux.md,
// "IntelRdt"); files and formats: Documentation/filesystems/resctrl.rst of the
// kernel. What is written where is told by schemata.go; stats.go reads.
package intelrdt

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

// step is the fault.Error step of everything in here.
const step = "intelRdt"

// Record is what finds a container's groups again: part of the state file. A
// directory is named as its remover must know it: what rt has not made, and a
// closID that the configuration names, stays (runtime-spec).
type Record struct {
	// Dir is the absolute directory of the class of service.
	Dir string `json:"dir"`
	// Remove: Dir has the container's id as its name and goes with it.
	Remove bool `json:"remove,omitempty"`
	// Monitor is the absolute directory of the monitoring group, or "".
	Monitor string `json:"monitor,omitempty"`
}

// Group is one container's place in resctrl.
type Group struct {
	rec    Record
	config specs.LinuxIntelRdt
	// made are the directories that this process has made, to be undone.
	made []string
	// mkdir and rmdir are the kernel's; it fills a new group with files and
	// takes them away with it, which tests must do themselves.
	mkdir func(dir string, mode fs.FileMode) error
	rmdir func(dir string) error
}

func newGroup(r Record) *Group { return &Group{rec: r, mkdir: os.Mkdir, rmdir: syscall.Rmdir} }

// New finds the resctrl file system and decides on the groups of the container
// id; nothing is made. An error says what the host lacks.
func New(id string, c *specs.LinuxIntelRdt) (*Group, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return newIn(root, id, c)
}

func newIn(root, id string, c *specs.LinuxIntelRdt) (*Group, error) {
	name := c.ClosID
	if name == "" {
		name = id
	}
	if name != "/" && !plainName(name) {
		return nil, fault.New(step, "linux.intelRdt.closID", "", errors.New(strconv.Quote(name)+" is no name of a directory"))
	}
	g := newGroup(Record{Dir: filepath.Join(root, name)})
	g.config = *c
	if c.EnableMonitoring {
		g.rec.Monitor = filepath.Join(g.rec.Dir, "mon_groups", id)
	}
	_, err := os.Stat(g.rec.Dir)
	there := err == nil
	// Only what is not there yet can become ours.
	g.rec.Remove = c.ClosID == "" && !there
	switch {
	case c.ClosID == "" || writes(c):
	case !there:
		return nil, fault.New(step, g.rec.Dir, "", os.ErrNotExist).
			WithHint("a closID without l3CacheSchema, memBwSchema and schemata names a group that exists; make it first, or say what it is to have")
	}
	if there && c.ClosID != "" {
		if err := g.checkExisting(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// plainName: the names that resctrl has for itself cannot be a container's.
func plainName(name string) bool {
	reserved := []string{"", ".", "..", "info", "mon_groups", "mon_data"}
	return !slices.Contains(reserved, name) && !strings.ContainsAny(name, "/\n\x00")
}

// Load returns the Group of a recorded container.
func Load(raw []byte) (*Group, error) {
	var r Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fault.New(step, "", "read record", err)
	}
	for _, dir := range []string{r.Dir, r.Monitor} {
		if dir != "" && (!filepath.IsAbs(dir) || filepath.Clean(dir) != dir) {
			return nil, fault.New(step, dir, "load", errors.New("is no clean absolute path"))
		}
	}
	if r.Dir == "" {
		return nil, fault.New(step, "", "load", errors.New("the record names no directory"))
	}
	return newGroup(r), nil
}

// Record is known before Apply, so that it can be on disk first.
func (g *Group) Record() Record { return g.rec }

// Apply makes the groups, writes the schemata and puts the process pid into
// them. On an error it leaves nothing that was not there before.
func (g *Group) Apply(pid int) error {
	err := g.apply(pid)
	if err != nil {
		g.Undo()
	}
	return err
}

func (g *Group) apply(pid int) error {
	if err := g.makeDir(g.rec.Dir); err != nil {
		return err
	}
	if text := schemata(&g.config); text != "" {
		if err := g.write(g.rec.Dir, "schemata", text); err != nil {
			return err
		}
	}
	if err := g.write(g.rec.Dir, "tasks", strconv.Itoa(pid)); err != nil {
		return err
	}
	if g.rec.Monitor == "" {
		return nil
	}
	if err := g.makeDir(g.rec.Monitor); err != nil {
		return err
	}
	return g.write(g.rec.Monitor, "tasks", strconv.Itoa(pid))
}

// Add puts every thread of another process of the container into the groups:
// `exec`, or an update of a container that had none.
func (g *Group) Add(pid int) error {
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has ended
	}
	if err != nil {
		return fault.New(step, "pid "+strconv.Itoa(pid), "list threads", err)
	}
	for _, dir := range []string{g.rec.Dir, g.rec.Monitor} {
		for _, t := range threads {
			if dir == "" {
				continue
			}
			if err := g.write(dir, "tasks", t.Name()); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
	}
	return nil
}

// Undo removes what Apply of this Group has made.
func (g *Group) Undo() {
	for _, dir := range slices.Backward(g.made) {
		_ = g.rmdir(dir)
	}
	g.made = nil
}

// Remove removes the groups that go with the container. Processes that are
// still in one fall back to the group above.
func (g *Group) Remove() error {
	var first error
	for _, dir := range []string{g.rec.Monitor, g.rec.Dir} {
		if dir == "" || dir == g.rec.Dir && !g.rec.Remove {
			continue
		}
		if err := g.rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = fault.New(step, dir, "rmdir", cause(err))
		}
	}
	return first
}

// Set writes other schemata for a container that has a group; what is "" stays.
// Every container of the group gets them.
func (g *Group) Set(l3CacheSchema, memBwSchema string) error {
	text := schemata(&specs.LinuxIntelRdt{L3CacheSchema: l3CacheSchema, MemBwSchema: memBwSchema})
	if text == "" {
		return nil
	}
	return g.write(g.rec.Dir, "schemata", text)
}

func (g *Group) makeDir(dir string) error {
	err := g.mkdir(dir, 0o755)
	switch {
	case err == nil:
		g.made = append(g.made, dir)
		return nil
	case errors.Is(err, fs.ErrExist) && dir != g.rec.Monitor:
		// Somebody else was quicker: then it is theirs.
		g.rec.Remove = g.rec.Remove && slices.Contains(g.made, dir)
		return nil
	}
	e := fault.New(step, dir, "mkdir", cause(err))
	switch {
	case errors.Is(err, fs.ErrExist):
		e.Hint = "another container of this id is monitored in this group"
	case errors.Is(err, syscall.ENOSPC) && dir == g.rec.Monitor:
		e.Hint = "the processor counts no more groups; see info/L3_MON/num_rmids"
	case errors.Is(err, syscall.ENOSPC):
		e.Hint = "the processor has no more classes of service; see info/*/num_closids, or share one by closID"
	case errors.Is(err, fs.ErrNotExist) && dir == g.rec.Monitor:
		e.Hint = "this processor or kernel cannot monitor: leave out enableMonitoring"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "only root may make groups"
	}
	return e
}

// write makes one write to a file that exists. resctrl says more than an errno
// in info/last_cmd_status.
func (g *Group) write(dir, file, value string) error {
	path := filepath.Join(dir, file)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(value)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err == nil {
		return nil
	}
	e := fault.New(step, path, "write "+strings.ReplaceAll(strings.TrimSuffix(value, "\n"), "\n", " "), cause(err))
	if status := g.lastStatus(); status != "" {
		e.Hint = "the kernel says: " + status
	}
	return e
}

func (g *Group) lastStatus() string {
	for dir := g.rec.Dir; dir != "/"; dir = filepath.Dir(dir) {
		if b, err := os.ReadFile(filepath.Join(dir, "info/last_cmd_status")); err == nil {
			status := strings.TrimSpace(string(b))
			if status == "ok" {
				return ""
			}
			return status
		}
	}
	return ""
}

// cause is the errno of an error of package os.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
