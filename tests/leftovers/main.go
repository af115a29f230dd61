// Leftovers tells what a run of the test suite left on the machine: cgroups,
// mounts, processes, systemd units, network namespaces and directories that
// were not there before and that bear the marks of rt or of its tests.
//
//	leftovers save FILE     remember what is there
//	leftovers check FILE    name what is there now and was not; exit 1 if anything
//
// Only what bears a mark counts, as other things come and go on a machine.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// patience is how long something may take to go after the suite's end: systemd
// collects a unit some time after its last process.
const patience = 10 * time.Second

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "leftovers:", err)
		code = 2
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) != 2 {
		return 2, fmt.Errorf("save FILE or check FILE")
	}
	h := host{root: "/", self: os.Getpid()}
	switch args[0] {
	case "save":
		return 0, save(args[1], h.look())
	case "check":
		before, err := load(args[1])
		if err != nil {
			return 2, err
		}
		return check(h, before), nil
	}
	return 2, fmt.Errorf("%q is neither save nor check", args[0])
}

// check looks until nothing new is there or the patience is at its end.
func check(h host, before []string) int {
	end := time.Now().Add(patience)
	for {
		left := subtract(h.look(), before)
		if len(left) == 0 {
			fmt.Println("leftovers: no cgroup, mount, process, unit, network namespace or directory")
			return 0
		}
		if time.Now().After(end) {
			for _, what := range left {
				fmt.Println("left behind:", what)
			}
			fmt.Printf("leftovers: %d\n", len(left))
			return 1
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func subtract(now, before []string) []string {
	return slices.DeleteFunc(now, func(what string) bool { return slices.Contains(before, what) })
}

func save(path string, found []string) error {
	data, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func load(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var found []string
	return found, json.Unmarshal(data, &found)
}
