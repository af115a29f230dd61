package spec

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// ruleCase is one rule: a change to the default configuration, as a JSON
// fragment merged over it, and the errors or warnings that must come of it.
type ruleCase struct {
	name  string
	patch string              // merged over Default(false, true) by encoding/json
	edit  func(s *specs.Spec) // for what a merge cannot say
	host  *Host               // nil: no host checks
	want  []string            // FieldError texts, all of them, in order
	warns []string
}

func (rc ruleCase) run(t *testing.T) {
	s := Default(false, true)
	if rc.patch != "" {
		if err := json.Unmarshal([]byte(rc.patch), s); err != nil {
			t.Fatal(err)
		}
	}
	if rc.edit != nil {
		rc.edit(s)
	}
	warnings, err := Validate(s, rc.host)
	if diff := cmp.Diff(rc.want, texts(t, err)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rc.warns, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func texts(t *testing.T, err error) (list []string) {
	if err == nil {
		return nil
	}
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("%T is not Errors", err)
	}
	for _, e := range errs {
		list = append(list, e.Error())
	}
	return list
}

func dropNamespace(t specs.LinuxNamespaceType) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == t })
	}
}

// userNS gives the configuration a user namespace that maps 0..9.
func userNS(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
	s.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
}

func (rc ruleCase) withNS(t specs.LinuxNamespaceType, path string) ruleCase {
	edit := rc.edit
	rc.edit = func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t, Path: path})
		if edit != nil {
			edit(s)
		}
	}
	return rc
}

func TestRules(t *testing.T) {
	groups := []struct {
		name  string
		cases []ruleCase
	}{
		{"top", topRules()}, {"process", processRules()}, {"placement", placementRules()}, {"mounts", mountRules()},
		{"namespaces", namespaceRules()}, {"linux", linuxRules()}, {"resources", resourceRules()}, {"seccomp", seccompRules()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, rc := range g.cases {
				t.Run(rc.name, rc.run)
			}
		})
	}
}

