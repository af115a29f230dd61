#!/bin/bash
# In the guest: the tests of runc's suite that the host lacks something for, in
# each of the worlds given.
set -uo pipefail

failed=0
suite() { # suite WORLD FILES TESTS COMMAND...: runs the program by way of COMMAND
	"${@:4}" env PATH="$PATH" TMPDIR=/tmp /share/compat -ground /share/ground -runtime /share/rt -world "$1" -chosen -only "$2" -run "$3" \
		-expected /share/expected || failed=1
}

for world in "$@"; do
	echo "== $world: $(uname -r), $(systemctl --version | head -n 1)"
	case $world in
	root)
		suite root '^(cgroup_delegation|cgroups|delete|events|exec|pidfd-socket|netdev|update|userns|rlimits|mounts_recursive)$' \
			'v2|cgroups?_v2|blkio weight|per-device multiple iops|psi|hugetlb|init changes cgroup|CheckBeforeUpdate|network|RLIMIT|atime' env HOME=/root
		;;
	systemd)
		suite systemd '^(cgroups|delete|dev|update)$' \
			'v2|systemd|relationship|cgroup|update (pids|cpuset|rt|memory)|resources' env HOME=/root RUNC_USE_SYSTEMD=yes
		;;
	rootless)
		# For a test that must not be able to enter a directory of another user.
		aux=$(mktemp -d)
		chown $((100000 - 1000 + 1024)) "$aux"
		suite rootless '^(create|cwd|cgroups|exec|run|kill|delete|start|state|tty|userns)$' '^runc (create|start|run|kill|exec)( |$)|rootless|force' \
			as-tester env HOME=/home/tester RUNC_USE_SYSTEMD=yes ROOTLESS_FEATURES=idmap \
			ROOTLESS_UIDMAP_START=100000 ROOTLESS_UIDMAP_LENGTH=65536 ROOTLESS_GIDMAP_START=100000 ROOTLESS_GIDMAP_LENGTH=65536 \
			ROOTLESS_AUX_UID=1024 ROOTLESS_AUX_DIR="$aux" XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus
		;;
	selinux) suite selinux '^(selinux|userns)$' 'selinux|session keyring' env HOME=/root ;;
	esac
done
[ $failed = 1 ] || touch /results/passed
exit $failed
