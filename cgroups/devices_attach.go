package cgroups

// Putting device rules into force: v1's control files, or cgroup2's program.

import (
	"encoding/binary"
	"errors"
	"path"
	"slices"
	"strings"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// setDevices applies the rules. A rootless user may set none, and can make no
// device nodes either. The host's root, who only calls itself rootless, gets them
// where they can be had.
func (m *manager) setDevices(res *specs.LinuxResources, fresh bool) error {
	if m.rec.Rootless && (m.rec.Unit != nil || unix.Geteuid() != 0 || inUserNS()) {
		return nil
	}
	err := m.tryDevices(res, fresh)
	if m.rec.Rootless && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EROFS) || errors.Is(err, ErrUnavailable)) {
		return nil
	}
	return err
}

func (m *manager) tryDevices(res *specs.LinuxResources, fresh bool) error {
	rules, err := m.decideDevices(res)
	if err != nil {
		return err
	}
	if g := m.v1Group("devices"); g != nil {
		return setDevicesV1(g, rules, fresh && !g.joined)
	}
	if g := m.v2Group(); g != nil {
		err := setDevicesV2(g.dir, program(rules), fresh && !g.joined)
		if err == unix.EPERM && inUserNS() {
			return nil
		}
		if err != nil {
			return fault.New(step, g.dir, "attach the device program", err).
				WithHint("it needs CAP_BPF and CAP_NET_ADMIN or CAP_SYS_ADMIN, and CONFIG_CGROUP_BPF")
		}
		return nil
	}
	return fault.New(step, "controller devices", "", ErrUnavailable).
		WithHint("mount the v1 devices hierarchy or cgroup2")
}

// decideDevices makes the rules and says whether this host can hold them.
func (m *manager) decideDevices(res *specs.LinuxResources) ([]rule, error) {
	rules, err := deviceRules(res.Devices)
	if err == nil && m.v1Group("devices") != nil {
		_, err = foldV1(rules)
	}
	return rules, err
}

func setDevicesV1(g *group, rules []rule, fresh bool) error {
	want, err := foldV1(rules)
	if err != nil {
		return err
	}
	var current *v1State
	if !fresh {
		data, err := readFile(path.Join(g.dir, "devices.list"))
		if err != nil {
			return refusal(g.dir, "devices.list", "", err)
		}
		if s, ok := parseDevicesList(string(data)); ok {
			current = &s
		}
	}
	err = writeSeries(g.dir, writesV1(current, want))
	if err == nil || inUserNS() {
		return nil
	}
	if current != nil {
		g.restoreDevices(*current)
	}
	return err
}

// restoreDevices goes back to the rules from before a refused update.
func (g *group) restoreDevices(before v1State) {
	data, err := readFile(path.Join(g.dir, "devices.list"))
	if now, ok := parseDevicesList(string(data)); err == nil && ok {
		_ = writeSeries(g.dir, writesV1(&now, before))
	}
}

// writeSeries is apply with one open for each run of writes to the same file.
func writeSeries(dir string, list []write) error {
	for len(list) > 0 {
		file := list[0].file
		fd, err := open(path.Join(dir, file), unix.O_WRONLY)
		if err != nil {
			return refusal(dir, file, list[0].value, err)
		}
		for len(list) > 0 && list[0].file == file && err == nil {
			if err = writeFd(fd, list[0].value); err != nil {
				err = refusal(dir, file, list[0].value, err)
			}
			list = list[1:]
		}
		unix.Close(fd)
		if err != nil {
			return err
		}
	}
	return nil
}

