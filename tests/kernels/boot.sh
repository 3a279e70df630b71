#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Boots one kernel in QEMU under plain emulation, runs a script in it, prints what the script
# printed.
#
#   boot.sh [-t SECONDS] [-l LOG] [-i INITRAMFS] [-c] KERNEL [preempt=MODE] [PARAMETER...] [-- COMMAND]
#
# KERNEL is a series of series.txt or a path to a vmlinuz. PARAMETERs go on the kernel's command
# line; NAME=VALUE is in the environment of the script if the kernel does not know it. COMMAND is
# for the guest's shell; without one it runs the cases, as matrix.sh does. The kernel's own messages
# go to LOG and are shown when the guest did not end well. With -c the guest's clock counts its
# instructions, one a nanosecond: what else the host does is not in it. Status: the script's own,
# or 1.
#
# Hardware virtualization is not used even where it exists: the matrix is to give the same answers
# on every machine.
set -euo pipefail
# shellcheck source=tests/kernels/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
	sed -n '/^#   boot.sh/s/^# *//p' "$0" >&2
	exit 2
}

qemu() {
	# One thread for both CPUs: with two, a CPU now and then runs an int3 that the kernel had
	# already patched away on the other, and panics. Mitigations and audit change nothing that
	# is counted here.
	exec timeout -k 5 "$limit" qemu-system-x86_64 -machine pc -accel tcg,thread=single \
		-cpu max,la57=off -smp 2 -m "${KTALLY_GUEST_MB:-768}" \
		"${clock[@]}" -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$kernel" -initrd "$work/initramfs" \
		-append "console=ttyS0 panic=-1 loglevel=5 mitigations=off audit=0 no_timer_check $*" \
		-serial "file:$log" -serial "file:$work/result" </dev/null
}

# What the script printed, and its status from the END line.
report() {
	sed '/^BEGIN /d; /^END /d' "$work/result"
	sed -n '/^BEGIN /p; /^END /p' "$work/result" >&2
	status=$(awk '/^END / { print $2 }' "$work/result")
	[[ $status ]] && return "$status"
	say "the guest did not come to its end (limit $limit s); the last of its messages:"
	tail -n 20 "$log" | tr -d '\r' >&2
	return 1
}

limit=300 log='' initramfs=$OUT/initramfs clock=()
while getopts t:l:i:c option; do
	case $option in
	t) limit=$OPTARG ;;
	l) log=$OPTARG ;;
	i) initramfs=$OPTARG ;;
	c) clock=(-icount 'shift=0,sleep=off') ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[[ $# -ge 1 ]] || usage
need qemu-system-x86_64
[[ -r $initramfs ]] || die "$initramfs is not there: tests/kernels/matrix.sh -b makes it"

kernel=$1
shift
[[ $kernel == */* ]] || kernel=$("$KERNELS/fetch.sh" "$kernel" | cut -f2)/vmlinuz
parameters=()
while [[ $# -gt 0 && $1 != -- ]]; do
	parameters+=("$1")
	shift
done

work=$(mktemp -d)
guest=''
trap 'rm -rf "$work"; [[ ! $guest ]] || kill "$guest" 2>/dev/null' EXIT
trap 'exit 143' INT TERM
log=${log:-$work/log}
if [[ $# -gt 0 ]]; then
	shift
	printf '%s\n' "$*" >"$work/run.sh"
else
	echo exec sh /guest.sh >"$work/run.sh"
fi
"$KERNELS/mkinitramfs.sh" "$work/run.cpio" "$work/run.sh=/run.sh"
cat "$initramfs" "$work/run.cpio" >"$work/initramfs"
: >"$work/result"
qemu "${parameters[@]}" &
guest=$!
wait "$guest" || say "qemu ended with status $?"
guest=''
report
