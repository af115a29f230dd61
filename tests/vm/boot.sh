#!/bin/bash
# Boots the guest that image.sh made and runs one command in it.
#
# Usage: boot.sh [options] -- COMMAND [ARG...]
#   -i DIR       the image (default: ${XDG_CACHE_HOME:-~/.cache}/rt-tests/vm-SUITE)
#   -d DIR       a copy of this directory is /share in the guest, where the
#                command starts; what the guest writes to it is thrown away
#   -r DIR       what the command leaves in $RESULTS (/results) is unpacked here,
#                also when the command fails
#   -l LSM       apparmor (default), selinux (permissive), selinux-enforcing, none
#   -e VAR=VAL   an environment variable for the command (repeatable)
#   -t SECONDS   for the command (default 900)
#   -b SECONDS   more, for boot and the end (default 180)
#   -c N         processors (default: the host's, at most 4)
#   -m MIB       memory (default 2048)
#   -a ACCEL     kvm, tcg or auto (default): kvm where the processor's own
#                virtualisation is there, else tcg (emulation)
#   -k ARGS      more for the kernel's command line
#   -L FILE      keep the guest's console here
#   -v           say what is done, and how long it took
#
# bash runs COMMAND as root in a service of systemd with a delegated cgroup; a
# single argument may be a whole script. "as-tester COMMAND..." in the guest runs
# one as the unprivileged user tester (1000) in its own user manager. Output
# appears here as it comes. The exit status is the command's; 124 when it ran
# out of time; 125 when the machine did not start or died (the end of its
# console is shown then).
set -euo pipefail

prog=${0##*/}
die() { echo "$prog: $*" >&2; exit 125; }
log() { [ $verbose = 0 ] || printf '%s: [%6.1fs] %s\n' "$prog" "$(since "$start")" "$*" >&2; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN {printf "%.1f", b - a}'; }

image='' share='' results='' lsm=apparmor limit=900 grace=180 mem=2048
accel=auto kargs='' console='' verbose=0 env=()
cpus=$(nproc); [ "$cpus" -le 4 ] || cpus=4
start=$(now)
while getopts i:d:r:l:e:t:b:c:m:a:k:L:vh opt; do
	case $opt in
	i) image=$OPTARG ;;
	d) share=$OPTARG ;;
	r) results=$OPTARG ;;
	l) lsm=$OPTARG ;;
	e) env+=("$OPTARG") ;;
	t) limit=$OPTARG ;;
	b) grace=$OPTARG ;;
	c) cpus=$OPTARG ;;
	m) mem=$OPTARG ;;
	a) accel=$OPTARG ;;
	k) kargs=$OPTARG ;;
	L) console=$OPTARG ;;
	v) verbose=1 ;;
	h) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
	*) exit 125 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "no command (see -h)"
# shellcheck source=/dev/null
image=${image:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/rt-tests/vm-$(. /etc/os-release && echo "$VERSION_CODENAME")}
for f in vmlinuz initrd.img rootfs.ext4; do
	[ -r "$image/$f" ] || die "no $f in $image: run image.sh"
done
[ -z "$share" ] || [ -d "$share" ] || die "not a directory: $share"
qemu=${QEMU:-qemu-system-$(uname -m)}
command -v "$qemu" >/dev/null || die "not found: $qemu"

case $lsm in
apparmor) lsmargs='apparmor=1 security=apparmor' ;;
selinux) lsmargs='apparmor=0 selinux=1 security=selinux enforcing=0' ;;
selinux-enforcing) lsmargs='apparmor=0 selinux=1 security=selinux enforcing=1' ;;
none) lsmargs='apparmor=0 selinux=0' ;;
*) die "unknown LSM: $lsm" ;;
esac

if [ "$accel" = auto ]; then
	accel=tcg
	# Only with the processor's help: a paravirtual KVM (kvm_pvm) cannot run
	# a distribution's kernel.
	if [ -w /dev/kvm ] && { [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; }; then
		accel=kvm
	fi
fi
case $accel in
kvm) accelargs=(-accel kvm -cpu host) ;;
tcg) accelargs=(-accel 'tcg,thread=multi,tb-size=512' -cpu max) ;;
*) die "unknown accelerator: $accel" ;;
esac

