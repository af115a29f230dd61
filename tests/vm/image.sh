#!/bin/bash
# Builds the guest of the tests: a kernel, a small initial RAM disk and an ext4
# root disk of a minimal Debian with systemd, cgroup v2 alone, AppArmor and an
# SELinux policy. boot.sh boots it.
#
# Usage: image.sh [-s SUITE] [-k KERNEL] [-p PKG,PKG]... [-x CMD]... [-o DIR] [-m SIZE] [-f]
#   -s SUITE     Debian suite of the guest (default: the host's)
#   -k PACKAGE   its kernel (default: linux-image-cloud-amd64)
#   -p PKG,PKG   further packages
#   -x CMD       a command for sh inside the new root before it is packed
#   -o DIR       where the result goes
#                (default: ${XDG_CACHE_HOME:-~/.cache}/rt-tests/vm-SUITE)
#   -m SIZE      of the root disk, a sparse file (default: 4G)
#   -f           build even if the image of these inputs is there
#
# The result is vmlinuz, initrd.img, rootfs.ext4 and image.info, which holds a
# key made from the inputs, this script among them: with the same key there is
# nothing to do. Needs root and Debian; packages come from where the host's apt
# takes them.
set -euo pipefail

prog=${0##*/}
die() { echo "$prog: $*" >&2; exit 125; }
trap 'echo "$prog: line $LINENO failed" >&2; exit 125' ERR
log() { printf '%s: [%4ds] %s\n' "$prog" "$SECONDS" "$*" >&2; }

suite='' kernel=linux-image-cloud-amd64 out='' size=4G force=0
extra=() hooks=()
while getopts s:k:p:x:o:m:fh opt; do
	case $opt in
	s) suite=$OPTARG ;;
	k) kernel=$OPTARG ;;
	p) extra+=("$OPTARG") ;;
	x) hooks+=("$OPTARG") ;;
	o) out=$OPTARG ;;
	m) size=$OPTARG ;;
	f) force=1 ;;
	h) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
	*) exit 125 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || die "unexpected argument: $1"
[ "$(id -u)" = 0 ] || die "must be root"
for tool in mmdebstrap mke2fs cpio gzip apt-get; do
	command -v "$tool" >/dev/null || die "not found: $tool"
done

# shellcheck source=/dev/null
host_suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
suite=${suite:-$host_suite}
[ -n "$suite" ] || die "give the suite with -s"
out=${out:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/rt-tests/vm-$suite}

packages=(
	# init, its bus, and a session for the unprivileged user
	passwd mount systemd systemd-sysv dbus dbus-user-session libpam-systemd udev
	# what the tests call
	uidmap iproute2 kmod procps util-linux bsdutils busybox-static strace jq
	# security modules
	apparmor selinux-policy-default policycoreutils
	# a client, its monitor, its own runtime, and what its users' containers need
	podman conmon crun slirp4netns fuse-overlayfs
	"$kernel"
)
packages+=("${extra[@]}")

# --- is the image there already? --------------------------------------------
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
key=$( { cat "$0"; printf '%s\n' "$suite" "$size" "${packages[@]}" -- "${hooks[@]}"; } |
	sha256sum | cut -d' ' -f1)
if [ $force = 0 ] && [ -s "$out/rootfs.ext4" ] &&
	grep -qsx "key=$key" "$out/image.info"; then
	log "up to date: $out"
	exit 0
fi

# --- the mirror: what the host's apt uses ------------------------------------
# One line per archive; for another suite than the host's, only the main one.
sources=()
# shellcheck disable=SC2016 # apt expands these
while read -r uri codename; do
	if [ "$suite" = "$host_suite" ]; then
		sources+=("deb $uri $codename main")
	elif [ "$codename" = "$host_suite" ]; then
		sources+=("deb $uri $suite main")
	fi
