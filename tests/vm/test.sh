#!/bin/bash
# Runs the test suite in the guest: builds rt and the tests here, shares them,
# and boots twice, with AppArmor and with SELinux. guest.sh says what runs there.
#
#   RT_VM_WORLDS   which of root, tester, undelegated, podman, selinux (default: all)
#   RT_VM_RUN      only the tests whose names match
#   RT_VM_ONLY     only the packages whose import paths match
#
# The last line is the sum of all: "N passed, N failed, N skipped". Exit 0 when
# nothing failed; a machine that hangs or dies is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

worlds=${RT_VM_WORLDS:-root tester undelegated podman selinux}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rtvm-test.XXXXXX")
trap 'rm -rf --one-file-system "$tmp"' EXIT
share=$tmp/share
mkdir -p "$share/bin" "$share/src" "$tmp/counts"
began=$SECONDS
log() { printf '== [%3ds] %s\n' $((SECONDS - began)) "$*"; }

log "the guest's image"
tests/vm/image.sh

# The Debian that some containers are made from is made once, here, where there
# is a package source.
log "the containers' Debian"
go test -count=1 -run '^TestDebian$' ./tests/harness
mkdir -p "$share/cache"
cp -a "${XDG_CACHE_HOME:-$HOME/.cache}/rt-tests"/*-nginx "$share/cache/"

log "build"
make --no-print-directory build
# The source too: tests read their testdata, and some the manual.
git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
	tar -cf - --ignore-failed-read --null -T - 2>/dev/null | tar -xf - -C "$share/src"
cp rt "$share/src/rt"
CGO_ENABLED=0 go build -buildvcs=false -ldflags '-s -w' -o "$share/bin/" ./tests/probe ./tests/vm/suite ./tests/leftovers
# Linked as rt is: the guest has no libraries for them, and fewer files to read.
# What builds or reads the source itself needs Go, and stays on the host; so does
# what asks the kernel for nothing.
last=()
while read -r path; do
	name=${path#rt/}
	case $name in
	tests/arch | tests/bench | tests/build | tests/library | tests/vm/*) continue ;;
	tests/conformance | tests/compat | internal/install | libcontainer/quickjson) continue ;;
	esac
	make --no-print-directory test-binary PKG="./$name" BINARY="$share/bin/${name//\//-}.test"
	line="$path /share/bin/${name//\//-}.test /share/src/$name"
	# Two at a time run; the long ones begin first.
	case $name in
	tests/e2e | tests/attack | libcontainer/rootfs) echo "$line" >>"$share/packages" ;;
	*) last+=("$line") ;;
	esac
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)
printf '%s\n' "${last[@]}" >>"$share/packages"
chmod -R go+rX "$share"

failed=0
boot() { # boot LSM WORLD...
	local lsm=$1 rc=0
	shift
	[ $# -gt 0 ] || return 0
	log "boot with $lsm: $*"
	rm -rf "$tmp/results"
	tests/vm/boot.sh -l "$lsm" -d "$share" -r "$tmp/results" -t "${RT_VM_TIMEOUT:-2400}" \
		-e RT_VM_RUN="${RT_VM_RUN:-.}" -e RT_VM_ONLY="${RT_VM_ONLY:-.}" -- /share/src/tests/vm/guest.sh "$@" || rc=$?
	[ ! -e "$tmp/results/counts" ] || cat "$tmp/results/counts" >>"$tmp/counts/all"
	if [ ! -e "$tmp/results/done" ]; then
		echo "the guest did not get to its end ($rc)"
		echo "0 1 0" >>"$tmp/counts/all"
	fi
	[ $rc = 0 ] || failed=1
}
apparmor=()
selinux=()
for world in $worlds; do
	if [ "$world" = selinux ]; then selinux=(selinux); else apparmor+=("$world"); fi
done
boot apparmor "${apparmor[@]}"
boot selinux "${selinux[@]}"

log "end"
awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' "$tmp/counts/all" || failed=1
exit $failed
