package spec

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func mountRules() []ruleCase {
	m := func(mount string) string { return `{"mounts": [` + mount + `]}` }
	const ids = `"uidMappings": [{"containerID": 0, "hostID": 5, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 5, "size": 1}]`
	return []ruleCase{
		{name: "bind", patch: m(`{"destination": "/a", "source": "b", "options": ["rbind", "idmap"], ` + ids + `}`)},
		{name: "remount", patch: m(`{"destination": "/a", "options": ["remount", "bind", "ro"]}`)},
		{name: "no destination", patch: m(`{"destination": "", "type": "tmpfs"}`), want: []string{"mounts[0].destination: must be set, to an absolute path in the container"}},
		{name: "relative destination", patch: m(`{"destination": "tmp", "type": "tmpfs"}`),
			warns: []string{`mounts[0].destination: "tmp" is relative, which is deprecated; it is taken from /`}},
		{name: "no type", patch: m(`{"destination": "/a", "source": "/b", "type": "", "options": ["ro"]}`),
			want: []string{`mounts[0].type: must be set (for a bind mount, add "bind" or "rbind" to its options)`}},
		{name: "no source", patch: m(`{"destination": "/a", "source": "", "options": ["bind"]}`), want: []string{"mounts[0].source: must be set for a bind mount"}},
		{name: "NUL", patch: m(`{"destination": "/\u0000", "type": "\u0000", "source": "\u0000", "options": ["\u0000"]}`), want: []string{
			`mounts[0].destination: has a NUL byte in it: "/\x00"`, `mounts[0].type: has a NUL byte in it: "\x00"`,
			`mounts[0].source: has a NUL byte in it: "\x00"`, `mounts[0].options[0]: has a NUL byte in it: "\x00"`}},
		{name: "unmapped owner", patch: m(`{"destination": "/a", "type": "tmpfs", "options": ["uid=9", "uid=10", "gid=11", "mode=0"]}`), edit: userNS, want: []string{
			`mounts[0].options[1]: "uid=10": uid 10 is not in linux.uidMappings`, `mounts[0].options[2]: "gid=11": gid 11 is not in linux.gidMappings`}},
		{name: "idmap without bind", patch: m(`{"destination": "/a", "type": "tmpfs", "options": ["idmap"], ` + ids + `}`)},
		{name: "idmap of what is there", patch: m(`{"destination": "/a", "options": ["remount", "idmap"], ` + ids + `}`),
			want: []string{"mounts[0]: the ids of a mount that is there already cannot be mapped"}},
		{name: "idmap without anything", patch: m(`{"destination": "/a", "source": "/b", "options": ["bind", "ridmap"]}`),
			want: []string{"mounts[0].options: idmap needs uidMappings and gidMappings here, or a user namespace to take them from"}},
		{name: "idmap of the user namespace", patch: m(`{"destination": "/a", "source": "/b", "options": ["bind", "ridmap"]}`), edit: userNS},
		{name: "uidMappings alone", patch: m(`{"destination": "/a", "source": "/b", "options": ["bind"], "uidMappings": [{"size": 1}]}`),
			want: []string{"mounts[0].gidMappings: must be set when uidMappings is"}},
		{name: "gidMappings alone", patch: m(`{"destination": "/a", "source": "/b", "options": ["bind"], "gidMappings": [{"size": 0}]}`),
			want: []string{"mounts[0].uidMappings: must be set when gidMappings is", "mounts[0].gidMappings[0].size: must be > 0"}},
		{name: "bad uidMappings", patch: m(`{"destination": "/a", "source": "/b", "options": ["bind"], "gidMappings": [{"size": 1}], "uidMappings": [{"size": 0}]}`),
			want: []string{"mounts[0].uidMappings[0].size: must be > 0"}},
	}
}

