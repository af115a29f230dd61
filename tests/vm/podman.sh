#!/bin/bash
# In the guest: Podman with rt and with systemd as the maker of cgroups, on cgroup
# v2, for root or for a user whose systemd has delegated it some.
#
# Usage: podman.sh RT COUNTS
#
# Adds "PASSED FAILED 0" to the file COUNTS; exit 0 when nothing failed.
set -uo pipefail
rt=$1 counts=$2
user=() run=/run
[ "$(id -u)" = 0 ] || { user=(--user) run=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}; }

dir=$(mktemp -d)
trap 'podman system reset -f >/dev/null 2>&1; podman system migrate; rm -rf "$dir" "$run/podman-test"' EXIT
cat >"$dir/containers.conf" <<-END
	[containers]
	netns = "none"
	[engine]
	cgroup_manager = "systemd"
	events_logger = "file"
	runtime = "rt"
	runtime_supports_json = ["rt"]
	infra_image = "localhost/infra"
	[engine.runtimes]
	rt = ["$rt"]
END
cat >"$dir/storage.conf" <<-END
	[storage]
	driver = "overlay"
	runroot = "$run/podman-test"
	graphroot = "$dir/storage"
END
export CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf

passed=0 failed=0
is() { # is NAME WANTED COMMAND...: it succeeds and prints this, a pattern
	local out rc=0
	out=$("${@:3}" 2>&1 </dev/null) || rc=$?
	out=${out//$'\n'/ }
	# shellcheck disable=SC2053 # a pattern it is
	if [ $rc = 0 ] && [[ $out == $2 ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "podman: $(id -un): $1: exit $rc and \"$out\" instead of \"$2\""
	fi
}
unit() { systemctl "${user[@]}" show --value -p "$1" "libpod-$(podman inspect --format '{{.Id}}' web).scope"; }
state() { podman inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' "$1"; }
left() {
	for _ in {1..50}; do
		found=$(systemctl "${user[@]}" list-units --all --plain --no-legend 'libpod*.scope'
			find "$run/rt" -mindepth 1 -maxdepth 1 ! -name '@*')
		[ -n "$found" ] || break
		sleep 0.2
	done
	echo "$found"
}

mkdir -p "$dir/rootfs/bin"
cp /bin/busybox "$dir/rootfs/bin/"
for applet in sh cat echo sleep head tail hostname id mkdir; do ln -s busybox "$dir/rootfs/bin/$applet"; done
tar -C "$dir/rootfs" -cf "$dir/rootfs.tar" .
podman import -q --change 'ENV PATH=/bin' "$dir/rootfs.tar" localhost/bb >/dev/null
podman import -q --change 'ENTRYPOINT ["/bin/sleep","1000"]' "$dir/rootfs.tar" localhost/infra >/dev/null

is 'limits of a run' '67108864 50000 100000 50' podman run --rm -m 64m --cpus 0.5 --pids-limit 50 bb \
	sh -c 'cd /sys/fs/cgroup && cat memory.max cpu.max pids.max'
is 'exit status' '7' sh -c 'podman run --rm bb sh -c "exit 7"; echo $?'
is 'a scope' '0::/*.slice/libpod-*.scope' podman run --rm --cgroupns host bb cat /proc/self/cgroup
is 'detached' '*' podman run -d --name web -m 64m bb sleep 1000
is "the unit's limit" 67108864 unit MemoryMax
is 'exec' '0::/ 67108864' podman exec web cat /proc/self/cgroup /sys/fs/cgroup/memory.max
is 'update' '*' podman update -m 128m web
is "the unit's limit after it" 134217728 unit MemoryMax
is 'pause' '*' podman pause web
is 'paused' 'paused 0 false' state web
is 'unpause' '*' podman unpause web
is 'exec after it' again podman exec web echo again
is 'removal' '*' podman rm -f -t 0 web
is 'out of memory' 137 sh -c 'podman run --name oom -m 32m --memory-swap 32m bb tail /dev/zero 2>/dev/null; echo $?'
# Debian 12's conmon tells of it on cgroup v1 only, whatever the runtime.
is 'its state' 'exited 137 *' state oom
is 'a pod' '*' podman pod create --name pod
is 'in the pod' pod podman run --rm --pod pod bb hostname
is "the pod's removal" '*' podman pod rm -f -t 0 pod
is 'privileged writes to cgroups' made podman run --rm --privileged bb sh -c 'mkdir /sys/fs/cgroup/a && echo made'
[ -z "${user[*]}" ] || is 'keep-id' 1000 podman run --rm --userns keep-id bb id -u
is 'removal of all' '*' podman rm -f -t 0 -a
is 'what is left' '' left

echo "podman: $(id -un): $passed passed, $failed failed"
echo "$passed $failed 0" >>"$counts"
[ $failed = 0 ]
