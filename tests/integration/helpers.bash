# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What the integration tests share. Each test runs in a folder of its own; ktally's records are in
# out.jsonl there, its messages in err, the workload's own account in work.json or held.json.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
build=${O:-build}
[[ $build == /* ]] || build=$ROOT/$build
KTALLY=${KTALLY:-$build/ktally}
WORKLOADS=${WORKLOADS:-$build/tests/workloads}
PATIENCE=30 # seconds that something which must happen may take

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	started=()
	cgroups=()
	mounts=()
	export KTALLY_RULES_DIR=/nowhere # not what the host has in /etc
	[[ -x $KTALLY ]] || fail "$KTALLY is not there: run make"
	[[ -x $WORKLOADS/fdways ]] || fail "no workloads in $WORKLOADS: run make tests"
}

teardown() {
	local pid i
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for ((i = ${#cgroups[@]} - 1; i >= 0; i--)); do
		wait_for "an empty ${cgroups[i]}" rmdir "${cgroups[i]}"
	done
	wait
	for i in "${mounts[@]}"; do
		umount "$i"
	done
}

# ---- what a test needs ----

require_root() {
	((EUID == 0)) || skip "needs root"
}

require() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

# SIZE: a disk that is soon full, in the folder small.
mount_small() {
	require_root
	mkdir small
	mount -t tmpfs -o "size=$1" tmpfs small || skip "cannot mount a tmpfs"
	mounts+=(small)
}

# NAME=RUNG: skips, with ktally's own words, where this kernel does not have it.
require_rung() {
	require_root
	"$KTALLY" --rung "$1" -p $$ -n 1 -i 100ms -o /dev/null 2>rung.err 3>&- ||
		skip "rung $1: $(grep '^ktally: ' rung.err | tail -n 1)"
}

# ---- running ktally ----

validate() {
	/usr/bin/python3 "$ROOT/tests/check/validate_jsonl.py" "$@" >invalid 2>&1 && return
	head -n 5 invalid
	return 1
}

# Runs ktally to its end; its exit status is in $status. The records must be valid and complete.
record() {
	status=0
	timeout -k 5 120 "$KTALLY" -i 100ms -o out.jsonl "$@" >work.json 2>err 3>&- || status=$?
	((status != 124)) || fail "ktally did not end: $*"
	validate out.jsonl || fail "invalid records, ktally said: $(cat err)"
}

# Starts ktally beside the test and returns when it has counted for at least one interval.
start_ktally() {
	rm -f out.jsonl
	"$KTALLY" -i 100ms -o out.jsonl "$@" >ktally.out 2>err 3>&- &
	KTALLY_PID=$!
	started+=("$KTALLY_PID")
	wait_for "a first snapshot" has_begun
	has_snapshots 1 || fail "ktally ended at once: $(cat err)"
}

has_begun() {
	has_snapshots 1 || ended "$KTALLY_PID"
}

# The same for `ktally leaks`, which says nothing until it ends.
start_leaks() {
	require_root
	rm -f out.jsonl
	"$KTALLY" leaks -i 100ms --format jsonl -o out.jsonl "$@" >work.json 2>err 3>&- &
	KTALLY_PID=$!
	started+=("$KTALLY_PID")
	wait_for "the header; ktally said: $(cat err)" grep -q '"type":"header"' out.jsonl
}

# Ends it, with SIGINT unless told otherwise, and leaves its exit status in $status.
stop_ktally() {
	kill -s "${1:-INT}" "$KTALLY_PID"
	wait_ktally
}

wait_ktally() {
	status=0
	wait_for "the end of ktally" ended "$KTALLY_PID"
	wait "$KTALLY_PID" || status=$?
	validate out.jsonl || fail "invalid records, ktally said: $(cat err)"
}

# Of targets; those of their members, with --processes, are not counted.
snapshot_count() {
	grep -c '^{"type":"snapshot".*"member":false' out.jsonl 2>/dev/null || true
}

has_snapshots() {
	(($(snapshot_count) >= $1))
}

# Waits for so many more: what happened before is then in the last one.
next_snapshots() {
	wait_for "$1 more snapshots" has_snapshots $(($(snapshot_count) + $1))
}

# ---- running workloads ----

# NAME ARG...: starts a workload that waits to be watched. Its PID is $HELD, its account held.json.
start_held() {
	local name=$1
	shift
	rm -f held.json
	"$WORKLOADS/$name" --hold "$@" </dev/null >held.json 2>held.err 3>&- &
	HELD=$!
	started+=("$HELD")
	wait_for "$name to be ready; it said: $(cat held.err)" held_lines 1
}

has_lines() {
	(($(wc -l <"$1") >= $2))
}

held_lines() {
	has_lines held.json "$1"
}

# So many idle processes: how many the host has besides is nobody's business.
populate() {
	local i
	for ((i = 0; i < $1; i++)); do
		sleep infinity 3>&- &
		started+=("$!")
	done
}

release() {
	kill -USR1 "$HELD"
}

# Lets it do its work and waits for its account: the second line, unless told otherwise.
release_and_wait() {
	release
	wait_for "the account of the workload; it said: $(cat held.err)" held_lines "${1:-2}"
}

# ---- waiting ----

# DESCRIPTION COMMAND...: until the command succeeds. SECONDS steps at whole seconds: one more, so that
# PATIENCE is the least it waits.
wait_for() {
	local what=$1 deadline=$((SECONDS + PATIENCE + 1))
	shift
	until "$@" 2>/dev/null; do
		((SECONDS < deadline)) || fail "waited $PATIENCE s for $what"
		sleep 0.02
	done
}

# A zombie has ended too.
ended() {
	[[ ! -e /proc/$1/stat ]] || grep -q '^State:.*Z' "/proc/$1/status"
}

record_is_there() {
	[[ $(q "$1") == true ]]
}

# ---- asking ----

# Asks the records, see records.jq; strings are raw.
q() {
	jq -L "$ROOT/tests/integration" -rs "include \"records\"; $1" out.jsonl
}

# Asks the workload's last account.
w() {
	tail -n 1 "${2:-work.json}" | jq -r "$1"
}

# The same value from the records and from the workload.
assert_same() {
	assert_equal "$1: $(q "$2")" "$1: $(w "$3" "${4:-work.json}")"
}

# Numbers that may differ by so much.
assert_within() {
	local name=$1 got=$2 want=$3 slack=$4
	awk -v a="$got" -v b="$want" -v s="$slack" 'BEGIN { exit !(a - b <= s && b - a <= s) }' ||
		fail "$name is $got, expected $want within $slack"
}

assert_between() {
	local name=$1 got=$2 least=$3 most=$4
	((got >= least && got <= most)) || fail "$name is $got, expected $least to $most"
}

# STATUS REGEX COMMAND...: one line on standard error, nothing on standard output.
assert_error() {
	local want=$1 regex=$2 got=0
	shift 2
	timeout -k 5 10 "$@" >error.out 2>error.err 3>&- </dev/null || got=$?
	assert_equal "$(head -c 200 error.out)" ""
	assert_equal "lines: $(wc -l <error.err): $(cat error.err)" "lines: 1: $(cat error.err)"
	assert_regex "$(cat error.err)" "^ktally: .*$regex"
	assert_equal "exit status $got" "exit status $want"
}

assert_regex() {
	[[ $1 =~ $2 ]] || fail "'$1' does not match '$2'"
}

# ---- cgroups ----

cgroup2_mount() {
	awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo
}

# Makes a cgroup of that name for this test and prints its path.
make_cgroup() {
	local mount
	mount=$(cgroup2_mount)
	[[ -n $mount ]] || skip "cgroup v2 is not mounted"
	CGROUP=$mount/ktally-test-$$${1:+/$1}
	mkdir "$CGROUP" || skip "cannot make a cgroup below $mount"
	cgroups+=("$CGROUP")
}
