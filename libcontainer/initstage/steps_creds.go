package initstage

// steps_creds.go: from root to the container's user. Only the calling thread
// changes, see sys/creds.go.

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// capSysAdmin is CAP_SYS_ADMIN's bit.
const capSysAdmin = 1 << unix.CAP_SYS_ADMIN

// demoteThreads leaves privileges to the main thread alone. A start that
// follows at once, in a pid namespace of its own and without a hook of the
// image's in between, leaves nobody time to profit by the other threads.
func (s *stage) demoteThreads() error {
	p := s.plan
	if p.ListenFd == plan.None && !p.NotDumpable && len(p.StartContainer) == 0 {
		return nil
	}
	if err := nsenter.DemoteOthers(p.Process.UID, p.Process.GID); err != nil {
		return fault.New("", "", "take the privileges of init's other threads", err)
	}
	return nil
}

// becomeUser sets groups, gid, uid and the five capability sets. The order is
// the kernel's: the bounding set needs CAP_SETPCAP and the ids CAP_SETUID and
// CAP_SETGID, so they go first; ambient ones must be permitted and inheritable
// already. keepAdmin leaves CAP_SYS_ADMIN permitted besides, not effective; see
// useAdmin.
func becomeUser(p *plan.Process, keepAdmin, userNS bool) error {
	if p.Caps != nil {
		if err := dropBounding(p.Caps); err != nil {
			return err
		}
	}
	if p.UID != 0 {
		// Else leaving uid 0 would empty the permitted set.
		if err := sys.KeepCaps(); err != nil {
			return fault.New("process", "", "prctl PR_SET_KEEPCAPS", err)
		}
	}
	if err := setIDs(p, userNS); err != nil {
		return err
	}
	if p.Caps == nil {
		return nil
	}
	if err := setCaps(p.Caps, keepAdmin); err != nil {
		return err
	}
	return raiseAmbient(p.Caps)
}

func dropBounding(c *plan.Caps) error {
	for n := range c.Last + 1 {
		if c.Bounding&(1<<n) != 0 {
			continue
		}
		if err := sys.DropBounding(n); err != nil {
			return fault.New("process", "process.capabilities.bounding", "drop capability "+strconv.Itoa(n), err)
		}
	}
	return nil
}

func setIDs(p *plan.Process, userNS bool) error {
	// The caller's groups go, unless an annotation keeps them. Only where an
	// unprivileged user's namespace denies setgroups, and none are asked for,
	// do they stay otherwise.
	var err error
	if !p.KeepGroups {
		err = sys.SetGroups(p.AdditionalGids)
	}
	if err != nil && !(userNS && errors.Is(err, unix.EPERM) && len(p.AdditionalGids) == 0) {
		e := fault.New("process", "process.user.additionalGids", "setgroups", err)
		switch {
		case errors.Is(err, unix.EPERM):
			e.Hint = "this user namespace may not set groups (/proc/self/setgroups)"
		case errors.Is(err, unix.EINVAL):
			e.Hint = "linux.gidMappings must map every one of them"
		}
		return e
	}
	if err := sys.SetGID(p.GID); err != nil {
		return idError("process.user.gid", p.GID, "setresgid", "linux.gidMappings", err)
	}
	if err := sys.SetUID(p.UID); err != nil {
		return idError("process.user.uid", p.UID, "setresuid", "linux.uidMappings", err)
	}
	return nil
}

func idError(object string, id uint32, op, mappings string, err error) error {
	e := fault.New("process", object+" "+strconv.FormatUint(uint64(id), 10), op, err)
	if errors.Is(err, unix.EINVAL) {
		e.Hint = mappings + " must map it"
	}
	return e
}

func setCaps(c *plan.Caps, keepAdmin bool) error {
	if keepAdmin && c.Permitted&capSysAdmin == 0 {
		if sys.Capset(c.Effective, c.Permitted|capSysAdmin, c.Inheritable) == nil {
			return nil
		}
		// Not there to be kept: the filter will tell, if it needs it.
	}
	if err := sys.Capset(c.Effective, c.Permitted, c.Inheritable); err != nil {
		return fault.New("process", "process.capabilities", "capset", err)
	}
	return nil
}

// useAdmin makes the CAP_SYS_ADMIN that setCaps has kept effective, for loading
// the filter.
func useAdmin(c *plan.Caps) {
	if c != nil && c.Effective&capSysAdmin == 0 {
		// Without it the filter itself says what is missing.
		_ = sys.Capset(c.Effective|capSysAdmin, c.Permitted|capSysAdmin, c.Inheritable)
	}
}

// raiseAmbient never fails: a process that forbids ambient capabilities by its
// securebits goes without. capset has already taken out of the ambient set
// what is not both permitted and inheritable, so it is cleared only where
// something else could be left in it.
func raiseAmbient(c *plan.Caps) error {
	if c.Permitted&c.Inheritable&^c.Ambient != 0 {
		if err := sys.ClearAmbient(); err != nil {
			return fault.New("process", "process.capabilities.ambient", "clear", err)
		}
	}
	for n := range c.Last + 1 {
		if c.Ambient&(1<<n) != 0 {
			_ = sys.RaiseAmbient(n)
		}
	}
	return nil
}

func noNewPrivs(p *plan.Process) error {
	if !p.NoNewPrivileges {
		return nil
	}
	if err := sys.NoNewPrivs(); err != nil {
		return fault.New("process", "process.noNewPrivileges", "prctl PR_SET_NO_NEW_PRIVS", err)
	}
	return nil
}
