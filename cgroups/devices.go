package cgroups

// Device rules: which device numbers the container's processes may open or
// make. This file is about what the rules mean, and is pure.
//
// The rules are the spec's in their order, then the default ones. The last
// rule that speaks about a device and a kind of access decides; where none
// does, access is denied.

import (
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// access is a set of kinds of access, with the kernel's BPF_DEVCG_ACC_* bits.
type access uint8

const (
	accMknod access = 1
	accRead  access = 2
	accWrite access = 4
	accAll          = accMknod | accRead | accWrite
)

func (a access) String() string {
	s := ""
	if a&accRead != 0 {
		s += "r"
	}
	if a&accWrite != 0 {
		s += "w"
	}
	if a&accMknod != 0 {
		s += "m"
	}
	return s
}

// anyNumber is the wildcard for a major or minor number.
const anyNumber = -1

// maxNumber is far above the kernel's 12-bit majors and 20-bit minors, and
// keeps numbers clear of the sign of a BPF immediate.
const maxNumber = 1<<31 - 1

// device is a set of devices: a type, and numbers or anyNumber.
type device struct {
	kind         byte // 'b' or 'c'; 'a': both
	major, minor int64
}

func (d device) String() string {
	n := func(i int64) string {
		if i == anyNumber {
			return "*"
		}
		return strconv.FormatInt(i, 10)
	}
	return string(d.kind) + " " + n(d.major) + ":" + n(d.minor)
}

// covers: every device in e is in d.
func (d device) covers(e device) bool {
	return (d.kind == 'a' || d.kind == e.kind) &&
		(d.major == anyNumber || d.major == e.major) &&
		(d.minor == anyNumber || d.minor == e.minor)
}

// overlaps: some device is in both.
func (d device) overlaps(e device) bool {
	meets := func(a, b int64) bool { return a == anyNumber || b == anyNumber || a == b }
	return (d.kind == 'a' || e.kind == 'a' || d.kind == e.kind) &&
		meets(d.major, e.major) && meets(d.minor, e.minor)
}

type rule struct {
	allow bool
	device
	access access
}

func (r rule) String() string { return r.device.String() + " " + r.access.String() }

// everything: the rule leaves nothing to those before it.
func (r rule) everything() bool {
	return r.kind == 'a' && r.major == anyNumber && r.minor == anyNumber && r.access == accAll
}

// defaultRules allow what every container may have: making any node, and using
// the devices of the default /dev. Those of runc and crun, tun included.
func defaultRules() []rule {
	return []rule{
		{true, device{'c', anyNumber, anyNumber}, accMknod},
		{true, device{'b', anyNumber, anyNumber}, accMknod},
		{true, device{'c', 1, 3}, accAll},           // null
		{true, device{'c', 1, 5}, accAll},           // zero
		{true, device{'c', 1, 7}, accAll},           // full
		{true, device{'c', 1, 8}, accAll},           // random
		{true, device{'c', 1, 9}, accAll},           // urandom
		{true, device{'c', 5, 0}, accAll},           // tty
		{true, device{'c', 5, 1}, accAll},           // console
		{true, device{'c', 5, 2}, accAll},           // ptmx
		{true, device{'c', 136, anyNumber}, accAll}, // pts/*
		{true, device{'c', 10, 200}, accAll},        // net/tun
	}
}

// deviceRules turns the spec's list into rules, default ones last.
func deviceRules(list []specs.LinuxDeviceCgroup) ([]rule, error) {
	rules := make([]rule, 0, len(list)+12)
	for i, d := range list {
		r, err := deviceRule(d)
		if err != nil {
			return nil, refuse(fmt.Sprintf("devices[%d]", i), err.Error())
		}
		rules = append(rules, r)
	}
	return append(rules, defaultRules()...), nil
}

func deviceRule(d specs.LinuxDeviceCgroup) (rule, error) {
	r := rule{allow: d.Allow, device: device{'a', anyNumber, anyNumber}}
	switch d.Type {
	case "", "a":
	case "b", "c":
		r.kind = d.Type[0]
	default:
		return r, fmt.Errorf("type %q is none of a, b, c", d.Type)
	}
	for _, n := range []struct {
		name string
		from *int64
		to   *int64
	}{{"major", d.Major, &r.major}, {"minor", d.Minor, &r.minor}} {
		if n.from == nil {
			continue
		}
		if *n.from < anyNumber || *n.from > maxNumber {
			return r, fmt.Errorf("%s %d is no device number", n.name, *n.from)
		}
		*n.to = *n.from
	}
	for _, c := range d.Access {
		switch c {
		case 'r':
			r.access |= accRead
		case 'w':
			r.access |= accWrite
		case 'm':
			r.access |= accMknod
		case 'a':
			r.access |= accAll
		default:
			return r, fmt.Errorf("access %q has other letters than r, w, m", d.Access)
		}
	}
	if d.Access == "" {
		r.access = accAll
	}
	return r, nil
}
