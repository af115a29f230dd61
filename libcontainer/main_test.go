package libcontainer_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rt/libcontainer/initstage"
	"rt/tests/harness"
)

// TestMain is the main of a program that uses the library: it hands over first.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(initstage.Main(os.Args[2:]))
	}
	flag.Parse()
	if os.Getuid() != 0 { // the examples make containers
		if err := flag.Set("test.skip", "^Example"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(harness.Main(m))
}

// demo makes the bundle of the examples and a state root for them. Its config
// has this program.
func demo(args ...string) (bundle, root string, clean func()) {
	dir, err := os.MkdirTemp("/tmp", "rt-example-")
	if err == nil {
		err = harness.Busybox(filepath.Join(dir, "rootfs"))
	}
	if err == nil {
		s := harness.Spec(args...)
		s.Linux.CgroupsPath, s.Linux.Resources = "/"+filepath.Base(dir), nil
		err = harness.SaveSpec(dir, s)
	}
	if err != nil {
		panic(err)
	}
	return dir, filepath.Join(dir, "state"), func() { os.RemoveAll(dir) }
}
