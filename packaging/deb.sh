#!/bin/bash
# Makes rt_VERSION_ARCH.deb in the directory OUT from what `make install` puts
# into DESTDIR. It needs dpkg-deb and gzip, which every Debian has, and no
# debhelper: there is one program and its pages.
#
#	packaging/deb.sh VERSION DESTDIR OUT
#
# The same source gives the same bytes: files get the date SOURCE_DATE_EPOCH,
# which is that of the commit unless it is set.
set -euo pipefail
umask 022
export LC_ALL=C

version=$1 root=$2 out=$3
here=$(cd "$(dirname "$0")/.." && pwd)
go=${GO:-go}
maintainer=${DEB_MAINTAINER:-The rt authors <rt@packages.invalid>}
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git -C "$here" log -1 --format=%ct 2>/dev/null) || SOURCE_DATE_EPOCH=$(stat -c %Y "$here/CHANGELOG.md")
fi
# dpkg-deb reads them; the number of threads shows in the bytes.
export SOURCE_DATE_EPOCH DPKG_DEB_THREADS_MAX=1
arch=$(dpkg --print-architecture)
doc=$root/usr/share/doc/rt

# licences prints the terms of what is linked into the program. The text of the
# Apache License is in every Debian.
licences() {
	cat <<-END
		rt is an OCI container runtime.

		Copyright: the rt authors
		Licensed under the Apache License, Version 2.0. On Debian systems its text is
		in /usr/share/common-licenses/Apache-2.0.

		/usr/sbin/rt is linked statically with these libraries.

		libseccomp, under the GNU Lesser General Public License, version 2.1 or later:
		/usr/share/common-licenses/LGPL-2.1. Its source is that of the Debian package
		libseccomp.

	END
	if [ "${LIBC:-glibc}" = musl ]; then
		printf 'musl, of the Debian package musl:\n\n'
		cat /usr/share/doc/musl-dev/copyright
	else
		cat <<-END
			The GNU C Library, under the same; its source is that of the Debian package
			glibc.
		END
	fi
	printf '\nThe Go runtime and standard library:\n\n'
	cat "$("$go" env GOROOT)/LICENSE"
	(cd "$here" && "$go" list -tags "${TAGS:-}" -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' .) |
		sort -u | while read -r path dir; do
		printf '\n%s:\n\n' "$path"
		file=$(find "$dir" -maxdepth 1 -iname 'LICENSE*' | sort | head -n 1)
		if [ -z "$file" ]; then
			echo "deb.sh: no licence in $path" >&2
			exit 1
		fi
		if grep -q 'Apache License' "$file"; then
			echo 'Licensed under the Apache License, Version 2.0, as above.'
		else
			cat "$file"
		fi
	done
}

mkdir -p "$doc" "$root/usr/share/lintian/overrides" "$root/DEBIAN"
licences >"$doc/copyright"
{
	printf 'rt (%s) unstable; urgency=medium\n\n' "$version"
	printf '  * What is new stands in CHANGELOG.md.gz beside this file.\n\n'
	printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} >"$doc/changelog"
install -m 0644 "$here/CHANGELOG.md" "$here/docs/install.md" "$doc/"
gzip -9n "$doc/changelog" "$doc/CHANGELOG.md" "$root"/usr/share/man/man8/*.8
echo 'rt: statically-linked-binary [usr/sbin/rt]' >"$root/usr/share/lintian/overrides/rt"

(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
cat >"$root/DEBIAN/control" <<END
Package: rt
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(find "$root/usr" -type f -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
Recommends: procps, uidmap
Suggests: containerd | docker.io | podman
Section: admin
Priority: optional
Description: OCI container runtime
 rt is the program that Docker, containerd, Podman, buildah and CRI-O call to
 turn a directory with a config.json into a running, isolated process. It speaks
 runc's command line, and is one static binary.
 .
 "rt install" tells these clients about it.
END

chmod -R u=rwX,go=rX "$root"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/rt_${version}_$arch.deb"
