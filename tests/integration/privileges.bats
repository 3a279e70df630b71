#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Least privilege: what ktally needs, what it gives up, and that nothing of it stays behind.
# shellcheck disable=SC2154 # status is set by record, started by setup

load helpers

BPF_CAPS=+bpf,+perfmon
ALL_CAPS=+bpf,+perfmon,+sys_ptrace,+dac_read_search

# Where others may enter, which a folder of bats is not.
setup_file() {
	PUBLIC=$(mktemp -d /tmp/ktally-public-XXXXXX)
	export PUBLIC
	chmod 755 "$PUBLIC"
	mkdir -m 777 "$PUBLIC/out"
	cp "${KTALLY:-${O:-build}/ktally}" "$PUBLIC/ktally" 2>/dev/null || true
}

teardown_file() {
	rm -rf "$PUBLIC"
}

# CAPS: what runs a command as nobody with these capabilities and no others, into $nobody.
be_nobody() {
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps="-all${1:+,$1}"
		${1:+--ambient-caps="$1"})
}

require_nobody() {
	require_root
	require setpriv
	# A folder that nobody can reach is an error, and the tests' own are root's.
	export KTALLY_RULES_DIR=$PUBLIC/rules.d
	[[ -x $PUBLIC/ktally ]] || cp "$KTALLY" "$PUBLIC/ktally"
	be_nobody "${1:-}"
	"${nobody[@]}" true 2>refused || skip "setpriv: $(cat refused)"
}

# A run of nobody's beside the test, its records in out.jsonl as ever.
start_nobody() {
	rm -f "$PUBLIC/out/out.jsonl"
	ln -sf "$PUBLIC/out/out.jsonl" out.jsonl
	"${nobody[@]}" "$PUBLIC/ktally" -i 100ms -o "$PUBLIC/out/out.jsonl" "$@" \
		>ktally.out 2>err 3>&- &
	KTALLY_PID=$!
	started+=("$KTALLY_PID")
	wait_for "a first snapshot; ktally said: $(cat err)" has_snapshots 1
}

field() {
	awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"
}

@test "privileges: nobody with CAP_BPF and CAP_PERFMON counts another user's process to the digit" {
	require_nobody "$BPF_CAPS"
	start_held fdways -n 31 seen
	start_nobody -p "$HELD"
	release_and_wait
	next_snapshots 2
	assert_same opens last_snapshot.fd_opens .opens held.json
	assert_same closes last_snapshot.fd_closes .closes held.json
	assert_same level last_snapshot.open_fds .level_end held.json
	assert_equal "$(q 'header.instruments | [.targets, .sched, .task | .rung] | join(" ")')" \
		"tp_btf tp_btf iter"
	assert_equal "$(field "$KTALLY_PID" Uid)" 65534
	assert_equal "$(field "$KTALLY_PID" CapEff)" 0000008000000000
	stop_ktally
	assert_equal "$(cat err)" ""
}

@test "privileges: once attached only three capabilities are left, and no new ones can come" {
	require_nobody "$ALL_CAPS"
	start_nobody -p $$
	# CAP_BPF 39, CAP_SYS_PTRACE 19, CAP_DAC_READ_SEARCH 2
	assert_equal "$(field "$KTALLY_PID" CapEff)" 0000008000080004
	assert_equal "$(field "$KTALLY_PID" CapPrm)" 0000008000080004
	assert_equal "$(field "$KTALLY_PID" CapAmb)" 0000000000000000
	assert_equal "$(field "$KTALLY_PID" NoNewPrivs)" 1
	stop_ktally
}

@test "privileges: root gives them up too, and goes on counting" {
	require_root
	start_held fdways -n 31 seen
	start_ktally -p "$HELD"
	assert_equal "$(field "$KTALLY_PID" CapEff)" 0000008000080004
	assert_equal "$(field "$KTALLY_PID" CapInh)" 0000000000000000
	assert_equal "$(field "$KTALLY_PID" NoNewPrivs)" 1
	release_and_wait
	next_snapshots 2
	assert_same opens last_snapshot.fd_opens .opens held.json
	stop_ktally
}