done < <(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
	awk -v s="$host_suite" '$3 == "Debian" && index($2, s) == 1 && $2 !~ /backports/ {print $1, $2}' | sort -u)
[ ${#sources[@]} -gt 0 ] || die "no Debian archive found in apt's configuration (run apt-get update?)"

tmp=$(mktemp -d "$out/build.XXXXXX")
trap 'rm -rf --one-file-system "$tmp"' EXIT
root=$tmp/root

# apt options of the host that decide how packages are fetched
aptopts=()
while read -r line; do
	aptopts+=("--aptopt=$line")
done < <(apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries|ForceIPv4)[: ]' |
	grep -v ' "";$' || true)

# --- install -------------------------------------------------------------------
log "installing $suite (${#packages[@]} packages) from ${#sources[@]} archive(s)"
include=$(IFS=,; echo "${packages[*]}")
mmdebstrap --mode=root --variant=apt --include="$include" \
	--aptopt='APT::Install-Recommends "false"' "${aptopts[@]}" \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/info/*' \
	"$suite" "$root" "${sources[@]}" >"$tmp/mmdebstrap.log" 2>&1 ||
	{ tail -n 30 "$tmp/mmdebstrap.log" >&2; die "mmdebstrap failed"; }

# --- configure -----------------------------------------------------------------
log "configuring"
echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 guest\n' >"$root/etc/hosts"
printf '/dev/disk/by-id/virtio-root / ext4 defaults,noatime 0 0\n' >"$root/etc/fstab"
: >"$root/etc/machine-id"
mkdir -p "$root/share" "$root/results"

# An unprivileged user whose user manager is started at boot ("lingering"),
# with subordinate ids, and all controllers delegated to it.
chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash tester
for f in subuid subgid; do echo tester:100000:65536 >"$root/etc/$f"; done
mkdir -p "$root/var/lib/systemd/linger" "$root/etc/systemd/system/user@.service.d"
: >"$root/var/lib/systemd/linger/tester"
cat >"$root/etc/systemd/system/user@.service.d/delegate.conf" <<-'END'
	[Service]
	Delegate=cpu cpuset io memory pids
END

# The job: run the command of the job disk, say how it ended, switch off.
mkdir -p "$root/usr/local/sbin" "$root/usr/local/bin"
cat >"$root/usr/local/sbin/guest-job" <<-'END'
	#!/bin/bash
	# Started by guest-job.service. The host passes two disks, found by their
	# serial: "job" (a tar archive: cmd, env, timeout) and "share" (ext4), and
	# three channels, found by their name: guest.out, guest.results, guest.status.
	disk() { local s; for s in /sys/block/vd*/serial; do
		[ "$(cat "$s")" = "$1" ] && s=${s%/serial} && echo "/dev/${s##*/}" && return; done; return 1; }
	port() { local n; for n in /sys/class/virtio-ports/*/name; do
		[ "$(cat "$n")" = "guest.$1" ] && n=${n%/name} && echo "/dev/${n##*/}" && return; done; return 1; }
	finish() {
		if out=$(port status); then echo "exit=$1" >"$out"; fi
		sync
		# At once and without stopping units: the disks are thrown away.
		exec systemctl reboot --force --force >/dev/null 2>&1
	}
	modprobe virtio_console
	for i in {1..100}; do port status >/dev/null && break; sleep 0.1; done
	exec >"$(port out)" 2>&1 </dev/null || finish 125
	mkdir -p /run/job
	tar -xf "$(disk job)" -C /run/job || finish 125
	if dev=$(disk share); then mount -t ext4 "$dev" /share || finish 125; fi
	set -a; . /run/job/env; set +a
	export HOME=/root RESULTS=/results
	cd /share || finish 125
	timeout -k 10 "$(cat /run/job/timeout)" bash /run/job/cmd
	rc=$?
	if [ -n "$(ls -A /results)" ]; then tar -cf - -C /results . >"$(port results)"; fi
	finish $rc
