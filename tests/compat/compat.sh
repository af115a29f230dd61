#!/bin/bash
# Runs runc's own suite with rt, or with another runtime:
#
#   compat.sh [OPTION...]              rt, against tests/compat/expected
#   RUNTIME=module|PATH compat.sh ...  that one; nothing is expected of it
#
# Options are those of the program: -only FILES -run TESTS -results FILE -v.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/rt-tests
# The Debian that some containers are made from.
go test -count=1 -run '^TestDebian$' ./tests/harness >/dev/null
debian=$(find "$cache" -maxdepth 1 -name '*-nginx' | head -n 1)
mkdir -p .bench
CGO_ENABLED=0 go build -buildvcs=false -o .bench/compat ./tests/compat
args=(-cache "$cache" -debian "$debian" -runtime "${RUNTIME:-./rt}")
[ -n "${RUNTIME:-}" ] || args+=(-expected tests/compat/expected)
exec .bench/compat "${args[@]}" "$@"
