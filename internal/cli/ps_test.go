package cli

import (
	"strings"
	"testing"
)

func TestLinesOf(t *testing.T) {
	const title = "UID        PID  PPID CMD\n"
	for _, test := range []struct{ name, output, want, err string }{
		{"some", title + "root         1     0 init\nroot        12     1 a b c\nroot       112     1 x\n", title + "root        12     1 a b c\n", ""},
		{"none", title + "root         1     0 init\n\n", title, ""},
		{"no column", "CMD\ninit\n", "", "couldn't find PID field"},
		{"nothing", "", "", "couldn't find PID field"},
		{"blanks before", "STARTED PID\nMon Jan 1 12\n", "", "unable to parse pid"},
		{"a short line", title + "x\n", "", "no PID in the line"},
	} {
		got, err := linesOf(test.output, []int{12})
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func FuzzLinesOf(f *testing.F) {
	f.Add("UID PID\nroot 12\n")
	f.Add("PID\n12")
	f.Fuzz(func(t *testing.T, output string) {
		got, err := linesOf(output, []int{12})
		if err == nil && !strings.Contains(output+"\n", got) && strings.Count(got, "\n") > strings.Count(output, "\n")+1 {
			t.Errorf("%q becomes %q", output, got)
		}
	})
}