func topRules() []ruleCase {
	return []ruleCase{
		{name: "the default is right"},
		{name: "no version", patch: `{"ociVersion": ""}`, want: []string{`ociVersion: must be set, e.g. to "1.3.0"`}},
		{name: "no semver", patch: `{"ociVersion": "invalid"}`, want: []string{`ociVersion: "invalid" is not a SemVer 2.0.0 version such as "1.3.0"`}},
		{name: "leading zero", patch: `{"ociVersion": "1.03.0"}`, want: []string{`ociVersion: "1.03.0" is not a SemVer 2.0.0 version such as "1.3.0"`}},
		{name: "bad prerelease", patch: `{"ociVersion": "1.0.0-01"}`, want: []string{`ociVersion: "1.0.0-01" is not a SemVer 2.0.0 version such as "1.3.0"`}},
		{name: "other major", patch: `{"ociVersion": "2.0.0"}`, want: []string{`ociVersion: "2.0.0" is not supported, only versions 1.x are`}},
		{name: "docker's", patch: `{"ociVersion": "1.0.2-dev"}`},
		{name: "development", patch: `{"ociVersion": "1.2.1-rc.1+dev.5"}`},
		{name: "newer", patch: `{"ociVersion": "1.9.0"}`, warns: []string{"ociVersion: 1.9.0 is newer than 1.3.0: what it added is ignored"}},
		{name: "no process", edit: func(s *specs.Spec) { s.Process = nil }},
		{name: "no root", edit: func(s *specs.Spec) { s.Root = nil }, want: []string{`root: must be set ("root": {"path": "rootfs"} is the usual one)`}},
		{name: "no root path", patch: `{"root": {"path": ""}}`, want: []string{"root.path: must be set, to a directory: absolute or relative to the bundle"}},
		{name: "NUL", patch: `{"root": {"path": "a\u0000b"}}`, want: []string{`root.path: has a NUL byte in it: "a\x00b"`}},
		{name: "hostname without uts", edit: dropNamespace(specs.UTSNamespace),
			want: []string{`hostname: needs a uts namespace: without one it would rename the host (add {"type": "uts"} to linux.namespaces)`}},
		{name: "domainname without uts", patch: `{"hostname": "", "domainname": "d"}`, edit: dropNamespace(specs.UTSNamespace),
			want: []string{`domainname: needs a uts namespace: without one it would rename the host (add {"type": "uts"} to linux.namespaces)`}},
		{name: "long hostname", patch: `{"hostname": "` + strings.Repeat("h", 65) + `"}`, want: []string{"hostname: is 65 bytes long, and the kernel takes 64"}},
		{name: "relative hook", patch: `{"hooks": {"prestart": [{"path": "/bin/true"}, {"path": "true"}]}}`,
			want: []string{`hooks.prestart[1].path: must be an absolute path, got "true"`}},
		{name: "hook without path", patch: `{"hooks": {"createRuntime": [{}], "createContainer": [{}], "startContainer": [{}], "poststart": [{}], "poststop": [{}]}}`,
			want: []string{
				"hooks.createRuntime[0].path: must be set, to an absolute path",
				"hooks.createContainer[0].path: must be set, to an absolute path",
				"hooks.startContainer[0].path: must be set, to an absolute path",
				"hooks.poststart[0].path: must be set, to an absolute path",
				"hooks.poststop[0].path: must be set, to an absolute path",
			}},
		{name: "hook timeout", patch: `{"hooks": {"poststop": [{"path": "/h", "timeout": 0}]}}`,
			want: []string{"hooks.poststop[0].timeout: must be > 0, got 0 (leave it out for no timeout)"}},
		{name: "hook env and args", patch: `{"hooks": {"poststop": [{"path": "/h", "args": ["\u0000"], "env": ["x"]}]}}`,
			want:  []string{`hooks.poststop[0].args[0]: has a NUL byte in it: "\x00"`},
			warns: []string{`hooks.poststop[0].env[0]: "x" is not of the form NAME=VALUE`}},
		{name: "empty annotation", patch: `{"annotations": {"": "x", "a": ""}}`, want: []string{`annotations[""]: the key must not be empty`}},
		{name: "other platforms", patch: `{"windows": {"layerFolders": []}, "vm": {"kernel": {"path": ""}}, "solaris": {}, "zos": {"namespaces": [{"type": "x"}]}}`},
		{name: "no linux section", edit: func(s *specs.Spec) { s.Linux, s.Hostname = nil, "" }},
	}
}

