package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestOneArena: no thread of the program has an arena of its own, which the C
// library maps with 64 MiB of address space.
func TestOneArena(t *testing.T) {
	if !oneArena() {
		t.Fatal("arena.c is not linked")
	}
	if os.Getenv("RT_TEST_ARENA") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOneArena$", "-test.v")
		cmd.Env = append(os.Environ(), "RT_TEST_ARENA=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	// An arena is the beginning of an aligned heap of 64 MiB: 132 KiB that can
	// be written, and the rest, which cannot be touched.
	for line := range strings.Lines(string(maps)) {
		from, rest, _ := strings.Cut(line, "-")
		to, rest, _ := strings.Cut(rest, " ")
		if strings.HasPrefix(rest, "rw-p") && strings.HasSuffix(from, "000000") && strings.HasSuffix(to, "021000") {
			t.Errorf("an arena: %s", line)
		}
	}
}
