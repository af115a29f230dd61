package planner

// options.go is the table of mount options: what each of runtime-spec's
// strings (config.md, "Linux mount options") and a few more mean to the
// kernel. An option that is not in it belongs to the file system.

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

// effect is what an option does with its bits.
type effect uint8

const (
	optNothing      effect = iota // accepted: it is the default, or mount(8)'s own business
	optSet                        // MOUNT_ATTR_* on
	optUnset                      // MOUNT_ATTR_* off
	optSetRec                     // the same for the mount and all below it
	optUnsetRec                   //
	optAtime                      // which of the three ways of keeping atime
	optNotAtime                   // not that one, whichever else
	optWithAtime                  // any but noatime
	optAtimeRec                   //
	optNotAtimeRec                //
	optWithAtimeRec               //
	optSuper                      // superblock flag on (sb*)
	optNotSuper                   // superblock flag off
	optReadOnly                   // both the mount and the superblock
	optReadWrite                  //
	optLegacy                     // superblock flag of mount(2) only (MS_*)
	optNotLegacy                  //
	optPropagation                // MS_SHARED and so on
	optBind                       // bits: MS_REC
	optRemount                    //
	optCopyUp                     //
	optIdmap                      // bits: MS_REC
	optCopySymlink                //
	optSrcNoFollow                //
	optDstNoFollow                //
)

// Superblock flags that fsconfig(2) knows by name.
const (
	sbSync uint64 = 1 << iota
	sbDirSync
	sbLazyTime
	sbMand
	sbReadOnly
)

type mountOption struct {
	name string
	do   effect
	bits uint64
}

// mountOptions is sorted by name. It is data only: nothing runs at start.
var mountOptions = [...]mountOption{
	{"async", optNotSuper, sbSync},
	{"atime", optWithAtime, 0},
	{"bind", optBind, 0},
	{"copy-symlink", optCopySymlink, 0},
	{"defaults", optNothing, 0},
	{"dest-nofollow", optDstNoFollow, 0},
	{"dev", optUnset, unix.MOUNT_ATTR_NODEV},
	{"diratime", optUnset, unix.MOUNT_ATTR_NODIRATIME},
	{"dirsync", optSuper, sbDirSync},
	{"exec", optUnset, unix.MOUNT_ATTR_NOEXEC},
	{"idmap", optIdmap, 0},
	{"iversion", optLegacy, unix.MS_I_VERSION},
	{"lazytime", optSuper, sbLazyTime},
	// A context of fsopen(2) keeps its messages for the caller and writes
	// none to the kernel's log, so there is nothing to silence.
	{"loud", optNothing, 0},
	{"mand", optSuper, sbMand},
	{"noatime", optAtime, unix.MOUNT_ATTR_NOATIME},
	{"nodev", optSet, unix.MOUNT_ATTR_NODEV},
	{"nodiratime", optSet, unix.MOUNT_ATTR_NODIRATIME},
	{"noexec", optSet, unix.MOUNT_ATTR_NOEXEC},
	{"noiversion", optNotLegacy, unix.MS_I_VERSION},
	{"nolazytime", optNotSuper, sbLazyTime},
	{"nomand", optNotSuper, sbMand},
	{"norelatime", optNotAtime, unix.MOUNT_ATTR_RELATIME},
	{"nostrictatime", optNotAtime, unix.MOUNT_ATTR_STRICTATIME},
	{"nosuid", optSet, unix.MOUNT_ATTR_NOSUID},
	{"nosymfollow", optSet, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"private", optPropagation, unix.MS_PRIVATE},
	{"ratime", optWithAtimeRec, 0},
	{"rbind", optBind, unix.MS_REC},
	{"rdev", optUnsetRec, unix.MOUNT_ATTR_NODEV},
	{"rdiratime", optUnsetRec, unix.MOUNT_ATTR_NODIRATIME},
	{"relatime", optAtime, unix.MOUNT_ATTR_RELATIME},
	{"remount", optRemount, 0},
	{"rexec", optUnsetRec, unix.MOUNT_ATTR_NOEXEC},
	{"ridmap", optIdmap, unix.MS_REC},
	{"rnoatime", optAtimeRec, unix.MOUNT_ATTR_NOATIME},
	{"rnodev", optSetRec, unix.MOUNT_ATTR_NODEV},
	{"rnodiratime", optSetRec, unix.MOUNT_ATTR_NODIRATIME},
	{"rnoexec", optSetRec, unix.MOUNT_ATTR_NOEXEC},
	{"rnorelatime", optNotAtimeRec, unix.MOUNT_ATTR_RELATIME},
	{"rnostrictatime", optNotAtimeRec, unix.MOUNT_ATTR_STRICTATIME},
	{"rnosuid", optSetRec, unix.MOUNT_ATTR_NOSUID},
	{"rnosymfollow", optSetRec, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"ro", optReadOnly, unix.MOUNT_ATTR_RDONLY},
	{"rprivate", optPropagation, unix.MS_PRIVATE | unix.MS_REC},
	{"rrelatime", optAtimeRec, unix.MOUNT_ATTR_RELATIME},
	{"rro", optSetRec, unix.MOUNT_ATTR_RDONLY},
	{"rrw", optUnsetRec, unix.MOUNT_ATTR_RDONLY},
	{"rshared", optPropagation, unix.MS_SHARED | unix.MS_REC},
	{"rslave", optPropagation, unix.MS_SLAVE | unix.MS_REC},
	{"rstrictatime", optAtimeRec, unix.MOUNT_ATTR_STRICTATIME},
	{"rsuid", optUnsetRec, unix.MOUNT_ATTR_NOSUID},
	{"rsymfollow", optUnsetRec, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"runbindable", optPropagation, unix.MS_UNBINDABLE | unix.MS_REC},
	{"rw", optReadWrite, unix.MOUNT_ATTR_RDONLY},
	{"shared", optPropagation, unix.MS_SHARED},
	{"silent", optNothing, 0},
	{"slave", optPropagation, unix.MS_SLAVE},
	{"src-nofollow", optSrcNoFollow, 0},
	{"strictatime", optAtime, unix.MOUNT_ATTR_STRICTATIME},
	{"suid", optUnset, unix.MOUNT_ATTR_NOSUID},
	{"symfollow", optUnset, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"sync", optSuper, sbSync},
	{"tmpcopyup", optCopyUp, 0},
	{"unbindable", optPropagation, unix.MS_UNBINDABLE},
}

