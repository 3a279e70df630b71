#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# CPU time of processes whose threads end at the same moment on several CPUs, against what wait4(2) says:
# a thread that is missing, or that is counted twice, is 10 ms.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# Of each child of the account, a line if it is off by more than half a thread.
off_by_a_thread() {
	jq -L "$ROOT/tests/integration" -rs --slurpfile work "$1" 'include "records"; . as $records
		| $work[].children[]? | . as $child | ($records | exit_of($child.pid).totals)
		| (.cpu_user_seconds + .cpu_system_seconds) * 1e6 - $child.cpu_us
		| select(fabs > 5000) | "\($child.pid) of \($child.cpu_us) us is off by \(.) us"' out.jsonl
}

@test "ends: each process has the CPU time of all of its threads" {
	require_root
	record --processes -- "$WORKLOADS/together"
	assert_equal "$(off_by_a_thread work.json)" ""
	assert_equal "$(q 'events("process_exit") | length')" 98
}

@test "ends: also where the task instrument reads /proc, which has none of it any more" {
	require_root
	record --processes --rung task=/proc -- "$WORKLOADS/together"
	assert_equal "$(off_by_a_thread work.json)" ""
}

@test "ends: of processes that had threads before ktally, too" {
	require_root
	start_held together -n 61 --before 1
	start_ktally --processes -f -p "$HELD"
	release_and_wait
	next_snapshots 2
	assert_equal "$(off_by_a_thread held.json)" ""
	release
	wait_ktally
}

@test "ends: processes that are counted together are each counted once" {
	require_root
	local cpu
	record --max-processes 1 -- "$WORKLOADS/together"
	cpu=$(q 'last_snapshot | .cpu_user_seconds + .cpu_system_seconds')
	cpu=$(q "($cpu - ([exit_of(header.targets[0].pid).totals | .cpu_user_seconds + .cpu_system_seconds] | add)) * 1e6")
	assert_equal "$(q trailer.pids_untracked)" 97
	assert_within "CPU time in us" "$cpu" "$(w .cpu_us)" 9000
}

# Their memory goes after the kernel has said that they end, over many ticks.
@test "ends: a process that takes long to end is watched until it has" {
	require_root
	record --processes -- "$WORKLOADS/together" -n 1 -t 1 --maps 509
	assert_equal "$(off_by_a_thread work.json)" ""
	assert_equal "$(q 'events("process_exit") | length')" 2
}

@test "ends: of a single one, too" {
	require_root
	start_held together -n 1 -t 1 --maps 251
	start_ktally -p "$(pgrep -P "$HELD")"
	release_and_wait
	wait_ktally
	assert_equal "$(off_by_a_thread held.json)" ""
	assert_equal "$(q 'events("process_exit") | length')" 1
	assert_equal "$(q '[snapshots[] | select(.final)] | length')" 1
	release
}
