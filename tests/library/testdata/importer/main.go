// Command importer runs one container with rt's library. FORGET makes it the
// program that has not read the library's documentation: "use" goes on as
// always, "exit" and "sleep" do what a program of another purpose does.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"rt/libcontainer"
	"rt/libcontainer/fault"
	"rt/libcontainer/initstage"
)

func main() {
	root, bundle, id, forget := os.Args[1], os.Args[2], "importer", ""
	if root == "init" {
		mode, _ := os.ReadFile("/tmp/rt-importer-forget")
		forget = string(mode)
		switch forget {
		case "exit":
			os.Exit(2)
		case "sleep":
			time.Sleep(time.Hour)
		case "use":
			root, bundle = "/tmp/rt-importer-again", os.Args[2]
		default:
			os.Exit(initstage.Main(os.Args[2:]))
		}
	}
	if len(os.Args) > 3 {
		id = os.Args[3]
	}
	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	status, err := rt.Run(context.Background(), libcontainer.CreateOptions{ID: id, Bundle: bundle})
	if err != nil {
		fmt.Fprintf(os.Stderr, "importer: %v\nhint: %s\n", err, fault.Hint(err))
		os.Exit(1)
	}
	os.Exit(status)
}
