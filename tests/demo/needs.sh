#!/bin/sh
# Installs those of the given Debian packages that are missing. Does nothing,
# and needs no root, when all are there or when the host has no apt.
set -eu

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

missing=
for package in "$@"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing"
install() {
	# shellcheck disable=SC2086 # a list of words
	$sudo apt-get install -qq -y --no-install-recommends $missing >"$log" 2>&1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists may be missing or too old: fetch them only then.
install || { $sudo apt-get update -qq && install; } || { cat "$log" >&2; exit 1; }