END
cat >"$root/etc/systemd/system/guest-job.service" <<-'END'
	[Unit]
	Description=Run the command given by the host
	After=basic.target dbus.service systemd-logind.service user@1000.service
	Wants=user@1000.service
	[Service]
	Type=exec
	ExecStart=/usr/local/sbin/guest-job
	Delegate=yes
	TasksMax=infinity
	OOMPolicy=continue
	KillMode=mixed
	IgnoreSIGPIPE=no
	Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	[Install]
	WantedBy=multi-user.target
END
# Run a command as the unprivileged user, in a service of its user manager.
cat >"$root/usr/local/bin/as-tester" <<-'END'
	#!/bin/sh
	exec systemd-run --machine=tester@.host --user --quiet --pipe --wait --collect \
		--working-directory="$PWD" --property=Delegate=yes --property=IgnoreSIGPIPE=no -- "$@"
END
chmod 755 "$root/usr/local/sbin/guest-job" "$root/usr/local/bin/as-tester"

# Units the tests do not need; each costs boot time in an emulated machine.
# (apparmor.service only loads the distribution's profiles.)
rm -f "$root"/etc/systemd/system/multi-user.target.wants/*
for unit in apparmor.service getty.target systemd-logind-varlink.socket \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-tmpfiles-clean.timer \
	systemd-update-utmp.service systemd-random-seed.service systemd-hwdb-update.service \
	systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-journal-flush.service \
	systemd-rfkill.socket systemd-backlight@.service modprobe@drm.service \
	modprobe@efi_pstore.service systemd-pstore.service systemd-machine-id-commit.service \
	systemd-journal-catalog-update.service systemd-update-done.service ldconfig.service \
	selinux-autorelabel.service selinux-autorelabel-mark.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/systemd/journald.conf.d"
ln -s ../guest-job.service "$root/etc/systemd/system/multi-user.target.wants/guest-job.service"
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/volatile.conf"

for hook in "${hooks[@]}"; do
	log "hook: $hook"
	chroot "$root" sh -ec "$hook" >&2
done

# --- kernel and initial RAM disk -------------------------------------------------
version=$(find "$root/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
[ -n "$version" ] || die "no kernel in the new root"
cp "$root/boot/vmlinuz-$version" "$tmp/vmlinuz"
rm -f "$root"/boot/vmlinuz-* "$root"/boot/initrd* "$root"/boot/System.map*
log "initial RAM disk for $version"
ird=$tmp/initrd
mkdir -p "$ird"/{bin,dev,proc,sys,root,modules}
cp "$root/bin/busybox" "$ird/bin/busybox"
n=0
for module in virtio_pci virtio_blk ext4; do
	while read -r what path _; do
		[ "$what" = insmod ] || continue # "builtin"
		name=${path##*/}
		[ -z "$(find "$ird/modules" -name "[0-9]*-$name")" ] || continue
		cp "$root$path" "$ird/modules/$(printf %02d $n)-$name"
		n=$((n + 1))
	done < <(chroot "$root" modprobe --set-version "$version" --ignore-install --show-depends "$module")
