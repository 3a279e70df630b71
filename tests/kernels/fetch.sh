#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Fetches the kernels of the matrix from Debian's archive and caches them.
#
#   fetch.sh [--update] [SERIES...]      default: every series of series.txt
#
# Prints "SERIES<tab>DIRECTORY" for each; the directory holds vmlinuz, config and package (name and
# version). A series that can't be had is one line on standard error, and status 1. Cached ones need
# no network. apt runs with a state of its own under the cache: the machine's sources stay as they
# are, only the addresses of its mirrors are read from them.
set -euo pipefail
# shellcheck source=tests/kernels/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# What a kernel must have to be worth a boot. FPROBE is not among it: no flavour of 5.10 and 6.1 has
# it.
REQUIRED=(DEBUG_INFO_BTF KPROBES IO_URING BPF_EVENTS CGROUP_BPF DEVTMPFS SERIAL_8250_CONSOLE)
# Old indexes may name files that the archive has dropped; so many releases are tried, newest first.
TRIES=5

# shellcheck disable=SC2016 # apt expands these
# mirror LABEL: the address from which this machine gets that archive.
mirror() {
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk -v label="$1" '$1 == label { print $2; exit }'
}

write_sources() {
	local suite uri label file=$1
	shift

	for suite; do
		label=Debian
		[[ $suite == *-security ]] && label=Debian-Security
		uri=$(mirror "$label")
		[[ $uri ]] && echo "deb [signed-by=$KEYRING] $uri $suite main"
	done >"$file"
	[[ -s $file ]]
}

# apt_in STATE COMMAND...: apt with a state of its own. Suites past their support keep a signed
# index whose date has run out; it still says truly what the archive holds.
apt_in() {
	local state=$1 tool=$2
	shift 2

	"$tool" -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
		-o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
		-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Sandbox::User="$(id -un)" \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 \
		-o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@"
}

# Package names of a series, newest release first. "linux-binary" is the image where "linux-image"
# only depends on it; signed and unsigned images are the same code.
candidates() {
	local state=$1 release=$2 flavour=$3

	apt_in "$state" apt-cache pkgnames linux- |
		sed -nE "s/^linux-(image|binary)-($release)$flavour(-unsigned)?\$/\\2 \\1 &/p" |
		sort -k1,1Vr -k2,2 -k3,3r | awk '{ print $3 }'
}

# extract DEB DIR: vmlinuz and config, wherever this generation of packages keeps them. tar
# complains of the patterns of the other generations.
extract() {
	local deb=$1 dir=$2 file

	mkdir "$dir/files"
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir/files" \
		--wildcards --no-wildcards-match-slash './boot/vmlinuz-*' './boot/config-*' \
		'./usr/lib/modules/*/vmlinuz' \
		'./usr/lib/modules/*/config' 2>/dev/null || true
	for file in vmlinuz config; do
		find "$dir/files" -name "$file*" -type f -exec mv {} "$dir/$file" \;
	done
	rm -rf "$dir/files"
}

# download STATE PACKAGE DIR: one package, unpacked into DIR.
download() {
	local state=$1 package=$2 dir=$3 deb

	(cd "$dir" && apt_in "$state" apt-get -qq download "$package" 2>>"$state/log") || return 1
	for deb in "$dir"/*.deb; do
		extract "$deb" "$dir"
		[[ -s $dir/package ]] || dpkg-deb -f "$deb" Package Version |
			awk '{ printf "%s%s", $2, NR == 1 ? " " : "\n" }' >"$dir/package"
		rm -f "$deb"
	done
}

lacks() {
	local symbol

	for symbol in "${REQUIRED[@]}"; do
		[[ $(config_of "$1" "$symbol") == n ]] && echo "$symbol" && return
	done
	return 1
}

# try PACKAGE: 0 when its kernel is in the cache and serves.
try() {
	local series=$1 state=$2 package=$3 new symbol

	new=$(mktemp -d "$CACHE/$series/new.XXXXXX")
	if ! download "$state" "$package" "$new" || [[ ! -s $new/vmlinuz ]]; then
		rm -rf "$new"
		return 1
	fi
	if [[ ! -s $new/config ]]; then
		download "$state" "${package/#linux-binary-/linux-base-}" "$new" || true
	fi
	if symbol=$(lacks "$new"); then
		echo "$package has no CONFIG_$symbol" >>"$state/log"
		rm -rf "$new"
		return 1
	fi
	rm -rf "${CACHE:?}/$series/kernel"
	mv "$new" "$CACHE/$series/kernel"
}

# The last complaint of apt, or of the check for what a kernel must have.
reason() {
	sed -nE '/Some index files failed/d; s/^[EW]: *//p; /has no CONFIG_/p' "$1/log" | tail -n 1
}

fetch() {
	local series=$1 state=$CACHE/$1/apt release package flavour

	release=$(series_field "$series" 4)
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	: >"$state/log"
	# shellcheck disable=SC2046 # a list of suites
	write_sources "$state/sources.list" $(series_field "$series" 3 | tr , ' ') ||
		{ say "$series: apt here has no Debian archive among its sources"; return 1; }
	apt_in "$state" apt-get -q update >>"$state/log" 2>&1 || true
	for flavour in -cloud-amd64 -amd64; do
		for package in $(candidates "$state" "$release" "$flavour" | head -n "$TRIES"); do
			try "$series" "$state" "$package" || continue
			rm -rf "${state:?}/lists" "$state/cache"
			return
		done
	done
	say "$series: no kernel: $(reason "$state" | grep . ||
		echo "none in $(series_field "$series" 3)")"
	return 1
}

# Under a lock, so that two runs at once fetch once.
fetch_once() {
	local series=$1 update=$2 lock status=0

	if [[ ! $(series_field "$series" 1) ]]; then
		say "$series: no such series in series.txt"
		return 1
	fi
	mkdir -p "$CACHE/$series"
	exec {lock}>"$CACHE/$series/lock"
	flock "$lock"
	if [[ $update || ! -s $CACHE/$series/kernel/vmlinuz ]]; then
		fetch "$series" || status=1
	fi
	exec {lock}>&-
	return "$status"
}

main() {
	local update='' series status=0

	[[ ${1-} == --update ]] && update=1 && shift
	need apt-get dpkg-deb
	[[ -r $KEYRING ]] || die "$KEYRING is missing: apt-get install debian-archive-keyring"
	# shellcheck disable=SC2046 # names are words
	[[ $# -gt 0 ]] || set -- $(series_names)
	for series; do
		if fetch_once "$series" "$update"; then
			printf '%s\t%s\n' "$series" "$CACHE/$series/kernel"
		else
			status=1
		fi
	done
	return "$status"
}

main "$@"
