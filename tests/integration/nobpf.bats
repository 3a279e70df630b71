#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Without BPF: what /proc knows is right, the rest is null.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

@test "no-bpf: a process at rest agrees with /proc, the rest is null" {
	start_held burn --ms 200 --mb 37
	release_and_wait
	record --no-bpf -p "$HELD" -n 2
	assert_equal "$status" 0
	assert_equal "$(q '[header.instruments[].rung] | unique | tojson')" '["/proc"]'
	assert_equal "$(q last_snapshot.open_fds)" "$(find "/proc/$HELD/fd" -mindepth 1 | wc -l)"
	assert_equal "$(q last_snapshot.threads)" "$(awk '/^Threads:/ { print $2 }' "/proc/$HELD/status")"
	assert_within "resident memory" "$(q last_snapshot.memory_rss_bytes)" \
		"$(awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$HELD/status")" 65536
	assert_within "user time" "$(q last_snapshot.cpu_user_seconds)" "$(w '.utime_us / 1e6' held.json)" 0.02
	assert_equal "$(q last_snapshot.context_switches_voluntary)" \
		"$(awk '/^voluntary_ctxt/ { print $2 }' "/proc/$HELD/status")"
	assert_equal "$(q last_snapshot.open_fds_limit)" "$(awk '/^Max open files/ { print $4 }' "/proc/$HELD/limits")"
	local key
	for key in fd_opens fd_closes fd_open_errors fd_unattributed fd_opens_per_sec blocked_seconds; do
		assert_equal "$key: $(q "last_snapshot | has(\"$key\"), .$key" | paste -sd ' ')" "$key: true null"
	done
	release
}

@test "no-bpf: a command is watched and its status passed on" {
	record --no-bpf -- sh -c 'exit 9'
	assert_equal "$status $(q trailer.target_exit)" "9 9"
}

@test "no-bpf: a tree, while it lives" {
	start_held blink -n 3
	start_ktally --no-bpf -p "$HELD" --follow
	assert_equal "$(q 'last_snapshot | [.scope, .processes] | tojson')" '["tree",1]'
	release_and_wait
	release
	wait_ktally
	assert_equal "$(q trailer.reason)" targets_ended
}

# It goes between two reads, and nobody tells what it did until then.
@test "no-bpf: the interval in which a process ends is not known, what was measured stays" {
	sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; kill -STOP $$; exec sleep 60' 3>&- &
	local pid=$! key
	started+=("$pid")
	wait_for "a stop" eval "[[ \$(ps -o stat= -p $pid) == T* ]]"
	disown "$pid"
	start_ktally --no-bpf -p "$pid" --processes
	next_snapshots 2
	kill -KILL "$pid"
	wait_ktally
	assert_equal "$(q 'last_snapshot | [.final, .processes] | tojson')" '[true,0]'
	for key in cpu_percent context_switches_per_sec oncpu_seconds runqueue_seconds; do
		assert_equal "$key: $(q "last_snapshot.$key, snapshots[-2].$key == null" | paste -sd ' ')" "$key: null false"
	done
	assert_equal "$(q 'last_snapshot.cpu_user_seconds == snapshots[-2].cpu_user_seconds')" true
	assert_equal "$(q 'last_snapshot.context_switches > 0')" true
}

@test "no-bpf: everything" {
	record --no-bpf -a --processes -n 2
	assert_equal "$status" 0
	assert_equal "$(q "members($$) | length")" 2
	assert_equal "$(q 'members | map(select(.comm == "kthreadd")) | length')" 0
}

@test "no-bpf: more processes than descriptors" {
	sh -c 'for i in $(seq 97); do sleep 60 & done; wait' >/dev/null 3>&- &
	local parent=$!
	started+=("$parent")
	wait_for "97 children" eval "(( \$(pgrep -cP $parent sleep) == 97 ))"
	mapfile -t -O ${#started[@]} started < <(pgrep -P "$parent")
	ulimit -n 64
	record --no-bpf -p "$parent" --follow --processes -n 3
	assert_equal "$status" 0
	assert_equal "$(q 'last_snapshot.processes')" 98
	assert_equal "$(q '[members[] | select(.open_fds != null)] | unique_by(.pid) | length')" 98
}

@test "no-bpf: alerts work on what is known" {
	record --no-bpf -p $$ -n 2 --alert 'any: open_fds > 1' --fail-on-alert
	assert_equal "$status" 3
}
