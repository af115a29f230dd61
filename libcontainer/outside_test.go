package libcontainer

import (
	"context"
	"errors"
	"testing"

	"rt/libcontainer/planner"
	"rt/libcontainer/sys"
)

// TestNoProcs: who is in the pid namespace that init is born in can kill it
// before it has sent anything.
func TestNoProcs(t *testing.T) {
	ours, theirs, err := sys.Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	defer sys.CloseAll([]int{ours, theirs})
	o := newOutside(planner.Namespaces{}, nil)
	o.conn = ours
	if err := o.takeProcs(1); err == nil {
		t.Error("an init that sent nothing is none that was killed")
	}
	if err := o.takeProcs(0); err != nil {
		t.Error(err)
	}
}

// TestBirthThatHangs: a caller need not wait for an init that others have
// stopped on its way to be executed.
func TestBirthThatHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := newOutside(planner.Namespaces{}, nil)
	l := &launch{ctx: ctx, outside: o}
	if err := l.awaitBirth(o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if l.outside != nil || o.use(func() error { return nil }) == nil {
		t.Error("the thread may still use the launch's files")
	}
}
