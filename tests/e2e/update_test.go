package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// limit is a limit as it stands in a control file of either version.
type limit struct {
	v1, v2         string // file names
	wantV1, wantV2 string // the first word
}

func (l limit) check(t *testing.T, c *harness.Container) {
	t.Helper()
	file := c.CgroupFile(l.v1, l.v2)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := l.wantV1
	if filepath.Base(file) == l.v2 && l.v2 != l.v1 {
		want = l.wantV2
	}
	if got := strings.TrimSpace(string(data)); got != want {
		t.Errorf("%s is %q, want %q", file, got, want)
	}
}

func memoryIs(want string) limit {
	return limit{"memory.limit_in_bytes", "memory.max", want, want}
}

// totalIs is a limit on memory and swap, and what of it is left for swap.
func totalIs(total, swap string) limit {
	return limit{"memory.memsw.limit_in_bytes", "memory.swap.max", total, swap}
}

func updatable(t *testing.T) *harness.Container {
	t.Helper()
	c := harness.New(t, sh("sleep 100"))
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(96 << 20)), Reservation: ptr(int64(32 << 20))}
	c.Spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Shares: ptr(uint64(100)), Cpus: "0"}
	c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(20))}
	c.Detached()
	return c
}

const (
	mib32, mib40, mib50, mib64, mib96 = "33554432", "41943040", "52428800", "67108864", "100663296"
	mib128, mib256                    = "134217728", "268435456"
)

func TestUpdateFlags(t *testing.T) {
	c := updatable(t)
	for _, test := range []struct {
		flags []string
		want  []limit
	}{
		{[]string{"--pids-limit", "10"}, []limit{{"pids.max", "pids.max", "10", "10"}, memoryIs(mib64)}},
		{[]string{"--memory", "50M"}, []limit{memoryIs(mib50), totalIs(mib96, "48234496")}},
		{[]string{"--memory", "33554432", "--memory-swap", "32mb"}, []limit{memoryIs(mib32), totalIs(mib32, "0")}},
		{[]string{"--memory", "128m", "--memory-swap", "256M"}, []limit{memoryIs(mib128), totalIs(mib256, mib128)}},
		{[]string{"--memory", "32m", "--memory-swap", "64M"}, []limit{memoryIs(mib32), totalIs(mib64, mib32)}},
		{[]string{"--memory-swap", "96M"}, []limit{memoryIs(mib32), totalIs(mib96, mib64)}},
		{[]string{"--memory-reservation", "40M"}, []limit{{"memory.soft_limit_in_bytes", "memory.low", mib40, mib40}, memoryIs(mib32)}},
		{[]string{"--memory", "-1", "--memory-swap", "-1"}, []limit{{"memory.limit_in_bytes", "memory.max", "9223372036854771712", "max"}, totalIs("9223372036854771712", "max")}},
		{[]string{"--pids-limit", "0"}, []limit{{"pids.max", "pids.max", "1", "1"}}},
		{[]string{"--pids-limit", "-1"}, []limit{{"pids.max", "pids.max", "max", "max"}}},
		{[]string{"--cpu-quota", "60000"}, []limit{{"cpu.cfs_quota_us", "cpu.max", "60000", "60000 100000"}}},
		{[]string{"--cpu-burst", "5000"}, []limit{{"cpu.cfs_burst_us", "cpu.max.burst", "5000", "5000"}}},
		{[]string{"--cpu-period", "200000"}, []limit{{"cpu.cfs_period_us", "cpu.max", "200000", "60000 200000"}, {"cpu.cfs_burst_us", "cpu.max.burst", "5000", "5000"}}},
		{[]string{"--cpu-share", "1024"}, []limit{{"cpu.shares", "cpu.weight", "1024", "100"}}},
		{[]string{"--cpu-idle", "1"}, []limit{{"cpu.idle", "cpu.idle", "1", "1"}}},
		{[]string{"--cpuset-cpus", "0", "--cpuset-mems", "0"}, []limit{
			{"cpuset.cpus", "cpuset.cpus", "0", "0"}, {"cpuset.mems", "cpuset.mems", "0", "0"}, {"cpu.idle", "cpu.idle", "1", "1"}}},
		{[]string{"--cpu-idle", "0", "--cpu-burst", "0"}, []limit{{"cpu.idle", "cpu.idle", "0", "0"}, {"cpu.cfs_burst_us", "cpu.max.burst", "0", "0"}}},
		{[]string{"--cpu-quota", "-1"}, []limit{{"cpu.cfs_quota_us", "cpu.max", "-1", "max 200000"}}},
		{[]string{"--kernel-memory", "50M", "--kernel-memory-tcp", "1"}, nil},
		{nil, []limit{{"cpu.shares", "cpu.weight", "1024", "100"}}},
	} {
		r := c.OK(append([]string{"update", c.ID}, test.flags...)...)
		if warned := strings.Contains(r.Stderr, "has no effect"); warned != (len(test.flags) > 0 && test.flags[0] == "--kernel-memory") {
			t.Errorf("warnings: %v", r)
		}
		for _, l := range test.want {
			l.check(t, c)
		}
		if t.Failed() {
			t.Fatalf("after update %v", test.flags)
		}
	}
}