func processRules() []ruleCase {
	p := func(fields string) string { return `{"process": {` + fields + `}}` }
	return []ruleCase{
		{name: "console", patch: p(`"consoleSize": {"height": 65536, "width": 65536}`),
			want: []string{"process.consoleSize.height: must be 0..65535, got 65536", "process.consoleSize.width: must be 0..65535, got 65536"}},
		{name: "console without terminal", patch: p(`"terminal": false, "consoleSize": {"height": 65536, "width": 1}`)},
		{name: "no id", patch: p(`"user": {"uid": 4294967295, "gid": 4294967295, "additionalGids": [0, 4294967295]}`), want: []string{
			"process.user.uid: 4294967295 stands for no id at all",
			"process.user.gid: 4294967295 stands for no id at all",
			"process.user.additionalGids[1]: 4294967295 stands for no id at all",
		}},
		{name: "unmapped", patch: p(`"user": {"uid": 10, "gid": 11, "additionalGids": [9, 12]}`), edit: func(s *specs.Spec) { userNS(s); s.Mounts = nil }, want: []string{
			"process.user.uid: uid 10 is not in linux.uidMappings",
			"process.user.gid: gid 11 is not in linux.gidMappings",
			"process.user.additionalGids[1]: gid 12 is not in linux.gidMappings",
		}},
		{name: "umask", patch: p(`"user": {"umask": 512}`), want: []string{"process.user.umask: must be 0..511 (0777), got 512"}},
		{name: "no args", patch: p(`"args": []`), want: []string{"process.args: must not be empty: its first entry is the program"}},
		{name: "NUL", patch: p(`"args": ["a", "\u0000"], "env": ["A=\u0000"], "cwd": "/\u0000"`), want: []string{
			`process.args[1]: has a NUL byte in it: "\x00"`, `process.env[0]: has a NUL byte in it: "A=\x00"`, `process.cwd: has a NUL byte in it: "/\x00"`}},
		{name: "env", patch: p(`"env": ["A", "=B", "C=", "D=E"]`), want: []string{
			`process.env[0]: invalid environment variable: "A" is not of the form NAME=VALUE`,
			`process.env[1]: invalid environment variable: "=B" is not of the form NAME=VALUE`}},
		{name: "relative cwd", patch: p(`"cwd": "tmp"`), want: []string{`process.cwd: must be an absolute path, got "tmp"`}},
		{name: "no cwd", patch: p(`"cwd": ""`), want: []string{"process.cwd: must be set, to an absolute path"}},
		{name: "unknown capabilities are no error", patch: p(`"capabilities": {"bounding": ["CAP_FLY"]}`)},
		{name: "no capabilities", edit: func(s *specs.Spec) { s.Process.Capabilities = nil }},
		{name: "rlimit twice", patch: p(`"rlimits": [{"type": "RLIMIT_CPU"}, {"type": "RLIMIT_NOFILE"}, {"type": "RLIMIT_CPU"}]`),
			want: []string{"process.rlimits[2].type: RLIMIT_CPU is set twice, first in process.rlimits[0]"}},
		{name: "rlimit soft", patch: p(`"rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]`),
			want: []string{"process.rlimits[0].soft: must be at most the hard limit 1, got 2"}},
		{name: "rlimit unknown", patch: p(`"rlimits": [{"type": "RLIMIT_TEST"}]`), want: []string{
			`process.rlimits[0].type: "RLIMIT_TEST" is not known; want one of RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, ` +
				`RLIMIT_LOCKS, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_RTPRIO, ` +
				`RLIMIT_RTTIME, RLIMIT_SIGPENDING, RLIMIT_STACK`}},
		{name: "AppArmor off", patch: p(`"apparmorProfile": "p"`), host: &Host{}, want: []string{
			`process.apparmorProfile: profile "p" cannot be set: AppArmor is off on this host (leave the field out, or boot with AppArmor on)`}},
		{name: "AppArmor on", patch: p(`"apparmorProfile": "p"`), host: &Host{AppArmor: true}},
		{name: "oom score", patch: p(`"oomScoreAdj": -1001`), want: []string{"process.oomScoreAdj: must be -1000..1000, got -1001"}},
		{name: "SELinux off", patch: `{"process": {"selinuxLabel": "u:r:t:s0"}, "linux": {"mountLabel": "u:r:m:s0"}}`, host: &Host{}, want: []string{
			`process.selinuxLabel: label "u:r:t:s0" cannot be set: SELinux is off on this host (leave the field out, or boot with SELinux on)`,
			`linux.mountLabel: label "u:r:m:s0" cannot be set: SELinux is off on this host (leave the field out, or boot with SELinux on)`}},
		{name: "SELinux on", patch: `{"process": {"selinuxLabel": "u:r:t:s0"}, "linux": {"mountLabel": "u:r:m:s0\n"}}`, host: &Host{SELinux: true},
			want: []string{`linux.mountLabel: "u:r:m:s0\n" is not a label`}},
	}
}

