#!/bin/bash
# In the guest: the tests of runc's suite that the host lacks something for, in
# each of the worlds given.
set -uo pipefail

failed=0
suite() { # suite WORLD FILES TESTS COMMAND...: runs the program by way of COMMAND
	"${@:4}" env PATH="$PATH" TMPDIR=/tmp /share/compat -ground /share/ground -runtime /share/rt -world "$1" -chosen \
		-only "^($2)\$" -run "$3" -expected /share/expected || failed=1
}

# Files run two at a time, in the machine's one set of cgroups, units and network
# devices: of tests that leave the container's cgroup to the runtime, no two of a
# world have the same id in different files, and no two files make devices.
for world in "$@"; do
	echo "== $world: $(uname -r), $(systemctl --version | head -n 1)"
	case $world in
	root)
		# Not the one of events with pressure: under its quota it takes minutes here.
		tests='v2 \+ init process|unified (swap|override)|blkio weight|multiple iops|with hugetlb'
		tests+='|v2 with subcgroups|subcgroup \[v2|cgroups_v2|init changes cgroup|CheckBeforeUpdate|update cgroup v2'
		tests+='|restore it back|rename and set mtu|exec with RLIMIT_NOFILE\(Bigger|r\*atime'
		suite root 'cgroups|delete|events|exec|mounts_recursive|netdev|pidfd-socket|rlimits|update' "$tests" env HOME=/root
		;;
	systemd)
		tests='chown cgroup|unified only|failed systemd unit'
		tests+='|[dD]aemon-?[rR]eload|common limits|systemd v252|update cgroup v2|cpuset parameters via v2'
		suite systemd 'cgroup_delegation|cgroups|delete|dev|update' "$tests" env HOME=/root RUNC_USE_SYSTEMD=yes
		;;
	rootless)
		# For a test that must not be able to enter a directory of another user.
		aux=$(mktemp -d)
		chown $((100000 - 1000 + 1024)) "$aux"
		tests='(create|exec) \(limits \+ cgrouppath|^runc delete$|paused container\]$|^runc exec( --user)?$|^runc run$|\[host pidns\]$|update cgroup v2'
		suite rootless 'cgroups|delete|exec|kill|run|update' "$tests" \
			as-tester env HOME=/home/tester RUNC_USE_SYSTEMD=yes ROOTLESS_FEATURES=idmap \
			ROOTLESS_UIDMAP_START=100000 ROOTLESS_UIDMAP_LENGTH=65536 ROOTLESS_GIDMAP_START=100000 ROOTLESS_GIDMAP_LENGTH=65536 \
			ROOTLESS_AUX_UID=1024 ROOTLESS_AUX_DIR="$aux" XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus
		;;
	selinux) suite selinux 'selinux|userns' 'selinux|session keyring|execve error' env HOME=/root ;;
	esac
done
[ $failed = 1 ] || touch /results/passed
exit $failed
