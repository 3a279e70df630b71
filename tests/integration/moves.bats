#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Who changes its targets, many times within an interval, counts for each what it did there, by its own
# account. The kernel's may be behind by one of its ticks, 10 ms at most, at each move.
# shellcheck disable=SC2154 # status is set by record

load helpers

# TARGET PLACE [SLACK_US]: what the target has is what the workload did in that place. It was watched
# before it moved for the first time, and until it told.
assert_place() {
	local of="last(snapshots($1)[])"
	assert_equal "opens in $2: $(q "$of.fd_opens")" "opens in $2: $(w ".opens_$2" held.json)"
	assert_within "CPU time in us in $2" \
		"$(q "$of | (.cpu_user_seconds + .cpu_system_seconds) * 1e6")" \
		"$(w ".cpu_us_$2" held.json)" "${3:-30000}"
	assert_within "switches in $2" "$(q "$of.context_switches")" "$(w ".switches_$2" held.json)" 35
}

# What the targets share, as every interval has it, is what they counted.
assert_clocks_close() {
	local target
	for target in "$@"; do
		assert_within "on-CPU time of $target" "$(q "snapshots($target) | map(.oncpu_seconds) | add")" \
			"$(q "snapshots($target) | last | .cpu_user_seconds + .cpu_system_seconds")" 0.0001
	done
}

# TARGET...: the lines of its members are what it did.
assert_members_close() {
	local target
	for target in "$@"; do
		assert_within "on-CPU time of members of $target" \
			"$(q "members | map(select(.target == $target).oncpu_seconds) | add")" \
			"$(q "snapshots($target) | map(.oncpu_seconds) | add")" 0.0001
	done
}

# Two, $a and $b, in $top.
make_cgroups() {
	make_cgroup ""
	top=$CGROUP
	make_cgroup a
	a=$CGROUP
	make_cgroup b
	b=$CGROUP
}

@test "moves: between two cgroups" {
	require_root
	make_cgroups
	start_held moves "$a/cgroup.procs" "$b/cgroup.procs"
	start_ktally -i 500ms -c "$a" -c "$b" -c "$top"
	release_and_wait
	next_snapshots 4
	assert_place 0 0
	assert_place 1 1
	assert_equal "$(q 'last(snapshots(2)[]).fd_opens')" "$(w .opens held.json)"
	assert_clocks_close 0 1 2
	release
	stop_ktally
	assert_equal "$(q trailer.lost_events)" 0
}

@test "moves: of a process with several threads, watched by its PID, too" {
	require_root
	make_cgroups
	start_held moves -t 3 --rounds 5 "$a/cgroup.procs" "$b/cgroup.procs"
	start_ktally -i 500ms -p "$HELD" -c "$a" -c "$b" --processes
	release_and_wait
	next_snapshots 4
	assert_place 1 0 60000
	assert_place 2 1 60000
	assert_equal "$(q 'last(snapshots(0)[]).fd_opens')" "$(w .opens held.json)"
	assert_clocks_close 1 2
	assert_members_close 1 2
	release
	stop_ktally
}

@test "moves: from name to name" {
	require_root
	start_held moves name:ktm-a name:ktm-b name:other
	start_ktally -i 500ms -C ktm-a -C 'ktm-*' -C ktm-b
	release_and_wait
	next_snapshots 4
	assert_place 0 0
	assert_place 2 1
	assert_equal "$(q 'last(snapshots(1)[]) | [.fd_opens, .processes] | tojson')" \
		"$(w '[.opens_0 + .opens_1, 0] | tojson' held.json)"
	release
	stop_ktally
}

# More moves of one process than there is room for: what it did is known to neither target, and said to be
# lost; what another does is, and what it does in later intervals.
@test "moves: more than there is room for" {
	require_root
	make_cgroups
	start_held moves --rounds 997 --ms 0 -n 1 "$a/cgroup.procs" "$b/cgroup.procs"
	start_ktally -i 1s -c "$a" -c "$b"
	release_and_wait
	wait_for "a loss" record_is_there 'last_snapshot.lost_events > 0'
	assert_equal "$(q 'last(snapshots(0)[]) | [.fd_opens, .context_switches, .cpu_user_seconds] | tojson')" \
		"[null,null,null]"
	assert_equal "$(q 'last(snapshots(1)[]).fd_opens')" null
	# The next one is counted, and nothing is left of the first.
	release
	"$WORKLOADS/moves" --rounds 3 "$a/cgroup.procs" "$b/cgroup.procs" >work.json
	next_snapshots 3
	stop_ktally
	assert_equal "$(q 'snapshots(0) | map((.fd_opens_per_sec // 0) * .interval_seconds) | add | round')" \
		"$(w .opens_0)"
	assert_equal "$(q 'trailer.lost_events') $(q 'last_snapshot.lost_events')" \
		"$(q 'trailer.lost_events') $(q 'trailer.lost_events')"
}

