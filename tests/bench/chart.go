package main

// chart.go draws the two charts of docs/performance.md as plain SVG, legible on
// light and on dark pages.

import (
	"fmt"
	"math"
	"strings"
)

const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a }
.title { font-weight: 600 }
.axis { stroke: #8c959f; stroke-width: 1 }
.grid { stroke: #8c959f; stroke-opacity: .25 }
.aim { stroke: #cf222e; stroke-width: 2 }
.rt { fill: #0969da; stroke: #0969da } .crun { fill: #8250df; stroke: #8250df }
.runc { fill: #bf8700; stroke: #bf8700 } .other { fill: #57606a; stroke: #57606a }
path { fill: none !important; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 }
.rt { fill: #4493f8; stroke: #4493f8 } .crun { fill: #ab7df8; stroke: #ab7df8 }
.runc { fill: #d29922; stroke: #d29922 } .other { fill: #9198a1; stroke: #9198a1 } .aim { stroke: #f85149 }
}
</style>
`

func svg(width, height int, title, body string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label=%q>
%s%s</svg>
`, width, height, title, style, body)
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func text(x, y float64, class, format string, args ...any) string {
	return fmt.Sprintf("<text x=\"%.1f\" y=\"%.1f\" class=%q>%s</text>\n", x, y, class, escape.Replace(fmt.Sprintf(format, args...)))
}

// class is the colour of a runtime.
func class(name string) string {
	switch name {
	case "rt", "crun", "runc":
		return name
	}
	return "other"
}

// barChart shows what rt takes of each peer's value, with the aim as a mark.
func barChart(t table) string {
	const left, width, bar = 250.0, 420.0, 16.0
	x := func(ratio float64) float64 { return left + width*min(ratio, 1.2)/1.2 }
	var b strings.Builder
	b.WriteString(text(10, 22, "title", "What rt takes of the time of crun and runc (less is better; | is the aim)"))
	y := 52.0
	top := y - 14
	for _, r := range t {
		first := true
		for _, s := range r.subjects[1:] {
			if s.isFloor {
				continue
			}
			q := r.ratio(s)
			if first {
				b.WriteString(text(10, y+12, "", "%s", r.name))
				first = false
			}
			fmt.Fprintf(&b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=%q/>\n", left, y, x(q.median)-left, bar-3, class(s.name))
			if aim := r.aim.aimFor(s); aim != 0 {
				fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"aim\"/>\n", x(aim), x(aim), y-2, y+bar-1)
			}
			b.WriteString(text(x(max(q.median, r.aim.aimFor(s)))+8, y+11, "small", "%.2f of %s (%s to %s %s)",
				q.median, s.name, number(r.median(r.subjects[0])), number(r.median(s)), r.unit))
			y += bar
		}
		if !first {
			y += 10
		}
	}
	fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"axis\"/>\n", left, left, top, y)
	for _, at := range []float64{0.25, 0.5, 0.75, 1} {
		fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", x(at), x(at), top, y)
		b.WriteString(text(x(at)-10, y+14, "small", "%.2f", at))
	}
	return svg(900, int(y)+26, "what rt takes of the time of crun and runc", b.String())
}

// scaleChart shows commands over the number of containers beside, both axes
// logarithmic: what is flat is level, what is linear rises by one decade in one.
func scaleChart(sc scale) string {
	const panel, height, left, top = 190.0, 190.0, 46.0, 52.0
	lowest, highest := math.Inf(1), 0.0
	for _, one := range sc.sizes {
		for _, steps := range one {
			for _, v := range steps {
				lowest, highest = min(lowest, v), max(highest, v)
			}
		}
	}
	low, high := math.Floor(math.Log10(lowest)), math.Ceil(math.Log10(highest))
	x := func(n int) float64 {
		span := math.Log10(float64(crowds[len(crowds)-1])) - math.Log10(float64(crowds[0]))
		return (math.Log10(float64(n)) - math.Log10(float64(crowds[0]))) / span * (panel - 30)
	}
	y := func(v float64) float64 { return top + height - (math.Log10(v)-low)/(high-low)*height }
	var b strings.Builder
	b.WriteString(text(10, 22, "title", "Milliseconds beside 10 to 5,000 containers (both axes logarithmic)"))
	for decade := low; decade <= high; decade++ {
		at := y(math.Pow(10, decade))
		fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", left, left+4*panel, at, at)
		b.WriteString(text(8, at+4, "small", "%g", math.Pow(10, decade)))
	}
	for i, st := range sc.subjects[0].steps() {
		at := left + float64(i)*panel
		b.WriteString(text(at, top-10, "", "%s", st.name))
		for _, s := range sc.subjects {
			var path strings.Builder
			for k, n := range crowds {
				fmt.Fprintf(&path, "%c%.1f %.1f ", "ML"[min(k, 1)], at+x(n), y(sc.sizes[k][s.name][st.name]))
			}
			fmt.Fprintf(&b, "<path d=%q class=%q/>\n", strings.TrimSpace(path.String()), class(s.name))
		}
		for _, n := range crowds {
			b.WriteString(text(at+x(n)-8, top+height+16, "small", "%d", n))
		}
	}
	for i, s := range sc.subjects {
		at := left + float64(i)*80
		fmt.Fprintf(&b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" class=%q/>\n", at, top+height+30, class(s.name))
		b.WriteString(text(at+18, top+height+41, "small", "%s", s.name))
	}
	return svg(int(left+4*panel), int(top+height)+56, "milliseconds of commands beside many containers", b.String())
}
