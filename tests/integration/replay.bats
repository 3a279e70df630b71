#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# ktally replay: the same rules over a recording, byte for byte the same alerts.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# Rules that use all there is: durations, windows, templates, unknown values, labels.
write_rules() {
	cat >rules.yaml <<-'END'
		groups:
		- name: all
		  rules:
		  - {alert: fds, expr: open_fds > 20, for: 300ms, keep_firing_for: 400ms,
		     labels: {severity: page, who: '{{ $labels.comm }}/{{ $labels.pid }}'},
		     annotations: {summary: '{{ $value | humanize }} of {{ $labels.open_fds_limit }}'}}
		  - {alert: slope, expr: 'deriv(open_fds[1s]) > 3 and open_fds > 10'}
		  - {alert: mean, expr: 'avg_over_time(cpu_percent[700ms]) > 0.37'}
		  - {alert: most, expr: 'max_over_time(threads{scope!="cgroup"}[2s]) >= 1'}
		  - {alert: soon, expr: 'predict_linear(open_fds[1s], 60) > 300', for: 200ms}
		  - {alert: switching, expr: 'rate(context_switches[1s]) > 20'}
		  - {alert: share, expr: 'oncpu_seconds / interval > 0 or blocked_seconds > 0.05'}
		  - {alert: gone, expr: 'absent(fd_opens)'}
		  - {alert: named, expr: 'memory_mb{comm=~"l.*|bash|sleep"} * 2.5 > 1.25'}
		  - {alert: queue, expr: 'queue > 2', for: 200ms}
		  - {alert: percent, expr: 'cpu_percent unless threads > 4 > 0.011'}
	END
}

live_alerts() {
	grep '^{"type":"alert"' out.jsonl || true
}

# ARG...: a run with these rules and arguments, then its replay.
assert_replays() {
	record --rules rules.yaml "$@"
	assert_replay
}

assert_replay() {
	live_alerts >live
	"$KTALLY" replay out.jsonl --rules rules.yaml >replayed
	[[ -s live ]] || fail "no alerts to compare"
	cmp live replayed || fail "$(diff live replayed | head -n 4)"
}

@test "replay: of a command that leaks, on every rung that there is" {
	require_root
	write_rules
	assert_replays -- "$WORKLOADS/leaky" -s 2
	assert_replays --no-bpf -- "$WORKLOADS/leaky" -s 2
}

@test "replay: of a tree with a line per process, that come and go" {
	require_root
	write_rules
	# shellcheck disable=SC2016 # for the inner shell
	assert_replays --processes -- bash -c '
		for i in 1 2 3; do sleep 0.$i & done
		for i in {1..40}; do exec {fd}</dev/null; done
		sleep 0.6; for fd in {10..49}; do exec {fd}<&-; done; sleep 0.9; wait'
	assert_equal "$(q 'map(select(.type == "alert") | .pid) | unique | length > 3')" true
	assert_equal "$(q 'alerts("fds") | map(.state) | unique | tojson')" \
		'["firing","pending","resolved"]'
}

@test "replay: of a cgroup and everything, whose members come and go" {
	require_root
	write_rules
	make_cgroup
	start_ktally -c "$CGROUP" -a --processes --rules rules.yaml
	bash -c "echo \$\$ >$CGROUP/cgroup.procs; sleep 0.4; ls; sleep 0.4" >/dev/null
	next_snapshots 4
	stop_ktally
	assert_replay
}

@test "replay: of custom metrics" {
	require_root
	write_rules
	# shellcheck disable=SC2016 # for the inner shell
	echo 'echo "{\"queue\": $(wc -l <queue)}"' >metrics.sh
	assert_replays --metrics-from 'sh metrics.sh' --metrics-every 100ms -- \
		bash -c 'for i in {1..12}; do echo >>queue; sleep 0.1; done'
	assert_equal "$(q 'alerts("queue") | map(.state) | .[:2] | tojson')" '["pending","firing"]'
}

@test "replay: of a name that is not UTF-8" {
	require_root
	write_rules
	cp "$WORKLOADS/leaky" $'l\xff\xe2\x82"x'
	assert_replays -- $'./l\xff\xe2\x82"x' -s 1
}

@test "replay: of gzip, of a pipe, of what was cut" {
	require_root
	write_rules
	assert_replays -- "$WORKLOADS/leaky" -s 1
	gzip -k out.jsonl
	"$KTALLY" replay out.jsonl.gz --rules rules.yaml | cmp - live
	"$KTALLY" replay --rules rules.yaml - <out.jsonl.gz | cmp - live
	# The trailer and half of the record before it are missing.
	head -n -1 out.jsonl | head -c -100 >cut.jsonl
	"$KTALLY" replay cut.jsonl --rules rules.yaml >replayed 2>err
	assert_regex "$(cat err)" "^ktally: warning: cut.jsonl was cut: .* $(($(wc -l <out.jsonl) - 2)) whole"
	cmp <(head -n "$(wc -l <replayed)" live) replayed
	head -c 1500 out.jsonl.gz | "$KTALLY" replay --rules rules.yaml - 2>err >replayed
	assert_regex "$(cat err)" "^ktally: warning: standard input was cut: "
	cmp <(head -n "$(wc -l <replayed)" live) replayed
	# Two recordings in one file are two runs.
	cat out.jsonl out.jsonl | "$KTALLY" replay --rules rules.yaml - | cmp - <(cat live live)
}

