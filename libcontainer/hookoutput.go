package libcontainer

// hookoutput.go: the files that an annotation names for what hooks print.

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/hook"
	"rt/libcontainer/plan"
	"rt/libcontainer/spec"
	"rt/libcontainer/sys"
)

// openHookOutput opens the files for hooks that rt itself runs.
func openHookOutput(annotations map[string]string) (out hook.Output, err error) {
	fds, err := hookOutputFds(annotations)
	if err != nil {
		return out, err
	}
	if fds[0] != plan.None {
		out.Stdout = os.NewFile(uintptr(fds[0]), "stdout")
	}
	if fds[1] != plan.None {
		out.Stderr = os.NewFile(uintptr(fds[1]), "stderr")
	}
	return out, nil
}

func closeHookOutput(out hook.Output) {
	for _, f := range []*os.File{out.Stdout, out.Stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// hookOutputFds opens the files, plan.None for one that is not named. They are
// made where they are missing and only ever appended to: several containers
// may share them.
func hookOutputFds(annotations map[string]string) (fds [2]int, err error) {
	fds = [2]int{plan.None, plan.None}
	stdout, stderr := spec.HookOutput(annotations)
	for i, path := range []string{stdout, stderr} {
		if path == "" {
			continue
		}
		if fds[i], err = sys.OpenAppend(path, 0o600); err != nil {
			sys.CloseAll(fds[:i])
			name := [...]string{"stdout", "stderr"}[i]
			e := fault.New("hooks", `annotations["run.oci.hooks.`+name+`"]`, "open "+path, err)
			if errors.Is(err, unix.ENXIO) {
				e.Hint = "it is a fifo that nobody reads, or a socket"
			}
			return fds, e
		}
	}
	return fds, nil
}

// sendHookOutput adds the files to what init gets, for the hooks that it runs.
// Where it runs none they are opened all the same: a name that cannot be right
// is an error of create, not of start.
func (l *launch) sendHookOutput(p *plan.Plan) error {
	if l.spec.Hooks == nil {
		return nil
	}
	fds, err := hookOutputFds(l.spec.Annotations)
	if err != nil {
		return err
	}
	if len(p.CreateContainer)+len(p.StartContainer) == 0 {
		sys.CloseAll(fds[:])
		return nil
	}
	for i, index := range []*int{&p.HookStdout, &p.HookStderr} {
		if fds[i] != plan.None {
			*index = l.add(fds[i])
		}
	}
	return nil
}
