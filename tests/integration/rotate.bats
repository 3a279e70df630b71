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

# FILE: where its last records are.
end_ktally() {
	kill -INT "$KTALLY_PID"
	wait_for "the end of ktally" ended "$KTALLY_PID"
	status=0
	wait "$KTALLY_PID" || status=$?
	validate "$1"
}

# ARG...: with its file on a small disk of SIZE.
start_on_small_disk() {
	mount_small "$1"
	shift
	"$KTALLY" -i 100ms -o small/out.jsonl "$@" >ktally.out 2>err 3>&- &
	KTALLY_PID=$!
	started+=("$KTALLY_PID")
	wait_for "the header" test -s small/out.jsonl
}

fill_disk() {
	! dd if=/dev/zero of=small/hog bs=1k 2>/dev/null
	wait_for "a record that did not fit" grep -q 'cannot write records' err
}

# Its files are in the test's own folder then.
end_on_small_disk() {
	kill -INT "$KTALLY_PID"
	wait_for "the end of ktally" ended "$KTALLY_PID"
	status=0
	wait "$KTALLY_PID" || status=$?
	cp small/* .
}

has_rotated() {
	[[ $(stat -c %i small/out*) != "$1" ]]
}

@test "rotate: SIGHUP opens the file again at once, however long the interval" {
	"$KTALLY" --no-bpf -p $$ -i 10m -o out.jsonl 2>err 3>&- &
	KTALLY_PID=$!
	started+=("$KTALLY_PID")
	wait_for "the header" test -s out.jsonl
	mv out.jsonl moved.jsonl
	kill -HUP "$KTALLY_PID"
	wait_for "a new file" test -s out.jsonl
	assert_equal "$(tail -n 1 moved.jsonl | jq -r .message)" "the stream goes on in a new file"
	end_ktally out.jsonl
	assert_equal "$status" 0
	assert_one_stream moved.jsonl out.jsonl
}

@test "rotate: SIGHUP opens nothing but a regular file" {
	start_ktally --no-bpf -p $$
	mv out.jsonl moved.jsonl
	mkfifo out.jsonl
	kill -HUP "$KTALLY_PID"
	wait_for "a warning" grep -q "cannot open 'out.jsonl' again.*not a regular file" err
	end_ktally moved.jsonl
	assert_equal "$status $(wc -l <err)" "0 1"
	[[ -p out.jsonl ]] || fail "the FIFO has gone"
}

@test "rotate: a folder that takes no new file costs a warning, not the stream" {
	mkdir -p sub/out.jsonl.1/full
	"$KTALLY" --no-bpf -i 100ms -p $$ --rotate 2K:2 -o sub/out.jsonl 2>err 3>&- &
	KTALLY_PID=$!
	started+=("$KTALLY_PID")
	wait_for "a warning" grep -q "cannot rotate 'sub/out.jsonl'" err
	wait_for "three times the size" has_lines sub/out.jsonl 12
	assert_equal "$(wc -l <err)" 1
	rm -r sub/out.jsonl.1
	wait_for "a rotation" test -f sub/out.jsonl.1
	cp sub/out.jsonl.1 .
	validate --cut out.jsonl.1
	until rm -f sub/out.jsonl.1 && mkdir sub/out.jsonl.1; do :; done
	wait_for "another warning" has_lines err 2
	end_ktally sub/out.jsonl
	assert_equal "$status" 0
}

@test "rotate: what was in the file is kept like any other that is full" {
	echo old >out.jsonl
	echo older >out.jsonl.1
	echo oldest >out.jsonl.2
	chmod 640 out.jsonl
	record --no-bpf -p $$ -n 1 --rotate 1M:3
	assert_equal "$(cat out.jsonl.1 out.jsonl.2 | tr '\n' ' ')" "old older "
	assert_equal "$(stat -c %a out.jsonl)" 640
	: >out.jsonl
	record --no-bpf -p $$ -n 1 --rotate 1M:3
	assert_equal "$(cat out.jsonl.1)" old
}

@test "rotate: what was in the file and cannot be kept is left alone" {
	echo old >out.jsonl
	mkdir -p out.jsonl.1/full
	assert_error 1 "cannot rotate 'out.jsonl'" "$KTALLY" -p $$ --no-bpf --rotate 1M:2 -o out.jsonl
	assert_equal "$(cat out.jsonl) $(echo out.jsonl*)" "old out.jsonl out.jsonl.1"
}

@test "rotate: other files of similar names are left alone" {
	echo mine >out.jsonl.new
	"$KTALLY" --no-bpf -i 100ms -p $$ -n 8 --rotate 2K:2 -o out.jsonl 3>&-
	assert_equal "$(cat out.jsonl.new) $(echo out.jsonl*)" "mine out.jsonl out.jsonl.1 out.jsonl.new"
}

@test "rotate: through a link its file is rotated" {
	mkdir sub
	ln -s sub/real.jsonl out.jsonl
	"$KTALLY" --no-bpf -i 100ms -p $$ -n 8 --rotate 2K:2 -o out.jsonl 3>&-
	assert_equal "$(echo ./* sub/*)" "./out.jsonl ./sub sub/real.jsonl sub/real.jsonl.1"
	[[ -L out.jsonl ]] || fail "the link has gone"
	assert_one_stream sub/real.jsonl.1 out.jsonl
}

@test "rotate: nothing but a regular file" {
	mkfifo pipe
	assert_error 2 "cannot rotate 'pipe': .*regular file" "$KTALLY" -p $$ --rotate 4K:2 -o pipe
	[[ -p pipe ]] || fail "the FIFO has gone"
	require_root
	mknod null c 1 3 || skip "cannot make a device"
	assert_error 2 "cannot rotate 'null': .*regular file" "$KTALLY" -p $$ --rotate 4K:2 -o null
	[[ -c null ]] || fail "the device has gone"
}

@test "rotate: a new file on a full disk begins with a header, once there is room" {
	start_on_small_disk 200k --no-bpf -p $$
	fill_disk
	mv small/out.jsonl small/moved.jsonl
	kill -HUP "$KTALLY_PID"
	wait_for "a new file" test -e small/out.jsonl
	sleep 0.5
	assert_equal "$(wc -c <small/out.jsonl)" 0
	rm small/hog
	wait_for "records" has_lines small/out.jsonl 3
	end_on_small_disk
	assert_equal "$status" 1
	validate out.jsonl
	assert_one_stream moved.jsonl out.jsonl
	assert_equal "$(q 'trailer.lost_events > 0 and trailer.lost_events == trailer.losses.records')" true
}

@test "rotate: a full disk rotates nothing" {
	local before
	populate 20
	start_on_small_disk 400k --no-bpf -a --processes --rotate 60K:4
	wait_for "all files" test -e small/out.jsonl.3
	fill_disk
	before=$(stat -c %i small/out*)
	sleep 2
	assert_equal "$(stat -c %i small/out*)" "$before"
	rm small/hog
	wait_for "a rotation" has_rotated "$before"
	end_on_small_disk
	assert_equal "$status $(wc -l <err)" "1 1"
	assert_one_stream out.jsonl.3 out.jsonl.2 out.jsonl.1 out.jsonl
}

@test "rotate: what makes no sense is refused" {
	assert_error 2 "rotate 'big': expected a size" "$KTALLY" -a -o x --rotate big
	assert_error 2 "rotate '1M:0': expected a size" "$KTALLY" -a -o x --rotate 1M:0
	assert_error 2 "rotate needs a file" "$KTALLY" -a --rotate 1M
}
