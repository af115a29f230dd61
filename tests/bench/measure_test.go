package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestMedianRanks: the interval of a median by the sign test, as tables of it
// have it (places counted from 0).
func TestMedianRanks(t *testing.T) {
	for _, want := range []struct{ n, low, high int }{
		{1, 0, 0}, {5, 0, 4}, {6, 0, 5}, {10, 1, 8}, {20, 5, 14}, {50, 17, 32}, {100, 39, 60}, {1000, 468, 531},
	} {
		if low, high := medianRanks(want.n); low != want.low || high != want.high {
			t.Errorf("of %d values: %d and %d, want %d and %d", want.n, low, high, want.low, want.high)
		}
	}
}

func TestRatioIsOfPairs(t *testing.T) {
	// Both are slow in the same rounds: the ratio does not know it.
	got := ratioOf([]float64{1, 10, 2, 40}, []float64{2, 20, 4, 80})
	if got != (ratio{0.5, 0.5, 0.5, 0.5, 0.5}) {
		t.Errorf("%+v", got)
	}
	if got := ratioOf([]float64{1, 2, 3}, []float64{1, 1, 1}); got.median != 2 || got.q1 != 1.5 || got.q3 != 2.5 || got.low != 1 || got.high != 3 {
		t.Errorf("%+v", got)
	}
}

func TestNotFlatFails(t *testing.T) {
	const begin = 300
	linear := func(each int) (counts []int) {
		for _, n := range crowds {
			counts = append(counts, begin+each*(n-crowds[0]))
		}
		return counts
	}
	if err := notFlat(map[string][]int{"create": linear(0), "list": linear(perContainer)}); err != nil {
		t.Errorf("flat and linear: %v", err)
	}
	for name, each := range map[string]int{"create": 1, "state": 1, "delete": 2, "list": perContainer + 1} {
		if err := notFlat(map[string][]int{name: linear(each)}); err == nil || !strings.Contains(err.Error(), name+" is not flat") {
			t.Errorf("%s with %d calls for each: %v", name, each, err)
		}
	}
	quadratic := []int{begin, begin + 100, begin + 100*100, begin + 500*500}
	if notFlat(map[string][]int{"list": quadratic}) == nil {
		t.Error("a quadratic list is flat")
	}
}

func TestMet(t *testing.T) {
	for _, v := range []struct {
		value, aim float64
		want       string
	}{{0.40, 0.40, "met"}, {0.404, 0.40, "met"}, {0.406, 0.40, "not met"}, {0.1, 0.2, "met"}} {
		if got := met(v.value, v.aim); got != v.want {
			t.Errorf("%.3f of %.2f: %s", v.value, v.aim, got)
		}
	}
}

// sitting is a table with one value for each cell.
func sitting(rt, crun float64) table {
	subjects := []*subject{{name: "rt"}, {name: "crun"}, {name: "floor", isFloor: true}}
	return table{
		{row: row{name: "run <&>", unit: "ms", aim: aim{crun: 0.5}}, subjects: subjects,
			values: map[string][]float64{"rt": {rt, rt}, "crun": {crun, crun}, "floor": {1, 1}}},
		{row: row{name: "memory", unit: "MB", aim: aim{value: 2.5}}, subjects: subjects[:2],
			values: map[string][]float64{"rt": {rt}, "crun": {crun}}},
	}
}

func TestPage(t *testing.T) {
	const page = "before " + beginMark + " old " + endMark + " after"
	got, err := between(page, markdown([]table{sitting(1, 4), sitting(2.6, 4)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before " + beginMark + "\n\n| what | against | aim | run 1 | run 2 |",
		"| run <&> | crun | ≤ 0.50 | 0.25 [0.25–0.25] | 0.65 [0.65–0.65] | 2.60 to 4.00 ms | **not met** |",
		"| run <&> | floor | – | 1.00 [1.00–1.00] | 2.60 [2.60–2.60] | 2.60 to 1.00 ms |  |",
		"| memory | – | 2.50 MB | 1.00 | 2.60 | | **not met** |",
		endMark + " after",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Error("the old table is still there")
	}
	if _, err := between("a page without marks", "x"); err == nil {
		t.Error("a page without marks is taken")
	}
}

func TestChartsAreXML(t *testing.T) {
	sc := scale{subjects: []*subject{{name: "rt"}, {name: "crun"}}, atOnce: map[string]float64{"rt": 1, "crun": 2}}
	for range crowds {
		one := size{}
		for _, s := range sc.subjects {
			one[s.name] = map[string]float64{"create": 10, "state": 2, "list": 300, "delete": 3}
		}
		sc.sizes = append(sc.sizes, one)
	}
	for name, chart := range map[string]string{"bars": barChart(sitting(1, 4)), "scale": scaleChart(sc)} {
		d := xml.NewDecoder(strings.NewReader(chart))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, chart)
			}
		}
		if !strings.Contains(chart, "prefers-color-scheme: dark") || !strings.Contains(chart, "rt") {
			t.Errorf("%s: %s", name, chart)
		}
	}
}
