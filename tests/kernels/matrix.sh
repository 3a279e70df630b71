#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the cases on every kernel of the matrix in each of its preemption modes.
#
#   matrix.sh [-k SERIES]... [-m MODE]... [-c PATTERN] [-j GUESTS] [-b] [--write-docs]
#
#   -k, -m, -c    only these series, modes (default, full), cases (a shell pattern over their ids)
#   -j            guests at a time: 1 or 2 (default 2)
#   -b            only build what goes into the guests
#   --write-docs  write docs/KERNELS.md from the results
#
# Needs `make static tests` before. Prints TAP, then a table. O is the build directory; logs and
# results stay in $O/kernels. A kernel that can't be fetched is a skip. Status 1 when a case fails.
set -euo pipefail
# shellcheck source=tests/kernels/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

KTALLY_STATIC=${KTALLY_STATIC:-$O/ktally-static}
WORKLOADS=${WORKLOADS:-$O/tests/workloads}
RESULTS=$OUT/results
LIMIT=1500 # seconds for a guest

usage() {
	sed -n '/^#   /s/^# *//p' "$0" >&2
	exit 2
}

# compile SOURCE LIBRARY...: a static program of the same name in $OUT.
compile() {
	local source=$KERNELS/$1 program=$OUT/${1%.c}
	shift

	[[ $program -nt $source ]] && return
	"${CC:-gcc}" -static -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra "$source" -o "$program" "$@"
}

build() {
	local workload items=()

	compile init.c
	compile verdict.c -ljansson
	awk -f "$KERNELS/cases.awk" "$KERNELS/cases.txt" >"$OUT/cases"
	[[ -x $KTALLY_STATIC ]] || die "$KTALLY_STATIC is missing: make static"
	# shellcheck disable=SC2013 # names are words
	for workload in $(awk '{ print $6 }' "$OUT/cases" | sort -u); do
		[[ -x $WORKLOADS/$workload ]] || die "$WORKLOADS/$workload is missing: make tests"
		items+=("$WORKLOADS/$workload")
	done
	"$KERNELS/mkinitramfs.sh" "$OUT/initramfs" "$OUT/init=/init" \
		"$(command -v busybox)=/bin/busybox" "$OUT/verdict" "$KTALLY_STATIC=/bin/ktally" \
		"$KERNELS/guest.sh=/guest.sh" "$OUT/cases=/cases" "${items[@]}"
}

# The cases that the guest is asked for.
wanted_cases() {
	local id rest

	while read -r id rest; do
		# shellcheck disable=SC2053 # a pattern is meant
		[[ $id != $pattern ]] || echo "$id $rest"
	done <"$OUT/cases"
}

# Configuration that the cases may need and this kernel is without.
lacking() {
	local symbol

	# shellcheck disable=SC2013 # names are words
	for symbol in $(awk '$2 != "-" { print $2 }' "$OUT/cases" | sort -u); do
		[[ $(config_of "$1" "$symbol") == n ]] && echo "$symbol"
	done
}

# The preemption of a kernel that has no switch for it at run time.
built_preemption() {
	local model

	for model in VOLUNTARY RT LAZY ''; do
		[[ $(config_of "$1" "PREEMPT${model:+_$model}") == y ]] || continue
		model=${model:-full}
		echo "${model,,}"
		return
	done
	echo none
}

# A row of facts about a guest, for the documentation.
note_guest() {
	local series=$1 mode=$2 dir=$3 seconds=$4 symbol values=()

	for symbol in "${SHOWN_CONFIG[@]}"; do
		values+=("$symbol=$(config_of "$dir" "$symbol")")
	done
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$series" "$mode" \
		"$(cut -d' ' -f2 "$dir/package")" "$seconds" \
		"$(sed -nE 's/^BEGIN .* after ([0-9.]+) s$/\1/p' "$RESULTS/$series-$mode.err")" \
		"${values[*]}" >"$RESULTS/$series-$mode.guest"
}

# What a kernel that was harmed says, which kills a process and goes on.
harm() {
	tr -d '\r' <"$1" | sed -nE 's/.*((BUG: (kernel NULL|unable to handle)|Oops: |general protection).*)/\1/p'
}

