package intelrdt

// Schemata: what the lines of a group's file mean, and whether two say the
// same. Pure, but for the one read of checkExisting.

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

// writes: the configuration says what the group is to have.
func writes(c *specs.LinuxIntelRdt) bool {
	return c.L3CacheSchema != "" || c.MemBwSchema != "" || len(c.Schemata) > 0
}

// schemata is the text for the file: l3CacheSchema, memBwSchema, schemata, in
// this order, one write for all (the kernel takes a write whole or not at
// all), ended by a newline, without which it takes none.
func schemata(c *specs.LinuxIntelRdt) string {
	var b strings.Builder
	for _, line := range append([]string{c.L3CacheSchema, c.MemBwSchema}, c.Schemata...) {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// parseSchemata reads lines such as "L3:0=7ff;1=7ff" into resource → domain →
// value. Padding is the kernel's: "    L3:0=ff; 1=0f".
func parseSchemata(text string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for line := range strings.Lines(text) {
		resource, domains, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		resource = strings.TrimSpace(resource)
		set := all[resource]
		if set == nil {
			set = map[string]string{}
			all[resource] = set
		}
		for domain := range strings.SplitSeq(domains, ";") {
			id, value, ok := strings.Cut(domain, "=")
			if ok {
				set[trimZeros(id)] = strings.ToLower(trimZeros(value))
			}
		}
	}
	return all
}

// trimZeros makes "0f", " f" and "f" one; the values are numbers.
func trimZeros(s string) string {
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}

// covers: everything in want stands so in have.
func covers(have, want map[string]map[string]string) bool {
	for resource, domains := range want {
		both := maps.Clone(have[resource])
		maps.DeleteFunc(both, func(id, _ string) bool { _, ok := domains[id]; return !ok })
		if !maps.Equal(both, domains) {
			return false
		}
	}
	return true
}

// checkExisting compares with a group that exists: others rely on what it has
// (runtime-spec: an error if l3CacheSchema or memBwSchema do not match).
func (g *Group) checkExisting() error {
	want := schemata(&specs.LinuxIntelRdt{L3CacheSchema: g.config.L3CacheSchema, MemBwSchema: g.config.MemBwSchema})
	if want == "" {
		return nil
	}
	file := filepath.Join(g.rec.Dir, "schemata")
	have, err := os.ReadFile(file)
	if err != nil {
		return fault.New(step, file, "read", cause(err))
	}
	if covers(parseSchemata(string(have)), parseSchemata(want)) {
		return nil
	}
	return fault.New(step, g.rec.Dir, "", fmt.Errorf("closID exists with other schemata: wanted %q, it has %q",
		strings.Fields(want), strings.Fields(string(have)))).
		WithHint("choose another closID, the same schemata, or leave l3CacheSchema and memBwSchema out to join it as it is")
}
