//go:build tools

// Package validator pins the programs of the OCI runtime-tools that judge a
// runtime; `make conformance` builds them. They are a module of their own, as
// they do not compile with the runtime-spec that rt uses, and at this version,
// as the later ones compare pointers where they mean numbers (pids). The
// imports are for `go mod tidy` alone.
package validator

import (
	_ "github.com/opencontainers/runtime-tools/cmd/oci-runtime-tool"
	_ "github.com/opencontainers/runtime-tools/cmd/runtimetest"
	_ "github.com/opencontainers/runtime-tools/validation/util"
)
