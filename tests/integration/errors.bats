#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Errors: one line each on standard error that says what to do, and the documented exit status.

load helpers

# Where others may enter, which a folder of bats is not.
setup_file() {
	PUBLIC=$(mktemp -d /tmp/ktally-public-XXXXXX)
	export PUBLIC
	chmod 755 "$PUBLIC"
	cp "${KTALLY:-${O:-build}/ktally}" "$PUBLIC/ktally" 2>/dev/null || true
}

teardown_file() {
	rm -rf "$PUBLIC"
}

# As somebody without capabilities, who cannot see root's folders.
as_nobody() {
	require_root
	require setpriv
	NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$PUBLIC/ktally")
}

@test "errors: an unknown option" {
	assert_error 2 "--no-such-option" "$KTALLY" --no-such-option
	assert_error 2 "-Z" "$KTALLY" -Z
}

@test "errors: nothing to watch" {
	assert_error 2 "-p" "$KTALLY"
	assert_error 2 "" "$KTALLY" run
}

@test "errors: an operand that is none" {
	assert_error 2 "sleep" "$KTALLY" sleep 1
}

@test "errors: a bad interval" {
	local bad
	for bad in 99ms 0 -1s abc 1x "" 1e3 5 99999999999999d; do
		[[ $bad == 5 ]] || assert_error 2 "interval" "$KTALLY" -i "$bad" -p $$
	done
}

@test "errors: a bad count, a bad duration, a bad PID" {
	assert_error 2 "count" "$KTALLY" -n none -p $$
	assert_error 2 "duration" "$KTALLY" -d soon -p $$
	assert_error 2 "12x" "$KTALLY" -p 12x
	assert_error 2 "" "$KTALLY" -p ""
}

@test "errors: a number too large for what it counts" {
	local bad
	for bad in 4194305 4294967296 4294967297 18446744073709551617; do
		assert_error 2 "max-processes.*from 1 to 4194304" "$KTALLY" -p $$ --max-processes "$bad"
	done
	for bad in 4294967296 4294967297; do
		assert_error 2 "simulate-loss.*from 1 to 4294967295" "$KTALLY" -p $$ --simulate-loss "$bad"
	done
	# No map is made for it.
	"$KTALLY" --no-bpf -p $$ -n 1 -i 100ms --max-processes 4194304 >out.jsonl 2>err 3>&-
	validate out.jsonl
}

@test "errors: a bad alert" {
	require_root
	assert_error 2 "" "$KTALLY" -p $$ --alert 'no colon'
	assert_error 2 "" "$KTALLY" -p $$ --alert 'x: open_fds >'
	assert_error 2 "" "$KTALLY" -p $$ --alert 'x: open_fds > 1 for soon'
}

@test "errors: an unknown rung, instrument and format" {
	require_root
	assert_error 2 "no-such" "$KTALLY" -p $$ --rung fd=no-such
	assert_error 2 "no-such" "$KTALLY" -p $$ --rung no-such=fd
	assert_error 2 "" "$KTALLY" -p $$ --rung fd
	assert_error 2 "jsonl" "$KTALLY" -p $$ --format xml
}

@test "errors: --no-bpf with --require-bpf" {
	assert_error 2 "exclude" "$KTALLY" -p $$ --no-bpf --require-bpf
}

@test "errors: no such process" {
	require_root
	assert_error 4 "4194000" "$KTALLY" -p 4194000
}

@test "errors: a kernel thread" {
	require_root
	[[ $(cat /proc/2/comm) == kthreadd ]] || skip "PID 2 is no kernel thread here"
	assert_error 4 "kernel thread" "$KTALLY" -p 2
}