func namespaceRules() []ruleCase {
	const types = "cgroup, ipc, mount, network, pid, time, user, uts"
	noMounts := func(s *specs.Spec) { s.Mounts = nil }
	user := func(fields string) ruleCase {
		return ruleCase{patch: `{"linux": {` + fields + `}}`, edit: noMounts}.withNS(specs.UserNamespace, "")
	}
	const gid = `"gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]`
	named := func(name string, rc ruleCase, want ...string) ruleCase {
		rc.name, rc.want = name, want
		return rc
	}
	offsets := func(clock string) ruleCase {
		return ruleCase{patch: `{"linux": {"timeOffsets": {` + clock + `}}}`}.withNS(specs.TimeNamespace, "")
	}
	return []ruleCase{
		named("unknown type", ruleCase{}.withNS("net", ""), `linux.namespaces[6].type: "net" is not known; want one of `+types),
		named("no type", ruleCase{}.withNS("", ""), `linux.namespaces[6].type: must be set, to one of `+types),
		named("twice", ruleCase{}.withNS(specs.PIDNamespace, ""), `linux.namespaces[6].type: "pid" is there twice, first in linux.namespaces[0]`),
		named("relative path", ruleCase{}.withNS(specs.TimeNamespace, "ns/time"), `linux.namespaces[6].path: must be an absolute path, got "ns/time"`),
		{name: "rootless without user", host: &Host{Rootless: true}, want: []string{
			`linux.namespaces: must have one of type "user": only root can make containers without (rt spec --rootless makes one that has it)`}},

		named("user namespace by path", ruleCase{}.withNS(specs.UserNamespace, "/proc/1/ns/user")),
		named("no mappings", user(``),
			`linux.uidMappings: must be set: a new user namespace needs mappings ({"containerID": 0, "hostID": 100000, "size": 65536} is a usual one)`,
			`linux.gidMappings: must be set: a new user namespace needs mappings ({"containerID": 0, "hostID": 100000, "size": 65536} is a usual one)`),
		{name: "mappings without user", patch: `{"linux": {` + gid + `}}`,
			want: []string{`linux.gidMappings: needs a user namespace (add {"type": "user"} to linux.namespaces)`}},
		named("empty mapping", user(gid+`, "uidMappings": [{"size": 1}, {"size": 0}]`), "linux.uidMappings[1].size: must be > 0"),
		named("overlaps", user(gid+`, "uidMappings": [{"containerID": 0, "hostID": 0, "size": 10}, {"containerID": 9, "hostID": 9, "size": 1}, {"containerID": 10, "hostID": 10, "size": 1}]`),
			"linux.uidMappings[1].containerID: overlaps with entry [0]", "linux.uidMappings[1].hostID: overlaps with entry [0]"),
		named("whole range", user(gid+`, "uidMappings": [{"containerID": 0, "hostID": 0, "size": 4294967295}]`)),
		named("beyond the end", user(gid+`, "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}, {"containerID": 1, "hostID": 4294967295, "size": 1}]`),
			"linux.uidMappings[1].size: hostID 4294967295 + size 1 goes beyond the last id 4294967294"),
		named("beyond the container's end", user(gid+`, "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}, {"containerID": 4294967295, "hostID": 2, "size": 1}]`),
			"linux.uidMappings[1].size: containerID 4294967295 + size 1 goes beyond the last id 4294967294"),
		named("too many", user(gid+`, "uidMappings": [{"size": 1}`+strings.Repeat(`, {"size": 1}`, 340)+`]`), "linux.uidMappings: has 341 entries, and the kernel takes 340"),

		named("time offsets", offsets(`"monotonic": {"secs": 5}, "boottime": {"secs": -9223372036, "nanosecs": 999999999}`)),
		{name: "offsets without time", patch: `{"linux": {"timeOffsets": {"monotonic": {"secs": 5}}}}`,
			want: []string{`linux.timeOffsets: needs a time namespace (add {"type": "time"} to linux.namespaces)`}},
		named("offsets of an existing one", ruleCase{patch: `{"linux": {"timeOffsets": {"monotonic": {"secs": 5}}}}`}.withNS(specs.TimeNamespace, "/t"),
			"linux.timeOffsets: cannot be set in the existing time namespace /t"),
		named("unknown clock", offsets(`"realtime": {}`), `linux.timeOffsets["realtime"]: "realtime" is not known; want one of monotonic, boottime`),
		named("offset range", offsets(`"boottime": {"secs": 4611686019, "nanosecs": 1000000000}, "monotonic": {"secs": -9223372037}`),
			`linux.timeOffsets["boottime"].secs: must be -9223372036..4611686018, got 4611686019`,
			`linux.timeOffsets["boottime"].nanosecs: must be 0..999999999, got 1000000000`,
			`linux.timeOffsets["monotonic"].secs: must be -9223372036..4611686018, got -9223372037`),
	}
}

