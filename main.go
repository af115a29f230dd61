// rt runs for milliseconds: it need not follow its cgroup's CPU limit, and must
// not hold the limit's files open while it waits for start.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command rt is an OCI container runtime.
package main

import (
	"os"

	"rt/internal/cli"
	"rt/libcontainer/initstage"
	"rt/libcontainer/sys"
	"rt/nsenter/slack"
)

// Set by the linker; see the Makefile.
var (
	version = "0.0.0-dev"
	commit  = "unknown"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(initstage.Main(os.Args[2:]))
	}
	sys.GivenSlack = slack.Given()
	os.Exit(cli.Main(os.Args, cli.Build{Version: version, Commit: commit}))
}
