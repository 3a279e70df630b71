#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Alerts: on change only, pending before firing where a duration was asked for, resolved in the end.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

states() {
	q "alerts(\"$1\") | map(.state) | join(\" \")"
}

@test "alerts: many descriptors fire, and resolve when they are closed" {
	require_root
	start_held fdways --leak 700 open
	start_ktally -p "$HELD" --alert 'fds: open_fds > 500'
	next_snapshots 2
	assert_equal "$(states fds)" ""
	release_and_wait
	wait_for "the alert" record_is_there 'alerts("fds") | length == 1'
	next_snapshots 3
	assert_equal "$(q 'last_snapshot.alerts_firing | tojson')" '["fds"]'
	assert_equal "$(states fds)" "firing"
	assert_equal "$(q 'alerts("fds")[0] | [.pid, .threshold, .severity, .expr] | tojson')" \
		"[$HELD,500,\"warning\",\"open_fds > 500\"]"
	assert_same value 'alerts("fds")[0].value' '.level_end' held.json
	release_and_wait 3
	wait_for "its end" record_is_there 'alerts("fds") | length == 2'
	next_snapshots 1
	assert_equal "$(states fds)" "firing resolved"
	assert_equal "$(q 'last_snapshot.alerts_firing | tojson')" '[]'
	stop_ktally
	assert_equal "$status $(q 'trailer.alerts')" "0 1"
}

@test "alerts: the defaults see a leak of a thousand" {
	require_root
	ulimit -n 4096
	start_held fdways --leak 1013 open
	start_ktally -p "$HELD"
	release_and_wait
	wait_for "the alert" record_is_there 'alerts("file_handle_leak") | length == 1'
	stop_ktally
	assert_equal "$(q 'alerts("file_handle_leak")[0].state')" firing
}

@test "alerts: with a duration it is pending first" {
	require_root
	start_held fdways --leak 700 open
	start_ktally -p "$HELD" --alert 'fds: open_fds > 500 for 400ms'
	release_and_wait
	wait_for "the alert" record_is_there 'alerts("fds") | length == 2'
	stop_ktally
	assert_equal "$(states fds)" "pending firing"
	assert_equal "$(q 'alerts("fds") | .[1].timestamp > .[0].timestamp')" true
	assert_equal "$(q 'alerts("fds") | .[0].started_at == .[1].started_at')" true
	# Nothing fires before its time.
	assert_equal "$(q '.[:(map(.state == "firing") | index(true))]
		| map(.alerts_firing? // [] | length) | add')" 0
}

@test "alerts: a condition that ends before its duration never fires" {
	require_root
	start_held fdways --leak 700 open
	start_ktally -p "$HELD" --alert 'fds: open_fds > 500 for 1h' --fail-on-alert
	release_and_wait
	wait_for "the alert" record_is_there 'alerts("fds") | length == 1'
	release_and_wait 3
	next_snapshots 2
	stop_ktally
	assert_equal "$status" 0
	assert_equal "$(q 'alerts("fds") | map(.state) | index("firing")')" null
	assert_equal "$(q 'trailer.alerts')" 0
}

@test "alerts: the end of the process resolves it" {
	require_root
	start_held fdways --leak 700 open
	start_ktally -p "$HELD" --alert 'fds: open_fds > 500'
	release_and_wait
	wait_for "the alert" record_is_there 'alerts("fds") | length == 1'
	kill -KILL "$HELD"
	wait_ktally
	assert_equal "$(states fds)" "firing resolved"
}

@test "alerts: --fail-on-alert is 3 when one fired and the command's status otherwise" {
	require_root
	record --alert 'any: threads > 0' --fail-on-alert -- sleep 0.5
	assert_equal "$status" 3
	record --no-default-rules --alert 'none: threads > 1000' --fail-on-alert -- sh -c 'exit 6'
	assert_equal "$status" 6
	record --alert 'any: threads > 0' -- sleep 0.5
	assert_equal "$status" 0
}

@test "alerts: what a command of milliseconds shows of a rate is not judged" {
	require_root
	record -i 10s --fail-on-alert -- "$WORKLOADS/burn" --ms 60 -t 2
	assert_equal "$status" 0
	assert_equal "$(q 'last_snapshot | .interval_seconds < 5 and .cpu_percent > 0')" true
	record -i 10s --fail-on-alert --alert 'any: fd_opens >= 0' -- "$WORKLOADS/burn" --ms 60
	assert_equal "$status" 3
}

@test "alerts: a field that nobody brings is told once" {
	require_root
	record --no-bpf -p $$ -n 3 --alert 'typo: cpu_precent > 90' --alert 'fine: threads > 999'
	assert_equal "$(q 'events("message") | map(.message) | tojson')" \
		"[\"rule typo: there is no field 'cpu_precent', nor a custom metric of this name so far\"]"
	assert_equal "$(grep -c "warning: rule typo: there is no field 'cpu_precent'" err)" 1
	# A metric that comes is none.
	record --no-bpf --metrics-every 100ms --metrics-from "echo '{\"queue\":1}'" \
		--alert 'q: queue > 5' --alert 'typo: qeue > 5' -- sleep 0.6
	assert_regex "$(q 'events("message") | map(.message) | join(";")')" \
		"^rule typo: there is no field 'qeue', [^;]*$"
}

@test "alerts: each member of a tree has its own" {
	require_root
	# shellcheck disable=SC2016 # for the inner shell
	record --processes --alert 'fds: open_fds > 500 and open_fds < 800' -- \
		bash -c 'for i in {1..600}; do exec {fd}</dev/null; done; sleep 0.7'
	assert_equal "$(q 'alerts("fds") | map(select(.state == "firing")) | length > 0')" true
}

@test "alerts: what is unknown neither fires nor resolves" {
	require_root
	record --no-bpf -p $$ -n 4 --alert 'opens: fd_opens >= 0' --alert 'none: fd_opens < 0'
	assert_equal "$(q 'map(select(.type == "alert" and (.alert | test("opens|none")))) | length')" 0
}
