package cgroups

import (
	"strings"
	"testing"

	godbus "github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"rt/cgroups/dbus"
	"rt/libcontainer/fault"
)

func TestAnnotatedProperties(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       dbus.Property
		err        string
	}{
		{name: "CollectMode", text: "'inactive-or-failed'", want: dbus.Property{Name: "CollectMode", Value: "inactive-or-failed"}},
		{name: "Description", text: `"it\'s \"x\"\n"`, want: dbus.Property{Name: "Description", Value: "it's \"x\"\n"}},
		{name: "Description", text: "string 'a'", want: dbus.Property{Name: "Description", Value: "a"}},
		{name: "TimeoutStopUSec", text: "uint64 123456789", want: dbus.Property{Name: "TimeoutStopUSec", Value: uint64(123456789)}},
		{name: "TimeoutStopUSec", text: "@t 5", want: dbus.Property{Name: "TimeoutStopUSec", Value: uint64(5)}},
		{name: "TimeoutStopUSec", text: " 0x10 ", want: dbus.Property{Name: "TimeoutStopUSec", Value: uint64(16)}},
		{name: "MemoryHigh", text: "infinity", want: dbus.Property{Name: "MemoryHigh", Value: uint64(infinity)}},
		{name: "MemoryHigh", text: "'infinity'", want: dbus.Property{Name: "MemoryHigh", Value: uint64(infinity)}},
		{name: "MemoryHigh", text: "18446744073709551615", want: dbus.Property{Name: "MemoryHigh", Value: uint64(infinity)}},
		{name: "TimeoutStopSec", text: "10", want: dbus.Property{Name: "TimeoutStopUSec", Value: uint64(10000000)}},
		{name: "TimeoutStopSec", text: "int32 10", want: dbus.Property{Name: "TimeoutStopUSec", Value: uint64(10000000)}},
		{name: "RuntimeMaxSec", text: "1.5", want: dbus.Property{Name: "RuntimeMaxUSec", Value: uint64(1500000)}},
		{name: "RuntimeMaxSec", text: "infinity", want: dbus.Property{Name: "RuntimeMaxUSec", Value: uint64(infinity)}},
		{name: "KillSignal", text: "-1", want: dbus.Property{Name: "KillSignal", Value: int32(-1)}},
		{name: "ManagedOOMMemoryPressureLimit", text: "7", want: dbus.Property{Name: "ManagedOOMMemoryPressureLimit", Value: uint32(7)}},
		{name: "SendSIGHUP", text: "true", want: dbus.Property{Name: "SendSIGHUP", Value: true}},
		{name: "DefaultDependencies", text: "boolean false", want: dbus.Property{Name: "DefaultDependencies", Value: false}},
		{name: "After", text: "['a.service', \"b.service\"]", want: dbus.Property{Name: "After", Value: []string{"a.service", "b.service"}}},
		{name: "After", text: "@as []", want: dbus.Property{Name: "After", Value: []string{}}},
		{name: "AllowedCPUs", text: "'0-1'", want: dbus.Property{Name: "AllowedCPUs", Value: []byte{3}}},

		{name: "Wants", text: "['reboot.target']", err: "not a property that a container may set"},
		{name: "ExecStart", text: "'x'", err: "not a property that a container may set"},
		{name: "FailureAction", text: "'reboot'", err: "not a property that a container may set"},
		{name: "JobTimeoutAction", text: "'reboot'", err: "not a property that a container may set"},
		{name: "PIDs", text: "[1]", err: "not a property that a container may set"},
		{name: "DeviceAllow", text: "[]", err: "not a property that a container may set"},
		{name: "", text: "1", err: "not a property that a container may set"},
		{name: "Sec", text: "1", err: "not a property that a container may set"},
		{name: "CollectMode", text: "inactive", err: `"inactive" is neither a number, true or false, nor quoted`},
		{name: "CollectMode", text: "5", err: "wants a quoted string"},
		{name: "CollectMode", text: "'a", err: "a string that does not end"},
		{name: "CollectMode", text: "'a\\", err: "a string that does not end"},
		{name: "CollectMode", text: `'\q'`, err: `\q is none of`},
		{name: "CollectMode", text: "'a' 'b'", err: `"'b'" behind the value`},
		{name: "CollectMode", text: "", err: "there is no value"},
		{name: "CollectMode", text: "string", err: "there is no value"},
		{name: "CollectMode", text: "@s @s 'x'", err: "two types"},
		{name: "TimeoutStopUSec", text: "-1", err: "wants a number (uint64) or infinity"},
		{name: "TimeoutStopUSec", text: "1.5", err: "wants a number"},
		{name: "TimeoutStopUSec", text: "99999999999999999999", err: "wants a number"},
		{name: "TimeoutStopUSec", text: "int32 5", err: "wants a number"},
		{name: "TimeoutStopUSec", text: "'5'", err: "wants a number"},
		{name: "TimeoutStopSec", text: "-1", err: "is no number of seconds"},
		{name: "TimeoutStopSec", text: "1e30", err: "is no number of seconds"},
		{name: "TimeoutStopSec", text: "'5s'", err: "wants a number"},
		{name: "KillSignal", text: "4294967296", err: "wants a number (int32)"},
		{name: "SendSIGHUP", text: "1", err: "wants true or false"},
		{name: "After", text: "'a'", err: "wants a list of quoted strings"},
		{name: "After", text: "[1]", err: "wants a list of quoted strings"},
		{name: "After", text: "[uint64 'a']", err: "wants a list of quoted strings"},
		{name: "After", text: "['a'", err: "a list that does not end"},
		{name: "After", text: "['a' 'b']", err: "a list that does not end"},
		{name: "After", text: "[['a']]", err: "a list in a list"},
		{name: "After", text: "[@as ['a']]", err: "a list in a list"},
		{name: "After", text: "['a',]", err: "neither"},
		{name: "AllowedCPUs", text: "'x'", err: "wants a quoted list like"},
	} {
		key := annotationPrefix + test.name
		got, err := annotatedProperties(map[string]string{key: test.text, "other": "x"})
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) ||
				!strings.HasPrefix(err.Error(), `cgroup: annotations["`+key+`"]`) || fault.Hint(err) == "" {
				t.Errorf("%s=%s: error %v, want %q", test.name, test.text, err, test.err)
			}
			continue
		}
		if diff := cmp.Diff(properties{test.want}, got); err != nil || diff != "" {
			t.Errorf("%s=%s: %v (-want +got):\n%s", test.name, test.text, err, diff)
		}
	}
}

func FuzzAnnotatedProperty(f *testing.F) {
	for _, s := range []string{"'a'", "uint64 5", "['a', \"b\"]", "@as []", "true", "-0x1", "1.5e3", `'\n`, "infinity", "[[", "@@ 1"} {
		for _, name := range []string{"CollectMode", "TimeoutStopUSec", "TimeoutStopSec", "After", "SendSIGHUP", "KillSignal", "AllowedCPUs"} {
			f.Add(name, s)
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		p, err := annotatedProperty(name, text)
		if err != nil {
			return
		}
		sig, ok := propertyType(p.Name)
		if sig == "cpus" {
			sig = "ay"
		}
		if got := godbus.SignatureOf(p.Value).String(); !ok || got != sig {
			t.Errorf("%s=%q: %q of type %q, want %q", name, text, p.Name, got, sig)
		}
	})
}
