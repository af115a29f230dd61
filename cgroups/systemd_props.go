package cgroups

// The limits as properties of a unit. systemd writes them to the same files as
// set.go does, whenever it likes: at daemon-reload, or when a unit next to
// the container's changes. A limit that it does not know could be undone then.
// What has no property is in the files only. Pure. See
// systemd.resource-control(5) and org.freedesktop.systemd1(5).

import (
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups/dbus"
)

// infinity is systemd's word for no limit, and for an unset weight.
const infinity = math.MaxUint64

// The versions of systemd from which on it knows a property.
const (
	sinceQuotaPeriod = 242 // CPUQuotaPeriodUSec
	sinceCpuset      = 244 // AllowedCPUs, AllowedMemoryNodes
	sinceIdle        = 252 // CPUWeight 0
	sinceOOMPolicy   = 253 // OOMPolicy of a scope
)

const defaultPeriod = 100000 // µs, the kernel's

// properties is a list in the making. Of two with one name the last counts.
type properties []dbus.Property

func (p *properties) add(name string, value any) {
	*p = append(*p, dbus.Property{Name: name, Value: value})
}

// limitProperties turns limits into properties for a systemd of this version
// that uses v1 or v2 controllers. res must have passed decide.
func limitProperties(res *specs.LinuxResources, v2 bool, version int, rootless bool) (properties, error) {
	var p properties
	if !rootless {
		// A user's manager could not enforce device rules.
		if err := p.devices(res.Devices); err != nil {
			return nil, err
		}
	}
	if m := res.Memory; m != nil {
		if err := p.memory(m, v2); err != nil {
			return nil, err
		}
	}
	if res.CPU != nil {
		if err := p.cpu(res.CPU, v2, version); err != nil {
			return nil, err
		}
	}
	if res.Pids != nil && res.Pids.Limit != nil {
		p.add("TasksMax", limit(max(*res.Pids.Limit, -1), 1))
	}
	if res.BlockIO != nil {
		p.io(res.BlockIO, v2)
	}
	if v2 {
		return p, p.unified(res.Unified, version)
	}
	return p, nil
}

// limit is n, at least least, or infinity for -1.
func limit(n int64, least uint64) uint64 {
	if n < 0 {
		return infinity
	}
	return max(uint64(n), least)
}

func (p *properties) memory(m *specs.LinuxMemory, v2 bool) error {
	memory := set(m.Limit)
	if !v2 {
		if memory != 0 {
			p.add("MemoryLimit", limit(memory, 0))
		}
		return nil
	}
	if memory != 0 {
		p.add("MemoryMax", limit(memory, 0))
	}
	if v := set(m.Reservation); v != 0 {
		p.add("MemoryLow", limit(v, 0))
	}
	swap, err := swapV2(memory, set(m.Swap))
	if err != nil {
		return err
	}
	if n, ok := maxOrNumber(swap); ok {
		p.add("MemorySwapMax", n)
	}
	return nil
}

func (p *properties) cpu(c *specs.LinuxCPU, v2 bool, version int) error {
	switch {
	case !v2:
		if v := set(c.Shares); v != 0 {
			p.add("CPUShares", v)
		}
	case c.Idle != nil && *c.Idle == 1 && version >= sinceIdle:
		p.add("CPUWeight", uint64(0))
	case set(c.Shares) != 0:
		p.add("CPUWeight", cpuWeight(*c.Shares))
	case c.Idle != nil && version >= sinceIdle:
		// What was idle has the kernel's default weight afterwards.
		p.add("CPUWeight", uint64(infinity))
	}
	p.quota(set(c.Quota), set(c.Period), version)
	if !v2 || version < sinceCpuset {
		return nil // systemd has no v1 cpusets
	}
	return p.cpuset(c.Cpus, c.Mems)
}

// quota: systemd counts µs per second of wall time, in whole percents. They
// are rounded up, so that the file may then get the exact value.
func (p *properties) quota(quota int64, period uint64, version int) {
	if period != 0 && version >= sinceQuotaPeriod {
		p.add("CPUQuotaPeriodUSec", period)
	}
	switch {
	case quota == 0 && period == 0:
	case quota <= 0:
		p.add("CPUQuotaPerSecUSec", uint64(infinity))
	default:
		const percent = 10000
		if period == 0 {
			period = defaultPeriod
		}
		perSecond := math.Ceil(float64(quota)*1e6/float64(period)/percent) * percent
		p.add("CPUQuotaPerSecUSec", uint64(min(perSecond, 1<<62)))
	}
}

func (p *properties) cpuset(cpus, mems string) error {
	for _, s := range []struct{ name, list, field string }{
		{"AllowedCPUs", cpus, "cpu.cpus"},
		{"AllowedMemoryNodes", mems, "cpu.mems"},
	} {
		if s.list == "" {
			continue
		}
		mask, ok := listMask(s.list)
		if !ok {
			return refuse(s.field, strconv.Quote(s.list)+" is no list like 0-3,7")
		}
		p.add(s.name, mask)
	}
	return nil
}

func (p *properties) io(b *specs.LinuxBlockIO, v2 bool) {
	if !v2 {
		if v := set(b.Weight); v != 0 {
			p.add("BlockIOWeight", uint64(v))
		}
		return
	}
	if v := set(b.Weight); v != 0 {
		p.add("IOWeight", ioWeight(v))
	}
	for _, t := range []struct {
		name string
		list []specs.LinuxThrottleDevice
	}{
		{"IOReadBandwidthMax", b.ThrottleReadBpsDevice},
		{"IOWriteBandwidthMax", b.ThrottleWriteBpsDevice},
		{"IOReadIOPSMax", b.ThrottleReadIOPSDevice},
		{"IOWriteIOPSMax", b.ThrottleWriteIOPSDevice},
	} {
		var limits []dbus.Limit
		for _, d := range t.list {
			l := dbus.Limit{Name: "/dev/block/" + num(d.Major) + ":" + num(d.Minor), Value: d.Rate}
			if d.Rate == 0 {
				l.Value = infinity
			}
			limits = append(limits, l)
		}
		if limits != nil {
			p.add(t.name, limits)
		}
	}
}