func placementRules() []ruleCase {
	p := func(fields string) string { return `{"process": {` + fields + `}}` }
	m := func(fields string) string { return `{"linux": {"memoryPolicy": {` + fields + `}}}` }
	const policies = "SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE"
	return []ruleCase{
		{name: "no policy", patch: p(`"scheduler": {}`), want: []string{"process.scheduler.policy: must be set, to one of " + policies}},
		{name: "unknown policy", patch: p(`"scheduler": {"policy": "FIFO", "priority": 1}`), want: []string{`process.scheduler.policy: "FIFO" is not known; want one of ` + policies}},
		{name: "SCHED_ISO", patch: p(`"scheduler": {"policy": "SCHED_ISO", "nice": -20}`)},
		{name: "nice", patch: p(`"scheduler": {"policy": "SCHED_BATCH", "nice": 20}`), want: []string{"process.scheduler.nice: must be -20..19, got 20"}},
		{name: "realtime priority", patch: p(`"scheduler": {"policy": "SCHED_RR"}`), want: []string{"process.scheduler.priority: must be 1..99 with SCHED_RR, got 0"}},
		{name: "other priority", patch: p(`"scheduler": {"policy": "SCHED_IDLE", "priority": 1}`),
			want: []string{"process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only, and the policy is SCHED_IDLE"}},
		{name: "scheduler flag", patch: p(`"scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RECLAIM", "X"]}`), want: []string{
			`process.scheduler.flags[1]: "X" is not known; want one of SCHED_FLAG_RESET_ON_FORK, SCHED_FLAG_RECLAIM, SCHED_FLAG_DL_OVERRUN, ` +
				`SCHED_FLAG_KEEP_POLICY, SCHED_FLAG_KEEP_PARAMS, SCHED_FLAG_UTIL_CLAMP_MIN, SCHED_FLAG_UTIL_CLAMP_MAX`}},
		{name: "deadline values elsewhere", patch: p(`"scheduler": {"policy": "SCHED_OTHER", "runtime": 1, "period": 1}`), want: []string{
			"process.scheduler.runtime: is for SCHED_DEADLINE only, and the policy is SCHED_OTHER",
			"process.scheduler.period: is for SCHED_DEADLINE only, and the policy is SCHED_OTHER"}},
		{name: "deadline", patch: p(`"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 5000, "deadline": 6000, "period": 7000}`)},
		{name: "deadline order", patch: p(`"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 3000, "deadline": 2000, "period": 1999}`), want: []string{
			"process.scheduler.deadline: must be at least the runtime 3000, got 2000",
			"process.scheduler.period: must be at least the deadline 2000, got 1999"}},
		{name: "deadline runtime", patch: p(`"scheduler": {"policy": "SCHED_DEADLINE"}`),
			want: []string{"process.scheduler.runtime: must be at least 1024 ns with SCHED_DEADLINE, got 0"}},
		{name: "io class", patch: p(`"ioPriority": {"class": "RT", "priority": 8}`), want: []string{
			`process.ioPriority.class: "RT" is not known; want one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE`,
			"process.ioPriority.priority: must be 0..7, got 8"}},
		{name: "affinity", patch: p(`"execCPUAffinity": {"initial": "0-3,7", "final": "3-1"}`),
			want: []string{`process.execCPUAffinity.final: "3-1" is not a list of CPUs such as 0-3,7: "3-1" runs backwards`}},
		{name: "affinity syntax", patch: p(`"execCPUAffinity": {"initial": "1,", "final": "8192"}`), want: []string{
			`process.execCPUAffinity.initial: "1," is not a list of CPUs such as 0-3,7: "" is not a number or range`,
			`process.execCPUAffinity.final: "8192" is not a list of CPUs such as 0-3,7: "8192" is beyond 8191`}},

		{name: "memory policy", patch: m(`"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]`)},
		{name: "memory policy mode", patch: m(`"mode": "INTERLEAVE"`), want: []string{`linux.memoryPolicy.mode: invalid memory policy mode "INTERLEAVE"; ` +
			`want one of MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, MPOL_PREFERRED, MPOL_PREFERRED_MANY, MPOL_LOCAL`}},
		{name: "memory policy node", patch: m(`"mode": "MPOL_BIND", "nodes": "0,x"`),
			want: []string{`linux.memoryPolicy.nodes: invalid memory policy node in "0,x": "x" is not a number or range`}},
		{name: "memory policy without nodes", patch: m(`"mode": "MPOL_INTERLEAVE"`),
			want: []string{"linux.memoryPolicy.nodes: invalid memory policy: MPOL_INTERLEAVE mode requires at least 1 node"}},
		{name: "memory policy with nodes", patch: m(`"mode": "MPOL_DEFAULT", "nodes": "0-7"`),
			want: []string{"linux.memoryPolicy.nodes: invalid memory policy: MPOL_DEFAULT mode requires 0 nodes but got 8"}},
		{name: "memory policy flag", patch: m(`"mode": "MPOL_PREFERRED", "flags": ["X"]`), want: []string{
			`linux.memoryPolicy.flags[0]: invalid memory policy flag "X"; want one of MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES`}},
		{name: "memory policy flags", patch: m(`"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]`),
			want: []string{"linux.memoryPolicy.flags: invalid memory policy flag: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"}},
	}
}
