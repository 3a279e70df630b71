#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What goes wrong on real machines and must not make a number wrong. docs/FAILURES.md lists all
# cases and where each is proved; those that have no better place are here.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

@test "failures: F5, a PID taken again within an interval is another process" {
	require_root
	record --processes -i 400ms -- "$WORKLOADS/blink" --same-pid -n 41 -f 3
	assert_equal "$status" 0
	assert_same opens last_snapshot.fd_opens .opens
	assert_equal "$(q steps_back)" "[]"
	# of the children, one PID and 41 start times, each with its own three opens
	assert_equal "$(q 'events("process_exit") | map(select(.ppid != 0 and .totals.fd_opens == 3))
		| [(map(.pid) | unique | length), (map(.start_ticks) | unique | length)] | tojson')" \
		"[1,41]"
}

@test "failures: F5, a PID taken again is another process, rung /proc" {
	record --no-bpf --processes -- "$WORKLOADS/blink" --same-pid -n 11 -f 3
	assert_equal "$(q steps_back)" "[]"
	assert_equal "$(q 'members | map(select(.cpu_percent != null and .cpu_percent < 0))')" "[]"
}

beyond_the_room() {
	record --max-processes 64 -i 300ms "$@" -- \
		"$WORKLOADS/blink" -n 499 --together --close --again 29
	assert_equal "$status" 0
	assert_same opens last_snapshot.fd_opens .opens
	assert_same closes last_snapshot.fd_closes .closes
	assert_of_children context_switches_voluntary .children_nvcsw
	assert_of_children context_switches_involuntary .children_nivcsw
	assert_equal "$(q steps_back)" "[]"
	assert_equal "$(q 'trailer, last_snapshot | [.pids_untracked, .lost_events] | tojson')" \
		$'[436,0]\n[436,0]'
}

# The parent has counts of its own, which it cannot tell to its end.
assert_of_children() {
	assert_same "$1" "last_snapshot.$1 - exit_of(last_snapshot.pid).totals.$1" "$2"
}

@test "failures: F6, what finds the maps full is counted with others, and room comes back" {
	local rule='no_room: pids_untracked > 0'
	require_root
	beyond_the_room --alert "$rule"
	assert_equal "$(q last_snapshot.fd_unattributed)" 0
	assert_equal "$(q last_snapshot.fd_leaked)" null
	assert_equal "$(q 'events("message") | length')" 1
	assert_regex "$(q 'events("message")[0].message')" '^436 .*--max-processes'
	assert_equal "warnings: $(wc -l <err)" "warnings: 1"
	# the parent, as many children as there was room for, and all of the second time
	assert_equal "$(q 'events("process_exit") | length')" $((1 + 63 + 29))
	q 'alerts("no_room") | map([.state, .value] | tojson)[]' >live
	assert_equal "$(cat live)" $'["firing",436]\n["resolved",436]'
	"$KTALLY" replay out.jsonl --no-default-rules --alert "$rule" |
		jq -c 'select(.type == "alert") | [.state, .value]' | cmp - live
}

@test "failures: F6, what only an instrument could tell that is not there is null, and not too low" {
	require_rung sched=tp_btf
	beyond_the_room --rung task=/proc
	assert_equal "$(q last_snapshot.cpu_percent)" null
	start_held blink -n 499 --together --pause
	start_ktally --rung task=/proc --max-processes 64 -f -p "$HELD"
	assert_equal "$(q 'last_snapshot | [.cpu_percent, .memory_mb, .open_fds, .open_files, .threads]
		| map(. == null) | any')" false
	release_and_wait
	next_snapshots 2
	assert_equal "$(q 'last_snapshot | [.processes, .cpu_percent, .memory_mb, .open_fds,
		.open_files, .threads] | tojson')" "[500,null,null,null,null,null]"
}

@test "failures: F6, those that are counted with others are counted while they live" {
	local pid voluntary=0 fds=0
	require_root
	start_held blink -n 499 --together --pause
	start_ktally --max-processes 64 -f -p "$HELD"
	release_and_wait
	next_snapshots 3
	for pid in "$HELD" $(<"/proc/$HELD/task/$HELD/children"); do
		((voluntary += $(awk '/^voluntary/ { print $2 }' "/proc/$pid/status")))
		((fds += $(find "/proc/$pid/fd" -type l | wc -l)))
	done
	assert_equal "$(q 'last_snapshot | [.processes, .threads, .pids_untracked,
		.context_switches_voluntary, .open_fds] | tojson')" "[500,500,436,$voluntary,$fds]"
	release_and_wait 3
	next_snapshots 2
	assert_equal "$(q 'last_snapshot | [.processes, .threads, .pids_untracked] | tojson')" \
		"[1,1,436]"
	assert_same opens last_snapshot.fd_opens .opens held.json
	release
	wait_ktally
	assert_equal "$(q trailer.lost_events)" 0
}

@test "failures: F6, one that joins late brings only what it does from then on" {
	local i # all within one interval, in which nobody takes down what the seven had before
	require_root
	cp /bin/sleep "slp$$"
	start_ktally -i 1s --max-processes 7 -C "slp$$"
	for ((i = 0; i < 19; i++)); do
		/usr/bin/python3 -c 'import os, sys, time
for i in range(97): time.sleep(0.001)
os.execv(sys.argv[1], sys.argv[1:])' "./slp$$" 600 &
		started+=($!)
	done
	wait_for "all to sleep" record_is_there 'last_snapshot.processes == 19'
	next_snapshots 2
	assert_equal "$(q 'last_snapshot | [.pids_untracked, .threads, .lost_events] | tojson')" \
		"[12,19,0]"
	assert_between "switches since" "$(q last_snapshot.context_switches_voluntary)" 19 $((19 * 97))
}

