// Package libcontainer makes OCI containers: it creates, starts, reports,
// signals and deletes them. The rt command is a thin layer above it.
//
// # The program that uses it
//
// A container begins as a process of the calling program's own: init, which
// sets the container up and becomes the container's program. So the first thing
// in main must be to hand over to initstage.Main when the program was started
// as one, by default with the argument "init":
//
//	func main() {
//		if len(os.Args) > 1 && os.Args[1] == "init" {
//			os.Exit(initstage.Main(os.Args[2:]))
//		}
//		…
//	}
//
// RuntimeOptions.Init names other arguments, or another program: the rt command
// itself is a good one. A program that forgets the hand-over gets an error that
// says so, at once or, if it waits for something as an init, after 30 seconds.
//
// The program must be built with cgo: libseccomp compiles the filters, and a
// part of init runs before Go does.
//
// # What happens to the calling process
//
// Nothing but what is said here; [RuntimeOptions].Standalone, which is for
// programs like rt, says what more.
//
//   - Each call may start threads, as every blocking system call of Go does: as
//     many as there are creates, starts and deletes at the same time. While
//     containers merely run there is a goroutine and an fd for each.
//   - Namespaces are entered by threads that end with that.
//   - Hooks are children of the process, and inherit what is not close-on-exec.
//     In an init it is closed before Go begins.
//   - init inherits the working directory, the umask, the resource limits, the
//     scheduling and the ignored signals.
//   - The exit status of inits is taken with waitid(2) on their own pidfds; other
//     children are left alone. A program that waits for all of its children
//     (wait4 with -1) takes it away: Run and Wait then fail.
//
// # Errors and deadlines
//
// Errors are *fault.Error, or spec.Errors for a wrong config.json; errors.Is
// finds those of package fault, the errno of the kernel, and context's own.
// fault.Hint gives the advice that goes with one.
//
// Create, Run and Wait take a context, as they may last. All other calls end by
// themselves: they wait at most 10 seconds for another call on the same
// container, for a created init to answer or for killed processes to die, and
// for hooks as long as each one's timeout says.
package libcontainer
