#!/bin/bash
# Boots the guest of tests/vm, once with AppArmor and once with SELinux, for the
# tests of runc's suite that need cgroup v2, systemd, SELinux, or a user.
#
#   RT_VM_WORLDS   which of root, systemd, rootless and selinux (default: all)
#   RUNTIME        another runtime than ./rt; "module" is runc of the suite's release
set -euo pipefail
cd "$(dirname "$0")/../.."

tmp=$(mktemp -d "${TMPDIR:-/tmp}/rt-compat-vm.XXXXXX")
trap 'rm -rf --one-file-system "$tmp"' EXIT
tests/vm/image.sh

ground=$(WORLDS=host tests/compat/compat.sh -prepare)
mkdir -p "$tmp/share/ground/runc"
cp -a "$ground/bats" "$ground/bin" "$tmp/share/ground/"
cp -a "$ground/runc/tests" "$ground/runc/go.mod" "$tmp/share/ground/runc/"
runtime=${RUNTIME:-./rt}
[ "$runtime" != module ] || runtime=$(echo "$ground"/bin/runc-*)
cp "$runtime" "$tmp/share/rt"
cp .bench/compat/compat tests/compat/expected tests/compat/guest.sh "$tmp/share/"
chmod -R go+rX "$tmp/share"

failed=0
boot() { # boot LSM WORLD...
	local lsm=$1
	shift
	[ $# -gt 0 ] || return 0
	echo "== boot with $lsm: $*"
	rm -rf "$tmp/results"
	tests/vm/boot.sh -l "$lsm" -d "$tmp/share" -r "$tmp/results" -t 900 -- /share/guest.sh "$@" || failed=1
	[ -e "$tmp/results/passed" ] || failed=1
}
apparmor=() selinux=()
for world in ${RT_VM_WORLDS:-root systemd rootless selinux}; do
	if [ "$world" = selinux ]; then selinux=(selinux); else apparmor+=("$world"); fi
done
boot apparmor "${apparmor[@]}"
boot selinux "${selinux[@]}"
exit $failed
