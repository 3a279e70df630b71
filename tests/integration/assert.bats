#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Verdicts on a whole run, for a build that should fail when a program leaks.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

verdicts() {
	q 'map(select(.type == "verdict"))'" | $1"
}

@test "assert: a clean command passes, and its own status is kept" {
	require_root
	record --assert 'fd_leaked == 0' --assert 'max(fd_opens) < 1000' -- sh -c 'exit 7'
	assert_equal "$status" 7
	assert_equal "$(verdicts 'map(.passed) | tojson')" '[true,true]'
	assert_equal "$(verdicts '.[0] | [.value, .threshold, .assertion] | tojson')" \
		'[0,0,"fd_leaked == 0"]'
	assert_equal "$(grep -c '^ktally: assertion holds: ' err)" 2
	# Told before the trailer, when everything is known.
	assert_equal "$(q '.[-2].type')" verdict
}

@test "assert: what a command leaves open is told to the digit" {
	require_root
	record --assert 'fd_leaked == 0' -- "$WORKLOADS/leaky" -s 1
	assert_equal "$status" 3
	assert_equal "$(verdicts '.[0] | [.passed, .value] | tojson')" "[false,$(w .leaked)]"
	assert_regex "$(cat err)" '^ktally: assertion FAILS: fd_leaked == 0 \(fd_leaked is [0-9]+, target #0\)$'
	# Standard streams that are closed or replaced are none, and what children leave is added.
	# shellcheck disable=SC2016 # for the inner shell
	record --assert 'fd_leaked == 5' -- bash -c 'exec 1>&- 0</etc/passwd 67</etc/passwd 28</etc/passwd
		for i in {20..99}; do exec {fd}</dev/null; exec {fd}<&-; done
		bash -c "exec 29</etc/passwd 67<&-; true"
		bash -c "exec bash -c \"exec 30</etc/passwd 31</etc/passwd; true\""; true'
	assert_equal "$status: $(cat err)" "0: ktally: assertion holds: fd_leaked == 5 (fd_leaked is 5, target #0)"
}

@test "assert: functions are over all snapshots" {
	require_root
	record --assert 'max(open_fds) > 10' --assert 'first(open_fds) < max(open_fds)' \
		--assert 'min(open_fds) == first(open_fds)' --assert 'sum(oncpu_seconds) >= 0' \
		--assert 'last(open_fds) == open_fds' --assert 'avg(open_fds) < max(open_fds)' \
		--assert 'absent(queue)' --assert 'max(threads) == 2 and min(threads) > 0' \
		-- "$WORKLOADS/leaky" -s 1
	assert_equal "$status: $(grep -v holds err)" "0: "
	assert_equal "$(verdicts '.[0].value')" "$(q 'snapshots | map(.open_fds) | max')"
	assert_equal "$(verdicts '.[3].value * 1000000 | round')" \
		"$(q 'snapshots | map(.oncpu_seconds) | add * 1000000 | round')"
	cp out.jsonl live
	"$KTALLY" replay live --no-default-rules --assert 'max(open_fds) > 10' 2>/dev/null |
		cmp - <(grep '"type":"verdict"' live | head -n 1)
	"$KTALLY" replay live -q --assert 'max(open_fds) < 10' >out.jsonl 2>err || status=$?
	assert_equal "$status" 3
	validate --some out.jsonl
	assert_regex "$(cat err)" "FAILS: max\(open_fds\) < 10"
}

@test "assert: what is unknown fails, and says so" {
	require_root
	record --no-bpf --assert 'fd_leaked == 0' --assert 'max(queue) < 5' -- true
	assert_equal "$status" 3
	assert_equal "$(verdicts 'map([.passed, .value]) | tojson')" '[[false,null],[false,null]]'
	assert_regex "$(verdicts '.[1].message')" "max\(queue\) is unknown: no snapshot could say it"
}

@test "assert: for each target" {
	require_root
	start_held fdways open
	record -n 2 -p $$ -p "$HELD" --assert 'max(threads) == 1' --assert 'max(threads) == 0'
	assert_equal "$status" 3
	assert_equal "$(verdicts 'map([.target, .passed]) | tojson')" \
		'[[0,true],[0,false],[1,true],[1,false]]'
}

@test "assert: one that is wrong is a usage error with its place" {
	assert_error 2 "column 5: .*function 'rate' over a run; there are: abs, absent, avg" \
		"$KTALLY" --no-bpf -p $$ --assert '1 < rate(open_fds[5m])'
	assert_error 2 'expected a comparison' "$KTALLY" --no-bpf -p $$ --assert 'max(open_fds)'
	assert_error 2 'expected a comparison' "$KTALLY" --no-bpf -p $$ --assert 'open_fds > bool 1'
	assert_error 2 'neither labels nor a range' "$KTALLY" --no-bpf -p $$ --assert 'max(open_fds{pid="1"}) > 1'
	assert_error 2 'wants a field' "$KTALLY" --no-bpf -p $$ --assert 'max(open_fds + 1) > 1'
	assert_error 2 'wants a field' "$KTALLY" --no-bpf -p $$ --assert 'max(7) > 1'
}
