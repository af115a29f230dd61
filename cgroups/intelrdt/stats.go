package intelrdt

// What a group has and uses, in the words of runc's `events`. What the
// processor does not offer is absent.

import (
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"rt/libcontainer/fault"
)

// Stats is "intel_rdt" in runc's events.
type Stats struct {
	L3CacheInfo *L3CacheInfo `json:"l3_cache_info,omitempty"`
	// The schemas in the root group, and those of the container's.
	L3CacheSchemaRoot string     `json:"l3_cache_schema_root,omitempty"`
	L3CacheSchema     string     `json:"l3_cache_schema,omitempty"`
	MemBwInfo         *MemBwInfo `json:"mem_bw_info,omitempty"`
	MemBwSchemaRoot   string     `json:"mem_bw_schema_root,omitempty"`
	MemBwSchema       string     `json:"mem_bw_schema,omitempty"`
	// One entry for each cache, in the order of their numbers.
	MBMStats *[]MBMNumaNodeStats `json:"mbm_stats,omitempty"`
	CMTStats *[]CMTNumaNodeStats `json:"cmt_stats,omitempty"`
}

// L3CacheInfo is what info/L3 says.
type L3CacheInfo struct {
	CbmMask    string `json:"cbm_mask,omitempty"`
	MinCbmBits uint64 `json:"min_cbm_bits,omitempty"`
	NumClosids uint64 `json:"num_closids,omitempty"`
}

// MemBwInfo is what info/MB says.
type MemBwInfo struct {
	BandwidthGran uint64 `json:"bandwidth_gran,omitempty"`
	DelayLinear   uint64 `json:"delay_linear,omitempty"`
	MinBandwidth  uint64 `json:"min_bandwidth,omitempty"`
	NumClosids    uint64 `json:"num_closids,omitempty"`
}

// MBMNumaNodeStats are bytes to and from memory, all and local.
type MBMNumaNodeStats struct {
	MBMTotalBytes uint64 `json:"mbm_total_bytes"`
	MBMLocalBytes uint64 `json:"mbm_local_bytes"`
}

// CMTNumaNodeStats are bytes of the cache that are in use.
type CMTNumaNodeStats struct {
	LLCOccupancy uint64 `json:"llc_occupancy"`
}

// Stats reads the container's numbers.
func (g *Group) Stats() (*Stats, error) {
	base := g.root()
	s := &Stats{}
	if dir := filepath.Join(base, "info/L3"); isDir(dir) {
		s.L3CacheInfo = &L3CacheInfo{CbmMask: text(dir, "cbm_mask"), MinCbmBits: number(dir, "min_cbm_bits"), NumClosids: number(dir, "num_closids")}
	}
	if dir := filepath.Join(base, "info/MB"); isDir(dir) {
		s.MemBwInfo = &MemBwInfo{BandwidthGran: number(dir, "bandwidth_gran"), DelayLinear: number(dir, "delay_linear"),
			MinBandwidth: number(dir, "min_bandwidth"), NumClosids: number(dir, "num_closids")}
	}
	own, err := os.ReadFile(filepath.Join(g.rec.Dir, "schemata"))
	if err != nil {
		return nil, fault.New(step, filepath.Join(g.rec.Dir, "schemata"), "read", cause(err))
	}
	s.L3CacheSchema, s.MemBwSchema = line(string(own), "L3:"), line(string(own), "MB:")
	if top, err := os.ReadFile(filepath.Join(base, "schemata")); err == nil {
		s.L3CacheSchemaRoot, s.MemBwSchemaRoot = line(string(top), "L3:"), line(string(top), "MB:")
	}
	counted := g.rec.Dir
	if g.rec.Monitor != "" {
		counted = g.rec.Monitor
	}
	s.count(counted, text(filepath.Join(base, "info/L3_MON"), "mon_features"))
	return s, nil
}

// count adds up the caches' counters. A counter that is not available at the
// moment reads "Unavailable" or "Error": it counts 0.
func (s *Stats) count(dir, features string) {
	caches, _ := filepath.Glob(filepath.Join(dir, "mon_data/mon_L3_*"))
	sort.Strings(caches)
	var mbm []MBMNumaNodeStats
	var cmt []CMTNumaNodeStats
	for _, cache := range caches {
		mbm = append(mbm, MBMNumaNodeStats{number(cache, "mbm_total_bytes"), number(cache, "mbm_local_bytes")})
		cmt = append(cmt, CMTNumaNodeStats{number(cache, "llc_occupancy")})
	}
	if strings.Contains(features, "mbm_") && mbm != nil {
		s.MBMStats = &mbm
	}
	if strings.Contains(features, "llc_occupancy") && cmt != nil {
		s.CMTStats = &cmt
	}
}

// root is the top of the file system: the first directory upwards with info/.
func (g *Group) root() string {
	for dir := g.rec.Dir; dir != "/"; dir = filepath.Dir(dir) {
		if isDir(filepath.Join(dir, "info")) {
			return dir
		}
	}
	return g.rec.Dir
}

// line is the line of a schemata file with this resource, without padding.
func line(text, resource string) string {
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); strings.HasPrefix(l, resource) {
			return l
		}
	}
	return ""
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func text(dir, file string) string {
	b, _ := os.ReadFile(filepath.Join(dir, file))
	return strings.TrimSpace(string(b))
}

func number(dir, file string) uint64 {
	n, _ := strconv.ParseUint(text(dir, file), 10, 64)
	return n
}
