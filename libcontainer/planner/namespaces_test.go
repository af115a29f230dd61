package planner

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func ns(t specs.LinuxNamespaceType, path string) specs.LinuxNamespace {
	return specs.LinuxNamespace{Type: t, Path: path}
}

func TestPlanNamespaces(t *testing.T) {
	const (
		mnt, pid, net, user   = unix.CLONE_NEWNS, unix.CLONE_NEWPID, unix.CLONE_NEWNET, unix.CLONE_NEWUSER
		uts, ipc, cgrp, time_ = unix.CLONE_NEWUTS, unix.CLONE_NEWIPC, unix.CLONE_NEWCGROUP, unix.CLONE_NEWTIME
	)
	tests := []struct {
		name string
		in   specs.Linux
		want Namespaces
	}{
		{name: "none"},
		{
			name: "all new but user and time: one clone, cgroup later",
			in: specs.Linux{Namespaces: []specs.LinuxNamespace{
				ns("mount", ""), ns("pid", ""), ns("network", ""), ns("uts", ""), ns("ipc", ""), ns("cgroup", "")}},
			want: Namespaces{
				Clone: mnt | pid | net | uts | ipc, Unshare: cgrp,
				Has: mnt | pid | net | uts | ipc | cgrp, New: mnt | pid | net | uts | ipc | cgrp,
			},
		},
		{
			name: "a pod's: born in pid and net, mount joined by init",
			in:   specs.Linux{Namespaces: []specs.LinuxNamespace{ns("pid", "/p"), ns("network", "/n"), ns("mount", "/m")}},
			want: Namespaces{
				Thread: []Namespace{{pid, "/p", 0}, {net, "/n", 1}},
				Self:   []Namespace{{mnt, "/m", 2}},
				Has:    pid | net | mnt,
			},
		},
		{
			name: "new user beside a host's net",
			in:   specs.Linux{Namespaces: []specs.LinuxNamespace{ns("user", ""), ns("network", "/n"), ns("mount", "")}},
			want: Namespaces{
				Clone: user | mnt, Thread: []Namespace{{net, "/n", 1}},
				Has: user | net | mnt, New: user | mnt,
			},
		},
		{
			name: "new user: ipc is made by its uid 0",
			in:   specs.Linux{Namespaces: []specs.LinuxNamespace{ns("user", ""), ns("ipc", ""), ns("mount", "")}},
			want: Namespaces{Clone: user | mnt, Unshare: ipc, Has: user | ipc | mnt, New: user | ipc | mnt},
		},
		{
			name: "joined user: everything behind it",
			in:   specs.Linux{Namespaces: []specs.LinuxNamespace{ns("user", "/u"), ns("pid", ""), ns("ipc", "/i"), ns("mount", "")}},
			want: Namespaces{
				Enter: &Enter{
					Join:    []Namespace{{user, "/u", 0}, {ipc, "/i", 2}},
					Unshare: pid | mnt, Fork: true,
				},
				Has: user | pid | ipc | mnt, New: pid | mnt,
			},
		},
		{
			name: "new time and user: user by clone, the rest behind its maps",
			in: specs.Linux{
				Namespaces: []specs.LinuxNamespace{ns("time", ""), ns("user", ""), ns("mount", ""), ns("uts", "/h")},
				TimeOffsets: map[string]specs.LinuxTimeOffset{
					"boottime": {Secs: -5, Nanosecs: 7}, "monotonic": {Secs: 3},
				},
			},
			want: Namespaces{
				Clone:  user,
				Thread: []Namespace{{uts, "/h", 3}},
				Enter:  &Enter{Unshare: time_ | mnt, Fork: true, Offsets: "monotonic 3 0\nboottime -5 7\n"},
				Has:    time_ | user | mnt | uts, New: time_ | user | mnt,
			},
		},
		{
			name: "joined time needs no fork",
			in:   specs.Linux{Namespaces: []specs.LinuxNamespace{ns("time", "/t"), ns("mount", "")}},
			want: Namespaces{
				Enter: &Enter{Join: []Namespace{{time_, "/t", 0}}, Unshare: mnt},
				Has:   time_ | mnt, New: mnt,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, PlanNamespaces(&test.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
