// Package e2e drives the built runtime as its users do: bundles in, exit
// codes and texts out. It imports nothing of rt; RT names another runtime to
// measure the tests themselves against.
package e2e

import (
	"os"
	"testing"

	"rt/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
