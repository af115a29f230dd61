package planner

// devices.go plans the device nodes: those every container has, and those of
// linux.devices.

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
)

// defaultDevices: config-linux.md, "Default Devices". /dev/console and
// /dev/ptmx are no nodes of their own.
func defaultDevices() []plan.Device {
	char := func(name string, major, minor uint32) plan.Device {
		return plan.Device{Index: plan.None, Path: "/dev/" + name, Type: unix.S_IFCHR, Major: major, Minor: minor, Mode: 0o666}
	}
	return []plan.Device{
		char("null", 1, 3), char("zero", 1, 5), char("full", 1, 7),
		char("random", 1, 8), char("urandom", 1, 9), char("tty", 5, 0),
	}
}

// planDevices adds the default nodes, unless the host's /dev is bound there or
// linux.devices has its own idea of one, and then linux.devices.
func planDevices(r *plan.Rootfs, linux *specs.Linux) error {
	var own []plan.Device
	paths := make(map[string]bool, len(linux.Devices))
	for i := range linux.Devices {
		d, err := planDevice(i, &linux.Devices[i])
		if err != nil {
			return err
		}
		paths[d.Path] = true
		switch {
		case !r.DevSetup && strings.HasPrefix(d.Path, "/dev/"):
			continue // the bound directory is the host's: nothing is made there
		case d.Path == "/dev/ptmx":
			continue // that of the container's own terminals is there already
		}
		own = append(own, d)
	}
	if r.DevSetup {
		for _, d := range defaultDevices() {
			if !paths[d.Path] {
				r.Devices = append(r.Devices, d)
			}
		}
	}
	r.Devices = append(r.Devices, own...)
	return nil
}

func planDevice(i int, s *specs.LinuxDevice) (plan.Device, error) {
	d := plan.Device{Index: i, Path: path.Clean("/" + s.Path), Mode: 0o666}
	wrong := func(field, text string) (plan.Device, error) {
		return d, fault.New("devices", fmt.Sprintf("linux.devices[%d].%s", i, field), "", errors.New(text))
	}
	if d.Path == "/" {
		return wrong("path", fmt.Sprintf("%q is not the path of a file", s.Path))
	}
	switch s.Type {
	case "c", "u":
		d.Type = unix.S_IFCHR
	case "b":
		d.Type = unix.S_IFBLK
	case "p":
		d.Type = unix.S_IFIFO
	default:
		return wrong("type", fmt.Sprintf("%q is none of c, u, b, p", s.Type))
	}
	// A fifo has no numbers, whatever the spec says.
	if d.Type != unix.S_IFIFO {
		// mknod(2) takes 12 bits of major and 20 of minor.
		if s.Major < 0 || s.Major >= 1<<12 {
			return wrong("major", fmt.Sprintf("%d is not in 0..4095", s.Major))
		}
		if s.Minor < 0 || s.Minor >= 1<<20 {
			return wrong("minor", fmt.Sprintf("%d is not in 0..1048575", s.Minor))
		}
		d.Major, d.Minor = uint32(s.Major), uint32(s.Minor)
	}
	if s.FileMode != nil {
		d.Mode = uint32(*s.FileMode) & 0o7777
	}
	if s.UID != nil {
		d.UID = *s.UID
	}
	if s.GID != nil {
		d.GID = *s.GID
	}
	return d, nil
}