func linuxRules() []ruleCase {
	l := func(fields string) string { return `{"linux": {` + fields + `}}` }
	const types = "c, b, u, p"
	return []ruleCase{
		{name: "sysctl", patch: l(`"sysctl": {"net.core.somaxconn": "1", "net/ipv4/ip_forward": "1", "kernel.sem": "1", "fs.mqueue.msg_max": "1", "kernel.domainname": "d"}`)},
		{name: "host sysctl", patch: l(`"sysctl": {"kernel.core_pattern": "|x", "vm.swappiness": "1"}`), want: []string{
			`linux.sysctl["kernel.core_pattern"]: is not in a namespace of its own and would change the host (set it on the host)`,
			`linux.sysctl["vm.swappiness"]: is not in a namespace of its own and would change the host (set it on the host)`}},
		{name: "sysctl with dots", patch: l(`"sysctl": {"net.//.kernel": "1", "net/../kernel/core_pattern": "1", "net..x": "1", "": "1", "net.\u0000": "\u0000"}`), want: []string{
			`linux.sysctl[""]: is not the name of a kernel parameter`,
			`linux.sysctl["net.\x00"]: has a NUL byte in it: "\x00"`,
			`linux.sysctl["net.\x00"]: is not the name of a kernel parameter`,
			`linux.sysctl["net..x"]: is not the name of a kernel parameter`,
			`linux.sysctl["net.//.kernel"]: is not the name of a kernel parameter`,
			`linux.sysctl["net/../kernel/core_pattern"]: is not the name of a kernel parameter`}},
		{name: "sysctl without network", patch: l(`"sysctl": {"net.core.somaxconn": "1"}`), edit: dropNamespace(specs.NetworkNamespace),
			want: []string{`linux.sysctl["net.core.somaxconn"]: needs a namespace of type network, or it would change the host's (add {"type": "network"} to linux.namespaces)`}},
		{name: "sysctl without ipc", patch: l(`"sysctl": {"kernel.shmmax": "1"}`), edit: dropNamespace(specs.IPCNamespace),
			want: []string{`linux.sysctl["kernel.shmmax"]: needs a namespace of type ipc, or it would change the host's (add {"type": "ipc"} to linux.namespaces)`}},
		{name: "sysctl without uts", patch: `{"hostname": "", "linux": {"sysctl": {"kernel.domainname": "1"}}}`, edit: dropNamespace(specs.UTSNamespace),
			want: []string{`linux.sysctl["kernel.domainname"]: needs a namespace of type uts, or it would change the host's (add {"type": "uts"} to linux.namespaces)`}},
		{name: "sysctl hostname", patch: l(`"sysctl": {"kernel.hostname": "h"}`),
			want: []string{`linux.sysctl["kernel.hostname"]: is not allowed, it conflicts with the field hostname (set "hostname")`}},
		{name: "sysctl domainname", patch: `{"domainname": "d", "linux": {"sysctl": {"kernel.domainname": "d"}}}`,
			want: []string{`linux.sysctl["kernel.domainname"]: is set by the field domainname already (keep one of the two)`}},
		{name: "cgroupsPath", patch: l(`"cgroupsPath": "/a/../../b"`), want: []string{`linux.cgroupsPath: must not have .. in it, got "/a/../../b"`}},
		{name: "cgroupsPath of systemd", patch: l(`"cgroupsPath": "system.slice:rt:a..b"`)},

		{
			name: "NUL",
			patch: `{"hostname": "\u0000", "process": {"apparmorProfile": "\u0000"}, "linux": {"cgroupsPath": "\u0000",
				"resources": {"cpu": {"cpus": "\u0000", "mems": "\u0000"}}, "seccomp": {"defaultAction": "SCMP_ACT_LOG", "listenerPath": "\u0000"}}}`,
			want: []string{
				`process.apparmorProfile: has a NUL byte in it: "\x00"`, `hostname: has a NUL byte in it: "\x00"`,
				`linux.resources.cpu.cpus: has a NUL byte in it: "\x00"`, `linux.resources.cpu.mems: has a NUL byte in it: "\x00"`,
				`linux.cgroupsPath: has a NUL byte in it: "\x00"`, `linux.seccomp.listenerPath: has a NUL byte in it: "\x00"`},
		},

		{name: "devices", patch: l(`"devices": [{"path": "/dev/a", "type": "c", "major": 10, "minor": 666, "fileMode": 8630}, {"path": "/dev/f", "type": "p", "major": -8},
			{"path": "/dev//a", "type": "u", "major": 10, "minor": 666}]`)},
		{name: "device path", patch: l(`"devices": [{"path": "dev/a", "type": "c"}]`), want: []string{`linux.devices[0].path: must be an absolute path, got "dev/a"`}},
		{name: "device type", patch: l(`"devices": [{"path": "/a", "type": "d"}, {"path": "/b"}]`), want: []string{
			`linux.devices[0].type: "d" is not known; want one of ` + types, "linux.devices[1].type: must be set, to one of " + types}},
		{name: "device numbers", patch: l(`"devices": [{"path": "/a", "type": "b", "major": 4096, "minor": -1}]`), want: []string{
			"linux.devices[0].major: must be 0..4095, got 4096", "linux.devices[0].minor: must be 0..1048575, got -1"}},
		{name: "two devices", patch: l(`"devices": [{"path": "/a", "type": "c", "major": 1}, {"path": "/x/../a", "type": "c", "major": 2}]`),
			want: []string{"linux.devices[1].path: /a is another device in linux.devices[0]"}},

		{name: "net device names", patch: l(`"netDevices": {"eth0": {"name": "web%d"}, "a/b": {}, "eth1": {"name": "0123456789abcdef"}}`), want: []string{
			`linux.netDevices["a/b"]: "a/b" is not the name of a network interface`,
			`linux.netDevices["eth1"].name: "0123456789abcdef" is not the name of a network interface`}},
		{name: "net device clash", patch: l(`"netDevices": {"eth0": {"name": "eth1"}, "eth1": {}, "v0": {"name": "v%d"}, "v1": {"name": "v%d"}}`), want: []string{
			`linux.netDevices["eth1"].name: "eth1" is the name of eth0 already (end the name in %d to get a free one)`}},
		{name: "net device without network", patch: l(`"netDevices": {"eth0": {}}`), edit: dropNamespace(specs.NetworkNamespace), want: []string{
			`linux.netDevices: needs a network namespace (add {"type": "network"} to linux.namespaces)`}},

		{name: "propagation", patch: l(`"rootfsPropagation": "private,rec"`), want: []string{`linux.rootfsPropagation: "private,rec" is not known; ` +
			`want one of shared, slave, private, unbindable, rshared, rslave, rprivate, runbindable`}},
		{name: "docker's propagation", patch: l(`"rootfsPropagation": "rslave"`)},
		{name: "hidden paths", patch: l(`"maskedPaths": ["proc/x"], "readonlyPaths": ["/a", ""]`), want: []string{
			`linux.maskedPaths[0]: must be an absolute path, got "proc/x"`, "linux.readonlyPaths[1]: must be set, to an absolute path"}},
		{name: "hidden paths of the host", edit: dropNamespace(specs.MountNamespace), want: []string{
			`linux.maskedPaths: needs a mount namespace: without one it would hide the host's files (add {"type": "mount"} to linux.namespaces)`,
			`linux.readonlyPaths: needs a mount namespace: without one it would hide the host's files (add {"type": "mount"} to linux.namespaces)`}},
		{name: "intelRdt", patch: l(`"intelRdt": {"closID": "/", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20"}`)},
		{name: "intelRdt fields", patch: l(`"intelRdt": {"closID": "../x", "schemata": ["a\nb"], "l3CacheSchema": "0=f", "memBwSchema": "0=20"}`),
			want: []string{
				`linux.intelRdt.closID: must be a plain name or "/", got "../x"`,
				`linux.intelRdt.schemata[0]: must be one line, got "a\nb"`,
				`linux.intelRdt.memBwSchema: must be one line that starts with "MB:", got "0=20"`},
			warns: []string{`linux.intelRdt.l3CacheSchema: should be one line that starts with "L3:", got "0=f"`}},
		{name: "personality", patch: l(`"personality": {"domain": "LINUX32"}`)},
		{name: "personality domain", patch: l(`"personality": {"domain": "BSD", "flags": ["X"]}`), want: []string{
			`linux.personality.domain: "BSD" is not known; want one of LINUX, LINUX32`,
			`linux.personality.flags[0]: "X" is not supported: the specification has no flags yet`}},
	}
}

