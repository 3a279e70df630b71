#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Processes that are too much for a tool that reads them one file at a time.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# COUNT: a process with so many descriptors of /dev/null besides three; its PID is in $HELD.
start_hoard() {
	/usr/bin/python3 -c '
import os, resource, sys, time
n = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 74, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
null = os.open("/dev/null", os.O_RDONLY)
for fd in range(10, n + 10): os.dup2(null, fd)
print(len(os.listdir("/proc/self/fd")) - 1, flush=True)
time.sleep(300)' "$1" </dev/null >held.json 2>held.err 3>&- &
	HELD=$!
	started+=("$HELD")
	wait_for "a hoard of descriptors; it said: $(cat held.err)" held_lines 1
}

check_hoard() {
	record -p "$HELD" -n 3 "$@"
	assert_equal "$(q 'snapshots | length') $(q 'trailer.lost_events')" "3 0"
	assert_equal "$(q last_snapshot.open_fds)" "$(cat held.json)"
}

@test "limits: F23, a process with 15,000 descriptors" {
	require_root
	start_hoard 15000
	check_hoard
	assert_equal "$(q 'last_snapshot.open_files != null')" true
	check_hoard --no-bpf
}

@test "limits: F23, a process with as many descriptors as the host allows" {
	require_root
	local most
	most=$(ulimit -H -n)
	[[ $most != unlimited ]] || most=$(cat /proc/sys/fs/nr_open)
	((most > 15100)) || skip "the limit is $most"
	start_hoard $((most > 1000074 ? 1000000 : most - 74))
	check_hoard
	assert_equal "$(q 'last_snapshot | (.open_files == null) == (.open_fds > 65536)')" true
	check_hoard --no-bpf
}

@test "limits: F23, a process with 3,000 threads" {
	require_root
	start_held switches -t 3000 -k 2 --stay sleep
	start_ktally -p "$HELD"
	release_and_wait
	next_snapshots 3
	stop_ktally
	assert_equal "$(q 'last_snapshot | [.threads, .lost_events] | tojson')" '[3001,0]'
	[[ $(q 'header.instruments.sched.rung') == /proc ]] ||
		assert_equal "$(q 'last_snapshot.context_switches_voluntary >= 6000')" true
}

@test "limits: F22, a process in uninterruptible sleep holds nothing up" {
	require_root
	/usr/bin/python3 -c '
import ctypes
libc = ctypes.CDLL(None)
if libc.vfork() == 0: # until it ends its parent sleeps, and no signal but the last wakes it
    libc.sleep(60)
    libc._exit(0)' </dev/null >/dev/null 2>&1 3>&- &
	HELD=$!
	started+=("$HELD")
	wait_for "uninterruptible sleep" grep -q '^State:.*D' "/proc/$HELD/status"
	for way in "" --no-bpf; do
		record -p "$HELD" -n 5 $way
		assert_equal "$(q 'snapshots | map(select(.open_fds != null and .threads == 1)) | length')" 5
	done
}

# Some of the limits leave room for BPF programs and for nothing else, which then is what goes.
@test "limits: everything, with few descriptors" {
	require_root
	local most
	for most in 20 32 40 48 56 64 66 68 70 72 80 100 128; do
		(ulimit -n "$most" && "$KTALLY" -i 100ms -o out.jsonl -a -n 2 2>err 3>&-) ||
			fail "at $most: status $?: $(tail -n 1 err)"
		validate out.jsonl
		assert_equal "$most: $(q 'snapshots | length') $(q trailer.reason)" "$most: 2 count"
	done
}

@test "limits: more processes by PID than descriptors" {
	require_root
	local options pids
	populate 150
	pids=$(IFS=, && echo "${started[*]}")
	ulimit -n 128
	for options in "" --no-bpf; do
		record -p "$pids" -n 3 $options
		assert_equal "$options: $status $(q 'snapshots(149) | length') $(q trailer.reason)" "$options: 0 3 count"
	done
}

# What watches much needs many; a program that was not made for many gets what its caller has.
@test "limits: ktally raises its own limit of descriptors, and no command's" {
	local hard
	hard=$(ulimit -Hn)
	[[ $hard == unlimited ]] || ((hard > 200)) || skip "the limit is $hard"
	ulimit -Sn 200
	record --no-bpf -- sh -c 'ulimit -Sn; ulimit -Hn'
	assert_equal "$(paste -sd ' ' work.json)" "200 $hard"
	printf '#!/bin/sh\nulimit -Sn >act.limit\n' >act
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho "{\\"soft\\": $(ulimit -Sn)}"\n' >number
	chmod +x act number
	start_ktally --no-bpf -p $$ --alert 'on: threads >= 1' --on-alert ./act \
		--metrics-from ./number --metrics-every 100ms
	assert_equal "$(awk '/^Max open files/ { print $4 == $5 }' "/proc/$KTALLY_PID/limits")" 1
	wait_for "the alert's command" test -s act.limit
	wait_for "the metric" record_is_there 'last_snapshot.custom_metrics.soft != null'
	stop_ktally
	assert_equal "$(cat act.limit) $(q last_snapshot.custom_metrics.soft)" "200 200"
}