@test "errors: a thread that is no process" {
	require_root
	start_held switches -t 1 -k 1 --stay
	release_and_wait
	local tid
	tid=$(find "/proc/$HELD/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -vx "$HELD" | head -n 1)
	assert_error 4 "thread" "$KTALLY" -p "$tid"
}

@test "errors: not a cgroup" {
	require_root
	[[ -n $(cgroup2_mount) ]] || skip "cgroup v2 is not mounted"
	assert_error 4 "$(cgroup2_mount)" "$KTALLY" -c /tmp
	assert_error 4 "no-such-group" "$KTALLY" -c no-such-group
}

# As a variable of a shell is that was never set.
@test "errors: an empty cgroup, name or PID" {
	require_root
	[[ -n $(cgroup2_mount) ]] || skip "cgroup v2 is not mounted"
	assert_error 4 "empty path.*$(cgroup2_mount)" "$KTALLY" -c ""
	assert_error 4 "pattern" "$KTALLY" -C ""
	assert_error 2 "PID" "$KTALLY" -p "" -p $$
	local whole
	for whole in . "$(cgroup2_mount)"; do
		record -c "$whole" -n 1
		assert_equal "$status $(q 'header.targets[0].kind')" "0 cgroup"
	done
}

# Its threads' processes are listed in the cgroup above that is none.
@test "errors: a threaded cgroup names the one that lists its processes" {
	require_root
	make_cgroup ""
	local domain=$CGROUP
	make_cgroup thr
	echo threaded >"$CGROUP/cgroup.type" || skip "no threaded cgroups here"
	make_cgroup thr/below
	echo threaded >"$CGROUP/cgroup.type"
	local options
	for options in "" --no-bpf; do
		assert_error 4 "threaded.*watch $domain\$" "$KTALLY" -c "$CGROUP" $options -n 1
		record -c "$domain" $options -n 1
		assert_equal "$status" 0
	done
}

@test "errors: a cgroup v1 path names where v2 is" {
	require_root
	local v1
	v1=$(awk '$0 ~ / - cgroup / { print $5; exit }' /proc/self/mountinfo)
	[[ -n $v1 ]] || skip "cgroup v1 is not mounted"
	assert_error 4 "$(cgroup2_mount)" "$KTALLY" -c "$v1"
}

@test "errors: a bad pattern" {
	require_root
	local got=0
	"$KTALLY" -C '[a' -n 1 -i 100ms >/dev/null 2>err || got=$?
	((got == 2 || got == 4)) || fail "exit status $got: $(cat err)"
	assert_equal "$(wc -l <err)" 1
}

@test "errors: an output that cannot be written" {
	require_root
	assert_error 1 "no/such/folder" "$KTALLY" -p $$ -o no/such/folder/file
	assert_error 1 "" "$KTALLY" -p $$ -o /
}

@test "errors: without privileges it names the capabilities and --no-bpf" {
	as_nobody
	assert_error 4 "CAP_BPF.*CAP_PERFMON.*--no-bpf" "${NOBODY[@]}" -p $$
}

@test "errors: without privileges --require-bpf is 5" {
	as_nobody
	assert_error 5 "CAP_BPF" "${NOBODY[@]}" -p $$ --require-bpf
}

@test "errors: without privileges --no-bpf works" {
	as_nobody
	"${NOBODY[@]}" --no-bpf -p $$ -n 1 -i 100ms >out.jsonl 2>err 3>&-
	validate out.jsonl
	assert_equal "$(q 'last_snapshot.cpu_user_seconds | type')" number
	# Another user's descriptors are not its to see: unknown, not none.
	assert_equal "$(q 'last_snapshot.open_files')" null
}

@test "errors: help and version are answers" {
	run "$KTALLY" --help
	assert_success
	assert_output --partial "--require-bpf"
	run "$KTALLY" --version
	assert_success
	assert_output --regexp '^ktally [0-9]+\.[0-9]+\.[0-9]+'
}

@test "errors: more processes than there is room for names the option" {
	require_root
	assert_error 1 "--max-processes" "$KTALLY" -a --max-processes 2 -n 1
}