# One guest: its output, then its rows in $RESULTS/SERIES-MODE.tsv.
run_guest() {
	local series=$1 mode=$2 dir=$3 name=$RESULTS/$1-$2 ended='' start=$SECONDS parameters=()

	[[ $mode == default ]] || parameters+=("preempt=$mode")
	"$KERNELS/boot.sh" -t "$LIMIT" -l "$name.log" "$dir/vmlinuz" "${parameters[@]}" \
		"CASES=$pattern" >"$name.out" 2>"$name.err" ||
		ended="the guest ended with status $?"
	if grep -aq 'Kernel panic' "$name.log"; then
		ended="kernel panic: $(tr -d '\r' <"$name.log" |
			grep -aoE '(BUG|Oops|RIP|Kernel panic).*' | head -n 1)"
	fi
	note_guest "$series" "$mode" "$dir" "$((SECONDS - start))"
	wanted_cases | awk -v series="$series" -v mode="$mode" -v ended="$ended" \
		-v fixed="$(built_preemption "$dir")" \
		-v lacks="$(lacking "$dir" | tr '\n' ' ')" \
		-f "$KERNELS/judge.awk" - "$name.out" >"$name.tsv"
	if [[ $(harm "$name.log") ]]; then
		printf '%s\t%s\t-\tkernel:log\terror\tfail\t%s\n' "$series" "$mode" \
			"$(harm "$name.log" | sed -n 1p)" >>"$name.tsv"
	fi
	say "$series $mode: $(cut -f6 "$name.tsv" | sort | uniq -c | awk '{ print $1, $2 }' |
		paste -sd, | sed 's/,/, /g') in $((SECONDS - start)) s"
}

# A kernel that can't be had: one row for each of its modes.
skip_series() {
	printf '%s\t%s\t-\t*\tabsent\tskip\t%s\n' "$1" "$2" "$3" >"$RESULTS/$1-$2.tsv"
}

contains() {
	local wish=$1 item
	shift

	[[ $# -eq 0 ]] && return
	for item; do
		[[ $item == "$wish" ]] && return
	done
	return 1
}

run_all() {
	local series mode dir

	for series in $(series_names); do
		contains "$series" "${only_series[@]}" || continue
		dir=$("$KERNELS/fetch.sh" "$series" 2>"$OUT/reason" | cut -f2) || dir=''
		for mode in $(series_field "$series" 2 | tr , ' '); do
			contains "$mode" "${only_modes[@]}" || continue
			if [[ ! $dir ]]; then
				skip_series "$series" "$mode" \
					"$(sed -n '$s/^fetch.sh: //p' "$OUT/reason")"
				continue
			fi
			while [[ $(jobs -rp | wc -l) -ge $guests ]]; do
				wait -n || true
			done
			run_guest "$series" "$mode" "$dir" &
		done
	done
	wait
}

only_series=() only_modes=() pattern='*' guests=2 build_only='' write_docs=''
while [[ $# -gt 0 ]]; do
	case $1 in
	-k) only_series+=("${2:?}"); shift ;;
	-m) only_modes+=("${2:?}"); shift ;;
	-c) pattern=${2:?}; shift ;;
	-j) guests=${2:?}; shift ;;
	-b) build_only=1 ;;
	--write-docs) write_docs=1 ;;
	*) usage ;;
	esac
	shift
done
[[ $guests == [12] ]] || usage
if [[ $write_docs && ${#only_series[@]}${#only_modes[@]}$pattern != '00*' ]]; then
	die "--write-docs wants the whole matrix"
fi
need qemu-system-x86_64 busybox cpio flock
mkdir -p "$OUT" "$RESULTS"
build
[[ $build_only ]] && exit
[[ $(wanted_cases) ]] || die "no case matches '$pattern'"
rm -f "$RESULTS"/*
# shellcheck disable=SC2046 # process ids are words
trap 'kill $(jobs -rp) 2>/dev/null || true' EXIT
trap 'exit 143' INT TERM
run_all
"$KERNELS/report.sh" tap table
[[ $write_docs ]] && "$KERNELS/report.sh" markdown >"$ROOT/docs/KERNELS.md"
! cut -f6 "$RESULTS"/*.tsv | grep -qx fail