// setDevicesV2 loads and attaches the program. On a cgroup that may have one
// already, the new one takes its place in one step; were there several, all
// must agree to an access, so the others are taken off after.
func setDevicesV2(dir string, p []insn, fresh bool) error {
	dirFd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(dirFd)
	prog, err := loadProgram(p)
	if err != nil {
		return err
	}
	defer unix.Close(prog)
	if fresh {
		return attachProgram(dirFd, prog, -1)
	}
	ids, err := attachedPrograms(dirFd)
	if err != nil {
		return err
	}
	var old []int
	defer func() {
		for _, fd := range old {
			unix.Close(fd)
		}
	}()
	for _, id := range ids {
		fd, err := programFd(id)
		if err != nil {
			return err
		}
		old = append(old, fd)
	}
	if len(old) == 0 {
		return attachProgram(dirFd, prog, -1)
	}
	if err := attachProgram(dirFd, prog, old[0]); err != nil {
		return err
	}
	for _, fd := range old[1:] {
		if err := detachProgram(dirFd, fd); err != nil {
			return err
		}
	}
	return nil
}

// The members of union bpf_attr that are used here (linux/bpf.h). Its u64
// addresses are Go pointers, so that they follow what they point to; that is
// right where pointers have 64 bits, and this package is for no other.
type (
	bpfLoad struct {
		progType, insnCount uint32
		insns, license      unsafe.Pointer
		logLevel, logSize   uint32
		logBuf              unsafe.Pointer
		kernVersion, flags  uint32
		name                [16]byte
	}
	bpfAttach struct {
		target, prog, attachType, flags, replace uint32
	}
	bpfQuery struct {
		target, attachType, queryFlags, attachFlags uint32
		ids                                         unsafe.Pointer
		count, _                                    uint32
	}
)

func bpf(cmd int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(attr), size)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: the verifier saw a signal
			continue
		}
		return -1, errno
	}
}

func loadProgram(p []insn) (int, error) {
	code := pack(p)
	license := []byte("MIT\x00")
	attr := bpfLoad{
		progType:  unix.BPF_PROG_TYPE_CGROUP_DEVICE,
		insnCount: uint32(len(p)),
		insns:     unsafe.Pointer(&code[0]),
		license:   unsafe.Pointer(&license[0]),
	}
	copy(attr.name[:], "rt_devices")
	return bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

// pack lays the instructions out as the kernel reads them.
func pack(p []insn) []byte {
	out := make([]byte, 0, 8*len(p))
	for _, i := range p {
		regs := i.src<<4 | i.dst
		if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
			regs = i.dst<<4 | i.src
		}
		out = append(out, i.code, regs)
		out = binary.NativeEndian.AppendUint16(out, uint16(i.off))
		out = binary.NativeEndian.AppendUint32(out, uint32(i.imm))
	}
	return out
}

// attachProgram attaches beside programs of cgroups above and of other tools
// (BPF_F_ALLOW_MULTI), or in the place of the program replace.
func attachProgram(dirFd, prog, replace int) error {
	attr := bpfAttach{target: uint32(dirFd), prog: uint32(prog),
		attachType: unix.BPF_CGROUP_DEVICE, flags: unix.BPF_F_ALLOW_MULTI}
	if replace >= 0 {
		attr.flags |= unix.BPF_F_REPLACE
		attr.replace = uint32(replace)
	}
	_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

func detachProgram(dirFd, prog int) error {
	attr := bpfAttach{target: uint32(dirFd), prog: uint32(prog), attachType: unix.BPF_CGROUP_DEVICE}
	_, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// attachedPrograms returns the ids of the cgroup's own device programs. The
// kernel allows 64 of them.
func attachedPrograms(dirFd int) ([]uint32, error) {
	var ids [64]uint32
	attr := bpfQuery{target: uint32(dirFd), attachType: unix.BPF_CGROUP_DEVICE,
		ids: unsafe.Pointer(&ids[0]), count: uint32(len(ids))}
	_, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, err
	}
	return ids[:min(int(attr.count), len(ids))], nil
}

func programFd(id uint32) (int, error) {
	attr := [3]uint32{id}
	return bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

// inUserNS: this process is in another user namespace than the host's, where
// the kernel gives device rules to nobody.
func inUserNS() bool {
	v, err := readValue("/proc/self/uid_map")
	if err != nil {
		return false
	}
	return !slices.Equal(strings.Fields(v), []string{"0", "0", "4294967295"})
}
