package libcontainer

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/state"
)

func TestMappedOwner(t *testing.T) {
	maps := &specs.Linux{
		UIDMappings: []specs.LinuxIDMapping{{HostID: 100000, Size: 10}},
		GIDMappings: []specs.LinuxIDMapping{{HostID: 200000, Size: 10}},
	}
	for _, test := range []struct{ data, want []string }{
		{nil, []string{"uid=100000", "gid=200000"}},
		{[]string{"gid=3", "size=1k"}, []string{"size=1k", "uid=100000", "gid=200003"}},
		{[]string{"uid=9"}, []string{"uid=100009", "gid=200000"}},
		{[]string{"uid=10"}, nil},
		{[]string{"gid=-1"}, nil},
	} {
		got, err := mappedOwner(test.data, maps)
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%v: %v, %v", test.data, got, err)
		}
	}
}

func TestChosen(t *testing.T) {
	at := func(d string) state.Mount { return state.Mount{Mount: specs.Mount{Destination: d}} }
	added := []state.Mount{at("/a"), at("/b/"), at("/a"), at("c")}
	for _, test := range []struct {
		destinations []string
		want         []int
	}{
		{[]string{"/a"}, []int{2}},
		{[]string{"/a", "/b", "/x/../a"}, []int{2, 1, 0}},
		{[]string{"/c"}, []int{3}},
		{[]string{"/a", "/a", "/a"}, nil},
		{[]string{"/c", "/d"}, nil},
	} {
		got, err := chosen(added, test.destinations)
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%v: %v, %v", test.destinations, got, err)
		}
	}
}
