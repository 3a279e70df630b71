#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The stream: whole records, a trailer whatever ends it, and nothing else on standard output.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

@test "stream: standard output carries records and nothing else" {
	require_root
	"$KTALLY" -p $$ -i 100ms -n 3 >out.jsonl 2>err 3>&-
	validate out.jsonl
	assert_equal "$(grep -v 'warning: fd falls back' err || true)" ""
	assert_equal "$(q 'map(.type) | tojson')" \
		'["header","snapshot","snapshot","snapshot","trailer"]'
	assert_equal "$(q 'trailer | [.reason, .snapshots] | tojson')" '["count",3]'
}

@test "stream: a duration ends it" {
	require_root
	record -p $$ -d 350ms
	assert_equal "$status $(q 'trailer.reason')" "0 duration"
}

@test "stream: the header says what is watched, how, and by which rules" {
	require_root
	record -p $$ -n 1 --alert 'mine: open_fds > 77 for 5s'
	assert_equal "$(q 'header | [.schema, .seq, .interval_seconds] | tojson')" '["ktally.v1",0,0.1]'
	assert_equal "$(q 'header.targets[0] | [.kind, .pid] | tojson')" "[\"pid\",$$]"
	assert_equal "$(q 'header.rules | map(.alert) | tojson')" \
		'["high_cpu","high_memory","file_handle_leak","mine"]'
	assert_equal "$(q 'header.host.kernel')" "$(uname -r)"
	assert_equal "$(q 'header.host.boot_id')" "$(cat /proc/sys/kernel/random/boot_id)"
	# Every rung above the one in use was refused for a reason.
	assert_equal "$(q '[header.instruments[].refused[].reason | select(. == null or . == "")] | length')" 0
}

@test "stream: SIGINT and SIGTERM end it with a trailer" {
	require_root
	local signal
	for signal in INT TERM; do
		start_ktally -p $$
		stop_ktally "$signal"
		assert_equal "$signal: $status $(q 'trailer.reason')" "$signal: 0 stopped"
	done
}

@test "stream: the end of the last target ends it" {
	require_root
	start_held fdways open
	start_ktally -p "$HELD"
	kill -KILL "$HELD"
	wait_ktally
	assert_equal "$status $(q 'trailer.reason')" "0 targets_ended"
	assert_equal "$(q "exit_of($HELD).exit_signal")" 9
}

@test "stream: the last interval counts for what it was, however short" {
	require_root
	# shellcheck disable=SC2016 # for the inner shell
	record -i 500ms -- sh -c 'sleep 0.55; "$0"/burn -t 1 --ms 80 >/dev/null' "$WORKLOADS"
	assert_equal "$status" 0
	# But for rounding to two decimals.
	# shellcheck disable=SC2016 # for jq
	assert_equal "$(q 'trailer.averages.avg_cpu_percent as $mean | snapshots
		| (map(.cpu_percent * .interval_seconds) | add) as $used
		| ($used / (map(.interval_seconds) | add) - $mean | fabs) < 0.02')" true
	assert_equal "$(q 'trailer | .maxima.max_cpu_percent >= .averages.avg_cpu_percent - 0.01')" true
}

@test "stream: a reader that goes ends it quietly" {
	require_root
	"$KTALLY" -i 100ms -a --processes 2>err 3>&- | head -n 1 >first
	assert_equal "$(grep -v 'warning: fd falls back' err || true)" ""
	assert_equal "$(jq -r .type first)" header
}

@test "stream: a reader that stalls gets whole records, and learns how many it missed" {
	require_root
	populate 40
	mkfifo pipe
	local stalled monitor
	exec {stalled}<>pipe # open for reading, and nobody reads
	"$KTALLY" -i 100ms -a --processes -d 8s >pipe 2>err 3>&- &
	monitor=$!
	started+=("$monitor")
	sleep 7
	cat pipe >out.jsonl 3>&- {stalled}>&- &
	local reader=$!
	started+=("$reader")
	wait_for "the end of ktally" ended "$monitor"
	exec {stalled}>&-
	wait_for "the end of the reader" ended "$reader"
	validate out.jsonl
	assert_equal "$(q 'trailer.losses.records > 0')" true
	assert_equal "$(q 'trailer.lost_events >= trailer.losses.records')" true
}

@test "stream: a full disk costs whole records, never half of one" {
	mount_small 64k
	populate 40
	local got=0
	"$KTALLY" -i 100ms -a --processes -n 4 -o small/out.jsonl >stdout 2>err 3>&- || got=$?
	cp small/out.jsonl .
	assert_equal "exit status $got" "exit status 1"
	validate --cut out.jsonl
	assert_equal "$(cat stdout)" ""
	assert_equal "$(grep -c 'cannot write records' err)" 1
	assert_regex "$(cat err)" "space"
}

@test "stream: a limit of the size of files costs whole records, and is told as such" {
	local got=0
	(
		ulimit -f 8
		exec "$KTALLY" --no-bpf -i 100ms -p $$ -n 9 -o out.jsonl 2>err 3>&-
	) || got=$?
	assert_equal "exit status $got" "exit status 1"
	validate --cut out.jsonl
	assert_equal "$(wc -l <err)" 1
	assert_regex "$(cat err)" "cannot write records: File too large; .*ulimit -f.*--rotate"
}

@test "stream: a number that could not be read is null" {
	require_root
	record -C 'no-such-name' -n 1
	assert_equal "$(q 'last_snapshot | [.pid, .processes, .open_fds_limit] | tojson')" '[null,0,null]'
}

@test "stream: two at once do not disturb each other" {
	require_root
	start_held fdways -n 41 seen
	"$KTALLY" -i 100ms -p "$HELD" -o second.jsonl 2>/dev/null 3>&- &
	local second=$!
	started+=("$second")
	start_ktally -p "$HELD"
	wait_for "the second one" grep -q snapshot second.jsonl
	release_and_wait
	next_snapshots 2
	release
	wait_ktally
	wait "$second"
	validate second.jsonl
	assert_same opens 'last_snapshot.fd_opens' '.opens' held.json
	cp second.jsonl out.jsonl
	assert_same opens 'last_snapshot.fd_opens' '.opens' held.json
}

@test "stream: SIGKILL leaves no program behind" {
	require_root
	require bpftool
	ours() {
		bpftool prog show | grep -cE 'name (fd|sched|task|targets)_'
	}
	start_ktally -a
	(($(ours) > 0)) || skip "no BPF programs on this kernel"
	kill -KILL "$KTALLY_PID"
	none() {
		! ours >/dev/null
	}
	wait_for "the programs to go" none
	start_ktally -p $$
	stop_ktally
}

@test "stream: a table for people has no escape bytes when it is no terminal" {
	require_root
	"$KTALLY" -p $$ -i 100ms -n 2 --format table >lines 2>err 3>&-
	assert_equal "$(grep -c $'\x1b' lines || true)" 0
	assert_equal "$(awk 'length > 100' lines)" ""
	assert_regex "$(cat lines)" "$$"
}
