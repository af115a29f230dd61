package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCgroupsOf(t *testing.T) {
	const table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nnet_cls\t0\t12\t1\nnet_prio\t4\t1\t1\nmisc\t0\t3\t0\n"
	for controller, want := range map[string]int{"net_cls": 12, "net_prio": 1, "misc": 0, "rdma": 0} {
		if got := cgroupsOf(table, controller); got != want {
			t.Errorf("%s: %d, want %d", controller, got, want)
		}
	}
}

// A correction that finds nothing to correct would build a program as wrong as
// the one it is made from.
func TestCorrection(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	at := filepath.Join(dir, "validation", "roof")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	c := correction{"roof", [][2]string{{`(holds) not`, `${1}`}}}
	if err := c.apply(dir, out); err == nil {
		t.Error("a program without a source is corrected")
	}
	if err := os.WriteFile(filepath.Join(at, "roof.go"), []byte("it holds not\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.apply(dir, out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "corrected", "roof"+correctedSuffix, "main.go"))
	if err != nil || string(text) != "it holds\n" {
		t.Errorf("%q, %v", text, err)
	}
	c.edits = append(c.edits, [2]string{"window", "door"})
	if err := c.apply(dir, out); err == nil {
		t.Error("what is not there is corrected")
	}
}

func TestPrune(t *testing.T) {
	cache := t.TempDir()
	old := time.Now().Add(-8 * 24 * time.Hour)
	for _, name := range []string{"conformance-used", "conformance-old", "others-old"} {
		if err := os.Mkdir(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "conformance-used" {
			if err := os.Chtimes(filepath.Join(cache, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := prune(cache); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(left) != 2 || exists(filepath.Join(cache, "conformance-old")) {
		t.Errorf("left: %v, %v", left, err)
	}
}
