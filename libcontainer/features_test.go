package libcontainer

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/spec"
)

// TestFeaturesShape: clients find each field by the name that runc gives it.
func TestFeaturesShape(t *testing.T) {
	data, err := json.Marshal(Features())
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	linux, _ := top["linux"].(map[string]any)
	for _, name := range []string{"ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux", "annotations", "potentiallyUnsafeConfigAnnotations"} {
		if top[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "intelRdt", "memoryPolicy", "mountExtensions", "netDevices"} {
		if linux[name] == nil {
			t.Errorf("linux.%s is missing", name)
		}
	}
	seccomp, _ := linux["seccomp"].(map[string]any)
	for _, name := range []string{"enabled", "actions", "operators", "archs", "knownFlags", "supportedFlags"} {
		if seccomp[name] == nil {
			t.Errorf("linux.seccomp.%s is missing", name)
		}
	}
}

// TestFeaturesAreWhole: every field of runtime-spec 1.3's structure is there; a
// field that is added to it fails here.
func TestFeaturesAreWhole(t *testing.T) {
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				t.Errorf("%s is missing", path)
				return
			}
			walk(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice, reflect.Map, reflect.String:
			if v.Len() == 0 {
				t.Errorf("%s is empty", path)
			}
		}
	}
	walk("features", reflect.ValueOf(Features()))
}

// TestFeaturesUnsafeAnnotations: all annotations that do something are listed.
func TestFeaturesUnsafeAnnotations(t *testing.T) {
	for _, name := range spec.Annotations() {
		if !slices.Contains(Features().PotentiallyUnsafeConfigAnnotations, name) {
			t.Errorf("%s is not listed", name)
		}
	}
}

// TestFeaturesAreTrue: what is listed passes validation, both versions first.
func TestFeaturesAreTrue(t *testing.T) {
	f := Features()
	check := func(what string, edit func(s *specs.Spec)) {
		t.Helper()
		s := spec.Default(false, true)
		edit(s)
		if warnings, err := spec.Validate(s, nil); err != nil || warnings != nil {
			t.Errorf("%s: %q, %v", what, warnings, err)
		}
	}
	for _, v := range []string{f.OCIVersionMin, f.OCIVersionMax} {
		check(v, func(s *specs.Spec) { s.Version = v })
	}
	check("namespaces", func(s *specs.Spec) {
		s.Linux.Namespaces = nil
		for _, ns := range f.Linux.Namespaces {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.LinuxNamespaceType(ns), Path: "/proc/self/ns/x"})
		}
	})
	check("seccomp", func(s *specs.Spec) {
		p := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/run/agent"}
		for _, a := range f.Linux.Seccomp.Archs {
			p.Architectures = append(p.Architectures, specs.Arch(a))
		}
		for _, flag := range f.Linux.Seccomp.KnownFlags {
			p.Flags = append(p.Flags, specs.LinuxSeccompFlag(flag))
		}
		for _, a := range f.Linux.Seccomp.Actions {
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"mkdir"}, Action: specs.LinuxSeccompAction(a)})
		}
		for _, op := range f.Linux.Seccomp.Operators {
			p.Syscalls[0].Args = append(p.Syscalls[0].Args, specs.LinuxSeccompArg{Op: specs.LinuxSeccompOperator(op)})
		}
		s.Linux.Seccomp = p
	})
	if !*f.Linux.NetDevices.Enabled {
		t.Error("netDevices are said not to work")
	}
	check("memory policy flags", func(s *specs.Spec) {
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}
		for _, flag := range f.Linux.MemoryPolicy.Flags {
			if flag != string(specs.MpolFRelativeNodes) { // excludes another
				s.Linux.MemoryPolicy.Flags = append(s.Linux.MemoryPolicy.Flags, specs.MemoryPolicyFlagType(flag))
			}
		}
	})
	for _, mode := range f.Linux.MemoryPolicy.Modes {
		check(mode, func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MemoryPolicyModeType(mode)}
			if mode != "MPOL_DEFAULT" && mode != "MPOL_LOCAL" {
				s.Linux.MemoryPolicy.Nodes = "0"
			}
		})
	}
	check("netDevices", func(s *specs.Spec) {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {Name: "web%d"}}
	})
}

// TestFeaturesOfTheKernel: Linux 5.14 has three of the four seccomp flags.
func TestFeaturesOfTheKernel(t *testing.T) {
	f := Features().Linux.Seccomp
	for _, flag := range []string{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"} {
		if !slices.Contains(f.SupportedFlags, flag) {
			t.Errorf("%s is not supported by this kernel? got %q", flag, f.SupportedFlags)
		}
	}
	if got := supportedFlags([]string{"SECCOMP_FILTER_FLAG_NEW"}); len(got) != 0 {
		t.Errorf("an unknown flag is supported: %q", got)
	}
}

func TestFeaturesMountOptions(t *testing.T) {
	options := Features().MountOptions
	for _, o := range []string{"rro", "idmap", "ridmap", "tmpcopyup", "nosymfollow", "defaults"} {
		if !slices.Contains(options, o) {
			t.Errorf("mount option %s is missing", o)
		}
	}
	if !slices.IsSorted(options) {
		t.Error("mount options are not sorted")
	}
}