// MountOptions are the names of all options that rt itself understands,
// sorted: those of runtime-spec 1.3, rnodev, and crun's copy-symlink,
// src-nofollow and dest-nofollow.
func MountOptions() []string {
	names := make([]string, len(mountOptions))
	for i := range mountOptions {
		names[i] = mountOptions[i].name
	}
	return names
}

// flagPair is one set of MOUNT_ATTR_* under construction: of the mount, or of
// the mount and all below it.
type flagPair struct{ set, clr uint64 }

func (p *flagPair) on(bits uint64)  { p.set, p.clr = p.set|bits, p.clr&^bits }
func (p *flagPair) off(bits uint64) { p.set, p.clr = p.set&^bits, p.clr|bits }

// The ways of keeping atime are one field of three values, not bits. A changed
// field shows as all of MOUNT_ATTR__ATIME in clr (mount_setattr(2)).
func (p *flagPair) atime(value uint64) {
	p.set = p.set&^unix.MOUNT_ATTR__ATIME | value
	p.clr |= unix.MOUNT_ATTR__ATIME
}

func (p *flagPair) atimeIs(value uint64) bool {
	return p.clr&unix.MOUNT_ATTR__ATIME != 0 && p.set&unix.MOUNT_ATTR__ATIME == value
}

func (p *flagPair) notAtime(value uint64) {
	if p.atimeIs(value) {
		p.set &^= unix.MOUNT_ATTR__ATIME
		p.clr &^= unix.MOUNT_ATTR__ATIME
	}
}

// keepsAtime: nothing is said about times of access.
func (p *flagPair) keepsAtime() bool {
	return (p.set|p.clr)&(unix.MOUNT_ATTR__ATIME|unix.MOUNT_ATTR_NODIRATIME) == 0
}

func (p *flagPair) withAtime() {
	if p.clr&unix.MOUNT_ATTR__ATIME == 0 || p.atimeIs(unix.MOUNT_ATTR_NOATIME) {
		p.atime(unix.MOUNT_ATTR_RELATIME)
	}
}

