package libcontainer

// stray.go: is init where it was created? Who comes to it by its pid trusts it
// otherwise with more than its own affairs.

import (
	"errors"
	"fmt"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func userNSPath(pid int) string { return fmt.Sprintf("/proc/%d/ns/user", pid) }

// notStrayed: init is in the user namespace that it was created in. There is no
// way back into that, so it was never in another one, and unless it has
// CAP_SYS_ADMIN it never was in other namespaces at all (user_namespaces(7),
// setns(2)): what has been opened by its pid before this call is the
// container's. In a user namespace of its own making it would be root, and who
// joins its mount namespace would find there what it likes.
func (c *container) notStrayed() error {
	if c.rec.UserNS == nil {
		return nil
	}
	now, err := sys.NamespaceAt(userNSPath(c.rec.Init.Pid))
	if err != nil {
		if !c.rec.Init.Alive() {
			return fault.New("", c.rec.ID, "", fault.ErrNotRunning)
		}
		return fault.New("namespaces", userNSPath(c.rec.Init.Pid), "stat", err)
	}
	if now != *c.rec.UserNS {
		return fault.New("namespaces", "init of the container", "", errors.New("has gone into a user namespace of its own, where it is root: what others do there is in its hands")).
			WithHint("its program may not call unshare(CLONE_NEWUSER) itself, but a child of it may")
	}
	return nil
}