tmp=$(mktemp -d "${TMPDIR:-/tmp}/rtvm.XXXXXX")
qemu_pid='' cat_pid=''
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	# timeout passes the signal on to the emulator
	if [ -n "$qemu_pid" ]; then
		kill -TERM "$qemu_pid" 2>/dev/null || true
		wait "$qemu_pid" 2>/dev/null || true
	fi
	[ -z "$cat_pid" ] || kill "$cat_pid" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 125' HUP INT TERM

# --- the job disk: a tar archive --------------------------------------------
mkdir "$tmp/job"
if [ $# -eq 1 ]; then printf '%s\n' "$1"; else printf '%q ' "$@"; echo; fi >"$tmp/job/cmd"
echo "$limit" >"$tmp/job/timeout"
: >"$tmp/job/env"
for e in "${env[@]}"; do
	printf '%s=%q\n' "${e%%=*}" "${e#*=}" >>"$tmp/job/env"
done
tar -cf "$tmp/job.img" -C "$tmp/job" .

# --- the share: an ext4 file system made from the directory -------------------
disks=(root job)
if [ -n "$share" ]; then
	kib=$(du -sk --apparent-size "$share" | cut -f1)
	files=$(find "$share" | wc -l)
	mke2fs -q -t ext4 -m 0 -O ^has_journal -N $((files + 65536)) -d "$share" "$tmp/share.img" \
		"$((kib + kib / 4 + files * 4 + 524288))k" >/dev/null || die "cannot make the disk to share"
	disks+=(share)
	log "share: $((kib / 1024)) MiB, $files files"
fi

# --- the machine ------------------------------------------------------------------
args=(
	-M q35 -nodefaults -no-user-config -display none -no-reboot
	"${accelargs[@]}" -smp "$cpus" -m "$mem"
	-kernel "$image/vmlinuz" -initrd "$image/initrd.img"
	-append "console=ttyS0 quiet panic=-1 reboot=t mitigations=off tsc=reliable systemd.show_status=0 systemd.log_target=kmsg rd.udev.log_level=3 $lsmargs $kargs"
	-chardev "file,id=console,path=${tmp//,/,,}/console" -serial chardev:console
	-object 'rng-random,id=rng,filename=/dev/urandom' -device 'virtio-rng-pci,rng=rng'
	-device virtio-serial-pci
)
for d in "${disks[@]}"; do
	file=$tmp/$d.img
	[ "$d" != root ] || file=$image/rootfs.ext4
	# snapshot=on: writes go to a temporary file that is gone at the end
	args+=(-drive "if=none,id=$d,file=${file//,/,,},format=raw,snapshot=on,cache=unsafe"
		-device "virtio-blk-pci,drive=$d,serial=$d")
done
mkfifo "$tmp/out"
for p in out results status; do
	args+=(-chardev "file,id=$p,path=${tmp//,/,,}/$p" -device "virtserialport,chardev=$p,name=guest.$p")
done

# Held open here until the emulator has ended, so that cat neither waits for an
# emulator that never started nor ends early. When nobody reads our output any
# more, the rest is thrown away, so that the guest does not block.
exec 3<>"$tmp/out"
{ cat || cat >/dev/null; } <"$tmp/out" 3>&- &
cat_pid=$!
log "boot: $accel, $cpus processors, $mem MiB, $lsm"
boot=$(now)
TMPDIR=$tmp timeout -k 10 $((limit + grace)) "$qemu" "${args[@]}" </dev/null >"$tmp/qemu.log" 2>&1 3>&- &
qemu_pid=$!
wait "$qemu_pid" && qrc=0 || qrc=$?
qemu_pid=''
exec 3>&-
wait "$cat_pid" || true
cat_pid=''
log "machine ended after $(since "$boot") s"

[ -z "$console" ] || cp "$tmp/console" "$console"
if [ -n "$results" ] && [ -s "$tmp/results" ]; then
	mkdir -p "$results"
	tar -xf "$tmp/results" -C "$results" --no-same-owner || echo "$prog: results incomplete" >&2
fi
status=$(sed -n 's/^exit=\([0-9][0-9]*\)$/\1/p' "$tmp/status" 2>/dev/null | tail -n 1)
if [ -z "$status" ]; then
	tail -n 40 "$tmp/console" >&2 || true
	tail -n 10 "$tmp/qemu.log" >&2 || true
	[ "$qrc" != 124 ] || die "the machine did not end within $((limit + grace)) s"
	die "the machine ended without a status (emulator's status $qrc)"
fi
exit "$status"
