package cgroups

// Device rules for v1: folding a list of rules into what the kernel can hold,
// and the fewest writes to get there. Pure. See
// Documentation/admin-guide/cgroup-v1/devices.rst.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// v1State is a v1 devices cgroup: a default, and exceptions to it in the order
// in which they were made, each device set at most once.
type v1State struct {
	allow      bool
	exceptions []exception
}

type exception struct {
	device
	access access
}

func (e exception) String() string { return e.device.String() + " " + e.access.String() }

// foldV1 applies rules in order. The kernel cannot hold an exception to an
// exception (allow c 1:*, then deny c 1:3); that is an error, since dropping
// the rule would allow what was denied, or the reverse.
func foldV1(rules []rule) (v1State, error) {
	var s v1State
	for _, r := range rules {
		if r.everything() {
			s = v1State{allow: r.allow}
			continue
		}
		// v1 ignores everything behind an "a": such a rule is two rules.
		kinds := []byte{r.kind}
		if r.kind == 'a' {
			kinds = []byte{'b', 'c'}
		}
		for _, k := range kinds {
			r.kind = k
			if err := s.fold(r); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

func (s *v1State) fold(r rule) error {
	if r.allow != s.allow {
		s.add(exception{r.device, r.access})
		return nil
	}
	kept := s.exceptions[:0:0]
	for _, e := range s.exceptions {
		switch {
		case e.access&r.access == 0 || !r.overlaps(e.device):
		case r.covers(e.device):
			e.access &^= r.access
		default:
			return refuse("devices", fmt.Sprintf("cgroup v1 cannot take %s out of %s", r, e))
		}
		if e.access != 0 {
			kept = append(kept, e)
		}
	}
	s.exceptions = kept
	return nil
}

func (s *v1State) add(n exception) {
	i := slices.IndexFunc(s.exceptions, func(e exception) bool { return e.device == n.device })
	if i >= 0 {
		s.exceptions[i].access |= n.access
		return
	}
	s.exceptions = append(s.exceptions, n)
}

const fileAllow, fileDeny = "devices.allow", "devices.deny"

// writesV1 makes the writes from one state to another. current nil: unknown,
// as in a new cgroup, which has its parent's rules.
func writesV1(current *v1State, want v1State) []write {
	exceptFile, undoFile := fileAllow, fileDeny
	if want.allow {
		exceptFile, undoFile = fileDeny, fileAllow
	}
	var w []write
	// A cgroup that allows by default does not show its exceptions.
	if current == nil || current.allow || want.allow {
		w = append(w, write{file: undoFile, value: "a"})
		current = &v1State{allow: want.allow}
	}
	for _, e := range current.exceptions {
		if e.access &^= want.accessOf(e.device); e.access != 0 {
			w = append(w, write{file: undoFile, value: e.String()})
		}
	}
	for _, e := range want.exceptions {
		if e.access&^current.accessOf(e.device) != 0 {
			w = append(w, write{file: exceptFile, value: e.String()})
		}
	}
	return w
}

// accessOf returns the access of exactly this device set's exception.
func (s *v1State) accessOf(d device) access {
	for _, e := range s.exceptions {
		if e.device == d {
			return e.access
		}
	}
	return 0
}

// parseDevicesList reads a devices.list file; ok is false when it has lines
// this package does not know.
func parseDevicesList(data string) (s v1State, ok bool) {
	for line := range strings.Lines(data) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return s, false
		}
		majorText, minorText, _ := strings.Cut(f[1], ":")
		major, ok1 := parseNumber(majorText)
		minor, ok2 := parseNumber(minorText)
		if !ok1 || !ok2 {
			return s, false
		}
		e := exception{device: device{f[0][0], major, minor}}
		for _, c := range f[2] {
			switch c {
			case 'r':
				e.access |= accRead
			case 'w':
				e.access |= accWrite
			case 'm':
				e.access |= accMknod
			default:
				return s, false
			}
		}
		switch f[0] {
		case "a":
			return v1State{allow: true}, true
		case "b", "c":
			s.add(e)
		default:
			return s, false
		}
	}
	return s, true
}

func parseNumber(s string) (int64, bool) {
	if s == "*" {
		return anyNumber, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= maxNumber
}
