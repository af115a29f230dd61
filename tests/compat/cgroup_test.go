package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHierarchies(t *testing.T) {
	const (
		mounts = "30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
			"31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n" +
			"32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
			"33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
		own = "3:cpu,cpuacct:/job\n2:name=systemd:/\n0::/unit\n"
	)
	want := []hierarchy{
		{"/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct", "/job"},
		{"/sys/fs/cgroup/systemd", "name=systemd", "/"},
		{"/sys/fs/cgroup/unified", "", "/unit"},
	}
	got := hierarchies(mounts, own)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if o := got[1].mountOptions(); o != "none,name=systemd" {
		t.Errorf("options of a hierarchy without controllers: %s", o)
	}
	if d := got[0].dir("x"); d != "/sys/fs/cgroup/cpu,cpuacct/job/x" {
		t.Errorf("directory: %s", d)
	}
	if got := hierarchies("31 30 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/x\n"); got != nil {
		t.Errorf("cgroup v2 alone: %v", got)
	}
}
