// Package libcontainer makes OCI containers: it creates, starts, reports,
// signals and deletes them. The rt command is a thin layer above it.
//
// A program that uses it must hand over to [initstage.Main] first thing in
// main when its first argument is "init": containers are started by executing
// the program again.
//
//	if len(os.Args) > 1 && os.Args[1] == "init" {
//		os.Exit(initstage.Main(os.Args[2:]))
//	}
//	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: "/run/myprogram"})
//	exit, err := rt.Run(libcontainer.CreateOptions{ID: "web1", Bundle: "/srv/web1"})
//
// Errors are *fault.Error; fault.Hint gives the advice that goes with one.
package libcontainer
