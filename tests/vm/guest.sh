#!/bin/bash
# In the guest: runs the suite in each of the worlds given, and then looks for
# what it left behind.
#
#   root          as root
#   tester        as an unprivileged user whose systemd has delegated it a cgroup
#   undelegated   as the same user in a cgroup that is not its own
#   selinux       as root, the tests of SELinux alone
#   podman        Podman with systemd's cgroups, as root and as that user
set -uo pipefail

run=${RT_VM_RUN:-.} only=${RT_VM_ONLY:-.}
# Everything takes some ten times longer in an emulated machine.
environment=(
	RT=/share/src/rt RT_TEST_PROBE=/share/bin/probe RT_TEST_SLOW=6
	XDG_CACHE_HOME=/share/cache-home PATH="$PATH"
)
mkdir -p /share/cache-home
ln -sfn /share/cache /share/cache-home/rt-tests
touch /results/counts
chmod 666 /results/counts

suite() { # suite WORLD PACKAGES TESTS COMMAND...: runs it by way of COMMAND
	"${@:4}" env "${environment[@]}" /share/bin/suite -world "$1" -only "$2" -run "$3" \
		-packages /share/packages -lacks /share/src/tests/vm/lacks -counts /results/counts || failed=1
}

failed=0
/share/bin/leftovers save /root/before
for world in "$@"; do
	echo "== $world: $(uname -r), $(systemctl --version | head -n 1), LSM $(cat /sys/kernel/security/lsm 2>/dev/null)"
	case $world in
	root) suite root "$only" "$run" env ;;
	tester)
		# The tests get a cgroup of their own below the delegated one: beside it
		# there is room for containers (cgroups(7), "no internal processes").
		# systemd-run would make one of two dollar signs.
		# shellcheck disable=SC2016 # the inner shell expands it
		suite tester "$only" "$run" as-tester bash -c '
			own=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
			mkdir "$own/suite" && echo $BASHPID >"$own/suite/cgroup.procs" || exit
			exec "$@"' bash
		;;
	undelegated)
		suite undelegated 'e2e|cgroups' "$run" runuser -u tester -- env HOME=/home/tester \
			XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus
		;;
	selinux) suite selinux "$only" SELinux env ;;
	podman)
		modprobe -a overlay fuse tun
		/share/src/tests/vm/podman.sh /share/src/rt /results/counts &
		as-tester /share/src/tests/vm/podman.sh /share/src/rt /results/counts || failed=1
		wait $! || failed=1
		;;
	*)
		echo "no world is called $world"
		failed=1
		;;
	esac
done
/share/bin/leftovers check /root/before || { failed=1; echo "0 1 0" >>/results/counts; }
# What the kernel complained about is the suite's business as well.
if dmesg | grep -E 'BUG:|WARNING: CPU|Oops|blocked for more than'; then
	echo "the kernel's log has the above"
	failed=1
	echo "0 1 0" >>/results/counts
fi
touch /results/done
exit $failed
