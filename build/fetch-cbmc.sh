#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches CBMC, the bounded model checker that runs tests/proofs, from Debian 13 (trixie) into out/cbmc, with the libraries that it needs:
# Debian 12 has an older one. A private apt configuration is used; the system's own is neither read nor changed, and nothing is installed:
# out/cbmc/bin/TOOL runs a program through that tree's own loader. Needs network the first time, no root.
set -eu
# shellcheck source=build/private-apt.sh
. "$(dirname "$0")/private-apt.sh"

version=6.6.0-4
destination=$root/out/cbmc
stamp=$destination/.fetched-$version
packages="cbmc minisat libc6 libstdc++6 libgcc-s1 zlib1g"

[ -e "$stamp" ] && exit 0

[ "$(dpkg --print-architecture)" = amd64 ] || fail "the tool's packages are fetched for amd64 only"
need "apt dpkg" apt-get dpkg

echo "fetch-cbmc: fetching cbmc $version from $mirror"
private_apt cbmc deb trixie
mkdir "$work/tree"
# apt checks the signature of the lists, and the packages against the lists. Results of another version would not be comparable.
available=$(apt-cache policy cbmc | sed -n 's/^ *Candidate: //p')
[ "$available" = "$version" ] || fail "$mirror has cbmc $available, the proofs were made with $version"
# shellcheck disable=SC2086
(cd "$work/download" && apt-get download -qq $packages) || fail "cannot fetch cbmc and its libraries from $mirror"
for package in "$work"/download/*.deb; do
	dpkg -x "$package" "$work/tree" || fail "dpkg could not unpack $package"
done
[ -x "$work/tree/usr/bin/cbmc" ] || fail "the package has no usr/bin/cbmc"

mkdir "$work/tree/bin"
for tool in cbmc goto-cc goto-instrument; do
	cat >"$work/tree/bin/$tool" <<'END'
#!/bin/sh
tree=$(cd "$(dirname "$0")/.." && pwd)
exec "$tree/usr/lib64/ld-linux-x86-64.so.2" --argv0 "$(basename "$0")" \
	--library-path "$tree/usr/lib/x86_64-linux-gnu:$tree/usr/lib" "$tree/usr/bin/$(basename "$0")" "$@"
END
	chmod +x "$work/tree/bin/$tool"
	"$work/tree/bin/$tool" --version >/dev/null || fail "$tool does not run"
done

rm -rf "$destination"
mv "$work/tree" "$destination"
: >"$stamp"
echo "fetch-cbmc: unpacked to $destination"
