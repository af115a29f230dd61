package libcontainer

// record.go: between the state on disk and the state that `rt state` shows.

import (
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/planner"
	"rt/libcontainer/quickjson"
	"rt/libcontainer/state"
)

// startSocket is the file in a container's directory on which a created init
// listens. Whoever can connect to it proves that init is still waiting.
const startSocket = state.StartSocket

// State is a container's state as `rt state` and the hooks show it
// (runtime-spec runtime.md, "State", and runc's additions).
type State struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Pid         int               `json:"pid"` // 0 when stopped
	Status      string            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Owner       string            `json:"owner"`
}

// hookState is the state that the specification defines for hooks: State
// without runc's additions.
type hookState struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Status      string            `json:"status"`
	Pid         int               `json:"pid,omitempty"`
	Bundle      string            `json:"bundle"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func newRecord(o CreateOptions, s *specs.Spec, ns planner.Namespaces) *state.Record {
	r := &state.Record{
		ID:          o.ID,
		OCIVersion:  s.Version,
		Bundle:      o.Bundle,
		Created:     time.Now().UTC(),
		Owner:       os.Geteuid(),
		Annotations: s.Annotations,
		PrivatePids: ns.New&unix.CLONE_NEWPID != 0,
		NoProcess:   s.Process == nil,

		NoNewKeyring: o.NoNewKeyring,
	}
	if s.Root != nil {
		r.Rootfs = s.Root.Path
		if !filepath.IsAbs(r.Rootfs) {
			r.Rootfs = filepath.Join(o.Bundle, r.Rootfs)
		}
	}
	if s.Hooks != nil && len(s.Hooks.Poststart)+len(s.Hooks.Poststop) > 0 {
		r.Hooks = &specs.Hooks{Poststart: s.Hooks.Poststart, Poststop: s.Hooks.Poststop}
	}
	return r
}

// setCgroup writes the manager's record into the container's.
func setCgroup(r *state.Record, c cgroups.Record) error {
	b, err := quickjson.Marshal(c)
	if err != nil {
		return fault.New("state", r.ID, "encode cgroup", err)
	}
	r.Cgroup = b
	return nil
}

// hookStateJSON is what a hook gets on stdin.
func hookStateJSON(r *state.Record, status string, pid int) ([]byte, error) {
	return quickjson.Marshal(hookState{
		Version: r.OCIVersion, ID: r.ID, Status: status, Pid: pid,
		Bundle: r.Bundle, Annotations: r.Annotations,
	})
}
