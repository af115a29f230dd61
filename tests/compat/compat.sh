#!/bin/bash
# Runs runc's own suite with rt, or with another runtime, on this host: as root,
# and as a user.
#
#   compat.sh [OPTION...]              rt, against tests/compat/expected
#   RUNTIME=module|PATH compat.sh ...  that one; nothing is expected of it
#   WORLDS="host user"                 which of the two
#
# Options are those of the program: -only FILES -run TESTS -v. The results are
# left in .bench/compat-RUNTIME.tsv (of the user: compat-RUNTIME-user.tsv): file,
# test, outcome, reason.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/rt-tests
# The Debian that some containers are made from.
go test -count=1 -run '^TestDebian$' ./tests/harness >/dev/null
debian=$(find "$cache" -maxdepth 1 -name '*-nginx' | head -n 1)
mkdir -p .bench/compat
CGO_ENABLED=0 go build -buildvcs=false -o .bench/compat/compat ./tests/compat
runtime=${RUNTIME:-./rt}
args=(-cache "$cache" -debian "$debian" -runtime "$runtime")
[ -n "${RUNTIME:-}" ] || args+=(-expected tests/compat/expected)
failed=0
for world in ${WORLDS:-host user}; do
	results=.bench/compat-${runtime##*/}
	[ "$world" = host ] || results+=-$world
	.bench/compat/compat "${args[@]}" -world "$world" -results "$results.tsv" "$@" || failed=1
done
exit $failed
