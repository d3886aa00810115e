#!/bin/sh
# SPDX-License-Identifier: MIT
# Part of build/fetch-cbmc.sh, fetch-qemu.sh and fetch-zydis.sh, which source it: an apt configuration of our own, that names the Debian releases to
# take from. The system's is neither read nor changed, nothing is installed, and no root is needed; a network is. apt checks the signature of the lists, and what it
# fetches against the lists.
# private_apt NAME KIND RELEASE... makes $work (gone when the script ends) with $work/download in it, lets apt-get and apt-cache use that
# configuration, and reads the lists; KIND is deb or deb-src. fail MESSAGE ends the script, from the beginning; so does need PACKAGES TOOL...
# if a tool is missing, which those packages have.

root=$(cd "$(dirname "$0")/.." && pwd)
mirror=${BULKHEAD_DEBIAN_MIRROR:-http://deb.debian.org/debian}

fail() {
	echo "$(basename "$0" .sh): $*" >&2
	exit 1
}

need() {
	owners=$1
	shift
	for tool in "$@"; do
		command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install $owners"
	done
}

private_apt() {
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$keyring" ] || fail "$keyring is missing: apt-get install debian-archive-keyring"

	mkdir -p "$root/out"
	work=$(mktemp -d "$root/out/$1-fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/etc/preferences.d" "$work/etc/apt.conf.d" "$work/download"
	: >"$work/status"
	kind=$2
	shift 2
	for suite in "$@"; do
		echo "$kind [signed-by=$keyring] $mirror $suite main"
	done >"$work/etc/sources.list"
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
	APT_CONFIG=$work/apt.conf
	export APT_CONFIG
	apt-get update -qq || fail "cannot read the package lists of $mirror: is the network up?"
}