@test "privileges: a command that ktally starts has what its caller has" {
	require_root
	record -- sh -c 'sleep 0.3; cat /proc/self/status'
	assert_equal "$status" 0
	for name in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp; do
		assert_equal "$name $(awk -v n="$name:" '$1 == n { print $2 }' work.json)" \
			"$name $(field self "$name")"
	done
}

@test "privileges: a command that runs on an alert has what its caller has" {
	require_root
	record --alert 'any: threads > 0' --on-alert 'cp /proc/self/status alert.status' -n 5 -p $$
	wait_for "the command" test -s alert.status
	for name in CapPrm CapEff NoNewPrivs; do
		assert_equal "$name $(awk -v n="$name:" '$1 == n { print $2 }' alert.status)" \
			"$name $(field self "$name")"
	done
}

both_count_the_same() {
	assert_same opens last_snapshot.fd_opens .opens held.json
	assert_same closes last_snapshot.fd_closes .closes held.json
	assert_same errors last_snapshot.fd_open_errors .open_errors held.json
	assert_equal "lost $(q last_snapshot.lost_events)" "lost 0"
}

@test "privileges: two at once both count everything" {
	require_root
	start_held fdways -n 31 seen
	start_ktally -p "$HELD"
	mkdir other
	timeout 60 "$KTALLY" -i 100ms -o other/out.jsonl -p "$HELD" 2>other/err 3>&- &
	started+=($!)
	wait_for "the other's first snapshot" grep -q '"type":"snapshot"' other/out.jsonl
	release_and_wait
	next_snapshots 2
	both_count_the_same
	stop_ktally
	kill -INT "${started[-1]}"
	wait_for "the end of the other" ended "${started[-1]}"
	mv other/out.jsonl out.jsonl
	validate out.jsonl
	both_count_the_same
}

# "prog 7", "map 9", "link 3": what the process holds in the kernel. Numbers are not used twice.
held_objects() {
	cat /proc/"$1"/fdinfo/* 2>/dev/null |
		awk '/^(prog|map|link)_id:/ { sub("_id:", ""); print $1, $2 }' | sort -u
}

nothing_left() {
	local kind id
	while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || return 1
	done <objects
}

pinned() {
	find /sys/fs/bpf -mindepth 1 2>/dev/null | sort
}

leaves_nothing() {
	require_root
	require bpftool
	pinned >pinned.before
	start_ktally -a
	held_objects "$KTALLY_PID" >objects
	grep -q '^prog ' objects || fail "ktally holds no program"
	grep -q '^link ' objects || fail "ktally holds no link"
	refute nothing_left
	kill -s "$1" "$KTALLY_PID"
	wait_for "the end of ktally" ended "$KTALLY_PID"
	wait_for "the kernel to drop: $(tr '\n' ' ' <objects)" nothing_left
	assert_equal "$(pinned)" "$(cat pinned.before)"
}

@test "privileges: killed while attached it leaves no program, map, link or pin behind" {
	leaves_nothing KILL
}

@test "privileges: ended it leaves no program, map, link or pin behind" {
	leaves_nothing TERM
}

@test "privileges: without capabilities one line says which, and what goes without" {
	require_nobody
	assert_error 4 "CAP_BPF and CAP_PERFMON.*--no-bpf" "${nobody[@]}" "$PUBLIC/ktally" -p $$
	assert_error 5 "CAP_BPF and CAP_PERFMON" "${nobody[@]}" "$PUBLIC/ktally" --require-bpf -p $$
	require_nobody +bpf
	assert_error 4 "CAP_BPF and CAP_PERFMON" "${nobody[@]}" "$PUBLIC/ktally" -p $$
}

@test "privileges: --no-bpf needs none for one's own processes" {
	require_nobody
	ln -sf "$PUBLIC/out/own.jsonl" out.jsonl
	"${nobody[@]}" timeout -k 5 60 "$PUBLIC/ktally" --no-bpf -i 100ms \
		-o "$PUBLIC/out/own.jsonl" -- sleep 0.5 2>err 3>&-
	validate out.jsonl
	assert_equal "$(cat err)" ""
	assert_equal "$(q 'snapshots | first | [.open_fds, .open_files, .memory_rss_bytes, .threads]
		| map(type) | unique | join(" ")')" number
	assert_equal "$(q 'last_snapshot.fd_opens')" null
}