func TestUpdateFromJSON(t *testing.T) {
	c := updatable(t)
	update := func(flag []string, json string) harness.Result {
		t.Helper()
		cmd := c.Command(append([]string{"update"}, append(flag, c.ID)...)...)
		cmd.Stdin = strings.NewReader(json)
		return harness.Exec(t, cmd)
	}
	update([]string{"--resources", "-"}, `{"memory": {"limit": 52428800}, "pids": {"limit": 10}, "unknown": [1]}`).WantExit(t, 0)
	memoryIs(mib50).check(t, c)
	limit{"pids.max", "pids.max", "10", "10"}.check(t, c)
	// What Docker sends for "no value" changes nothing.
	update([]string{"--resources=-"}, `{"memory": {"limit": 0, "reservation": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0,
		"cpus": "", "mems": ""}, "blockIO": {"weight": 0}, "pids": {"limit": 0}, "devices": []}`).WantExit(t, 0)
	for _, l := range []limit{memoryIs(mib50), {"pids.max", "pids.max", "10", "10"}, {"cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000"}, {"cpuset.cpus", "cpuset.cpus", "0", "0"}} {
		l.check(t, c)
	}
	file := c.Host("resources.json")
	if err := os.WriteFile(file, []byte(`{"cpu": {"quota": 30000, "burst": 1000}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.OK("update", "-r", file, c.ID)
	limit{"cpu.cfs_quota_us", "cpu.max", "30000", "30000 100000"}.check(t, c)
	// A pipe of the shell is a file too.
	cmd := exec.Command("bash", "-c", `"$0" --root "$1" update -r <(echo '{"pids": {"limit": 12}}') "$2"`, c.Runtime.Path, c.State, c.ID)
	harness.Exec(t, cmd).WantExit(t, 0)
	limit{"pids.max", "pids.max", "12", "12"}.check(t, c)

	// Every mistake is told, with its path, and nothing is changed.
	update([]string{"-r", "-"}, `{"memory": {"limit": "50M"}, "pids": {"limit": 1}, "cpu": {"shares": -1}}`).
		WantFailure(t, "memory.limit: want a number", "cpu.shares: want a number 0..")
	update([]string{"-r", "-"}, `{"memory": {"limit": 1},}`).WantFailure(t, "standard input:1:")
	update([]string{"-r", "-"}, ``).WantFailure(t, "empty")
	c.Do("update", "-r", c.Host("nothing"), c.ID).WantFailure(t, "no such file or directory")
	limit{"pids.max", "pids.max", "12", "12"}.check(t, c)
}

func TestUpdateRefusals(t *testing.T) {
	c := updatable(t)
	for _, test := range []struct {
		flags []string
		texts []string
	}{
		{[]string{"--memory", "50X"}, []string{"invalid value for memory"}},
		{[]string{"--cpu-share", "much"}, []string{"invalid value for cpu-share"}},
		{[]string{"--pids-limit", "1M"}, []string{"invalid value for pids-limit"}},
		{[]string{"--cpuset-cpus", "99999"}, []string{"cpuset.cpus", "write 99999"}},
		{[]string{"--memory", "200M"}, []string{"memory.limit", "swap"}}, // beyond memory and swap
		{[]string{"--memory", "50M", "--memory-swap", "40M"}, []string{"memory.swap"}},
	} {
		c.Do(append([]string{"update", c.ID}, test.flags...)...).WantFailure(t, test.texts...)
	}
	if _, err := os.Stat("/sys/fs/resctrl/info"); err != nil {
		c.Do("update", "--l3-cache-schema", "L3:0=f", c.ID).WantFailure(t)
		c.Do("update", "--mem-bw-schema", "MB:0=50", c.ID).WantFailure(t)
	}
	memoryIs(mib64).check(t, c)
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.Do("update", "--memory", "50M", c.ID).WantFailure(t, "container not running")
}

func TestUpdateOfAPausedOne(t *testing.T) {
	c := updatable(t)
	c.OK("pause", c.ID)
	c.OK("update", "--pids-limit", "30", "--memory", "50M", c.ID)
	c.Await(paused)
	limit{"pids.max", "pids.max", "30", "30"}.check(t, c)
	c.OK("resume", c.ID)
	c.Await(specs.StateRunning)
}

// Device rules of a running container change; the devices that each needs stay.
func TestUpdateDevices(t *testing.T) {
	// Nobody answers to the number: what is allowed gets ENXIO.
	c := harness.New(t, sh(`mknod /tmp/node c 240 77
while :; do
	r=yes; head -c 1 /tmp/node 2>&1 | grep -q "not permitted" && r=no
	head -c 1 /dev/zero > /dev/null || r=broken
	echo $r > /answer.new; mv /answer.new /answer; sleep 0.02
done`))
	c.Runtime.Only(t, "its update does not know devices")
	c.Detached()
	answer := func(want string) {
		t.Helper()
		file := filepath.Join(c.Rootfs, "answer")
		awaitText(t, func() string {
			data, _ := os.ReadFile(file)
			return string(data)
		}, want)
	}
	update := func(json string) {
		t.Helper()
		cmd := c.Command("update", "-r", "-", c.ID)
		cmd.Stdin = strings.NewReader(json)
		harness.Exec(t, cmd).WantExit(t, 0)
	}
	answer("no")
	update(`{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 240, "minor": 77, "access": "r"}]}`)
	answer("yes")
	c.OK("update", "--pids-limit", "30", c.ID)
	answer("yes")
	update(`{"devices": [{"allow": false, "access": "rwm"}]}`)
	answer("no")
	cmd := c.Command("update", "-r", "-", c.ID)
	cmd.Stdin = strings.NewReader(`{"devices": [{"allow": true, "type": "x"}]}`)
	harness.Exec(t, cmd).WantFailure(t, "devices[0]")
	answer("no")
}
