#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs in the guest: the cases of /cases that match $CASES (a shell pattern), one RESULT line for
# each:
#
#   FACT preempt MODE
#   RESULT ID STATUS DETAIL       statuses of verdict.c, refused (why), or absent (no such rung)
#   LOG ID TEXT                   what helps to understand a bad one
set -uf

LIMIT=90 # seconds for one step of a case, under emulation
# Short, so that maps are read while they are written: reading them has lost events before.
interval=200ms
cgroup=/sys/fs/cgroup/workload

fact_preempt() {
	mode=$(sed -n 's/.*(\(.*\)).*/\1/p' /sys/kernel/debug/sched/preempt 2>/dev/null)
	echo "FACT preempt ${mode:-fixed}"
}

# await SECONDS COMMAND...: until the command succeeds. Tenths, because a guest is slow, not its
# steps.
await() {
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

count_at_least() {
	[ "$(grep -c "$2" "$3" 2>/dev/null || true)" -ge "$1" ]
}

over() {
	! kill -0 "$1" 2>/dev/null
}

# shellcheck disable=SC2086 # a workload and its arguments, options
how_run() {
	timeout "$LIMIT" ktally "$how" $options -- $workload >work 2>err
	status=$?
}

started_or_over() {
	count_at_least 1 '"type":"snapshot"' stream || over "$watcher"
}

# In a shell of its own: the signal of a pipe that nobody reads, because the workload has ended, is
# that one's end.
go_on() {
	(echo >&4)
}

# Two more snapshots: at least one whole interval.
two_ticks() {
	seen=$(grep -c '"type":"snapshot"' stream)
	await 10 count_at_least $((seen + 2)) '"type":"snapshot"' stream
}

# Lets the workload do its work, and ktally see the end of it: two more ticks after the report.
let_work() {
	await "$LIMIT" started_or_over
	over "$watcher" && return
	disturb
	go_on
	await "$LIMIT" count_at_least 2 '^{' work
	settle
	two_ticks
	kill -TERM "$watcher" 2>/dev/null
}

# What happens to the machine between ktally's first snapshot and the work, and is undone after it.
disturb() {
	case $how in
	clock) date -s "@$(($(date +%s) - 86400))" >/dev/null && two_ticks ;;
	offline) echo 0 >/sys/devices/system/cpu/cpu1/online ;;
	suspend) echo +4 >/sys/class/rtc/rtc0/wakealarm && echo mem >/sys/power/state ;;
	wrap) echo 512 >/proc/sys/kernel/pid_max ;;
	esac
}

settle() {
	case $how in
	clock) date -s "@$(($(date +%s) + 86400))" >/dev/null ;;
	offline) echo 1 >/sys/devices/system/cpu/cpu1/online ;;
	wrap) echo 32768 >/proc/sys/kernel/pid_max ;;
	esac
}

# Whom ktally watches.
target() {
	case $how in
	attach | rest | clock | suspend) echo "-p $worker" ;;
	follow | offline | wrap) echo "-f -p $worker" ;;
	crowd) echo "--max-processes 64 -f -p $worker" ;;
	cgroup) echo "-c $cgroup" ;;
	comm) echo "-C ${workload%% *}" ;;
	esac
}

# Starts the workload held, in a cgroup of its own.
# shellcheck disable=SC2016,SC2086 # for the inner shell; a workload and its arguments
hold() {
	rm -f go
	mkfifo go
	mkdir -p "$cgroup"
	sh -c 'echo $$ >"$0"/cgroup.procs && exec "$@"' "$cgroup" $workload --hold \
		<go >work 2>err.work &
	worker=$!
	exec 4>go
	await "$LIMIT" grep -q ready work
}

release() {
	go_on
	exec 4>&-
	await 20 over "$worker" || kill -KILL "$worker"
	wait "$worker"
}

# ktally watches a workload through its work. SIGINT is ignored in what a script starts in the
# background, so TERM ends it.
how_watch() {
	hold
	# shellcheck disable=SC2046,SC2086 # options are words
	ktally $options $(target) 2>err 4>&- &
	watcher=$!
	let_work
	cp work report
	await 20 over "$watcher" || kill -KILL "$watcher"
	wait "$watcher"
	status=$?
	release
	case $how in
	rest | crowd) ;;
	*) mv report work ;;
	esac
}

# judge PAIR...: the line that follows RESULT ID.
judge() {
	if grep -q '"type":"header"' stream 2>/dev/null; then
		verdict "${rung%%,*}" work stream "$@"
	elif [ "$status" -eq 2 ]; then
		echo "absent $(tail -n 1 err)"
	elif grep -q '^ktally: ' err; then
		echo "refused $(grep '^ktally: ' err | tail -n 1 | cut -c9-)"
	else
		echo "error ktally ended with status $status: $(tail -n 1 err)"
	fi
}

log() {
	{
		echo "status $status"
		head -n 20 err
		tail -n 1 work
		sed -n '1p' stream
		grep '"type":"snapshot"' stream | tail -n 1
		grep '"type":"leak"' stream | head -n 20
		grep '"type":"trailer"' stream
		cat err.work
	} 2>/dev/null | cut -c1-2500 | sed "s|^|LOG $id |"
}

run_case() {
	workload=${rest%% : *}
	options="--rung $(echo "$rung" | sed 's/,/ --rung /g')"
	options="$options -i $interval --format jsonl -o stream"
	rm -f stream work report err err.work
	status=127
	case $how in
	run | leaks) how_run ;;
	*) how_watch ;;
	esac
	# shellcheck disable=SC2086 # pairs are words
	result=$(judge ${rest#* : })
	echo "RESULT $id $result"
	case $result in
	wrong* | error* | lost*) log ;;
	esac
}

fact_preempt
mkdir -p /etc && : >/etc/passwd # leaky-static opens it
while read -r id _ _ rung how rest; do
	# shellcheck disable=SC2254 # a pattern is meant
	case $id in
	${CASES:-*}) run_case </dev/null ;;
	esac
done </cases
