#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Prints the results that matrix.sh left in $O/kernels/results.
#
#   report.sh tap|table|markdown...
set -euo pipefail
# shellcheck source=tests/kernels/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

RESULTS=$OUT/results
RERUN=tests/kernels/matrix.sh

# each SUFFIX: that file of every guest, in the order of the matrix.
each() {
	local series mode

	for series in $(series_names); do
		for mode in $(series_field "$series" 2 | tr , ' '); do
			[[ -s $RESULTS/$series-$mode.$1 ]] && cat "$RESULTS/$series-$mode.$1"
		done
	done
	return 0
}

tap() {
	local series mode preempt id status verdict detail n=0 name

	while IFS=$'\t' read -r series mode preempt id status verdict detail; do
		n=$((n + 1))
		name="kernel $series, preempt $preempt ($mode): $id $status"
		detail=${detail//#/\\#}
		case $verdict in
		ok) echo "ok $n - $name: $detail" ;;
		skip) echo "ok $n - $name # SKIP $detail" ;;
		*)
			echo "not ok $n - $name: $detail"
			echo "# reproduce: $RERUN -k $series -m $mode -c '$id'"
			sed -n "s|^LOG $id |#   |p" "$RESULTS/$series-$mode.out" 2>/dev/null
			;;
		esac
	done < <(each tsv)
	echo "1..$n"
}

# Cells of kernel by rung, as rows of words; what needs a sentence follows as numbered notes.
table() {
	each tsv | awk -F '\t' -v markdown="${1-}" -f "$KERNELS/table.awk"
}

guests() {
	local series mode version seconds boot config line head rule

	head='| kernel | mode | Debian version | to the first program | in all |'
	rule='| --- | --- | --- | ---: | ---: |'
	for line in "${SHOWN_CONFIG[@]}"; do
		head+=" $line |"
		rule+=' --- |'
	done
	printf '%s\n%s\n' "$head" "$rule"
	while IFS=$'\t' read -r series mode version seconds boot config; do
		printf '| %s | %s | %s | %s s | %s s |' "$series" "$mode" "$version" "${boot:-?}" \
			"$seconds"
		for line in $config; do
			printf ' %s |' "${line#*=}"
		done
		echo
	done < <(each guest)
}

markdown() {
	cat <<-'TEXT'
	# Kernels

	Written by `tests/kernels/matrix.sh --write-docs`; do not edit.

	Every kernel below was booted in QEMU under plain emulation with two CPUs. Workloads whose
	numbers are known by construction ran on every rung of every instrument, and were compared
	with what ktally counted. Emulation stretches every program, so that it is preempted within
	one far more often than on real hardware: losses are exaggerated.

	- **exact**: every number of every check was right;
	- **lost n**: up to n events of a check were missing. ktally itself reported at least as
	  many for that metric, and `fd_unattributed` was the missing opens less the missing closes,
	  to the digit. Of `targets`, the descriptors of its members are counted, on the best rung
	  of `fd` that the kernel has: what `fentry` loses is missing there, too;
	- **refused**: the kernel does not let ktally use the rung, for the reason in the note;
	- **absent**: this ktally has no such rung.

	TEXT
	table markdown
	printf '\nThe kernels: y is built in, n is not.\n\n'
	guests
	# shellcheck disable=SC2016 # a code span
	printf '\nOne cell again, with what it printed: `%s -k KERNEL -m MODE -c %s`.\n' "$RERUN" \
		"'INSTRUMENT=RUNG:*'"
}

[[ $# -gt 0 ]] || die "usage: report.sh tap|table|markdown..."
for form; do
	case $form in
	tap | table | markdown) "$form" ;;
	*) die "usage: report.sh tap|table|markdown..." ;;
	esac
done