// parsed is what a list of options comes to, before the mount's type decides
// what of it counts.
type parsed struct {
	top, rec      flagPair
	super, notSB  uint64
	legacy        uint64
	propagation   []uint64
	data          []string
	bind, rbind   bool
	remount       bool
	copyUp        bool
	idmap, ridmap bool
	speaks        bool // of attributes of the mount itself

	copySymlink, srcNoFollow, dstNoFollow bool
}

// parseOptions applies the options in order: of two that contradict each other
// the last one wins.
func parseOptions(options []string) parsed {
	var p parsed
	for _, name := range options {
		if i, ok := findOption(name); ok {
			p.apply(mountOptions[i])
		} else if !isMountTools(name) {
			p.data = append(p.data, splitData(name)...)
		}
	}
	return p
}

func findOption(name string) (int, bool) {
	return slices.BinarySearchFunc(mountOptions[:], name, func(o mountOption, name string) int {
		return strings.Compare(o.name, name)
	})
}

// strayOfBind is the index of the first word that says nothing to a bind mount,
// which has no file system of its own to hand it to; else -1. Dropped, a
// mistyped "ro" would leave the mount writable.
func strayOfBind(options []string) int {
	return slices.IndexFunc(options, func(name string) bool {
		_, known := findOption(name)
		return !known && !isMountTools(name) &&
			slices.ContainsFunc(splitData(name), func(part string) bool { return !isIdle(part) })
	})
}

// isIdle names what a bind mount may have in its options without meaning anything
// there, as mount(2) sees it: values for a file system, which clients leave as
// well as the OCI's validator, and what older Podman says of a volume. crun's
// "idmap=" means something, and rt takes the mappings of the configuration.
func isIdle(name string) bool {
	key, _, value := strings.Cut(name, "=")
	return name == "copy" || name == "nocopy" || value && key != "idmap" && key != "ridmap"
}

func (p *parsed) apply(o mountOption) {
	switch o.do {
	case optSet, optUnset, optAtime, optNotAtime, optWithAtime, optReadOnly, optReadWrite:
		p.speaks = true
	}
	switch o.do {
	case optSet:
		p.top.on(o.bits)
	case optUnset:
		p.top.off(o.bits)
	case optSetRec:
		p.rec.on(o.bits)
	case optUnsetRec:
		p.rec.off(o.bits)
	case optAtime:
		p.top.atime(o.bits)
	case optNotAtime:
		p.top.notAtime(o.bits)
	case optWithAtime:
		p.top.notAtime(unix.MOUNT_ATTR_NOATIME)
	case optAtimeRec:
		p.rec.atime(o.bits)
	case optNotAtimeRec:
		p.rec.notAtime(o.bits)
	case optWithAtimeRec:
		p.rec.withAtime()
	case optSuper:
		p.super, p.notSB = p.super|o.bits, p.notSB&^o.bits
	case optNotSuper:
		p.super, p.notSB = p.super&^o.bits, p.notSB|o.bits
	case optReadOnly:
		p.top.on(o.bits)
		p.super, p.notSB = p.super|sbReadOnly, p.notSB&^sbReadOnly
	case optReadWrite:
		p.top.off(o.bits)
		p.super, p.notSB = p.super&^sbReadOnly, p.notSB|sbReadOnly
	case optLegacy:
		p.legacy |= o.bits
	case optNotLegacy:
		p.legacy &^= o.bits
	case optPropagation:
		p.propagation = append(p.propagation, o.bits)
	case optBind:
		p.bind, p.rbind = true, p.rbind || o.bits != 0 // mount(2)'s flags add up
	case optRemount:
		p.remount = true
	case optCopyUp:
		p.copyUp = true
	case optIdmap:
		p.idmap, p.ridmap = true, o.bits != 0
	case optCopySymlink:
		p.copySymlink = true
	case optSrcNoFollow:
		p.srcNoFollow = true
	case optDstNoFollow:
		p.dstNoFollow = true
	}
}

// isMountTools names options that mount(8) keeps for itself and never hands to
// the kernel.
func isMountTools(name string) bool {
	switch name {
	case "auto", "noauto", "nofail", "nouser", "_netdev", "":
		return true
	}
	return strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-") || strings.HasPrefix(name, "comment=")
}

