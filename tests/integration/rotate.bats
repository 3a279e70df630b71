#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Files that are rotated, by ktally and by others: nothing is lost, and each can be read alone.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# The last of several files: the numbers go on.
validate() {
	/usr/bin/python3 "$ROOT/tests/check/validate_jsonl.py" --rotated "$@" >invalid 2>&1 && return
	head -n 5 invalid
	return 1
}

# FILE...: all of one stream, in order: whole numbers without a gap, a header first in each.
assert_one_stream() {
	local file
	for file in "$@"; do
		assert_equal "$file: $(head -n 1 "$file" | jq -r .type)" "$file: header"
	done
	assert_equal "$(cat "$@" | jq -s '[.[].seq] | [range(1; length) as $i | .[$i] - .[$i - 1]] | unique | tojson' -r)" '[1]'
}

@test "rotate: by size, the newest K files are kept" {
	require_root
	populate 20
	record -a --processes -n 12 --rotate 40K:3
	assert_equal "$(echo out.jsonl*)" "out.jsonl out.jsonl.1 out.jsonl.2"
	assert_one_stream out.jsonl.2 out.jsonl.1 out.jsonl
	assert_equal "$(tail -n 1 out.jsonl.1 | jq -r .message)" "the stream goes on in a new file"
	assert_equal "$(tail -n 1 out.jsonl | jq -r .type)" trailer
	# One record more than asked at most.
	assert_equal "$(stat -c %s out.jsonl.1 out.jsonl.2 | awk '$1 < 40960 || $1 > 60000')" ""
}

@test "rotate: nothing is lost when all files are kept" {
	require_root
	record -a -n 9 --rotate 4K:100
	mapfile -t files < <(printf '%s\n' out.jsonl.* | sort -t. -k3 -rn)
	((${#files[@]} > 1)) || fail "not rotated"
	assert_one_stream "${files[@]}" out.jsonl
	assert_equal "$(cat "${files[@]}" out.jsonl | grep -c '"type":"snapshot"')" 9
	assert_equal "$(cat "${files[@]}" | head -n 1 | jq .seq)" 0
}

@test "rotate: SIGHUP after another program's rotation opens the file again" {
	require_root
	start_ktally -p $$
	mv out.jsonl moved.jsonl
	kill -HUP "$KTALLY_PID"
	wait_for "a new file" test -s out.jsonl
	next_snapshots 2
	stop_ktally
	assert_equal "$status" 0
	assert_one_stream moved.jsonl out.jsonl
	validate --cut moved.jsonl
}

@test "rotate: SIGHUP leaves a file alone that is still there" {
	require_root
	start_ktally -p $$
	kill -HUP "$KTALLY_PID"
	next_snapshots 3
	stop_ktally
	assert_equal "$(q 'map(select(.type == "header")) | length')" 1
}

@test "rotate: a folder that takes no new file costs a warning, not the stream" {
	require_root
	mkdir -p sub/out.jsonl.1/full
	"$KTALLY" -i 100ms -a -n 6 --rotate 4K:2 -o sub/out.jsonl 2>err 3>&-
	assert_regex "$(cat err)" "cannot rotate 'sub/out.jsonl'"
	cp sub/out.jsonl .
	validate out.jsonl
	assert_equal "$(q 'snapshots | length')" 6
}

@test "rotate: what makes no sense is refused" {
	assert_error 2 "rotate 'big': expected a size" "$KTALLY" -a -o x --rotate big
	assert_error 2 "rotate '1M:0': expected a size" "$KTALLY" -a -o x --rotate 1M:0
	assert_error 2 "rotate needs a file" "$KTALLY" -a --rotate 1M
}
