#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What ktally costs, beside psutil, pidstat, perf and bpftrace: tests/bench/run.sh [PART...]
#
# Without PART every part is measured and docs/BENCHMARKS.md is written; with PART (see bench.py)
# the figures are printed only. Environment: O, the build folder (ktally and libktally.a are in it);
# ROUNDS, how often each thing is measured. Takes about ten minutes; root.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
O=${O:-build}
CC=${CC:-gcc}
CLANG=${CLANG:-clang}
BPFTOOL=${BPFTOOL:-bpftool}
out=$O/tests/bench
arch=$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

[[ $(id -u) == 0 ]] || {
	echo "ktally: the benchmarks attach BPF programs: run as root (sudo make bench)" >&2
	exit 1
}
[[ -x $O/ktally ]] || {
	echo "ktally: $O/ktally is missing: run make first" >&2
	exit 1
}
mkdir -p "$out"

compile() {
	"$CC" -O2 -g -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -iquote . "$@"
}

for program in pingpong contended syscalls crowd reader waker; do
	compile -static "tests/bench/$program.c" -o "$out/$program"
done
compile -static -fno-omit-frame-pointer tests/bench/stacks.c -o "$out/stacks"
compile tests/bench/empty.c -o "$out/empty" -lbpf -lelf -lz
compile -static tests/bench/empty.c -o "$out/empty-static" -lbpf -lelf -lz
for program in bench_jsonl bench_rules; do
	compile -iquote user -I"$O/gen" -Iinclude "tests/bench/$program.c" "$O/libktally.a" \
		-o "$out/$program" -lbpf -ldw -liberty -lelf -lz -lcap -lyaml -ljansson -lm -pthread
done
"$CLANG" -g -O2 -target bpf -mcpu=v2 "-D__TARGET_ARCH_$arch" -Wall -I"$O/bpf/vmlinux" \
	-Wno-missing-declarations -c tests/bench/empty.bpf.c -o "$out/empty.bpf.o"
"$BPFTOOL" gen object "$out/empty.linked.o" "$out/empty.bpf.o"

# bpftrace and perf look for tracefs: where it is not mounted, it is, for them alone.
# shellcheck disable=SC2016 # expanded by the inner shell
O=$O exec unshare --mount sh -c '
	[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
	exec python3 -B tests/bench/bench.py "$@"' sh "$@"
