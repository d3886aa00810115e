#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches a QEMU whose IOMMU writes an event log from Debian's backports (trixie-backports) into out/qemu, with the libraries that it needs: 32 MB.
# Debian 12's and 13's write none. Nothing is installed: out/qemu/bin/qemu-system-x86_64 runs the program through that tree's own loader. One test
# uses it (tests/system/test_hostile_driver.py), with that folder first in PATH. Needs network the first time, no root.
set -eu
# shellcheck source=build/private-apt.sh
. "$(dirname "$0")/private-apt.sh"

release=trixie
destination=$root/out/qemu
stamp=$destination/.fetched
libraries=usr/lib/x86_64-linux-gnu

[ -e "$stamp" ] && exit 0

[ "$(dpkg --print-architecture)" = amd64 ] || fail "the emulator's packages are fetched for amd64 only"
need "apt dpkg" apt-get dpkg

echo "fetch-qemu: fetching qemu-system-x86 of $release-backports from $mirror"
private_apt qemu deb "$release" "$release-backports"
# Which libraries that version needs knows apt, for whom nothing is installed yet. It asks for no root here: its lock and its caches are in $work.
apt-get install -qq --download-only --no-install-recommends -t "$release-backports" qemu-system-x86 >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	fail "cannot fetch qemu-system-x86 and its libraries from $mirror ($release-backports)"
}
mkdir "$work/all" "$work/tree"
for package in "$work"/archives/*.deb; do
	dpkg -x "$package" "$work/all" || fail "dpkg could not unpack $package"
done
[ -x "$work/all/usr/bin/qemu-system-x86_64" ] || fail "the package has no usr/bin/qemu-system-x86_64"

mkdir -p "$work/tree/bin" "$work/tree/$libraries" "$work/tree/usr/lib64" "$work/tree/roms"
mv "$work/all/usr/bin/qemu-system-x86_64" "$work/tree/qemu-system-x86_64"
mv "$work/all/usr/lib64/ld-linux-x86-64.so.2" "$work/tree/usr/lib64/"
find "$work/all/$libraries" -maxdepth 1 -name '*.so*' -exec mv {} "$work/tree/$libraries/" \;
for roms in qemu seabios; do
	mv "$work/all/usr/share/$roms" "$work/tree/roms/"
done
cat >"$work/tree/bin/qemu-system-x86_64" <<'END'
#!/bin/sh
tree=$(cd "$(dirname "$0")/.." && pwd)
exec "$tree/usr/lib64/ld-linux-x86-64.so.2" --argv0 qemu-system-x86_64 --library-path "$tree/usr/lib/x86_64-linux-gnu" \
	"$tree/qemu-system-x86_64" -L "$tree/roms/qemu" -L "$tree/roms/seabios" "$@"
END
chmod +x "$work/tree/bin/qemu-system-x86_64"
version=$("$work/tree/bin/qemu-system-x86_64" --version | sed -n 's/^QEMU emulator version //p')
[ -n "$version" ] || fail "the fetched qemu-system-x86_64 does not run"
"$work/tree/bin/qemu-system-x86_64" -M q35 -device amd-iommu,help | grep -q dma-remap ||
	fail "QEMU $version of $release-backports is too old: its IOMMU has no event log"

rm -rf "$destination"
mv "$work/tree" "$destination"
echo "$version" >"$stamp"
echo "fetch-qemu: $version unpacked to $destination"