func resourceRules() []ruleCase {
	r := func(fields string) string { return `{"linux": {"resources": {` + fields + `}}}` }
	v2 := &Host{Controllers: []string{"cpu", "io"}, CgroupV2: true}
	none := &Host{Controllers: []string{}}
	missing := func(field, name string) string {
		return "linux.resources." + field + `: needs the cgroup controller "` + name + `", which this host does not offer (usable here: none)`
	}
	return []ruleCase{
		{name: "docker's zeros", host: none, patch: r(`"memory": {"limit": 0, "disableOOMKiller": false}, "cpu": {"shares": 0}, "blockIO": {"weight": 0}, "pids": {"limit": -1}`)},
		{name: "device rule type", patch: r(`"devices": [{"type": "p", "access": "r"}]`), want: []string{`linux.resources.devices[0].type: "p" is not known; want one of a, b, c`}},
		{name: "device rule numbers", patch: r(`"devices": [{"major": -1, "minor": -2, "access": "r"}, {"major": 4096, "minor": -1, "access": "w"}]`), want: []string{
			"linux.resources.devices[0].minor: must be 0..1048575, got -2", "linux.resources.devices[1].major: must be 0..4095, got 4096"}},
		{name: "device rule access", patch: r(`"devices": [{"access": "rx"}]`), want: []string{
			`linux.resources.devices[0].access: must be made of r, w and m, got "rx"`}},
		{name: "device rule for all", patch: r(`"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 10}]`)},
		{name: "memory below -1", patch: r(`"memory": {"limit": -2, "reservation": -2, "swap": -2, "kernel": -2, "kernelTCP": -2}`), want: []string{
			"linux.resources.memory.limit: must be a number of bytes, or -1 for no limit, got -2",
			"linux.resources.memory.reservation: must be a number of bytes, or -1 for no limit, got -2",
			"linux.resources.memory.swap: must be a number of bytes, or -1 for no limit, got -2",
			"linux.resources.memory.kernel: must be a number of bytes, or -1 for no limit, got -2",
			"linux.resources.memory.kernelTCP: must be a number of bytes, or -1 for no limit, got -2"}},
		{name: "swap", patch: r(`"memory": {"limit": 10, "swap": 9}`), want: []string{
			"linux.resources.memory.swap: is the limit of memory and swap together and must be at least memory.limit 10, got 9"}},
		{name: "swap as unlimited", patch: r(`"memory": {"limit": 10, "swap": -1}`)},
		{name: "swappiness", patch: r(`"memory": {"swappiness": 101}`), want: []string{"linux.resources.memory.swappiness: must be 0..100, got 101"}},
		{name: "burst", patch: r(`"cpu": {"quota": 5, "burst": 6}`), want: []string{"linux.resources.cpu.burst: must be at most cpu.quota 5, got 6"}},
		{name: "idle", patch: r(`"cpu": {"idle": 2}`), want: []string{"linux.resources.cpu.idle: must be 0 or 1, got 2"}},
		{name: "weightDevice", patch: r(`"blockIO": {"weightDevice": [{"major": 8, "minor": 0}, {"major": -1, "minor": -1, "weight": 10}]}`), want: []string{
			"linux.resources.blockIO.weightDevice[0]: must have weight, leafWeight or both",
			"linux.resources.blockIO.weightDevice[1].major: must be 0..4095, got -1",
			"linux.resources.blockIO.weightDevice[1].minor: must be 0..1048575, got -1"}},
		{name: "throttle", patch: r(`"blockIO": {"throttleReadBpsDevice": [{"major": -1}], "throttleWriteIOPSDevice": [{"minor": -1}]}`), want: []string{
			"linux.resources.blockIO.throttleReadBpsDevice[0].major: must be 0..4095, got -1",
			"linux.resources.blockIO.throttleWriteIOPSDevice[0].minor: must be 0..1048575, got -1"}},
		{name: "page size", patch: r(`"hugepageLimits": [{"pageSize": "2MB"}, {"pageSize": "64KB"}, {"pageSize": "../1GB"}, {"pageSize": "2mb"}, {"pageSize": "02MB"}, {"pageSize": "2KMB"}, {"pageSize": ""}]`), want: []string{
			`linux.resources.hugepageLimits[2].pageSize: must be a number and KB, MB or GB, such as 2MB, got "../1GB"`,
			`linux.resources.hugepageLimits[3].pageSize: must be a number and KB, MB or GB, such as 2MB, got "2mb"`,
			`linux.resources.hugepageLimits[4].pageSize: must be a number and KB, MB or GB, such as 2MB, got "02MB"`,
			`linux.resources.hugepageLimits[5].pageSize: must be a number and KB, MB or GB, such as 2MB, got "2KMB"`,
			`linux.resources.hugepageLimits[6].pageSize: must be a number and KB, MB or GB, such as 2MB, got ""`}},
		{name: "priorities", patch: r(`"network": {"priorities": [{"name": "a b"}]}`), want: []string{
			`linux.resources.network.priorities[0].name: "a b" is not the name of a network interface`}},
		{name: "rdma", patch: r(`"rdma": {"mlx 5": {"hcaHandles": 1}, "mlx5": {}}`), want: []string{
			`linux.resources.rdma["mlx 5"]: "mlx 5" is not the name of a device`,
			`linux.resources.rdma["mlx5"]: must have hcaHandles, hcaObjects or both`}},
		{name: "unified", patch: r(`"unified": {"cgroup.max.depth": "1", "io.max": "1", "hugetlb.1GB.max": "1"}`), host: v2, want: []string{
			`linux.resources.unified["hugetlb.1GB.max"]: needs the cgroup controller "hugetlb", which this host does not offer (usable here: cpu, io)`}},
		{name: "unified name", patch: r(`"unified": {"../memory.max": "1", "..": "1", "memory": "1", "": "1"}`), want: []string{
			`linux.resources.unified[""]: must be the name of a cgroup file such as memory.high (no slashes)`,
			`linux.resources.unified[".."]: must be the name of a cgroup file such as memory.high (no slashes)`,
			`linux.resources.unified["../memory.max"]: must be the name of a cgroup file such as memory.high (no slashes)`,
			`linux.resources.unified["memory"]: must be the name of a cgroup file such as memory.high (no slashes)`}},
		{name: "unified on v1", patch: r(`"unified": {"memory.high": "1"}`), host: &Host{Controllers: []string{"memory"}}, want: []string{
			"linux.resources.unified: cannot be used on cgroup v1, which this host has " +
				"(use memory, cpu and the other fields of linux.resources, or boot with cgroup v2 alone)"}},
		{name: "missing controllers", host: none, patch: r(`"memory": {"limit": 1}, "cpu": {"shares": 5, "cpus": "0"}, "pids": {"limit": 0}, "blockIO": {"weight": 5},
			"hugepageLimits": [{"pageSize": "2MB"}], "network": {"classID": 1, "priorities": [{"name": "eth0"}]}, "rdma": {"a": {"hcaObjects": 1}}`), want: []string{
			missing("memory", "memory"), missing("cpu", "cpu"), missing("cpu", "cpuset"), missing("pids", "pids"), missing("blockIO", "blkio"),
			missing("hugepageLimits", "hugetlb"), missing("network.classID", "net_cls"), missing("network.priorities", "net_prio"), missing("rdma", "rdma")}},
		{name: "io on v2", host: v2, patch: r(`"blockIO": {"throttleReadBpsDevice": [{"major": 8}]}, "cpu": {"quota": 1000}`)},
	}
}