@test "replay: other rules than live's have numbers that rise" {
	require_root
	record -- "$WORKLOADS/leaky" -s 1
	cp out.jsonl recording
	"$KTALLY" replay recording --alert 'a: threads > 0' --alert 'b: threads > 0' --fail-on-alert \
		-o out.jsonl || status=$?
	assert_equal "$status" 3
	assert_equal "$(q 'map(.seq) | . == (unique) and length == 4')" true
	validate --some out.jsonl
}

@test "replay: a table for people" {
	require_root
	write_rules
	record --rules rules.yaml -- "$WORKLOADS/leaky" -s 1
	"$KTALLY" replay out.jsonl --rules rules.yaml --format table >text
	assert_regex "$(cat text)" 'ALERT pending fds pid [0-9]+ \(leaky\): [0-9]+ of [0-9]+'
}

@test "replay: what is wrong is said in a sentence" {
	require_root
	record --no-bpf -p $$ -n 2
	assert_error 2 'one recording' "$KTALLY" replay
	assert_error 2 'one recording' "$KTALLY" replay a b
	assert_error 2 "unknown option '--pid'" "$KTALLY" replay out.jsonl --pid 1
	assert_error 2 'expected' "$KTALLY" replay out.jsonl --alert 'a: threads >'
	assert_error 1 'nowhere: No such file' "$KTALLY" replay nowhere
	assert_error 1 'no recording' "$KTALLY" replay /etc/passwd
	assert_error 1 'is empty' "$KTALLY" replay /dev/null
	sed 1d out.jsonl >headless
	assert_error 1 'first line is no header' "$KTALLY" replay headless
	sed 's/ktally\.v1/ktally.v7/' out.jsonl >newer
	assert_error 1 "schema is 'ktally.v7'" "$KTALLY" replay newer
	sed '2s/"open_fds":[0-9]*/"open_fds":"many"/' out.jsonl >bad
	assert_error 1 "bad:2: 'open_fds' is no number" "$KTALLY" replay bad
	# What came before the bad line is there.
	sed '3s/.*/{}/' out.jsonl >bad
	assert_equal "$("$KTALLY" replay bad --alert 'any: threads > 0' 2>/dev/null | wc -l)" 1
}

@test "replay: records and fields that are not known are passed over" {
	require_root
	write_rules
	assert_replays -- "$WORKLOADS/leaky" -s 1
	sed -i 's/^{"type":"snapshot",/&"newer":{"a":[1]},/; 2i {"type":"newer","timestamp":1.0}' out.jsonl
	"$KTALLY" replay out.jsonl --rules rules.yaml | cmp - live
}

@test "replay: what other thresholds would have raised" {
	require_root
	record -- "$WORKLOADS/leaky" -s 2
	cp out.jsonl recording
	"$KTALLY" replay recording --what-if 'open_fds > 1 for 200ms' --sweep 10:90:20 -o out.jsonl
	validate --some out.jsonl
	assert_equal "$(q 'map(.threshold) | tojson')" '[10,30,50,70,90]'
	assert_equal "$(q 'map(.expr) | .[1]')" 'open_fds > 30 for 200ms'
	assert_equal "$(q 'map(.alerts) | tojson')" '[1,1,1,1,1]'
	assert_equal "$(q 'map(.firing_seconds) | . == (sort | reverse) and .[4] > 0')" true
	# Each row is what a rule with that threshold says.
	cp out.jsonl sweep
	"$KTALLY" replay recording --no-default-rules --alert 'a: open_fds > 50 for 200ms' -o out.jsonl
	# Durations are of the monotonic clock, timestamps of the other, read a moment later.
	assert_within "firing" "$(jq -s '.[2].firing_seconds' sweep)" \
		"$(q 'alerts("a") | map(select(.state != "pending").timestamp) | .[1] - .[0]')" 0.005
	"$KTALLY" replay recording --what-if 'open_fds > 1' --sweep 10:90:40 --format table >text
	assert_equal "$(awk 'NR > 1 { print $1, $2, $4, $5, $6 }' text)" \
		"$(printf '%s\n' '10 1 open_fds > 10' '50 1 open_fds > 50' '90 1 open_fds > 90')"
}

@test "replay: a sweep that cannot be is a usage error" {
	require_root
	record --no-bpf -p $$ -n 1
	assert_error 2 'need each other' "$KTALLY" replay out.jsonl --sweep 1:2:1
	assert_error 2 'FROM:TO:STEP' "$KTALLY" replay out.jsonl --what-if 'threads > 1' --sweep 1:2
	assert_error 2 'FROM:TO:STEP' "$KTALLY" replay out.jsonl --what-if 'threads > 1' --sweep 2:1:1
	assert_error 2 'at most 1000' "$KTALLY" replay out.jsonl --what-if 'threads > 1' --sweep 1:2:1e-9
	assert_error 2 'comparison with a number' "$KTALLY" replay out.jsonl \
		--what-if 'threads > open_fds' --sweep 1:2:1
	assert_error 2 'column 10' "$KTALLY" replay out.jsonl --what-if 'threads >' --sweep 1:2:1
}
