#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Descriptors: every way to open and close one, on every rung, to the digit.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# Each way 23 times in a process of its own, all of them in one tree.
each_way() {
	local rung=$1 ways
	require_rung "fd=$rung"
	mapfile -t ways < <("$WORKLOADS/fdways" list)
	# shellcheck disable=SC2016 # for the inner shell
	record --rung "fd=$rung" -- sh -c 'for way; do "$0" -n 23 "$way" || exit; done' \
		"$WORKLOADS/fdways" "${ways[@]}"
	assert_equal "$status" 0
	assert_equal "$(wc -l <work.json)" "${#ways[@]}"
	run jq -L "$BATS_TEST_DIRNAME" -rs --slurpfile work work.json \
		--argjson names "$("$WORKLOADS/fdways" list | jq -nR '[inputs]')" \
		-f "$BATS_TEST_DIRNAME/ways.jq" out.jsonl
	assert_success
	assert_output ""
	assert_equal "lost $(q 'trailer.lost_events')" "lost 0"
}

# All ways in one process, no two equally often.
all_ways() {
	local rung=$1 skipped
	require_rung "fd=$rung"
	record --rung "fd=$rung" -- "$WORKLOADS/fdways" --primes all
	assert_equal "$status" 0
	run jq -L "$BATS_TEST_DIRNAME" -rs --slurpfile work work.json \
		'include "records"; header.instruments.fd.exact as $exact
		 | last_snapshot | differences(expected($work[0]; $exact))[]' out.jsonl
	assert_success
	assert_output ""
	for errno in EAGAIN ENOENT EACCES EMFILE; do
		assert_same "$errno" "last_snapshot.fd_open_${errno,,}" ".errors_by_errno.$errno"
	done
	assert_equal "$(q steps_back)" "[]"
	skipped=$(w '.skipped | to_entries | map("\(.key): \(.value)") | join(", ")')
	[[ -z $skipped ]] || echo "# ways that this kernel lacks: $skipped" >&3
}

@test "fd: each way to the digit, rung kprobe.multi" {
	each_way kprobe.multi
}

@test "fd: each way to the digit, rung fentry" {
	each_way fentry
}

@test "fd: each way to the digit, rung syscall" {
	each_way syscall
}

@test "fd: all ways in one process, rung kprobe.multi" {
	all_ways kprobe.multi
}

@test "fd: all ways in one process, rung fentry" {
	all_ways fentry
}

@test "fd: all ways in one process, rung syscall" {
	all_ways syscall
}

@test "fd: rung syscall stands at the beginning of those calls only that close what it must see before" {
	require_rung fd=syscall
	record --rung fd=syscall --bpf-stats -- "$WORKLOADS/fdways" -n 997 dup2-over open
	[[ $(q 'trailer.overhead.bpf_runs') != null ]] || skip "no kernel statistics: $(cat err)"
	q 'trailer.overhead.programs | with_entries(.value |= .runs) | tojson' >runs.json
	[[ $(w 'has("fd_sys_enter")' runs.json) == false ]] ||
		skip "tracepoints of single calls cannot be had: $(cat err)"
	assert_equal "$(w '.fd_sys_enter_dup >= 997 and .fd_sys_exit > 3 * .fd_sys_enter_dup' runs.json)" true
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_equal "$(q trailer.lost_events)" 0
}

@test "fd: attached to a running process, opens and closes count from there" {
	require_root
	start_held fdways -n 31 seen
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 2
	assert_same opens 'last_snapshot.fd_opens' '.opens' held.json
	assert_same closes 'last_snapshot.fd_closes' '.closes' held.json
	assert_same errors 'last_snapshot.fd_open_errors' '.open_errors' held.json
	assert_equal "unattributed $(q 'last_snapshot.fd_unattributed')" "unattributed 0"
	release
	wait_ktally
	assert_equal "$status $(q 'trailer.reason')" "0 targets_ended"
}

@test "fd: the level is what the process has open, and a leak stays in it" {
	require_root
	start_held fdways --leak 307 open
	start_ktally -p "$HELD"
	assert_equal "$(q 'snapshots | first | .open_fds')" \
		"$(find "/proc/$HELD/fd" -mindepth 1 | wc -l)"
	release_and_wait
	next_snapshots 2
	assert_same level 'last_snapshot.open_fds' '.level_end' held.json
	assert_same balance 'last_snapshot | .fd_opens - .fd_closes' '.level_end - .level_start' held.json
	release_and_wait 3
	next_snapshots 2
	assert_same "level after" 'last_snapshot.open_fds' '.level_end' held.json
	assert_same closes 'last_snapshot.fd_closes' '.closes' held.json
	stop_ktally
}

@test "fd: open files are the regular ones, whatever the size of the table" {
	require_root
	local leak options
	for leak in 37 97 601 3001; do
		start_held fdways --leak "$leak" openat
		release_and_wait
		for options in "" --no-bpf; do
			record $options -p "$HELD" -n 1 -i 100ms
			assert_same "$leak $options" 'last_snapshot | "\(.open_fds) \(.open_files)"' \
				'"\(.level_end) \(.regular_end)"' held.json
		done
		release_and_wait 3
		release
		wait "$HELD"
	done
}

@test "fd: the end of a process is not a close" {
	require_root
	record -- "$WORKLOADS/fdways" --leak 211 open
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_equal "unattributed $(q 'last_snapshot.fd_unattributed')" "unattributed 0"
	assert_equal "$(q 'last_snapshot | .fd_opens - .fd_closes')" 211
}