@test "moves: joins beyond the room for moves of one" {
	require_root
	local i
	make_cgroup ""
	start_ktally -i 3s -c "$CGROUP"
	for ((i = 0; i < 401; i++)); do
		sh -c 'echo 0 >"$0/cgroup.procs"; : </dev/null' "$CGROUP"
	done
	next_snapshots 2
	assert_equal "$(q 'last_snapshot | [.fd_opens > 0, .fd_opens % 401, .lost_events] | tojson')" "[true,0,0]"
	stop_ktally
}

@test "moves: an end without BPF is told, in whatever target" {
	require_root
	make_cgroup ""
	local rungs
	for rungs in --no-bpf --rung=targets=/proc; do
		sleep 0.7 3>&- &
		echo $! >"$CGROUP/cgroup.procs"
		record "$rungs" -c "$CGROUP" -C "none-$$" --processes -d 1500ms
		assert_equal "$rungs: $(q 'events("process_exit") | map(.pid) | tojson')" "$rungs: [$!]"
		assert_equal "$(q 'last_snapshot.processes')" 0
	done
}

@test "moves: who joins by a name goes by it, and by what it is in when its first thread has ended" {
	require_root
	local target
	make_cgroup ""
	cat >joins.py <<-'END'
		import ctypes, os, sys, threading, time
		def work():
		    time.sleep(0.3)
		    open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
		    end = time.thread_time() + 0.2
		    while time.thread_time() < end: pass
		    time.sleep(0.5)
		    os._exit(0)
		time.sleep(0.3)
		ctypes.CDLL(None).prctl(15, b"ktj-name", 0, 0, 0)
		threading.Thread(target=work).start()
		ctypes.CDLL(None).pthread_exit(None)
	END
	record -c "$CGROUP" -C "ktj-*" --processes -d 2500ms -- /usr/bin/python3 joins.py "$CGROUP"
	target=$(q 'header.targets | map(.kind) | index("comm")')
	assert_equal "$(q "members | map(select(.target == $target).comm) | unique | tojson")" '["ktj-name"]'
	assert_between "CPU time in ms" "$(q 'snapshots | map(select(.scope == "cgroup")) | last
		| (.cpu_user_seconds + .cpu_system_seconds) * 1000 | round')" 190 260
}

@test "moves: for leaks, who leaves its cgroup takes along what is open, and has not ended" {
	require_root
	[[ -x /usr/bin/python3 ]] || skip "no /usr/bin/python3"
	make_cgroup ""
	cat >script.py <<-'END'
		import os, sys, time
		def leak(n):
		    for i in range(n):
		        os.open("/dev/null", os.O_RDONLY)
		def move(to):
		    open(to + "/cgroup.procs", "w").write(str(os.getpid()))
		cgroup, stay = sys.argv[1:]
		move(cgroup)
		leak(11)
		if stay == "yes":
		    sys.exit()
		move(os.path.dirname(cgroup))
		time.sleep(0.5)
		leak(31)
		time.sleep(60)
	END
	start_leaks -c "$CGROUP"
	/usr/bin/python3 script.py "$CGROUP" yes 3>&-
	/usr/bin/python3 script.py "$CGROUP" no 3>&- &
	started+=("$!")
	sleep 1
	stop_ktally
	# Each of them had one more open, that of the cgroup's file.
	assert_between "moved out" "$(q '[records("leak").moved_out] | add')" 11 12
	assert_between "torn down" "$(q '[records("leak").torn_down] | add')" 11 12
	assert_equal "$(q '[records("leak") | .opened + .inherited - .open - .closed - .torn_down - .moved_out]
		| unique | tojson')" "[0]"
	assert_equal "$(q '[records("leak").open] | add')" 0
}
