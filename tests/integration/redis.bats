#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A real server under load, against two witnesses that know nothing of ktally: strace and /proc.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

require_redis() {
	require_root
	require redis-server
	require redis-benchmark
	SOCKET=$BATS_TEST_TMPDIR/redis.sock
	SERVER=(redis-server --port 0 --unixsocket "$SOCKET" --save "" --appendonly no --loglevel warning)
}

load_it() {
	redis-benchmark -s "$SOCKET" -q -c 17 -n "$1" -t set,get,incr >/dev/null 2>&1 3>&-
}

up() {
	[[ $(redis-cli -s "$SOCKET" ping) == PONG ]]
}

# A shell that stops itself becomes the server: who attaches meanwhile sees its first instruction.
start_stopped_server() {
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'kill -STOP $$; exec "$@"' sh "${SERVER[@]}" >/dev/null 2>&1 3>&- &
	server=$!
	started+=("$server")
	wait_for "the shell to stop" grep -q '^State:.T' "/proc/$server/status"
}

@test "redis: opens and closes as strace counts them" {
	require_redis
	require strace
	local server
	start_stopped_server
	strace -f -p "$server" -o strace.log 2>strace.err 3>&- &
	local tracer=$!
	started+=("$tracer")
	wait_for "strace" grep -q attached strace.err
	start_ktally -p "$server"
	kill -CONT "$server"
	wait_for "the server" up
	load_it 1009
	next_snapshots 1
	redis-cli -s "$SOCKET" shutdown nosave
	wait_ktally
	wait_for "the end of strace" ended "$tracer"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/strace_fds.py" strace.log >work.json
	assert_same opens 'last_snapshot.fd_opens' '.opens'
	assert_same closes 'last_snapshot.fd_closes' '.closes'
	assert_same errors 'last_snapshot.fd_open_errors' '.open_errors'
	assert_equal "$(w '.accepts > 51')" true
}

@test "redis: accepted connections are the server's own count" {
	require_redis
	"${SERVER[@]}" >/dev/null 2>&1 3>&- &
	local server=$! before
	started+=("$server")
	wait_for "the server" up
	before=$(received)
	start_ktally -p "$server"
	load_it 2003
	next_snapshots 2
	stop_ktally
	# Each connection is one open and one close; the server also looks into /proc now and then.
	local opens closes connections
	opens=$(q last_snapshot.fd_opens)
	closes=$(q last_snapshot.fd_closes)
	connections=$(($(received) - before))
	((opens >= connections - 1)) || fail "$opens opens, $connections connections"
	assert_equal "left open $((opens - closes))" "left open 0"
	assert_equal "$(q last_snapshot.fd_unattributed)" 0
	redis-cli -s "$SOCKET" shutdown nosave
}

# Connections that the server has accepted, this question's included.
received() {
	redis-cli -s "$SOCKET" info stats | awk -F : '/^total_connections_received/ { print $2 + 0 }'
}

@test "redis: CPU time within two percent of /proc" {
	require_redis
	"${SERVER[@]}" >/dev/null 2>&1 3>&- &
	local server=$! before after
	started+=("$server")
	wait_for "the server" up
	start_ktally -p "$server"
	before=$(cpu_ticks "$server")
	load_it 150000
	next_snapshots 2
	after=$(cpu_ticks "$server")
	stop_ktally
	local seconds want
	seconds=$(q '(last_snapshot | .cpu_user_seconds + .cpu_system_seconds)
		- (snapshots | first | .cpu_user_seconds + .cpu_system_seconds)')
	want=$(awk "BEGIN { print ($after - $before) / $(getconf CLK_TCK) }")
	# Two ticks of 10 ms beside the two percent: that is how coarse /proc is.
	assert_within "CPU seconds" "$seconds" "$want" "$(awk "BEGIN { print $want * 0.02 + 0.02 }")"
	redis-cli -s "$SOCKET" shutdown nosave
}

cpu_ticks() {
	sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# perf starts the server here: its clock `task-clock` stands still during each switch (6 us on some
# virtual machines), what it says of a child's user and system time has them.
@test "redis: CPU time within two percent of perf stat, and the same switches" {
	require_redis
	require perf
	# perf leaves out the last switch of each thread, of which this server has six at most, and what
	# its child did before it became the shell. It must not stop: perf takes any SIGCHLD for its end.
	mkfifo go
	local slack=6
	# shellcheck disable=SC2016 # for the inner shell
	perf stat -e context-switches -o perf.out -- sh -c 'echo $$ >pid; read -r _ <go; exec "$@"' \
		sh "${SERVER[@]}" >/dev/null 2>&1 3>&- &
	local counter=$! server
	started+=("$counter")
	wait_for "the shell" test -s pid
	server=$(cat pid)
	started+=("$server")
	wait_for "the shell to wait" grep -q '^State:.S' "/proc/$server/status"
	slack=$((slack + $(awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$server/status")))
	start_ktally -p "$server"
	echo >go
	wait_for "the server" up
	load_it 150000
	redis-cli -s "$SOCKET" shutdown nosave
	wait_ktally
	wait_for "the end of perf" ended "$counter"
	local seconds switches
	seconds=$(awk '/seconds (user|sys)/ { sum += $1 } END { print sum }' perf.out)
	switches=$(awk '/context-switches/ { gsub(",", ""); print $1 }' perf.out)
	assert_within "CPU seconds" "$(q 'last_snapshot | .cpu_user_seconds + .cpu_system_seconds')" \
		"$seconds" "$(awk "BEGIN { print $seconds * 0.02 }")"
	assert_within "switches" "$(q last_snapshot.context_switches)" "$switches" "$slack"
}
