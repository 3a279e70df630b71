#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Hours in small: tests/soak.sh [SECONDS]      (600; root)
#
# ktally watches everything, a line per process, into files that it rotates every few seconds, with
# custom metrics from a socket, while processes come and go as fast as one CPU makes them, and
# readers that close the pipe on a ktally of their own. Writes TAP: memory does not grow, descriptors
# and map entries are bounded, nothing is lost, and what a known workload did at the end is counted
# right.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
seconds=${1:-600}
build=${O:-build}
ktally=$build/ktally
workloads=$build/tests/workloads
work=$(mktemp -d) || exit 1
number=0
monitor=''
churn=''
readers=''
# Fewer cannot tell a slope: a slow machine takes longer than was asked for.
SAMPLES_MIN=9

cleanup() {
	[[ -z $churn ]] || kill "$churn" 2>/dev/null
	[[ -z $readers ]] || kill "$readers" 2>/dev/null
	[[ -z $monitor ]] || kill -KILL "$monitor" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

((EUID == 0)) || {
	echo "ok 1 - soak # SKIP needs root"
	exit 0
}

# TITLE COMMAND...
verdict() {
	local title=$1 result=ok
	shift
	number=$((number + 1))
	"$@" >"$work/why" 2>&1 || result="not ok"
	echo "$result $number - soak: $title"
	[[ $result == ok ]] || sed 's/^/#   /' "$work/why"
}

# Bursts of processes that live for a moment, with a pause, until it is ended.
churn() {
	trap 'exit 0' TERM
	while :; do
		for _ in {1..20}; do /bin/true & done
		wait
		sleep 0.05
	done
}

# One after the other, each with a ktally of its own that has to end when its reader goes.
readers() {
	local statuses
	trap 'exit 0' TERM
	while :; do
		timeout 60 "$ktally" -q -i 100ms -a --processes 2>&1 | head -n 500 >/dev/null
		statuses=("${PIPESTATUS[@]}")
		echo "${statuses[0]}" >>"$work/readers"
		sleep 1
	done
}

all_readers_ended_well() {
	sort "$work/readers" | uniq -c
	[[ $(sort -u "$work/readers") == 0 ]]
}

map_entries() {
	local id total=0
	while read -r id; do
		[[ $(bpftool -j map show id "$id" | jq -r .type) == hash ]] || continue
		total=$((total + $(bpftool -j map dump id "$id" 2>/dev/null | jq length)))
	done < <(awk '/^map_id:/ { print $2 }' /proc/"$monitor"/fdinfo/* 2>/dev/null | sort -u)
	echo "$total"
}

# "RSS-KiB descriptors map-entries" of one moment.
sample() {
	local rss fds entries=0
	rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$monitor/status" 2>/dev/null)
	fds=$(find "/proc/$monitor/fd" -type l 2>/dev/null | wc -l)
	[[ -z $has_bpftool ]] || entries=$(map_entries)
	[[ -n $rss ]] && echo "$rss $fds $entries" >>"$work/samples"
}

has_samples() {
	(($(wc -l <"$work/samples") >= SAMPLES_MIN))
}

# COLUMN FROM TO: of the samples in the thirds from FROM to TO, the median.
median() {
	local count
	count=$(wc -l <"$work/samples")
	awk -v c="$1" -v n="$count" -v from="$2" -v to="$3" \
		'NR > n * from / 3 && NR <= n * to / 3 { print $c }' "$work/samples" |
		sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] + 0 }'
}

# COLUMN SLACK: the last third is not above the second by more.
does_not_grow() {
	local before after
	before=$(median "$1" 1 2) after=$(median "$1" 2 3)
	echo "from $before to $after"
	((before > 0 && after <= before + $2))
}

# PID FILE: its account of its own switches, as the exit event has it. What it does between the
# account and its end is not in it.
counted() {
	local voluntary got
	voluntary=$(jq .nvcsw "$2")
	got=$(cat "$work"/out.jsonl* | grep '"process_exit"' | grep "\"pid\":$1," |
		jq -s 'last | .totals.context_switches_voluntary')
	echo "process $1: counted $got, its own account $voluntary"
	[[ $got =~ ^[0-9]+$ ]] && ((got >= voluntary && got <= voluntary + 3))
}

nothing_was_lost() {
	tail -n 1 "$work/out.jsonl" | cut -c 1-300
	tail -n 1 "$work/out.jsonl" | jq -c '{losses, skipped}'
	cat "$work/err"
	tail -n 1 "$work/out.jsonl" | jq -es 'last | .type == "trailer" and .lost_events == 0'
}

# A new client each time.
send_metric() {
	/usr/bin/python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"soak.samples:1|c", sys.argv[1])' "$work/statsd" 2>/dev/null
}

has_bpftool=$(command -v bpftool)
"$ktally" -i 200ms -a --processes --rotate 4M:3 --statsd "unix:$work/statsd" -o "$work/out.jsonl" \
	2>"$work/err" &
monitor=$!
until [[ -s $work/out.jsonl ]] || ! kill -0 "$monitor" 2>/dev/null; do sleep 0.1; done
churn &
churn=$!
readers &
readers=$!
: >"$work/samples"
end=$((SECONDS + seconds))
while { ((SECONDS < end)) || ! has_samples; } && kill -0 "$monitor" 2>/dev/null; do
	sample
	send_metric
	sleep $((seconds > 300 ? 5 : 1))
done
kill "$churn" "$readers" 2>/dev/null
wait "$churn" "$readers" 2>/dev/null
churn='' readers=''
"$workloads/switches" -t 8 -k 499 sleep >"$work/last.json" &
known=$!
wait "$known"
sleep 1
verdict "ktally still runs" kill -0 "$monitor"
kill -INT "$monitor" 2>/dev/null
wait "$monitor"
status=$?
monitor=''
verdict "it ends well" test "$status" = 0
verdict "memory does not grow" does_not_grow 1 512
verdict "descriptors do not grow" does_not_grow 2 4
[[ -z $has_bpftool ]] || verdict "map entries are bounded" does_not_grow 3 400
verdict "readers that go take their ktally along" all_readers_ended_well
verdict "no more files than are kept" test "$(find "$work" -name 'out.jsonl*' | wc -l)" -le 3
verdict "nothing was lost" nothing_was_lost
verdict "a known workload is counted right at the end" counted "$known" "$work/last.json"
echo "1..$number"