// splitData takes one option string apart at its commas, because mount(2)
// would have: "mode=755,size=64k" is two. A comma in double quotes (SELinux
// contexts) or behind a backslash (overlay's directories) does not count, and
// the quotes, which are mount(2)'s, are dropped.
func splitData(option string) []string {
	if !strings.ContainsAny(option, `,"`) {
		return []string{option}
	}
	var list []string
	var word strings.Builder
	quoted := false
	for i := 0; i < len(option); i++ {
		switch c := option[i]; {
		case c == '\\' && i+1 < len(option):
			word.WriteByte(c)
			i++
			word.WriteByte(option[i])
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			if word.Len() > 0 {
				list = append(list, word.String())
			}
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	if word.Len() > 0 {
		list = append(list, word.String())
	}
	return list
}

// superFlags are fsconfig's names for the superblock flags. A remount says
// also what is off, as mount(2) does by leaving it out.
func (p *parsed) superFlags(ro, all bool) []string {
	var list []string
	for _, f := range [...]struct {
		bit     uint64
		on, off string
	}{
		{sbSync, "sync", "async"}, {sbDirSync, "dirsync", ""}, {sbLazyTime, "lazytime", "nolazytime"},
		{sbMand, "mand", ""}, {sbReadOnly, "ro", "rw"},
	} {
		switch {
		case f.bit == sbReadOnly && !ro:
		case p.super&f.bit != 0:
			list = append(list, f.on)
		case all && f.off != "":
			list = append(list, f.off)
		}
	}
	return list
}

// fill puts the parsed options into m, whose Type, Bind and Remount stand.
func (p *parsed) fill(m *plan.Mount) {
	m.AttrSet, m.AttrClr = p.top.set, p.top.clr
	m.RecSet, m.RecClr = p.rec.set, p.rec.clr
	m.Propagation = p.propagation
	m.SrcNoFollow, m.DstNoFollow, m.CopySymlink = p.srcNoFollow, p.dstNoFollow, p.copySymlink
	if m.Remount {
		// What mount(2) is not told is off; atime alone stays as it is.
		m.AttrClr |= (unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV |
			unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NODIRATIME | unix.MOUNT_ATTR_NOSYMFOLLOW) &^ m.AttrSet
	}
	if m.Bind && !m.Remount && p.speaks {
		p.bindOnly(m)
	}
	if m.Bind {
		// The superblock of a bind is somebody else's: its options, and the
		// file system's data, do not count.
		return
	}
	m.Data = p.data
	m.LegacyFlags = p.legacy
	m.SBFlags = p.superFlags(m.Remount || !isPseudo(m.Type), m.Remount)
	m.CopyUp = p.copyUp && m.Type == "tmpfs"
	if m.Type != "tmpfs" || m.Remount {
		return
	}
	m.DirMode = !slices.ContainsFunc(p.data, func(d string) bool { return strings.HasPrefix(d, "mode=") })
	if (m.AttrSet|m.RecSet)&unix.MOUNT_ATTR_RDONLY != 0 {
		m.LateReadOnly = m.RecClr&unix.MOUNT_ATTR_RDONLY == 0
		m.AttrSet &^= unix.MOUNT_ATTR_RDONLY
		m.RecSet &^= unix.MOUNT_ATTR_RDONLY
	}
}

// bindOnly: a bind with options is bound and then remounted, as mount(8) and
// runc do it: it has the options that are named and no others, but for times of
// access when none of the options is about those.
func (p *parsed) bindOnly(m *plan.Mount) {
	m.AttrRest = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW
	if !p.top.keepsAtime() {
		m.AttrRest |= unix.MOUNT_ATTR_NODIRATIME
		if m.AttrClr&unix.MOUNT_ATTR__ATIME == 0 { // nodiratime alone
			m.AttrClr |= unix.MOUNT_ATTR__ATIME
		}
	}
	m.AttrRest &^= m.AttrSet | m.AttrClr | m.RecSet | m.RecClr
}

// isPseudo says that "ro" is to concern the mount and not the superblock,
// which others may share or which must still be filled.
func isPseudo(fstype string) bool {
	switch fstype {
	case "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts", "devtmpfs", "tmpfs", "ramfs",
		"securityfs", "debugfs", "tracefs", "bpf", "binfmt_misc", "configfs", "efivarfs", "pstore":
		return true
	}
	return false
}
