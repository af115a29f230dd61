package cli

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "32": 32, "32b": 32, "32B": 32, "32k": 32 << 10, "32K": 32 << 10, "32kb": 32 << 10, "32KiB": 32 << 10,
		"50M": 50 << 20, "50 MB": 50 << 20, "1.5G": 3 << 29, "2t": 2 << 40, "1p": 1 << 50, "-1": -1, ".5k": 512,
		"9223372036854775807": math.MaxInt64, "9007199254740993": 9007199254740993,
	} {
		if got, err := parseSize(in); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", " ", "M", "-2", "-1M", "+5", "5x", "5ki", "5kbb", "5 0", "1e3", "0x10", "1_000", "inf", "nan", "9223372036854775808", "8193p", "5\n", "5  M", "1.2.3",
	} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"50M", "1.5 GiB", "-1", "9223372036854775807", "1e5", "0x1p4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseSize(s); err == nil && n < -1 || err != nil && n != 0 {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	})
}

// Each flag sets one field, and a value that is none is told of.
func TestLimitFlags(t *testing.T) {
	values := map[string]string{"cpuset-cpus": "0-1", "cpuset-mems": "0", "cpu-quota": "-1", "memory-swap": "-1", "memory": "50M"}
	got := noLimits()
	for _, f := range limitFlags(got) {
		if f.set == nil {
			continue
		}
		value := values[f.name]
		if value == "" {
			value = "1000"
			if f.set("x") == nil {
				t.Errorf("--%s takes x", f.name)
			}
			if err := f.set("99999999999999999999999"); err == nil || strings.Contains(err.Error(), "strconv") {
				t.Errorf("--%s and a number that is too large: %v", f.name, err)
			}
		}
		if err := f.set(value); err != nil {
			t.Errorf("--%s %s: %v", f.name, value, err)
		}
	}
	u, i, w := uint64(1000), int64(1000), uint16(1000)
	none, limit := int64(-1), int64(50<<20)
	want := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &limit, Swap: &none, Reservation: &i},
		CPU: &specs.LinuxCPU{Shares: &u, Quota: &none, Burst: &u, Period: &u, RealtimePeriod: &u, RealtimeRuntime: &i,
			Cpus: "0-1", Mems: "0", Idle: &i},
		Pids: &specs.LinuxPids{Limit: &i}, BlockIO: &specs.LinuxBlockIO{Weight: &w},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
