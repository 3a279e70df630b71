# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # used by those that source it
# What the scripts of the kernel matrix share: places, messages, the table of series.

KERNELS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$KERNELS/../.." && pwd)
O=${O:-$ROOT/build}
[[ $O == /* ]] || O=$ROOT/$O
OUT=$O/kernels
CACHE=${KTALLY_KERNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ktally/kernels}

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

need() {
	local tool

	for tool; do
		command -v "$tool" >/dev/null && continue
		die "$tool is missing: tests/deps.sh build kernels"
	done
}

series_names() {
	awk '!/^#/ && NF { print $1 }' "$KERNELS/series.txt"
}

# series_field NAME COLUMN
series_field() {
	awk -v name="$1" -v column="$2" '!/^#/ && $1 == name { print $column }' \
		"$KERNELS/series.txt"
}

# config_of DIR SYMBOL: y, m, n, or ? where the package brought no configuration.
config_of() {
	[[ -s $1/config ]] || { echo '?'; return; }
	awk -F= -v symbol="CONFIG_$2" '$1 == symbol { value = $2 }
		END { print value ? value : "n" }' "$1/config"
}

# Configuration that the documentation shows for each kernel.
SHOWN_CONFIG=(DEBUG_INFO_BTF FPROBE KPROBES IO_URING PREEMPT_DYNAMIC CGROUP_BPF SCHED_INFO)
