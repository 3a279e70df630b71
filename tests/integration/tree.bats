#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Trees: children that live for less than an interval are counted like any other.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# OPTIONS of blink: everything that the tree did, however short its members lived.
blink_tree() {
	record -- "$WORKLOADS/blink" "$@"
	assert_equal "$status" 0
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_equal "unattributed $(q 'last_snapshot.fd_unattributed')" "unattributed 0"
	assert_same exits 'events("process_exit") | length' '.exits + 1'
	assert_same starts 'events("process_start") | length' '.forks + 1'
	assert_same executions 'events("process_exec") | length' '.execs + 1'
	assert_equal "$(q 'events("process_exit") | map([.pid, .start_ticks]) | unique | length')" \
		"$(q 'events("process_exit") | length')"
	assert_equal "$(q steps_back)" "[]"
	assert_equal "lost $(q 'trailer.lost_events')" "lost 0"
}

@test "tree: 307 children, 921 opens" {
	require_root
	blink_tree
	assert_equal "$(q 'last_snapshot.fd_opens')" 921
	assert_equal "$(q '[events("process_exit")[].totals.fd_opens] | add')" 921
}

@test "tree: children that close what they open" {
	require_root
	blink_tree -n 101 -f 13 --close
}

# Maps are read by name up to 1,024 processes.
@test "tree: 1,499 children at a time, and few before and after" {
	require_root
	blink_tree -n 1499 --together --again 211 --close
}

# A tick may fall between a thread's exit and its last switch, and then has to look: seldom.
no_walk_over_threads() {
	record --bpf-stats -- "$WORKLOADS/blink" -n 7
	[[ $(q 'trailer.overhead.programs.sched_threads_read.runs') == 0 ]]
}

@test "tree: whether newborns have had their last switch is known without a walk over all threads" {
	require_rung sched=tp_btf
	require_rung task=iter
	record --bpf-stats -- "$WORKLOADS/blink" -n 1
	[[ $(q 'trailer.overhead.bpf_runs') != null ]] || skip "no kernel statistics: $(cat err)"
	wait_for "a run without a walk" no_walk_over_threads
}

@test "tree: children that execute another program" {
	require_root
	blink_tree -n 101 --exec
}

@test "tree: grandchildren" {
	require_root
	blink_tree -n 53 --nested --exec
}

@test "tree: attached with --follow, children born since are counted" {
	require_root
	start_held blink -n 211
	start_ktally -p "$HELD" --follow
	release_and_wait
	next_snapshots 2
	assert_same opens 'last_snapshot.fd_opens' '.opens' held.json
	assert_equal "$(q 'last_snapshot | [.scope, .processes] | tojson')" '["tree",1]'
	release
	wait_ktally
	assert_equal "$(q 'trailer.reason')" targets_ended
}

@test "tree: without --follow children are not counted" {
	require_root
	start_held blink -n 23
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 2
	assert_equal "$(q 'last_snapshot | [.scope, .processes, .fd_opens] | tojson')" '["process",1,0]'
	stop_ktally
}

@test "tree: children that were there before ktally" {
	require_root
	bash -c '"$0" --hold -n 29 open >held.json & wait' "$WORKLOADS/fdways" </dev/null 3>&- &
	local parent=$! child
	started+=("$parent")
	wait_for "the child" held_lines 1
	child=$(w .pid held.json)
	started+=("$child")
	start_ktally -p "$parent" --follow --processes
	assert_equal "$(q 'last_snapshot.processes')" 2
	kill -USR1 "$child"
	wait_for "its account" held_lines 2
	next_snapshots 2
	assert_same "opens of the tree" 'last_snapshot.fd_opens' '.opens' held.json
	assert_same "opens of the child" "members($child) | last | .fd_opens" '.opens' held.json
	kill -USR1 "$child"
	wait_ktally
}

@test "tree: a process that outlives its parent is still a member" {
	require_root
	# shellcheck disable=SC2016 # for the inner shell
	record -- sh -c '("$0" -n 300 openat >late.json; :) & exit 3' "$WORKLOADS/fdways"
	assert_equal "$status" 3
	wait_for "the orphan" test -s late.json
	assert_equal "$(q 'events("process_exit") | map(.exit_code) | index(3) != null')" true
}

# A parent of N that never waits for them; CHILDREN gets their PIDs.
start_careless() {
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'for i in $(seq $0); do sleep 60 & done; exec sleep 60' "$1" 3>&- &
	PARENT=$!
	started+=("$PARENT")
	wait_for "$1 children" eval "(( \$(pgrep -cP $PARENT sleep) == $1 ))"
	mapfile -t CHILDREN < <(pgrep -P "$PARENT")
	started+=("${CHILDREN[@]}")
}

@test "tree: children that have ended and that nobody reaps are no processes" {
	require_root
	local options pid
	for options in "" --no-bpf "--rung targets=/proc" "--rung task=/proc"; do
		start_careless 5
		for pid in "${CHILDREN[@]:0:3}"; do
			kill "$pid"
			wait_for "the end of $pid" ended "$pid"
		done
		# shellcheck disable=SC2086 # two words
		start_ktally $options -f -p "$PARENT"
		kill "${CHILDREN[3]}"
		wait_for "one to be gone" record_is_there 'last_snapshot.processes == 2'
		wait_for "its exit" record_is_there "exit_of(${CHILDREN[3]}) != null"
		stop_ktally
		assert_equal "$options: $(q 'snapshots | map(.processes) | [first, last] | tojson')" "$options: [3,2]"
		assert_equal "$options: $(q last_snapshot.threads)" "$options: 2"
		assert_equal "$options: $(q "events(\"process_exit\") | map(.pid) | tojson")" "$options: [${CHILDREN[3]}]"
	done
}

@test "tree: a process that nobody reaps has ended" {
	require_root
	local options
	for options in "" --no-bpf "--rung targets=/proc" "--rung task=/proc"; do
		start_careless 1
		# shellcheck disable=SC2086 # two words
		start_ktally $options -p "${CHILDREN[0]}"
		kill "${CHILDREN[0]}"
		wait_ktally
		assert_equal "$options: $status $(q trailer.reason)" "$options: 0 targets_ended"
	done
	assert_error 4 "process ${CHILDREN[0]} \(sleep\) has ended and waits for its parent, process $PARENT, to reap it" \
		"$KTALLY" -p "${CHILDREN[0]}"
}

@test "tree: the exit of each child carries its status" {
	require_root
	# shellcheck disable=SC2016 # for the inner shell
	record -- sh -c '(exit 5); sh -c "kill -KILL \$\$"; exit 0'
	assert_equal "$status" 0
	assert_equal "$(q 'events("process_exit") | map(select(.exit_code == 5)) | length')" 1
	assert_equal "$(q 'events("process_exit") | map(select(.exit_signal == 9)) | length')" 1
}
