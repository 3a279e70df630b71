#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Targets: a PID, several, a command, a cgroup, a name, everything.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

@test "targets: several processes, each with lines of its own" {
	require_root
	start_held fdways -n 7 open
	local first=$HELD second
	mv held.json first.json
	start_held fdways -n 11 pipe2
	second=$HELD
	start_ktally -p "$first,$second"
	kill -USR1 "$first"
	release_and_wait
	wait_for "the first one's account" has_lines first.json 2
	next_snapshots 4
	assert_same "opens of the first" 'snapshots(0) | last | .fd_opens' '.opens' first.json
	assert_same "opens of the second" 'snapshots(1) | last | .fd_opens' '.opens' held.json
	assert_equal "$(q 'header.targets | map(.pid) | tojson')" "[$first,$second]"
	kill -USR1 "$first"
	wait_for "the end of the first" ended "$first"
	next_snapshots 2
	assert_equal "$(q 'trailer')" null
	release
	wait_ktally
	assert_equal "$status $(q 'trailer.reason')" "0 targets_ended"
}

@test "targets: a command is counted from its first instruction, and nothing before" {
	require_root
	exec 7</dev/null 8</dev/null
	record -- "$WORKLOADS/fdways" -n 19 open
	exec 7<&- 8<&-
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_equal "$(q 'header.targets[0] | [.kind, .scope, .argv[1:]] | tojson')" \
		'["command","tree",["-n","19","open"]]'
	assert_equal "$(q 'trailer.reason')" targets_ended
}

# Its exec gives it its name, and so a place among the targets by name, before it begins.
@test "targets: a command that belongs to others as well is counted there and in its own, and ends the run" {
	require_root
	local other args opens
	make_cgroup ""
	ln -s "$(command -v sleep)" named
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho $$ >%s/cgroup.procs\nexec "$0.real" "$@"\n' "$CGROUP" >within
	ln -s "$KTALLY" within.real
	chmod +x within
	for other in "-C named" "-C n*d" "-C nobody" "-a" "-f -p $BASHPID" "-c $CGROUP"; do
		read -r -a args <<<"$other"
		[[ $other != -c* ]] || local KTALLY=./within
		record "${args[@]}" -d 60s -i 100ms -- ./named 1
		echo "$other" >&2
		assert_equal "$status $(q 'trailer | [.reason, .target_exit] | tojson')" \
			'0 ["targets_ended",0]'
		opens=$(q 'snapshots(1) | last | .fd_opens')
		assert_between opens "$opens" 1 99
		assert_equal "$(q 'any(snapshots(1)[]; .processes == 1 and .memory_rss_bytes > 0)')" true
		case $other in
		"-C nobody") assert_equal "$(q 'snapshots(0) | last | .fd_opens')" 0 ;;
		-C*) assert_equal "$(q 'snapshots(0) | last | .fd_opens')" "$opens" ;;
		*) assert_equal "$(q "any(snapshots(0)[]; .fd_opens >= $opens and .processes > 1)")" true ;;
		esac
	done
}

@test "targets: the command's exit status is ktally's" {
	require_root
	record -- sh -c 'exit 7'
	assert_equal "$status $(q 'trailer.target_exit')" "7 7"
	# shellcheck disable=SC2016 # for the inner shell
	record -- sh -c 'kill -TERM $$'
	assert_equal "$status $(q 'trailer.target_exit')" "143 143"
	record -- true
	assert_equal "$status $(q 'trailer.target_exit')" "0 0"
}

@test "targets: a command that is not there is 127, one that cannot run 126" {
	require_root
	assert_error 127 "no-such-command" "$KTALLY" -- ./no-such-command
	assert_error 127 "no-such-command" "$KTALLY" -- no-such-command
	echo data >plain
	assert_error 126 "plain" "$KTALLY" -- ./plain
	printf '#!/no/such/interpreter\n' >script
	chmod +x script
	assert_error 127 "" "$KTALLY" -o records -- ./script
}

@test "targets: the command keeps its standard streams" {
	require_root
	echo "to standard input" | {
		"$KTALLY" -o out.jsonl -- sh -c 'cat; echo to standard error >&2' >work.json 2>err 3>&-
	}
	assert_equal "$(cat work.json)" "to standard input"
	assert_equal "$(cat err)" "to standard error"
}

@test "targets: a cgroup with who is there, who is born there and who joins" {
	require_root
	make_cgroup ""
	local top=$CGROUP there joining below
	make_cgroup below
	start_held fdways -n 3 open
	there=$HELD
	mv held.json there.json
	echo "$there" >"$top/cgroup.procs"
	start_ktally -c "$top" --processes
	assert_equal "$(q 'last_snapshot | [.scope, .processes] | tojson')" '["cgroup",1]'

	start_held fdways -n 5 open
	joining=$HELD
	mv held.json joining.json
	echo "$joining" >"$top/cgroup.procs"
	start_held blink -n 31
	below=$HELD
	echo "$below" >"$CGROUP/cgroup.procs"
	wait_for "three members" record_is_there 'last_snapshot.processes == 3'

	kill -USR1 "$there" "$joining"
	release_and_wait
	wait_for "the account" has_lines there.json 2
	wait_for "the account" has_lines joining.json 2
	next_snapshots 2
	assert_same "there before" "members($there) | last | .fd_opens" .opens there.json
	assert_same "joined" "members($joining) | last | .fd_opens" .opens joining.json
	assert_equal "all $(q 'last_snapshot.fd_opens')" \
		"all $(($(w .opens there.json) + $(w .opens joining.json) + $(w .opens held.json)))"

	kill -USR1 "$there" "$joining" "$below"
	wait_for "an empty cgroup" record_is_there 'last_snapshot.processes == 0'
	assert_equal "$(q steps_back)" "[]"
	stop_ktally
}

