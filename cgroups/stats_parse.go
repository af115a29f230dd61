package cgroups

// Reading the kernel's statistics files. Pure: text in, numbers out. A file that
// is not of the expected form is an error; a key that is not known is not, as
// every kernel adds some.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// noLimit is how v2's "max" is reported.
const noLimit = math.MaxUint64

func malformed(line string) error {
	return fmt.Errorf("unexpected line %.60q", strings.TrimSuffix(line, "\n"))
}

// parseNumber64 reads one number, or v2's "max".
func parseNumber64(content string) (uint64, error) {
	content = strings.TrimSpace(content)
	if content == "max" {
		return noLimit, nil
	}
	n, err := strconv.ParseUint(content, 10, 64)
	if err != nil {
		return 0, malformed(content)
	}
	return n, nil
}

// parseLevel reads a number that can be -1.
func parseLevel(content string) (int64, error) {
	return strconv.ParseInt(strings.TrimSpace(content), 10, 64)
}

// parseFlat reads a flat-keyed file ("KEY VALUE" a line): memory.stat, cpu.stat,
// memory.events. Values that are negative or no numbers are left out.
func parseFlat(content string) (map[string]uint64, error) {
	m := make(map[string]uint64, strings.Count(content, "\n"))
	for line := range strings.Lines(content) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || key == "" {
			return nil, malformed(line)
		}
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			m[key] = n
		}
	}
	return m, nil
}

// parseNested splits a nested-keyed file ("NAME KEY=VALUE KEY=VALUE…" a line),
// like io.stat, rdma.current and *.pressure, and calls f for each pair.
func parseNested(content string, f func(name, key, value string) error) error {
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			return malformed(line)
		}
		for _, pair := range fields[1:] {
			key, value, ok := strings.Cut(pair, "=")
			if !ok {
				return malformed(line)
			}
			if err := f(fields[0], key, value); err != nil {
				return malformed(line)
			}
		}
	}
	return nil
}

// parsePSI reads a pressure file. "full" is missing in cpu.pressure before
// Linux 5.13.
func parsePSI(content string) (*PSI, error) {
	p := &PSI{}
	err := parseNested(content, func(name, key, value string) (err error) {
		var d *PSIData
		switch name {
		case "some":
			d = &p.Some
		case "full":
			d = &p.Full
		default:
			return nil
		}
		switch key {
		case "avg10":
			d.Avg10, err = percentage(value)
		case "avg60":
			d.Avg60, err = percentage(value)
		case "avg300":
			d.Avg300, err = percentage(value)
		case "total":
			d.Total, err = strconv.ParseUint(value, 10, 64)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// percentage is a float that JSON can hold.
func percentage(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err == nil && (math.IsNaN(f) || math.IsInf(f, 0) || f < 0) {
		err = strconv.ErrRange
	}
	return f, err
}

// parseIOStat reads v2's io.stat into v1's lists.
func parseIOStat(content string) (bytes, ops []BlkIOEntry, err error) {
	err = parseNested(content, func(name, key, value string) error {
		list, op := &bytes, "Read"
		switch key {
		case "rbytes":
		case "wbytes":
			op = "Write"
		case "rios":
			list = &ops
		case "wios":
			list, op = &ops, "Write"
		default: // dbytes, dios, cost.*: v1 has no word for them
			return nil
		}
		major, minor, err := parseDevice(name)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(value, 10, 64)
		*list = append(*list, BlkIOEntry{Major: major, Minor: minor, Op: op, Value: n})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return bytes, ops, nil
}

// parseDevice reads "8:16".
func parseDevice(s string) (major, minor uint64, err error) {
	left, right, ok := strings.Cut(s, ":")
	if !ok {
		return 0, 0, strconv.ErrSyntax
	}
	major, err1 := strconv.ParseUint(left, 10, 64)
	minor, err2 := strconv.ParseUint(right, 10, 64)
	return major, minor, errors.Join(err1, err2)
}

// parseBlkIO reads one of v1's blkio files: "8:0 Read 4096" or "8:0 4096" a
// line, and a last line "Total 4096" without a device, which is left out.
func parseBlkIO(content string) ([]BlkIOEntry, error) {
	var list []BlkIOEntry
	for line := range strings.Lines(content) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == "Total" {
			continue
		}
		if len(f) != 2 && len(f) != 3 {
			return nil, malformed(line)
		}
		var e BlkIOEntry
		var err1, err2 error
		e.Major, e.Minor, err1 = parseDevice(f[0])
		e.Value, err2 = strconv.ParseUint(f[len(f)-1], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, malformed(line)
		}
		if len(f) == 3 {
			e.Op = f[1]
		}
		list = append(list, e)
	}
	return list, nil
}

// parseSet reads a list of CPUs or memory nodes, "0-3,7" (cpuset(7), "List
// format").
func parseSet(content string) ([]uint16, error) {
	content = strings.TrimSpace(content)
	if content == "" {
		return nil, nil
	}
	var list []uint16
	for part := range strings.SplitSeq(content, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || first > last || len(list)+int(last-first) > math.MaxUint16 {
			return nil, malformed(content)
		}
		for n := first; n <= last; n++ {
			list = append(list, uint16(n))
		}
	}
	return list, nil
}

// parseNumbers reads numbers in one line: cpuacct.usage_percpu.
func parseNumbers(content string) ([]uint64, error) {
	var list []uint64
	for _, field := range strings.Fields(content) {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return nil, malformed(content)
		}
		list = append(list, n)
	}
	return list, nil
}

// parseUsageAll reads cpuacct.usage_all: a line of column names, then "CPU USER
// SYSTEM" for each CPU.
func parseUsageAll(content string) (user, kernel []uint64, err error) {
	_, rows, _ := strings.Cut(content, "\n")
	for line := range strings.Lines(rows) {
		n, err := parseNumbers(line)
		if err != nil || len(n) != 3 {
			return nil, nil, malformed(line)
		}
		user, kernel = append(user, n[1]), append(kernel, n[2])
	}
	return user, kernel, nil
}

// parseRDMA adds the pairs of rdma.current, or with limits those of rdma.max,
// to stats by device.
func parseRDMA(content string, limits bool, stats map[string]RDMAStats) error {
	return parseNested(content, func(name, key, value string) error {
		n, err := parseNumber64(value)
		if err != nil {
			return err
		}
		if n == noLimit {
			n = 0
		}
		s := stats[name]
		switch {
		case key == "hca_handle" && limits:
			s.HandleLimit = n
		case key == "hca_handle":
			s.Handles = n
		case key == "hca_object" && limits:
			s.ObjectLimit = n
		case key == "hca_object":
			s.Objects = n
		}
		stats[name] = s
		return nil
	})
}
