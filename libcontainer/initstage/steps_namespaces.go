package initstage

// steps_namespaces.go: what init does to the namespaces it is in.

import (
	"fmt"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func (s *stage) joinNamespaces() error {
	if s.plan.NotDumpable {
		if err := sys.NotDumpable(); err != nil {
			return fault.New("", "", "prctl PR_SET_DUMPABLE", err)
		}
	}
	for _, ns := range s.plan.Join {
		if ns.Flag == unix.CLONE_NEWNS {
			// A thread that shares its root with others cannot change
			// its mount namespace (setns(2)).
			if err := sys.Unshare(unix.CLONE_FS); err != nil {
				return fault.New("", "", "unshare CLONE_FS", err)
			}
		}
		if err := sys.Setns(s.fd(ns.Fd), ns.Flag); err != nil {
			return fault.New("", ns.Path, "setns", err)
		}
		sys.Close(s.fd(ns.Fd))
	}
	return nil
}

func (s *stage) becomeRoot() error {
	if !s.plan.UserNS {
		return nil
	}
	p := s.plan
	if err := sys.BecomeOwner(p.NSUID, p.NSGID, p.Process.KeepGroups); err != nil {
		return fault.New("", "", fmt.Sprintf("become its uid %d and gid %d", p.NSUID, p.NSGID), err).
			WithHint("an existing user namespace must map the ids 0, or those that linux.uidMappings and linux.gidMappings repeat")
	}
	return nil
}

func (s *stage) newSession() error { return sys.Setsid() }

func (s *stage) unshare() error {
	if s.plan.Unshare == 0 {
		return nil
	}
	if s.plan.CgroupBarrier {
		if err := s.meet(); err != nil {
			return err
		}
	}
	if err := sys.Unshare(s.plan.Unshare); err != nil {
		return fault.New("", "", fmt.Sprintf("unshare %#x", s.plan.Unshare), err)
	}
	if s.plan.CgroupBarrier {
		return s.meet()
	}
	return nil
}

func (s *stage) loopback() error {
	if !s.plan.Loopback {
		return nil
	}
	if err := sys.LoopbackUp(); err != nil {
		return fault.New("", "lo", "set up", err)
	}
	return nil
}

func (s *stage) names() error {
	if s.plan.Hostname != "" {
		if err := sys.Sethostname(s.plan.Hostname); err != nil {
			return fault.New("", s.plan.Hostname, "sethostname", err)
		}
	}
	if s.plan.Domainname != "" {
		if err := sys.Setdomainname(s.plan.Domainname); err != nil {
			return fault.New("domainname", s.plan.Domainname, "setdomainname", err)
		}
	}
	return nil
}
