// Package e2e drives the built runtime as its users do: bundles in, exit
// codes and texts out. It imports nothing of rt; RT names another runtime to
// measure the tests themselves against.
package e2e

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"rt/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// under is the runtime's call by way of a shell or a program that changes the
// caller, or looks on.
func under(t *testing.T, c *harness.Container, command []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := c.Command(args...)
	cmd.Path = harness.Need(t, command[0])
	cmd.Args = slices.Concat(command, cmd.Args)
	return cmd
}

// script is a shell for under that does this first.
func script(first string) []string { return []string{"sh", "-c", first + ` && exec "$@"`, "sh"} }
