#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches Debian's source package of Zydis (the x86 instruction decoder of the VMM) into out/zydis, and compiles nothing.
# Debian ships only a shared library, our tasks are static: so they compile the decoder's files themselves. A private apt configuration with
# deb-src is used; the system's own configuration is neither read nor changed. Needs network the first time, no root, and libzycore-dev.
set -eu
# shellcheck source=build/private-apt.sh
. "$(dirname "$0")/private-apt.sh"

version=4.0.0
destination=$root/out/zydis
stamp=$destination/.fetched-$version

[ -e "$stamp" ] && exit 0

[ -e /usr/include/Zycore/Zycore.h ] || fail "the Zycore headers are missing: apt-get install libzycore-dev"
need "apt dpkg-dev coreutils" apt-get dpkg-source sha256sum

echo "fetch-zydis: fetching the source package zydis $version from $mirror"
private_apt zydis deb-src bookworm
# apt checks the signature of the lists, and the package's files against the lists.
(cd "$work/download" && apt-get source -qq --download-only "zydis=$version-1") ||
	fail "cannot fetch the source package zydis $version-1 from $mirror"

# The build is reproducible only from exactly these bytes.
(cd "$work/download" && sha256sum --quiet --check - <<END) || fail "zydis $version-1 is not the source package that this build was made for"
e990107f80c62afc1deb51de230023a1098db801b8ea6bf483e296d45459e234  zydis_$version.orig.tar.gz
e7bedc77843e2fce82e3a5e278a95e110a03063257a5bba09f0999f1aeac472a  zydis_$version-1.debian.tar.xz
END
(cd "$work/download" && dpkg-source -x --no-check "zydis_$version-1.dsc" "$work/zydis" >/dev/null) ||
	fail "dpkg-source could not unpack zydis_$version-1.dsc"
[ -e "$work/zydis/src/Decoder.c" ] || fail "the source package has no src/Decoder.c"

# musl-gcc does not look into /usr/include: Zycore's headers stand beside Zydis' own.
cp -R /usr/include/Zycore "$work/zydis/include/"

rm -rf "$destination"
mv "$work/zydis" "$destination"
: >"$stamp"
echo "fetch-zydis: unpacked to $destination"
