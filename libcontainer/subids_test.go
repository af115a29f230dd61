package libcontainer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseSubIDs(t *testing.T) {
	const text = "alice:100000:65536\n1000:300000:10\nbob:1:2\n\nalice:x:5\nalice:5:0\nalice:4294967290:65536\nalice:200000:5"
	want := []idRange{{100000, 65536}, {300000, 10}, {200000, 5}}
	if got := parseSubIDs(text, []string{"1000", "alice"}); !cmp.Equal(got, want, cmp.AllowUnexported(idRange{})) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := parseSubIDs(text, []string{"ali"}); got != nil {
		t.Errorf("of somebody else: %v", got)
	}
}

func TestAroundOwn(t *testing.T) {
	type m = specs.LinuxIDMapping
	for _, test := range []struct {
		name   string
		inside uint32
		ranges []idRange
		want   []m
	}{
		{"alone", 0, nil, []m{{ContainerID: 0, HostID: 1000, Size: 1}}},
		{"alone as a user", 7, nil, []m{{ContainerID: 7, HostID: 1000, Size: 1}}},
		{"root", 0, []idRange{{100000, 65536}}, []m{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65536}}},
		{"a user in the middle", 7, []idRange{{100000, 20}}, []m{
			{ContainerID: 7, HostID: 1000, Size: 1}, {ContainerID: 0, HostID: 100000, Size: 7}, {ContainerID: 8, HostID: 100007, Size: 13}}},
		{"two ranges", 1, []idRange{{100000, 2}, {300000, 3}}, []m{
			{ContainerID: 1, HostID: 1000, Size: 1}, {ContainerID: 0, HostID: 100000, Size: 1},
			{ContainerID: 2, HostID: 100001, Size: 1}, {ContainerID: 3, HostID: 300000, Size: 3}}},
		{"the last id is not one", 0, []idRange{{1, 1<<32 - 3}, {0, 5}}, []m{
			{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 1, Size: 1<<32 - 3}}},
	} {
		if diff := cmp.Diff(test.want, aroundOwn(test.inside, 1000, test.ranges)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
