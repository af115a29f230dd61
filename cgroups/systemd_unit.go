package cgroups

// What a container's unit is called and where its cgroup lies. Pure. Names:
// systemd.unit(5), systemd.slice(5); escaping: systemd-escape(1).

import (
	"errors"
	"fmt"
	"strings"

	"rt/libcontainer/fault"
)

const sliceSuffix, scopeSuffix = ".slice", ".scope"

// unitName is a container's unit and the slice it is put into.
type unitName struct{ unit, slice string }

// parseUnitName reads linux.cgroupsPath as "slice:prefix:name". A name that
// ends in .slice is a slice of its own, any other one the scope
// prefix-name.scope, or name.scope with an empty prefix.
func parseUnitName(unsafePath, id string, rootless bool) (unitName, error) {
	n := unitName{slice: "system.slice"}
	if rootless {
		n.slice = "user.slice"
	}
	prefix, name := "rt", escapeName(id)
	if unsafePath != "" {
		parts := strings.Split(unsafePath, ":")
		if len(parts) != 3 {
			// The text is runc's, and clients show it.
			return n, pathRefused(fmt.Sprintf("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got %q instead", unsafePath),
				"leave it out, or have rt make the cgroups itself: --cgroup-manager=cgroupfs")
		}
		if parts[0] != "" {
			n.slice = parts[0]
		}
		prefix, name = parts[1], parts[2]
	}
	if _, err := slicePath(n.slice); err != nil {
		return n, err
	}
	if name == "" || name == sliceSuffix {
		return n, pathRefused("has no name for the unit", "write slice:prefix:name, for example system.slice:rt:web")
	}
	switch {
	case strings.HasSuffix(name, sliceSuffix):
		n.unit = name
		if dir, err := slicePath(name); err != nil || dir == "" {
			return n, pathRefused(fmt.Sprintf("%q is no slice that a container can have", name), "")
		}
	case prefix == "":
		n.unit = name + scopeSuffix
	default:
		n.unit = prefix + "-" + name + scopeSuffix
	}
	if !validUnitName(n.unit) {
		return n, pathRefused(fmt.Sprintf("%q is no name of a unit", n.unit), "letters, digits and :-_.\\ are allowed, at most 255 of them")
	}
	return n, nil
}

func pathRefused(text, hint string) error {
	return fault.New(step, "linux.cgroupsPath", "", errors.New(text)).WithHint(hint)
}

func (n unitName) isSlice() bool { return strings.HasSuffix(n.unit, sliceSuffix) }

// dir is where the unit's cgroup lies below its manager's root.
func (n unitName) dir() string {
	if n.isSlice() {
		dir, _ := slicePath(n.unit)
		return dir
	}
	dir, _ := slicePath(n.slice)
	return dir + "/" + n.unit
}

// slicePath spells out the slices that a slice's name says it lies in:
// a-b.slice is /a.slice/a-b.slice, and -.slice is the root, "".
func slicePath(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, sliceSuffix)
	if !ok || name == "" || !validUnitName(slice) {
		return "", pathRefused(fmt.Sprintf("%q is no name of a slice", slice), "it ends in .slice, for example machine.slice")
	}
	if name == "-" {
		return "", nil
	}
	var dir, prefix string
	for part := range strings.SplitSeq(name, "-") {
		if part == "" {
			return "", pathRefused(fmt.Sprintf("%q is no name of a slice", slice), "each - parts two names of slices")
		}
		prefix += part
		dir += "/" + prefix + sliceSuffix
		prefix += "-"
	}
	return dir, nil
}

// maxUnitName is the longest name that systemd takes.
const maxUnitName = 255

func validUnitName(name string) bool {
	if name == "" || len(name) > maxUnitName || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		if !plainByte(c) && !strings.ContainsRune(`:-_.\@`, rune(c)) {
			return false
		}
	}
	return true
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// escapeName writes what a container's id may have and a unit's name may not
// ("+") as \xNN.
func escapeName(id string) string {
	var b strings.Builder
	for i, c := range []byte(id) {
		if plainByte(c) || strings.ContainsRune("-_", rune(c)) || c == '.' && i > 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// unitPath is the D-Bus object of a unit: what is no letter or digit, and a
// digit in front, becomes _NN.
func unitPath(unit string) string {
	var b strings.Builder
	b.WriteString("/org/freedesktop/systemd1/unit/")
	for i, c := range []byte(unit) {
		if !plainByte(c) || i == 0 && c >= '0' && c <= '9' {
			fmt.Fprintf(&b, "_%02x", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
