#!/bin/sh
# Makes a small bundle from busybox in a temporary directory, runs a container
# with the runtime $1 in it, which prints what it sees, and cleans up.
set -eu

rt=$1
dir=$(mktemp -d)
id=demo-$$
cleanup() {
	"$rt" --root "$dir/state" delete --force "$id" >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir -p "$dir/rootfs/bin" "$dir/rootfs/proc" "$dir/rootfs/sys" "$dir/rootfs/dev" "$dir/rootfs/etc"
busybox=$(command -v busybox)
cp "$busybox" "$dir/rootfs/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -sf busybox "$dir/rootfs/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$dir/rootfs/etc/passwd"

cat >"$dir/rootfs/look" <<'LOOK'
#!/bin/sh
echo "hostname     $(hostname)"
echo "user         $(id)"
echo "pid          $$ (1 is the first process of a pid namespace)"
ps=$(ps -o pid,args)
echo "processes    $(echo "$ps" | grep -c -v PID)"
echo "$ps" | sed 's/^/             /'
echo "mounts       $(wc -l </proc/self/mountinfo)"
echo "root         $(ls -C / | tr -s ' \n' ' ')"
echo "cgroup       $(cut -d: -f2- /proc/self/cgroup | tr '\n' ' ')"
echo "capabilities $(grep CapEff /proc/self/status | cut -f2)"
echo "seccomp      $(grep Seccomp: /proc/self/status | cut -f2), new privileges $(grep -q 'NoNewPrivs:.*1' /proc/self/status && echo refused || echo allowed)"
echo "network      $(ls /sys/class/net | tr '\n' ' ')"
echo "write to /   $(touch /x 2>/dev/null && echo works || echo refused: the root is read-only)"
LOOK
chmod +x "$dir/rootfs/look"

"$rt" spec --bundle "$dir"
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"/"\/look"/' -e 's/"hostname": "[^"]*"/"hostname": "new-world"/' "$dir/config.json"

echo "a container, as it sees itself (on a host called $(hostname), with $(wc -l </proc/self/mountinfo) mounts):"
echo
"$rt" --root "$dir/state" run --bundle "$dir" "$id"
echo
echo "It is gone. By hand: see README.md."
