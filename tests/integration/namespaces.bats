#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Where the kernel's PIDs or times are not those of /proc, no number is joined wrongly.
# shellcheck disable=SC2154 # status is set by inside

load helpers

PIDS=(-p -f --mount-proc)
TIMES=(-T -f --boottime 1000)

require_unshare() {
	require_root
	require unshare
	unshare "$@" true 2>refused || skip "unshare $*: $(cat refused)"
}

# Records a command inside new namespaces: UNSHARE-OPTION... -- KTALLY-ARGUMENT...
inside() {
	local options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	status=0
	timeout -k 5 60 unshare "${options[@]}" "$KTALLY" -i 100ms -o out.jsonl "$@" \
		>work.json 2>err 3>&- </dev/null || status=$?
}

degrades() {
	local reason=$1
	shift
	inside "$@" -- -- "$WORKLOADS/fdways" -n 23 open
	assert_equal "$status" 0
	validate out.jsonl
	assert_equal "$(q 'header.instruments | map(.rung) | unique | join(" ")')" /proc
	assert_regex "$(q 'header.instruments.targets.refused[0].reason')" "$reason"
	assert_equal "$(q 'last_snapshot | "\(.fd_opens) \(.blocked_seconds)"')" "null null"
	# said once, not once for each instrument
	assert_equal "$(wc -l <err)" 1
	assert_regex "$(cat err)" "warning: targets falls back to /proc: .*$reason"
}

# Of a report in check.json.
rows() {
	jq -r ".items[] | select($1) | $2" check.json
}

@test "namespaces: in another PID namespace ktally runs on /proc and says why" {
	require_unshare "${PIDS[@]}"
	degrades "PID namespace that is not the first" "${PIDS[@]}"
	((0 < $(q last_snapshot.pid) && $(q last_snapshot.pid) < 100)) ||
		fail "not a PID of the namespace: $(q last_snapshot.pid)"
}

@test "namespaces: in another PID namespace --require-bpf is refused" {
	require_unshare "${PIDS[@]}"
	assert_error 5 "PID namespace that is not the first" \
		unshare "${PIDS[@]}" "$KTALLY" --require-bpf -o out.jsonl -- true
}

@test "namespaces: in another PID namespace with the host's /proc --require-bpf is refused" {
	require_unshare -p -f
	assert_error 5 "PID namespace that is not the first" \
		unshare -p -f "$KTALLY" --require-bpf -o out.jsonl -- true
}

@test "namespaces: in a time namespace with shifted clocks ktally runs on /proc and says why" {
	require_unshare "${TIMES[@]}"
	degrades "time namespace with shifted clocks" "${TIMES[@]}"
}

@test "namespaces: in a time namespace with shifted clocks --require-bpf is refused" {
	require_unshare "${TIMES[@]}"
	assert_error 5 "time namespace with shifted clocks" \
		unshare "${TIMES[@]}" "$KTALLY" --require-bpf -o out.jsonl -- true
}

@test "namespaces: a time namespace without an offset changes nothing" {
	require_unshare -T -f
	inside -T -f -- -- "$WORKLOADS/fdways" -n 23 open
	assert_equal "$status" 0
	assert_equal "$(q 'header.instruments.targets.rung')" tp_btf
	assert_same opens last_snapshot.fd_opens .opens
}

@test "namespaces: check names the namespace and the fix" {
	require_unshare "${PIDS[@]}"
	run unshare "${PIDS[@]}" "$KTALLY" check --json
	echo "$output" >check.json
	assert_equal "$status" 5
	assert_equal "$(rows '.section == "namespaces"' '"\(.name) \(.ok)"')" \
		$'PID false\ntime true\nuser true'
	assert_regex "$(rows '.name == "targets=tp_btf"' .fix)" --pid=host
}

@test "namespaces: in a user namespace capabilities do not count, and check says so" {
	require_unshare -U -r
	run unshare -U -r "$KTALLY" check --json
	echo "$output" >check.json
	assert_equal "$status $(jq -r .verdict check.json)" "5 no_bpf"
	assert_equal "$(rows '.section == "namespaces" and .name == "user"' .ok)" false
}
