#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds every tests/fuzz/fuzz_NAME.c with libFuzzer and runs it over tests/fuzz/corpus/NAME, two at
# a time: tests/fuzz/run.sh [NAME...]. Prints TAP. New inputs are kept in $O/fuzz/corpus/NAME; what
# broke a target is named in its failure. Environment: O, the build folder; KTALLY_FUZZ_SECONDS, for
# each target (60); FUZZ_CC, a clang.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export work=${O:-build}/fuzz
export seconds=${KTALLY_FUZZ_SECONDS:-60}
export CC=${FUZZ_CC:-clang}
sanitizers=fuzzer-no-link,address,undefined

skip_all() {
	echo "ok 1 - fuzz # SKIP $1"
	echo "1..1"
	exit 0
}

has_libfuzzer() {
	echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return !d && n; }' |
		"$CC" -fsanitize="$sanitizers" -fsanitize=fuzzer -x c - -o "$work/probe" 2>/dev/null
}

# clang's own warnings are not the point here.
build() {
	make --no-print-directory -s O="$work" CC="$CC" CFLAGS='-O1 -g' WARN=-w SAN="$sanitizers" \
		"$1"
}

# NUMBER NAME: one TAP line, and after a failure the end of what the target said.
run_target() {
	local number=$1 name=$2 program=$work/tests/fuzz/fuzz_$2 log=$work/$2.log runs
	local args=("$work/corpus/$name")
	mkdir -p "$work/corpus/$name" "$work/broken"
	[[ ! -d tests/fuzz/corpus/$name ]] || args+=("tests/fuzz/corpus/$name")
	if [[ ! -x $program ]]; then
		echo "not ok $number - fuzz: $name does not build"
	elif "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$work/broken/$name-" \
		"${args[@]}" >"$log" 2>&1; then
		runs=$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")
		echo "ok $number - fuzz: $name, $runs inputs in $seconds s"
		return
	else
		echo "not ok $number - fuzz: $name"
	fi
	tail -n 40 "$log" | sed 's/^/#   /'
}
export -f run_target

names=("$@")
if ((!$#)); then
	for file in tests/fuzz/fuzz_*.c; do
		name=${file##*/fuzz_}
		names+=("${name%.c}")
	done
fi

mkdir -p "$work"
has_libfuzzer || skip_all "$CC has no libFuzzer here; install libclang-rt-dev"
if ! build "$work/libktally.a" >"$work/build.log" 2>&1; then
	echo "not ok 1 - fuzz: the library does not build"
	tail -n 40 "$work/build.log" | sed 's/^/#   /'
	exit 1
fi
for name in "${names[@]}"; do
	program=$work/tests/fuzz/fuzz_$name
	build "$program" >"$work/$name.log" 2>&1 || rm -f "$program"
done
# shellcheck disable=SC2016 # expanded by the inner shell
for i in "${!names[@]}"; do
	echo "$((i + 1)) ${names[i]}"
done | xargs -P 2 -L 1 bash -c 'run_target "$1" "$2"' run_target | tee "$work/results.tap"
echo "1..${#names[@]}"
! grep -q '^not ok' "$work/results.tap"
