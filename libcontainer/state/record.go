package state

// record.go: what state.json holds. The file is rt's own: other programs ask
// `rt state`.

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/quickjson"
	"rt/libcontainer/sys"
)

// recordVersion is the format of state.json. A record of another version is
// refused, not guessed at.
const recordVersion = 1

// maxRecord bounds state.json: annotations and hooks can be as long as a
// config.json.
const maxRecord = 32 << 20

var (
	errNoRecord = errors.New("no " + recordName)
	errEmpty    = errors.New(recordName + " is empty")
)

// Record is all that rt must know of a container from one command to the next.
type Record struct {
	// Version is set by Save.
	Version int    `json:"version"`
	ID      string `json:"id"`
	// OCIVersion, Bundle, Rootfs and Annotations are reported by `state`.
	OCIVersion  string            `json:"ociVersion"`
	Bundle      string            `json:"bundle"` // absolute
	Rootfs      string            `json:"rootfs"` // absolute
	Created     time.Time         `json:"created"`
	Owner       int               `json:"owner"` // uid of the creator
	Annotations map[string]string `json:"annotations,omitempty"`
	// Init is the container's first process; Pid 0: none was started yet,
	// and Cgroup may name cgroups that were somebody else's before.
	Init Process `json:"init"`
	// Ready is set once create is done: init waits for start.
	Ready bool `json:"ready,omitempty"`
	// Started is set once start has let init go on to the user's program.
	Started bool `json:"started,omitempty"`
	// NoProcess: the spec has no process; there is nothing to start.
	NoProcess bool `json:"noProcess,omitempty"`
	// PrivatePids says that init is the first process of a pid namespace:
	// with it die all others.
	PrivatePids bool `json:"privatePids,omitempty"`
	// UserNS is the user namespace that init was created in, or nil: it could
	// not be told.
	UserNS *sys.NamespaceID `json:"userNS,omitempty"`
	// NoNewKeyring: the container's processes keep their caller's session
	// keyring.
	NoNewKeyring bool `json:"noNewKeyring,omitempty"`
	// Mounts are those that were added to the container since it was created,
	// in their order. One that is recorded may not be there: it is recorded
	// before it is made.
	Mounts []Mount `json:"mounts,omitempty"`
	// Devices are those that were added since.
	Devices []Device `json:"devices,omitempty"`
	// DeviceRules are those of the last update that had some; nil: the
	// configuration's are in force. The rules of Devices come on top.
	DeviceRules []specs.LinuxDeviceCgroup `json:"deviceRules,omitempty"`
	// Cgroup is the cgroup manager's own record.
	Cgroup json.RawMessage `json:"cgroup,omitempty"`
	// IntelRdt is package intelrdt's own record.
	IntelRdt json.RawMessage `json:"intelRdt,omitempty"`
	// Hooks are those that run after create: poststart and poststop.
	Hooks *specs.Hooks `json:"hooks,omitempty"`
}

// Mount is one that was added, as it was asked for, and its name.
type Mount struct {
	specs.Mount
	Name sys.MountID `json:"name"`
}

// Device is one that was added. Without Made its node was there before. Name is
// set where the host's node is bound.
type Device struct {
	Path   string       `json:"path"` // in the container
	Type   uint32       `json:"type"` // S_IFCHR or S_IFBLK
	Major  uint32       `json:"major"`
	Minor  uint32       `json:"minor"`
	Access string       `json:"access"`
	Made   bool         `json:"made,omitempty"`
	Name   *sys.MountID `json:"name,omitempty"`
}

// Process names a process beyond the reuse of its pid.
type Process struct {
	Pid int `json:"pid"`
	// Start is the time it started, in clock ticks since boot: field 22 of
	// /proc/<pid>/stat (proc_pid_stat(5)).
	Start uint64 `json:"start"`
}

func (r *Record) encode(id string) ([]byte, error) {
	saved := *r
	saved.Version, saved.ID = recordVersion, id
	data, err := quickjson.Marshal(&saved)
	if err == nil && len(data) > maxRecord {
		// Nobody would read it again, and the container would be lost.
		err = fmt.Errorf("%d bytes, %d are allowed: the annotations are too long", len(data), maxRecord)
	}
	return data, err
}

// decode checks as much as makes a record safe to act on: a pid that is not
// one must never reach kill(2).
func decode(data []byte, id string) (*Record, error) {
	if len(data) == 0 {
		return nil, errEmpty
	}
	var r Record
	if err := quickjson.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", recordName, err)
	}
	switch {
	case r.Version != recordVersion:
		return nil, fmt.Errorf("%s: format %d, this rt reads %d", recordName, r.Version, recordVersion)
	case r.ID != id:
		return nil, fmt.Errorf("%s: it is of container %q", recordName, r.ID)
	case !r.Init.possible():
		return nil, fmt.Errorf("%s: pid %d", recordName, r.Init.Pid)
	}
	return &r, nil
}

// possible: it is none (pid 0), or one that a container's init can be.
func (p Process) possible() bool { return p.Pid == 0 || p.Pid > 1 && p.Pid <= maxPid }

// salvage reads of a record that decode refuses what it takes to end its
// container: the init, if it is named in full, and the cgroup. A record of
// another container says nothing of this one.
func salvage(data []byte, id string) *Record {
	r := &Record{ID: id}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return r
	}
	var named string
	if raw, ok := fields["id"]; ok && json.Unmarshal(raw, &named) == nil && named != id {
		return r
	}
	var init Process
	if json.Unmarshal(fields["init"], &init) == nil && init.possible() && init.Start != 0 {
		r.Init = init
	}
	if raw := fields["cgroup"]; string(raw) != "null" {
		r.Cgroup = raw
	}
	if raw := fields["intelRdt"]; string(raw) != "null" {
		r.IntelRdt = raw
	}
	return r
}

// maxPid is the kernel's PID_MAX_LIMIT on 64-bit machines.
const maxPid = 4 << 20