func seccompRules() []ruleCase {
	s := func(fields string) string { return `{"linux": {"seccomp": {` + fields + `}}}` }
	rule := func(fields string) string {
		return s(`"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{` + fields + `}]`)
	}
	const actions = "SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG, SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, SCMP_ACT_TRAP"
	const operators = "SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_LE, SCMP_CMP_LT, SCMP_CMP_MASKED_EQ, SCMP_CMP_NE"
	return []ruleCase{
		{name: "whole", patch: s(`"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_SHEB"], "flags": ["SECCOMP_FILTER_FLAG_TSYNC"],
			"listenerPath": "/s", "listenerMetadata": "m", "syscalls": [{"names": ["mkdir", "new_in_7_0"], "action": "SCMP_ACT_NOTIFY", "args": [{"index": 5, "op": "SCMP_CMP_MASKED_EQ"}]},
			{"names": ["kill"], "action": "SCMP_ACT_TRACE", "errnoRet": 65535}]`)},
		{name: "no default", patch: s(``), want: []string{"linux.seccomp.defaultAction: must be set, to one of " + actions}},
		{name: "default action", patch: s(`"defaultAction": "ALLOW"`), want: []string{`linux.seccomp.defaultAction: "ALLOW" is not known; want one of ` + actions}},
		{name: "notify as default", patch: s(`"defaultAction": "SCMP_ACT_NOTIFY"`), want: []string{
			"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default action: the runtime itself could not hand over the listener any more"}},
		{name: "default errno", patch: s(`"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1`), want: []string{
			"linux.seccomp.defaultErrnoRet: must not be set: SCMP_ACT_KILL returns no errno"}},
		{name: "architecture", patch: s(`"defaultAction": "SCMP_ACT_LOG", "architectures": ["SCMP_ARCH_X86", "x86"]`), want: []string{
			`linux.seccomp.architectures[1]: "x86" is not known; want one of ` + join(seccompArchs())}},
		{name: "flag", patch: s(`"defaultAction": "SCMP_ACT_LOG", "flags": ["LOG"]`), want: []string{
			`linux.seccomp.flags[0]: "LOG" is not known; want one of SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`}},
		{name: "no listener", patch: rule(`"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"`), want: []string{
			"linux.seccomp.listenerPath: must be set when SCMP_ACT_NOTIFY is used"}},
		{name: "long listener", patch: s(`"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/` + strings.Repeat("a", 107) + `", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]`),
			want: []string{"linux.seccomp.listenerPath: is 108 bytes long, and the path of a socket has at most 107"}},
		{name: "metadata", patch: s(`"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "m"`), want: []string{
			"linux.seccomp.listenerMetadata: must not be set without listenerPath"}},
		{name: "no names", patch: rule(`"action": "SCMP_ACT_LOG"`), want: []string{"linux.seccomp.syscalls[0].names: must name at least one system call"}},
		{name: "empty name", patch: rule(`"names": [""], "action": "SCMP_ACT_LOG"`), want: []string{"linux.seccomp.syscalls[0].names[0]: must not be empty"}},
		{name: "notify on write", patch: s(`"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s", "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_NOTIFY"}]`),
			want: []string{"linux.seccomp.syscalls[0].names[1]: SCMP_ACT_NOTIFY cannot be used for the write syscall"}},
		{name: "action", patch: rule(`"names": ["a"]`), want: []string{"linux.seccomp.syscalls[0].action: must be set, to one of " + actions}},
		{name: "errno", patch: rule(`"names": ["a"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1`), want: []string{
			"linux.seccomp.syscalls[0].errnoRet: must not be set: SCMP_ACT_ALLOW returns no errno"}},
		{name: "errno range", patch: rule(`"names": ["a"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4096`), want: []string{
			"linux.seccomp.syscalls[0].errnoRet: must be 0..4095 with SCMP_ACT_ERRNO, got 4096"}},
		{name: "args", patch: rule(`"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "op": "EQ"}]`), want: []string{
			"linux.seccomp.syscalls[0].args[0].index: must be 0..5, got 6",
			`linux.seccomp.syscalls[0].args[0].op: "EQ" is not known; want one of ` + operators}},
	}
}