# THREADS ARG...: `switches` joins a cgroup of seven when it has done its work, and is one too many. What the
# seven have switched is in $before.
join_too_late() {
	local i threads=$1
	shift
	require_root
	make_cgroup
	for ((i = 0; i < 7; i++)); do
		sleep 600 3>&- &
		started+=($!)
		echo $! >"$CGROUP/cgroup.procs"
	done
	start_held switches -t 3 "$@" sleep
	start_ktally --max-processes 7 -c "$CGROUP"
	release_and_wait
	before=$(q last_snapshot.context_switches)
	echo "$HELD" >"$CGROUP/cgroup.procs"
	next_snapshots 2
	assert_equal "$(q 'last_snapshot | [.processes, .threads, .pids_untracked, .fd_opens, .lost_events] |
		tojson')" "[8,$((7 + threads)),1,0,0]"
}

@test "failures: F6, nor if it has threads" {
	join_too_late 4 --stay
	assert_between "switches since" $(($(q last_snapshot.context_switches) - before)) 0 8
}

@test "failures: F6, the past of one that joins late and had threads is unknown" {
	join_too_late 1
	assert_between "switches before" "$before" 7 700
	assert_equal "$(q last_snapshot.context_switches)" null
}

@test "failures: F7, processes shorter than any interval, and many" {
	require_root
	record -- "$WORKLOADS/blink" -n 2003 --close
	assert_same opens last_snapshot.fd_opens .opens
	assert_same closes last_snapshot.fd_closes .closes
	assert_equal "$(q trailer.lost_events)" 0
}

@test "failures: F8, processes whose exit nobody saw are collected all the same" {
	require_root
	start_held blink -n 97
	start_ktally --simulate-loss 1 --processes -f -p "$HELD"
	release_and_wait
	next_snapshots 3
	assert_equal "$(q last_snapshot.processes)" 1
	assert_equal "$(q 'events("process_exit") | [length, (map(.exit_code) | unique)] | tojson')" \
		"[97,[null]]"
	# one exit is lost by the targets, and once more by the instrument that sums up
	assert_equal "$(q 'last_snapshot.lost_events')" 194
	release
	wait_ktally
	assert_equal "$(q 'trailer.reason')" targets_ended
}

@test "failures: F8, what ends while ktally cannot run has its last records all the same" {
	require_root
	start_held fdways -n 3 open
	start_ktally --rung task=/proc -p "$HELD"
	release_and_wait
	kill -STOP "$KTALLY_PID"
	sleep 0.3 # the timer comes first, then the end
	release
	wait "$HELD"
	kill -CONT "$KTALLY_PID"
	wait_ktally
	assert_equal "$(q 'events("process_exit") | map(.exit_code) | tojson')" "[0]"
	assert_same opens 'exit_of(last_snapshot.pid).totals.fd_opens' .opens held.json
	assert_equal "$(q trailer.reason)" targets_ended
}

@test "failures: F9, a loss is in the records, a rule sees it, and the status says so" {
	require_rung fd=syscall
	start_held fdways -n 997 open
	start_ktally --simulate-loss 101 --alert 'losing: lost_events > 0' --fail-on-alert -p "$HELD"
	release_and_wait
	next_snapshots 3
	stop_ktally
	assert_same "counted and lost" 'last_snapshot | .fd_opens + .fd_closes + .lost_events' \
		'.opens + .closes' held.json
	assert_equal "$(q 'last_snapshot.lost_events == trailer.losses.fd')" true
	assert_equal "$(q 'alerts("losing")[0].state')" firing
	assert_equal "$status" 3
}

# As where a hook was renamed or inlined: nothing comes.
@test "failures: F18, a rung that counts wrong in its self-test is stepped down from" {
	require_rung fd=syscall
	start_held fdways -n 3 open
	start_ktally --simulate-loss 1 -p "$HELD"
	stop_ktally
	assert_equal "$(q header.instruments.fd.rung)" /proc
	assert_regex "$(q 'header.instruments.fd.refused[] | select(.rung == "syscall") | .reason')" \
		'^self-test: counted 0 opens'
	assert_regex "$(cat err)" 'fd falls back to /proc: rung syscall: self-test'
	assert_equal "$(q last_snapshot.fd_opens)" null
}

# bpf(2) forbidden by a seccomp filter, as in a container; NOBODY may be root all the same.
@test "failures: F17, where bpf(2) is forbidden one line says so, and /proc is used" {
	require_root
	cat >forbid.py <<-'EOF'
		import ctypes, os, struct, sys
		code = [(0x20, 0, 0, 0), (0x15, 0, 1, 321), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7fff0000)]
		text = b"".join(struct.pack("HBBI", *i) for i in code)
		buf = ctypes.create_string_buffer(text)
		prog = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buf))
		libc = ctypes.CDLL(None, use_errno=True)
		assert libc.prctl(38, 1, 0, 0, 0) == 0
		assert libc.prctl(22, 2, ctypes.c_char_p(prog), 0, 0) == 0
		os.execv(sys.argv[1], sys.argv[1:])
	EOF
	/usr/bin/python3 forbid.py "$KTALLY" -i 100ms -n 2 -o out.jsonl -p $$ 2>err 3>&-
	validate out.jsonl
	assert_equal "$(q '[header.instruments[].rung] | unique | tojson')" '["/proc"]'
	assert_regex "$(cat err)" 'ktally: warning: targets falls back to /proc: rung tp_btf: .*not permitted'
	assert_equal "$(wc -l <err)" 1
	assert_error 5 "not permitted" /usr/bin/python3 forbid.py "$KTALLY" --require-bpf -p $$
}