@test "fd: a process that executes another program stays one process" {
	require_root
	start_held fdways -n 5 exec-cloexec
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 2
	assert_same opens 'last_snapshot.fd_opens' '.opens' held.json
	assert_same level 'last_snapshot.open_fds' '.level_end' held.json
	release
	wait_ktally
	assert_equal "$(q 'map(select(.type == "snapshot") | .pid) | unique | length')" 1
}

@test "fd: exec from a thread that is not the leader" {
	require_root
	record -- "$WORKLOADS/identity" exec-thread
	assert_equal "$status" 0
	assert_same pid 'last_snapshot.pid' '.pid'
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_equal "exits $(q 'events("process_exit") | length')" "exits 1"
}

@test "fd: a process whose first thread has ended is still counted" {
	require_root
	record -- "$WORKLOADS/identity" leader-exits
	assert_equal "$status" 0
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
}

# /proc/PID is its first thread, which has neither a table nor memory any more.
@test "fd: of a process whose first thread has ended the level is unknown, not 0" {
	require_root
	local options
	for options in "" --no-bpf; do
		start_held identity leader-exits
		start_ktally $options -p "$HELD"
		release_and_wait
		next_snapshots 2
		assert_equal "$options $(q 'snapshots | map(.open_fds, .open_files, .memory_rss_bytes)
			| map(select(. == 0)) | length')" "$options 0"
		release
		wait_ktally
	done
}

# A call that waits has a number, and no file behind it yet: st_size of /proc/PID/fd counts it, its list
# does not. In the first table, and in larger ones.
@test "fd: descriptors that accept(2) and open(2) wait for are not open" {
	require_root
	local options files
	for files in 23 97 997; do
		for options in "" --no-bpf; do
			start_held reserve -n "$files"
			start_ktally $options -p "$HELD"
			release_and_wait
			assert_equal "$(find "/proc/$HELD/fd" -mindepth 1 | wc -l)" "$(w .level_end held.json)"
			next_snapshots 2
			assert_same "level, $files $options" 'last_snapshot | [.open_fds, .open_files] | tojson' \
				'[.level_end, .regular_end] | tojson' held.json
			release
			wait_ktally
			[[ $options ]] || assert_equal "$files $(q 'last_snapshot.fd_unattributed')" "$files 0"
		done
	done
}

@test "fd: what a waiting call has reserved is not left open" {
	require_root
	local files
	for files in 23 97; do
		record -- "$WORKLOADS/reserve" -n "$files"
		assert_equal "$(q 'last_snapshot | [.fd_leaked, .fd_unattributed] | tojson')" "[$((files + 1)),0]"
	done
}

# In one, seven threads have another table with more open in it, and any thread may be the last; in the
# other, the last one has.
@test "fd: what is left open is in the table of the process, whichever thread ends last" {
	require_root
	local how
	for how in split-first split-last; do
		record -- "$WORKLOADS/tables" $how
		assert_same $how 'last_snapshot | [.fd_leaked, .fd_other_table, .fd_unattributed] | tojson' \
			'[.leaked, .other_table, 0] | tojson'
	done
}

# Whose level at the end is unknown where the last thread has another table.
@test "fd: nor does such a table count in processes that are counted together" {
	require_root
	# shellcheck disable=SC2016 # for the inner shell
	record --max-processes 1 -- sh -c '"$0" split-first; "$0" split-last; exit 0' "$WORKLOADS/tables"
	assert_equal "$(q 'trailer.pids_untracked')" 2
	assert_equal "$(q 'last_snapshot.fd_unattributed // 0')" 0
}

@test "fd: nothing is left open while another process has the table" {
	require_root
	record --processes -f -- "$WORKLOADS/tables" lent
	assert_same lent last_snapshot.fd_leaked .leaked
	assert_equal "$(q 'events("process_exit") | map(.totals.fd_leaked) | tojson')" '[0,0]'
	record --processes -f -- "$WORKLOADS/tables" bequeathed
	assert_same bequeathed last_snapshot.fd_leaked .leaked
	assert_equal "$(q 'events("process_exit") | map(.totals.fd_leaked) | tojson')" '[0,19]'
}

@test "fd: eight processes that open and close on every CPU" {
	require_root
	record -- "$WORKLOADS/openers" -k 20011
	assert_equal "$status" 0
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_equal "lost $(q 'trailer.lost_events')" "lost 0"
	assert_equal "$(q steps_back)" "[]"
}

# A map command raises bpf_prog_active, and a kprobe.multi program that finds it raised is skipped. A
# kernel that refuses iterators over maps leaves only the commands to read them.
@test "fd: F2, no map command of bpf(2) once the programs are attached" {
	require strace
	require_rung "fd=syscall"
	# The leak sanitizer cannot work in a traced program.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o trace -e trace=bpf "$KTALLY" -i 100ms -o out.jsonl -- "$WORKLOADS/blink" \
		>work.json 3>&-
	assert_same opens last_snapshot.fd_opens .opens
	local reading=BPF_ITER_CREATE
	"$KTALLY" check --json | jq -e '.items[] | select(.name == "iter/bpf_map_elem").ok' ||
		reading=BPF_MAP_LOOKUP_BATCH
	run awk -v reading="$reading" '/BPF_LINK_CREATE/ { map = "" }
		$0 ~ reading { reads++; next }
		/BPF_MAP_(LOOKUP|UPDATE|DELETE)/ { map = $0 }
		END { print map; exit reads < 10 }' trace
	assert_success
	assert_output ""
}