@test "targets: a process that leaves a cgroup is no longer counted there" {
	require_root
	make_cgroup ""
	start_held fdways -n 13 open
	echo "$HELD" >"$CGROUP/cgroup.procs"
	start_ktally -c "$CGROUP"
	echo "$HELD" >"$(cgroup2_mount)/cgroup.procs"
	wait_for "an empty cgroup" record_is_there 'last_snapshot.processes == 0'
	release_and_wait
	next_snapshots 2
	assert_equal "$(q 'last_snapshot.fd_opens')" 0
	release
	stop_ktally
}

# Which it can only while nobody is in it, and for good.
@test "targets: a cgroup that becomes a threaded one is watched on" {
	require_root
	local options top thr
	make_cgroup ""
	top=$CGROUP
	start_held switches -t 2 -k 5 --stay
	echo "$HELD" >"$top/cgroup.procs"
	for options in "" --no-bpf; do
		make_cgroup "thr$options"
		thr=$CGROUP
		start_ktally -c "$thr" $options
		echo threaded >"$thr/cgroup.type" || skip "no threaded cgroups here"
		echo "$HELD" >"$thr/cgroup.threads"
		next_snapshots 3
		stop_ktally
		assert_equal "$options: $status $(q trailer.reason)" "$options: 0 stopped"
		assert_equal "$(cat err)" ""
		# By its first thread; /proc has no list of whose that is.
		assert_equal "$options: $(q last_snapshot.processes)" "$options: $([[ $options ]] && echo 0 || echo 1)"
		echo "$HELD" >"$top/cgroup.threads"
	done
	release
}

@test "targets: a cgroup by its path below the mount" {
	require_root
	make_cgroup ""
	record -c "${CGROUP#"$(cgroup2_mount)"/}" -n 1
	assert_equal "$status" 0
	assert_equal "$(q 'header.targets[0].kind')" cgroup
}

@test "targets: names, present and future" {
	require_root
	cp "$WORKLOADS/fdways" ./ktt-present
	cp "$WORKLOADS/fdways" ./ktt-future
	WORKLOADS=. start_held ktt-present -n 17 open
	start_ktally -C 'ktt-*' --processes
	assert_equal "$(q 'last_snapshot.processes')" 1
	./ktt-future -n 29 socket >future.json
	release_and_wait
	next_snapshots 2
	assert_equal "opens $(q 'last_snapshot.fd_opens')" \
		"opens $(($(w .opens held.json) + $(w .opens future.json)))"
	assert_same "of the future one" "exit_of($(w .pid future.json)).totals.fd_opens" .opens future.json
	release
	wait_for "nobody of that name" record_is_there 'last_snapshot.processes == 0'
	stop_ktally
	assert_equal "$(q steps_back)" "[]"
}

@test "targets: everything, with a line per process" {
	require_root
	start_held fdways -n 37 socketpair
	start_ktally -i 500ms -a --processes
	release_and_wait
	next_snapshots 2
	stop_ktally
	assert_same opens "members($HELD) | last | .fd_opens" .opens held.json
	assert_equal "$(q 'last_snapshot.scope')" system
	assert_equal "$(q 'last_snapshot | .processes > 1 and .fd_opens >= '"$(w .opens held.json)")" true
	release
	assert_equal "$(q 'members | map(select(.comm == "kthreadd")) | length')" 0
}

@test "targets: hostile names come out as valid JSON" {
	require_root
	record --processes -- "$WORKLOADS/identity" comm
	assert_equal "$status" 0
	assert_equal "$(q 'last_snapshot.comm | type')" string
	local i
	for i in 0 1 2 3 4 5 6 7 8; do
		start_held identity comm "$i"
		release_and_wait
		record -p "$HELD" -n 1
		if ((i != 3)); then # not UTF-8: bytes become U+FFFD
			assert_equal "$(q 'last_snapshot.comm')" "$(cat "/proc/$HELD/comm")"
		fi
		release
	done
}

@test "targets: a thread with a descriptor table of its own" {
	require_root
	record -- "$WORKLOADS/identity" split-table
	assert_equal "$status" 0
	# What happens to the other table is told apart: it says nothing about the process's level.
	assert_equal "$(q 'last_snapshot | [.fd_opens, .fd_other_table, .fd_unattributed] | tojson')" '[2,3,0]'
}

@test "targets: a signal to both leaves the command's status, every time" {
	require_root
	local i
	for i in 1 2 3 4 5 6 7 8; do
		setsid "$KTALLY" -i 500ms -o records.$i -- sleep 60 3>&- &
		local pid=$!
		started+=("$pid")
		wait_for "the command" grep -q '"type":"event","timestamp".*process_exec' records.$i
		kill -TERM -- "-$pid"
		local got=0
		wait "$pid" || got=$?
		assert_equal "run $i: $got" "run $i: 143"
		assert_equal "$(jq -r 'select(.type == "trailer").target_exit' records.$i)" 143
	done
}

# Of which /proc/PID shows neither.
@test "targets: a process whose first thread has ended keeps its memory and its descriptors" {
	require_root
	local options
	start_held headless
	for options in "" --no-bpf; do
		record $options -p "$HELD" -n 2 -i 100ms
		assert_between "RSS, $options" "$(q 'last_snapshot | .memory_rss_bytes // 0')" $((11 << 20)) $((13 << 20))
		q 'last_snapshot | [.threads, .open_fds, .open_files] | tojson' >>levels
	done
	release_and_wait
	release
	assert_equal "$(uniq levels)" "$(w '[3, .level_end, .regular_end] | tojson' held.json)"
}
