#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches CBMC, the bounded model checker that runs tests/proofs, from Debian 13 (trixie) into out/cbmc, with the libraries that it needs:
# Debian 12 has an older one. A private apt configuration is used; the system's own is neither read nor changed, and nothing is installed:
# out/cbmc/bin/TOOL runs a program through that tree's own loader. Needs network the first time, no root.
set -eu

version=6.6.0-4
root=$(cd "$(dirname "$0")/.." && pwd)
destination=$root/out/cbmc
stamp=$destination/.fetched-$version
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${BULKHEAD_DEBIAN_MIRROR:-http://deb.debian.org/debian}
packages="cbmc minisat libc6 libstdc++6 libgcc-s1 zlib1g"

fail() {
	echo "fetch-cbmc: $*" >&2
	exit 1
}

[ -e "$stamp" ] && exit 0

[ "$(dpkg --print-architecture)" = amd64 ] || fail "the tool's packages are fetched for amd64 only"
[ -e "$keyring" ] || fail "$keyring is missing: apt-get install debian-archive-keyring"
for tool in apt-get dpkg; do
	command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install apt dpkg"
done

mkdir -p "$root/out"
work=$(mktemp -d "$root/out/cbmc-fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/etc/preferences.d" "$work/etc/apt.conf.d" "$work/download" "$work/tree"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror trixie main" >"$work/etc/sources.list"
cat >"$work/apt.conf" <<END
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work";
Dir::Cache::archives "$work/archives";
Dir::Etc "$work/etc";
Dir::Etc::sourcelist "$work/etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::main "-";
Dir::Etc::parts "$work/etc/apt.conf.d";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
END

echo "fetch-cbmc: fetching cbmc $version from $mirror"
APT_CONFIG=$work/apt.conf
export APT_CONFIG
apt-get update -qq || fail "cannot read the package lists of $mirror: is the network up?"
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
