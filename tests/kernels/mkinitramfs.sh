#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Packs files into a cpio archive that a kernel unpacks as its root. Archives may be concatenated:
# the kernel unpacks one after the other.
#
#   mkinitramfs.sh OUT FILE[=PLACE]...     PLACE: absolute path in the guest, default /bin/NAME
#
# Each file goes in with its permissions; busybox brings the names of its applets along.
# Uncompressed, because under emulation unpacking costs more than loading.
set -euo pipefail
# shellcheck source=tests/kernels/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -ge 2 ]] || die "usage: mkinitramfs.sh OUT FILE[=PLACE]..."
need cpio
out=$1
shift

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
for item; do
	file=${item%%=*}
	place=/bin/${file##*/}
	[[ $item == *=* ]] && place=${item#*=}
	[[ -r $file ]] || die "$file can't be read"
	mkdir -p "$root${place%/*}"
	cp "$file" "$root$place"
	if [[ $place == /bin/busybox ]]; then
		for applet in $("$file" --list); do
			[[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
		done
	fi
done
(cd "$root" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$out.new"
mv "$out.new" "$out"
