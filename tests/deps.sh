#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs what is missing with apt-get: tests/deps.sh [build] [test] [kernels]. Says nothing when nothing is.
set -euo pipefail

here=$(dirname "$0")
kinds=("${@:-build}")
missing=()

has() {
	dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

# bpftool is a package of its own on Debian and part of linux-tools on Ubuntu; a rustc of rustup's does
# as well.
provided() {
	case $1 in
	bpftool | linux-tools-generic) command -v bpftool >/dev/null ;;
	rustc) command -v rustc >/dev/null ;;
	*) has "$1" ;;
	esac
}

for kind in "${kinds[@]}"; do
	while read -r what names; do
		[ "$what" = "$kind" ] || continue
		provided "${names%%|*}" || missing+=("$names")
	done < <(grep -v '^#' "$here/packages.txt")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

command -v apt-get >/dev/null || {
	echo "ktally: these packages are missing: ${missing[*]}; install them with your package manager" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || {
	echo "ktally: these packages are missing: ${missing[*]}; run as root (sudo) to install them" >&2
	exit 1
}
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
wanted=()
for names in "${missing[@]}"; do
	chosen=${names%%|*}
	apt-cache show "$chosen" >/dev/null 2>&1 || chosen=${names##*|}
	wanted+=("$chosen")
done
echo "installing: ${wanted[*]}"
# A package that starts a service (redis-server) must not start it here.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