// unified: the files of v2 that have a property. A value that systemd could
// not take stays with the file, where the kernel judges it.
func (p *properties) unified(files map[string]string, version int) error {
	for _, file := range sortedKeys(files) {
		value := strings.TrimSpace(files[file])
		if name, ok := unifiedNumbers(file); ok {
			p.number(name, value)
			continue
		}
		switch file {
		case "cpu.weight":
			if strings.TrimSpace(files["cpu.idle"]) != "1" {
				p.number("CPUWeight", value)
			}
		case "cpu.idle":
			if value == "1" && version >= sinceIdle {
				p.add("CPUWeight", uint64(0))
			}
		case "cpu.max":
			p.cpuMax(value, version)
		case "cpuset.cpus", "cpuset.mems":
			cpus, mems := value, ""
			if file == "cpuset.mems" {
				cpus, mems = "", value
			}
			if version >= sinceCpuset && value != "" {
				if err := p.cpuset(cpus, mems); err != nil {
					return refuse("unified["+strconv.Quote(file)+"]", strconv.Quote(value)+" is no list like 0-3,7")
				}
			}
		case "memory.oom.group":
			if version >= sinceOOMPolicy && value == "1" {
				p.add("OOMPolicy", "kill")
			}
		}
	}
	return nil
}

// unifiedNumbers are the files with one number, or max, that have a property.
func unifiedNumbers(file string) (name string, ok bool) {
	name, ok = map[string]string{
		"memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
		"memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax",
	}[file]
	return name, ok
}

func (p *properties) number(name, value string) {
	if n, ok := maxOrNumber(value); ok {
		p.add(name, n)
	}
}

func (p *properties) cpuMax(value string, version int) {
	quotaText, periodText, _ := strings.Cut(value, " ")
	quota, ok := int64(-1), true
	if quotaText != "max" {
		var n uint64
		n, ok = parseUint(quotaText)
		quota = int64(n)
	}
	period, hasPeriod := parseUint(strings.TrimSpace(periodText))
	if ok && quota != 0 && (hasPeriod && period != 0 || periodText == "") {
		p.quota(quota, period, version)
	}
}

func maxOrNumber(value string) (uint64, bool) {
	if value == "max" {
		return infinity, true
	}
	return parseUint(value)
}

// maxListed bounds a list of CPUs or nodes; the kernel's own limits are below.
const maxListed = 1 << 16

// listMask turns "0-2,7" into the little-endian bit mask that systemd takes.
func listMask(list string) ([]byte, bool) {
	var mask []byte
	for part := range strings.SplitSeq(list, ",") {
		firstText, lastText, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, ok1 := parseUint(firstText)
		last, ok2 := first, true
		if isRange {
			last, ok2 = parseUint(lastText)
		}
		if !ok1 || !ok2 || first > last || last >= maxListed {
			return nil, false
		}
		for ; first <= last; first++ {
			for uint64(len(mask)) <= first/8 {
				mask = append(mask, 0)
			}
			mask[first/8] |= 1 << (first % 8)
		}
	}
	return mask, true
}

// devices: systemd puts a device program of its own, or on v1 a list of its
// own, beside rt's. It must not deny what rt's allows. It cannot express every
// list of rules; it then gets more, and rt's rules have the last word.
func (p *properties) devices(list []specs.LinuxDeviceCgroup) error {
	rules, err := deviceRules(list)
	if err != nil {
		return err
	}
	policy, allow := devicePolicy(rules)
	p.add("DevicePolicy", policy)
	p.add("DeviceAllow", []dbus.Pair{}) // forgets the ones before
	if allow != nil {
		p.add("DeviceAllow", allow)
	}
	return nil
}

// devicePolicy finds a policy that allows at least what the rules do.
func devicePolicy(rules []rule) (policy string, allow []dbus.Pair) {
	var held []exception
	all := false
	for _, r := range rules {
		switch {
		case r.everything():
			all, held = r.allow, nil
		case all:
			// systemd has no exceptions to "everything".
		case r.allow:
			s := v1State{exceptions: held}
			s.add(exception{r.device, r.access})
			held = s.exceptions
		default:
			for i := range held {
				if r.covers(held[i].device) {
					held[i].access &^= r.access
				}
			}
		}
	}
	if all {
		return "auto", nil
	}
	for _, e := range held {
		if e.access == 0 {
			continue
		}
		for _, name := range deviceNames(e.device) {
			allow = append(allow, dbus.Pair{A: name, B: e.access.String()})
		}
	}
	return "strict", allow
}

// deviceNames are systemd's words for a set of devices. It has none for one
// minor of every major; that becomes every device.
func deviceNames(d device) []string {
	kinds := map[byte][]string{'c': {"char"}, 'b': {"block"}, 'a': {"block", "char"}}[d.kind]
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		switch {
		case d.major == anyNumber:
			names = append(names, kind+"-*")
		case d.minor == anyNumber:
			names = append(names, kind+"-"+num(d.major))
		default:
			names = append(names, "/dev/"+kind+"/"+num(d.major)+":"+num(d.minor))
		}
	}
	return names
}
