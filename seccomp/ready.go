package seccomp

import (
	"errors"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// Ready takes a finished program, an array of struct sock_filter in native byte
// order, for a filter. Of the profile, which may be nil, only the flags count.
// Whether the program is one is for the kernel to say. Errors are *fault.Error.
func Ready(bpf []byte, profile *specs.LinuxSeccomp) (Filter, error) {
	program, err := decode(bpf)
	if err == nil && len(program) == 0 {
		err = errors.New("is empty")
	}
	if err != nil {
		return Filter{}, fault.New("seccomp", "the BPF program", "", err)
	}
	c := compiler{profile: profile}
	if profile == nil {
		c.profile = new(specs.LinuxSeccomp)
	}
	for _, i := range program {
		const returns = unix.BPF_RET | unix.BPF_K
		if i.Code == returns && i.K&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_USER_NOTIF {
			c.out.Notify = true
		}
	}
	if err := c.setFlags(); err != nil {
		return Filter{}, err
	}
	c.out.BPF, c.out.KillsThread = bpf, strict(bpf)
	return c.out, nil
}
