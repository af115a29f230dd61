package cgroups

// The writes of the controllers that differ between the versions, for v2, and
// the conversions from the spec's units, which are v1's. Pure. Files and
// units: Documentation/admin-guide/cgroup-v2.rst of the kernel.

import (
	"math"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// memoryV2: what v2 has no word for is an error (runtime-spec: a property that
// cannot be applied MUST be one), except the kernel memory limits, which the
// spec lets a runtime ignore.
func memoryV2(r *specs.LinuxResources, fresh bool) ([]write, error) {
	m := r.Memory
	if m == nil {
		return nil, nil
	}
	switch {
	case m.DisableOOMKiller != nil && *m.DisableOOMKiller:
		return nil, refuse("memory.disableOOMKiller", "cgroup v2 cannot do this")
	case m.Swappiness != nil:
		return nil, refuse("memory.swappiness", "cgroup v2 cannot do this")
	}
	limit, swap := set(m.Limit), set(m.Swap)
	swapMax, err := swapV2(limit, swap)
	if err != nil {
		return nil, err
	}
	var w []write
	if swap > 0 && limit == 0 {
		if fresh {
			return nil, refuse("memory.swap", swapAlone)
		}
		w = append(w, write{file: "memory.swap.max", from: "memory.max", edit: func(current string) (string, error) {
			return swapBeside(current, swap)
		}})
	} else if swapMax != "" && (swapMax != "max" || !fresh) {
		// Without swap accounting there is no file; "none" and "any amount"
		// of swap need none.
		w = append(w, write{file: "memory.swap.max", value: swapMax,
			optional: swapMax == "0" || swapMax == "max", quiet: true})
	}
	if limit != 0 {
		w = append(w, write{file: "memory.max", value: numMax(limit)})
	}
	if v := set(m.Reservation); v != 0 {
		w = append(w, write{file: "memory.low", value: numMax(v)})
	}
	return w, nil
}

// swapV2 turns the spec's memory+swap into v2's swap alone; "" means unset.
func swapV2(limit, swap int64) (string, error) {
	if err := checkSwap(limit, swap); err != nil {
		return "", err
	}
	switch {
	case swap == -1, limit == -1 && swap == 0:
		return "max", nil
	case swap == 0, limit == 0:
		return "", nil
	}
	return num(swap - limit), nil
}

const swapAlone = "cgroup v2 limits swap by itself: give memory.limit too"

// swapBeside is swapV2 of an update that leaves the memory limit as it is.
func swapBeside(memoryMax string, swap int64) (string, error) {
	limit, ok := parseUint(memoryMax)
	if !ok {
		return "", refuse("memory.swap", swapAlone) // "max"
	}
	if limit > uint64(swap) {
		return "", refuse("memory.swap", "is memory and swap together, so not less than the memory limit of "+memoryMax)
	}
	return num(uint64(swap) - limit), nil
}

func cpuV2(r *specs.LinuxResources, fresh bool) ([]write, error) {
	c := r.CPU
	if c == nil {
		return nil, nil
	}
	if set(c.RealtimeRuntime) != 0 || set(c.RealtimePeriod) != 0 {
		return nil, refuse("cpu.realtimeRuntime", "cgroup v2 cannot limit real-time scheduling")
	}
	var w []write
	if weight := cpuWeight(set(c.Shares)); weight != 0 && !idles(r) {
		w = append(w, write{file: "cpu.weight", value: num(weight), again: true})
	}
	if c.Burst != nil && (*c.Burst != 0 || !fresh) {
		w = append(w, write{file: "cpu.max.burst", value: num(*c.Burst), again: true})
	}
	if q, p := set(c.Quota), set(c.Period); q != 0 || p != 0 {
		w = append(w, cpuMax(q, p, fresh))
	}
	if c.Idle != nil && (*c.Idle != 0 || !fresh) {
		w = append(w, write{file: "cpu.idle", value: num(*c.Idle)})
	}
	return w, nil
}

// cpuMax: one number alone sets the quota; a period cannot be set alone.
func cpuMax(quota int64, period uint64, fresh bool) write {
	w := write{file: "cpu.max", value: numMax(quota)}
	switch {
	case quota == 0 && fresh:
		w.value = "max " + num(period)
	case quota == 0:
		w.edit = func(current string) (string, error) {
			q, _, _ := strings.Cut(current, " ")
			return q + " " + num(period), nil
		}
	case period != 0:
		w.value += " " + num(period)
	}
	return w
}

// cpuWeight converts shares (2..262144, default 1024) to a weight (1..10000,
// default 100). The exponent is the parabola in log2(shares) through these
// three points; a straight line, which runtimes used before 2025, gives the
// default container a weight of 39 only. 0 means unset.
func cpuWeight(shares uint64) uint64 {
	switch {
	case shares == 0:
		return 0
	case shares <= minShares:
		return 1
	case shares >= maxShares:
		return 10000
	}
	l := math.Log2(float64(shares))
	exact := math.Pow(10, (l*l+125*l)/612-7.0/34)
	return uint64(math.Ceil(exact - 1e-9)) // 1024 must be 100, whatever the rounding
}

func ioV2(r *specs.LinuxResources, _ bool) ([]write, error) {
	b := r.BlockIO
	if b == nil {
		return nil, nil
	}
	if set(b.LeafWeight) != 0 {
		return nil, refuse("blockIO.leafWeight", "cgroup v2 cannot do this")
	}
	var w []write
	if v := set(b.Weight); v != 0 {
		w = append(w, write{file: "io.bfq.weight", value: num(v),
			alt: &write{file: "io.weight", value: num(ioWeight(v))}})
	}
	for _, d := range b.WeightDevice {
		if set(d.LeafWeight) != 0 {
			return nil, refuse("blockIO.weightDevice.leafWeight", "cgroup v2 cannot do this")
		}
		if v := set(d.Weight); v != 0 {
			w = append(w, write{file: "io.bfq.weight", value: deviceValue(d.Major, d.Minor, num(v)),
				alt: &write{file: "io.weight", value: deviceValue(d.Major, d.Minor, num(ioWeight(v)))}})
		}
	}
	for _, t := range []struct {
		key  string
		list []specs.LinuxThrottleDevice
	}{
		{"rbps", b.ThrottleReadBpsDevice},
		{"wbps", b.ThrottleWriteBpsDevice},
		{"riops", b.ThrottleReadIOPSDevice},
		{"wiops", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.list {
			rate := num(d.Rate)
			if d.Rate == 0 { // v1's word for no limit
				rate = "max"
			}
			w = append(w, write{file: "io.max", value: deviceValue(d.Major, d.Minor, t.key+"="+rate)})
		}
	}
	return w, nil
}

// ioWeight converts a blkio weight (10..1000) to io.weight's 1..10000.
func ioWeight(weight uint16) uint64 {
	w := uint64(min(max(weight, 10), 1000))
	return 1 + (w-10)*9999/990
}