done
# busybox's insmod reads plain and gzip-compressed modules only
find "$ird/modules" -name '*.xz' -exec xz -d {} +
find "$ird/modules" -name '*.zst' -exec zstd -q -d --rm {} +
cat >"$ird/init" <<-'END'
	#!/bin/busybox sh
	B=/bin/busybox
	$B mount -t proc none /proc; $B mount -t sysfs none /sys; $B mount -t devtmpfs none /dev
	for m in /modules/*; do $B insmod $m; done
	dev= i=0
	while [ -z "$dev" ] && [ $i -lt 100 ]; do
		for s in /sys/block/vd*/serial; do
			[ "$($B cat $s 2>/dev/null)" = root ] && s=${s%/serial} && dev=/dev/${s##*/}
		done
		[ -n "$dev" ] || $B sleep 0.1; i=$((i+1))
	done
	$B mount -t ext4 -o noatime $dev /root || { echo "no root disk"; $B sleep 1; $B reboot -f; }
	$B umount /proc; $B umount /sys; $B mount --move /dev /root/dev
	exec $B switch_root /root /sbin/init
END
chmod 755 "$ird/init"
(cd "$ird" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$tmp/initrd.img"

# --- labels for SELinux ------------------------------------------------------------
log "SELinux policy and labels"
# guestchannel: every domain may write to the channels to the host.
# guestcontainer, where Debian's policy lacks the types for containers:
# container_t exists and is permissive, so a process gets the label and
# nothing is refused to it.
modules=(/root/guestchannel.cil)
echo '(allow domain virtio_device_t (chr_file (all)))' >"$root/root/guestchannel.cil"
if ! chroot "$root" semodule -l 2>/dev/null | grep -qw container; then
	modules+=(/root/guestcontainer.cil)
	cat >"$root/root/guestcontainer.cil" <<-'END'
		(type container_t)
		(roletype system_r container_t)
		(roletype unconfined_r container_t)
		(typeattributeset domain (container_t))
		(typepermissive container_t)
		(type container_file_t)
		(roletype object_r container_file_t)
		(typeattributeset file_type (container_file_t))
		(allow domain container_t (process (all)))
		(allow domain container_t (process2 (all)))
		(allow domain container_t (fd (use)))
		(allow domain container_t (key (all)))
		(allow domain container_t (fifo_file (all)))
		(allow domain container_t (dir (all)))
		(allow domain container_t (file (all)))
		(allow domain container_t (lnk_file (all)))
		(allow domain container_t (unix_stream_socket (all)))
		(allow domain container_file_t (dir (all)))
		(allow domain container_file_t (file (all)))
		(allow domain container_file_t (lnk_file (all)))
		(allow domain container_file_t (chr_file (all)))
		(allow domain container_file_t (fifo_file (all)))
		(allow domain container_file_t (sock_file (all)))
		(allow domain container_file_t (filesystem (all)))
		(allow file_type container_file_t (filesystem (associate)))
		(allow container_file_t filesystem_type (filesystem (associate)))
	END
fi
chroot "$root" semodule -n -i "${modules[@]}" >"$tmp/semodule.log" 2>&1 ||
	{ tail -n 5 "$tmp/semodule.log" >&2; die "cannot add to the SELinux policy"; }
# setfiles needs /proc; -m: do not leave out file systems that the running
# kernel has no labels for. The mount is gone with the namespace.
# shellcheck disable=SC2016 # the inner shell expands it
unshare -m sh -ec '
	mount -t proc proc "$1/proc"
	exec chroot "$1" setfiles -m -F -e /proc /etc/selinux/default/contexts/files/file_contexts /
' sh "$root" >"$tmp/setfiles.log" 2>&1 || { tail -n 5 "$tmp/setfiles.log" >&2; die "labelling failed"; }

# --- root disk -----------------------------------------------------------------------
log "root disk"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
mke2fs -q -t ext4 -L root -m 0 -O ^has_journal -E lazy_itable_init=1,nodiscard \
	-d "$root" "$tmp/rootfs.ext4" "$size" >/dev/null
debugfs -R 'ea_get /usr/bin/bash security.selinux' "$tmp/rootfs.ext4" 2>/dev/null |
	grep -q object_r || die "no SELinux labels on the root disk"
mv -f "$tmp/vmlinuz" "$tmp/initrd.img" "$tmp/rootfs.ext4" "$out/"
{
	echo "key=$key"
	echo "suite=$suite"
	echo "kernel=$version"
} >"$out/image.info"
log "done: $out, $(du -sh --apparent-size "$root" | cut -f1) installed, disk $(du -h "$out/rootfs.ext4" | cut -f1)"
