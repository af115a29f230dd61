package libcontainer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer"
	"rt/libcontainer/fault"
)

// A container that runs to its end, in the foreground.
func ExampleRuntime_Run() {
	bundle, root, clean := demo("sh", "-c", "hostname; exit 3")
	defer clean()

	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	exit, err := rt.Run(context.Background(), libcontainer.CreateOptions{ID: "web1", Bundle: bundle, Stdout: os.Stdout})
	if err != nil {
		fmt.Println(err, fault.Hint(err))
		return
	}
	fmt.Println("exit status", exit)
	// Output:
	// e2e
	// exit status 3
}

// A container that may run for a second only.
func ExampleRuntime_Run_deadline() {
	bundle, root, clean := demo("sleep", "1000")
	defer clean()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	exit, err := rt.Run(ctx, libcontainer.CreateOptions{ID: "web1", Bundle: bundle})
	fmt.Println(exit, errors.Is(err, context.DeadlineExceeded))
	// Output: 137 true
}

// The steps one by one.
func ExampleRuntime_Create() {
	bundle, root, clean := demo("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
	defer clean()

	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	step := func(name string, err error) {
		if err != nil {
			fmt.Println(name+":", err)
			os.Exit(1)
		}
		list, _, err := rt.List()
		if err != nil {
			fmt.Println("list:", err)
			os.Exit(1)
		}
		for _, c := range list {
			fmt.Println(name+":", c.ID, "is", c.Status)
		}
	}
	options := libcontainer.CreateOptions{ID: "web1", Bundle: bundle}
	step("create", rt.Create(context.Background(), options))
	step("start", rt.Start("web1"))
	time.Sleep(time.Second) // let the shell set its trap
	err := rt.Kill("web1", syscall.SIGTERM, false)
	exit, werr := rt.Wait(context.Background(), "web1")
	step("kill", errors.Join(err, werr))
	fmt.Println("exit status", exit)
	step("delete", rt.Delete("web1", false))
	// Output:
	// create: web1 is created
	// start: web1 is running
	// kill: web1 is stopped
	// exit status 7
}

// Another process in a running container.
func ExampleRuntime_Exec() {
	bundle, root, clean := demo("sleep", "1000")
	defer clean()

	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	ctx := context.Background()
	if _, err := rt.Run(ctx, libcontainer.CreateOptions{ID: "web1", Bundle: bundle, Detach: true}); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rt.Delete("web1", true) }()
	result, err := rt.Exec(ctx, libcontainer.ExecOptions{
		ID:       "web1",
		Override: libcontainer.ProcessOverride{Args: []string{"sh", "-c", "echo $GREETING from $(hostname); exit 4"}, Env: []string{"GREETING=hello"}},
		Stdout:   os.Stdout,
	})
	fmt.Println(result.Status, err)
	// Output:
	// hello from e2e
	// 4 <nil>
}

// A container is paused, given another limit, and goes on.
func ExampleRuntime_Update() {
	bundle, root, clean := demo("sleep", "1000")
	defer clean()

	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	if _, err := rt.Run(context.Background(), libcontainer.CreateOptions{ID: "web1", Bundle: bundle, Detach: true}); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = rt.Delete("web1", true) }()
	limit := int64(20)
	err := errors.Join(
		rt.Pause("web1"),
		rt.Update("web1", libcontainer.UpdateOptions{Resources: &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}}),
		rt.Resume("web1"),
	)
	stats, serr := rt.Stats("web1")
	if err = errors.Join(err, serr); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stats.Pids.Current, "of", stats.Pids.Limit)
	// Output: 1 of 20
}

// All that is wrong with a bundle, and what kind of error it is.
func ExampleRuntime_Create_errors() {
	bundle, root, clean := demo("sleep", "1000")
	defer clean()

	rt := libcontainer.New(libcontainer.RuntimeOptions{Root: root})
	err := rt.Create(context.Background(), libcontainer.CreateOptions{ID: "../web1", Bundle: bundle})
	fmt.Println(errors.Is(err, fault.ErrInvalidID))
	_, err = rt.State("web1")
	fmt.Println(errors.Is(err, fault.ErrNotExist))
	err = rt.Create(context.Background(), libcontainer.CreateOptions{ID: "web1", Bundle: "/nowhere"})
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// true
	// true
	// true
}
