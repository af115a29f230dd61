package cli

// stats_lines.go: from two looks at the kernel's counters to what people want to
// know. Pure.

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"rt/cgroups"
	"rt/libcontainer"
)

// sample is one look at a container.
type sample struct {
	id    string
	at    time.Time
	stats *libcontainer.Stats
}

// statsLine is what a container uses, and a line of rt stats --format json.
// Sizes are in bytes.
type statsLine struct {
	Time time.Time `json:"time"`
	ID   string    `json:"id"`
	// CPUPercent is null where there was no look before; 100 is one CPU.
	CPUPercent *float64 `json:"cpuPercent"`
	// MemoryUsage is without page cache that was not used for long.
	MemoryUsage uint64 `json:"memoryUsage"`
	// MemoryLimit is the host's memory where there is no lower limit.
	MemoryLimit   uint64    `json:"memoryLimit"`
	MemoryPercent float64   `json:"memoryPercent"`
	Pids          uint64    `json:"pids"`
	IORead        uint64    `json:"ioRead"`
	IOWrite       uint64    `json:"ioWrite"`
	Pressure      *pressure `json:"pressure,omitempty"`
}

// pressure is in percent of the last 10 seconds.
type pressure struct {
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"`
	IO     float64 `json:"io"`
}

// compare makes a line for each sample of now.
func compare(before, now []sample, hostMemory uint64) []statsLine {
	last := map[string]sample{}
	for _, s := range before {
		last[s.id] = s
	}
	lines := make([]statsLine, 0, len(now))
	for _, s := range now {
		l := statsLine{Time: s.at.UTC(), ID: s.id, Pids: s.stats.Pids.Current, Pressure: pressureOf(&s.stats.Stats)}
		if b, ok := last[s.id]; ok {
			l.CPUPercent = cpuPercent(b, s)
		}
		l.MemoryUsage, l.MemoryLimit = memoryOf(s.stats.Memory, hostMemory)
		if l.MemoryLimit > 0 {
			l.MemoryPercent = hundredth(float64(l.MemoryUsage) / float64(l.MemoryLimit) * 100)
		}
		for _, e := range s.stats.BlkIO.ServiceBytes {
			switch e.Op {
			case "Read":
				l.IORead += e.Value
			case "Write":
				l.IOWrite += e.Value
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// cpuPercent is nil where the counter went back: it is another container with
// the same id.
func cpuPercent(before, now sample) *float64 {
	used, was := now.stats.CPU.Usage.Total, before.stats.CPU.Usage.Total
	time := now.at.Sub(before.at)
	if used < was || time <= 0 {
		return nil
	}
	percent := hundredth(float64(used-was) / float64(time.Nanoseconds()) * 100)
	return &percent
}

// memoryOf leaves out the inactive part of the page cache, which the kernel
// takes back at the first need; v1 counts sub-cgroups under a name of its own.
func memoryOf(m cgroups.MemoryStats, host uint64) (used, limit uint64) {
	inactive, ok := m.Raw["total_inactive_file"]
	if !ok {
		inactive = m.Raw["inactive_file"]
	}
	used, limit = m.Usage.Usage, m.Usage.Limit
	if inactive < used {
		used -= inactive
	}
	if limit == 0 || host > 0 && limit > host {
		limit = host
	}
	return used, limit
}

func pressureOf(s *cgroups.Stats) *pressure {
	if s.CPU.PSI == nil && s.Memory.PSI == nil && s.BlkIO.PSI == nil {
		return nil
	}
	some := func(p *cgroups.PSI) float64 {
		if p == nil {
			return 0
		}
		return p.Some.Avg10
	}
	return &pressure{CPU: some(s.CPU.PSI), Memory: some(s.Memory.PSI), IO: some(s.BlkIO.PSI)}
}

// hundredth rounds to two digits behind the point.
func hundredth(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', 2, 64), 64)
	return r
}

// statsTable is the lines for people.
func statsTable(lines []statsLine) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 6, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tCPU %\tMEMORY / LIMIT\tMEM %\tPIDS\tREAD / WRITE\tPRESSURE CPU MEM I/O %\n")
	for _, l := range lines {
		cpu, pressed := "-", "-"
		if l.CPUPercent != nil {
			cpu = strconv.FormatFloat(*l.CPUPercent, 'f', 2, 64)
		}
		if p := l.Pressure; p != nil {
			pressed = fmt.Sprintf("%.2f %.2f %.2f", p.CPU, p.Memory, p.IO)
		}
		fmt.Fprintf(w, "%s\t%s\t%s / %s\t%.2f\t%d\t%s / %s\t%s\n", shortID(l.ID), cpu, formatSize(l.MemoryUsage), formatSize(l.MemoryLimit),
			l.MemoryPercent, l.Pids, formatSize(l.IORead), formatSize(l.IOWrite), pressed)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// shortID is the id, or of one that an engine has made (64 hexadecimal digits)
// the first 12 characters, as engines show it.
func shortID(id string) string {
	if len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
		return id[:12]
	}
	return cell(id)
}

// formatSize writes a number of bytes with three or four digits: "12.3MiB".
func formatSize(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	f, units := float64(n)/1024, "KMGTPE"
	for f >= 1000 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	digits := 2
	switch {
	case f >= 99.95:
		digits = 0
	case f >= 9.995:
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + units[:1] + "iB"
}
