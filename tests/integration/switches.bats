#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Context switches and CPU time against the kernel's own account of the same process.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# ktally's last number of a process at rest against what getrusage(2) said in it before it went to rest,
# and says when it is woken: it may have lost its CPU next to either call. A thread that ended may count
# one more, its last switch, which the kernel adds only to a process that is waited for.
compare_at_rest() {
	local ended=$1 kind key counted
	next_snapshots 2
	q 'last_snapshot | tojson' >rest.json
	release_and_wait 3
	assert_equal "$(w .released held.json)" true
	for kind in voluntary:nvcsw involuntary:nivcsw; do
		key=${kind#*:}
		counted=$(w ".context_switches_${kind%:*}" rest.json)
		assert_between "${kind%:*}" "$counted" "$(sed -n 2p held.json | jq ".$key")" \
			"$(($(w ".$key" held.json) + ended))"
	done
	assert_equal "$(w '.context_switches - .context_switches_voluntary
		- .context_switches_involuntary' rest.json)" 0
}

@test "switches: eight threads of 499 sleeps, ended since" {
	require_root
	start_held switches -t 8 -k 499 sleep
	start_ktally -p "$HELD"
	release_and_wait
	compare_at_rest 8
	assert_within "sleeps" "$(q 'last_snapshot.context_switches_voluntary')" $((8 * 499 + 10)) 24
}

@test "switches: threads that are still there, to the digit" {
	require_root
	start_held switches -t 7 -k 211 --stay sleep
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 1
	assert_equal "threads $(q 'last_snapshot.threads')" "threads 8"
	compare_at_rest 0
}

@test "switches: yields are involuntary" {
	require_root
	start_held switches -t 4 -k 1009 yield
	start_ktally -p "$HELD"
	release_and_wait
	compare_at_rest 4
}

@test "switches: ping-pong over a futex" {
	require_root
	start_held switches -k 997 futex
	start_ktally -p "$HELD"
	release_and_wait
	compare_at_rest 1
}

@test "switches: ping-pong over pipes" {
	require_root
	start_held switches -k 997 pipe
	start_ktally -p "$HELD"
	release_and_wait
	compare_at_rest 1
}

@test "switches: the rung /proc agrees for a process of one thread" {
	require_root
	start_held switches -t 0 sleep
	start_ktally -p "$HELD" --rung sched=/proc --rung task=/proc
	release_and_wait
	compare_at_rest 0
}

@test "switches: a process that has ended against what its parent learns from wait4" {
	require_root
	cat >wait4.py <<-'END'
		import json, os, sys
		pid = os.fork()
		if not pid:
		    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
		    os.execv(sys.argv[1], sys.argv[1:])
		_, status, ru = os.wait4(pid, 0)
		print(json.dumps({"pid": pid, "status": status, "nvcsw": ru.ru_nvcsw,
		                  "nivcsw": ru.ru_nivcsw, "cpu": ru.ru_utime + ru.ru_stime}))
	END
	record -- /usr/bin/python3 wait4.py "$WORKLOADS/switches" -t 5 -k 307 sleep
	assert_equal "$status $(w .status)" "0 0"
	q "exit_of($(w .pid)).totals | tojson" >totals.json
	assert_within "voluntary" "$(w .context_switches_voluntary totals.json)" "$(w .nvcsw)" 5
	assert_within "involuntary" "$(w .context_switches_involuntary totals.json)" "$(w .nivcsw)" 5
}

@test "switches: a thread that executes brings its own along" {
	require_root
	cat >exec.py <<-'END'
		import os, threading, time
		def execute():
		    for _ in range(307):
		        time.sleep(0.001)
		    os.execv("/bin/sh", ["sh", "-c", "while [ $((i += 1)) -lt 2000000 ]; do :; done"])
		threading.Thread(target=execute).start()
		time.sleep(60)
	END
	record -- /usr/bin/python3 exec.py
	assert_equal "$status" 0
	assert_equal "$(q '[snapshots[].context_switches_unattributed // empty] | unique | tojson')" '[0]'
	assert_equal "$(q 'last_snapshot.context_switches >= 307')" true
}

@test "switches: CPU time of a process that has ended, within two percent" {
	require_root
	record -- "$WORKLOADS/burn" -t 2 --ms 1000 --system 40
	assert_equal "$status" 0
	local cpu want
	cpu=$(q 'last_snapshot | .cpu_user_seconds + .cpu_system_seconds')
	want=$(w '(.utime_us + .stime_us) / 1e6')
	assert_within "CPU seconds" "$cpu" "$want" "$(awk "BEGIN { print $want * 0.02 }")"
	assert_within "system share" "$(q 'last_snapshot.cpu_system_seconds')" "$(w '.stime_us / 1e6')" \
		"$(awk "BEGIN { print $want * 0.05 }")"
	assert_within "on a CPU" "$(q '[snapshots[].oncpu_seconds] | add')" "$want" \
		"$(awk "BEGIN { print $want * 0.02 }")"
}

@test "switches: no number goes back while threads and processes end" {
	require_root
	start_held switches -t 64 -k 101 sleep
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 2
	release
	wait_ktally
	assert_equal "$(q steps_back)" "[]"
	record -- "$WORKLOADS/blink" -n 97 --nested
	assert_equal "$(q steps_back)" "[]"
}

@test "switches: time adds up to the interval for each thread" {
	require_root
	start_held switches -t 3 -k 11 --stay sleep
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 3
	# On a CPU, waiting for one, or asleep: nothing else, four threads of it.
	run q 'last_snapshot | (.oncpu_seconds + .runqueue_seconds + .blocked_seconds)
		/ (.interval_seconds * 4) | . > 0.95 and . < 1.05'
	assert_output true
}

# The one that executes gets its first thread's start time, with the life that this one has lived.
@test "switches: a thread that executes does not live its process's life a second time" {
	require_root
	record -- /usr/bin/python3 -c 'import os, threading, time
time.sleep(0.7)
threading.Thread(target=lambda: os.execv("/bin/sleep", ["sleep", "0.5"])).start()
time.sleep(9)'
	assert_equal "$(q 'snapshots | map(select((.blocked_seconds // 0) > .interval_seconds * 2 + 0.05)) | length')" 0
	assert_within "time asleep" "$(q 'snapshots | map(.blocked_seconds) | add')" 1.2 0.4
}

# Those that ended before, and those that end while ktally comes.
@test "switches: attached to a process whose threads come and go, nothing is missing" {
	require_root
	/usr/bin/python3 -c 'import threading, time
while True:
    threads = [threading.Thread(target=time.sleep, args=(0.001,)) for i in range(3)]
    for t in threads: t.start()
    for t in threads: t.join()' &
	started+=($!)
	sleep 0.7
	start_ktally -p $!
	next_snapshots 3
	assert_between "switches from before" "$(q 'snapshots[0].context_switches')" 300 1000000
	assert_between "unattributed" "$(q 'snapshots | map(.context_switches_unattributed) | max')" 0 5
	stop_ktally
}

@test "switches: the idle task is nobody" {
	require_root
	record -a --processes -n 2
	assert_equal "$(q 'members | map(select(.pid == 0 or .pid == null)) | length')" 0
}
