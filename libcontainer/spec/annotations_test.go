package spec

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestAnnotationsAreSorted(t *testing.T) {
	if !slices.IsSorted(Annotations()) {
		t.Errorf("%q", Annotations())
	}
}

func TestParseTimeOffsets(t *testing.T) {
	for text, want := range map[string]map[string]specs.LinuxTimeOffset{
		"boottime 86400 5":                {"boottime": {Secs: 86400, Nanosecs: 5}},
		"1 -7 0\n7\t8   9\n":              {"monotonic": {Secs: -7}, "boottime": {Secs: 8, Nanosecs: 9}},
		"monotonic 1 0\nmonotonic 2 0":    {"monotonic": {Secs: 2}}, // as the kernel: the last
		"":                                nil,
		"monotonic 1":                     nil,
		"monotonic 1 0\n\nboottime 1 0":   nil,
		"realtime 1 0":                    nil,
		"boottime 1 -1":                   nil,
		"boottime 99999999999999999999 0": nil,
	} {
		got, ok := parseTimeOffsets(text)
		if ok != (want != nil) || ok && cmp.Diff(want, got) != "" {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
	}
}

func FuzzParseTimeOffsets(f *testing.F) {
	f.Add("monotonic 1 2\nboottime -3 4")
	f.Fuzz(func(t *testing.T, text string) {
		offsets, ok := parseTimeOffsets(text)
		for clock := range offsets {
			if !ok || clock != "monotonic" && clock != "boottime" {
				t.Errorf("%q: clock %q, %v", text, clock, ok)
			}
		}
	})
}

func TestAnnotationValues(t *testing.T) {
	a := map[string]string{
		"run.oci.keep_original_groups": "1", "run.oci.hooks.stdout": "/o", "run.oci.hooks.stderr": "/e",
		"run.oci.seccomp_bpf_data": "BgAAAAAA/38=", "run.oci.pidfd_receiver": "/s", "run.oci.systemd.force_cgroup_v1": "/c",
		"run.oci.timens_offset": "boottime 5 0", "run.oci.delegate-cgroup": "/init", "run.oci.systemd.subgroup": "app",
	}
	s := Default(false, true)
	s.Annotations = a
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/c", Type: "tmpfs"})
	if warnings, err := Validate(s, nil); err != nil || warnings != nil {
		t.Fatalf("%q, %v", warnings, err)
	}
	Apply(s)
	stdout, stderr := HookOutput(a)
	got := []any{KeepGroups(a), stdout, stderr, SeccompBPF(a), PidfdReceiver(a), SystemdV1(a), DelegateCgroup(a), SystemdSubgroup(a), s.Linux.TimeOffsets}
	want := []any{true, "/o", "/e", []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}, "/s", "/c", "init", "app", map[string]specs.LinuxTimeOffset{"boottime": {Secs: 5}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if KeepGroups(nil) || SeccompBPF(nil) != nil || PidfdReceiver(nil) != "" || SystemdV1(nil) != "" {
		t.Error("without annotations something is set")
	}
}
