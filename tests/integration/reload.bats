#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Rules of the host, and rules that change while ktally runs.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

# The folder of the host's rules is rules.d here.
use_rules_dir() {
	export KTALLY_RULES_DIR=$PWD/rules.d
}

# FILE NAME EXPR...: a rule file of these rules.
write_rules() {
	local file=$1
	shift
	{
		echo "groups: [{name: test, rules: ["
		while (($#)); do
			echo "{alert: $1, expr: '$2'},"
			shift 2
		done
		echo "]}]"
	} >"$file"
}

rules() {
	q 'header.rules | map(.alert) | join(" ")'
}

states() {
	q "alerts(\"$1\") | map(.state) | join(\" \")"
}

# Sends SIGHUP and waits for the event that tells how it went.
reload() {
	local before
	before=$(q 'events("message") | length')
	kill -HUP "$KTALLY_PID"
	wait_for "the event of the reload" record_is_there "events(\"message\") | length > $before"
	next_snapshots 1
}

@test "rules of the host: every *.yaml of the folder, in the order of its name" {
	use_rules_dir
	mkdir rules.d
	write_rules rules.d/20-b.yaml second 'threads > 2000'
	write_rules rules.d/10-a.yml first 'threads > 1000'
	write_rules rules.d/note.txt none 'threads > 1'
	write_rules rules.d/.hidden.yaml none 'threads > 1'
	write_rules own.yaml third 'threads > 3000'
	record --no-bpf -p $$ -n 1 --rules own.yaml --no-default-rules
	assert_equal "$status $(rules)" "0 first second third"
	record --no-bpf -p $$ -n 1 --no-rules-dir
	assert_equal "$status $(rules)" "0 high_cpu high_memory file_handle_leak"
	rm -r rules.d
	record --no-bpf -p $$ -n 1
	assert_equal "$status $(rules)" "0 high_cpu high_memory file_handle_leak"
}

@test "rules of the host: one that is wrong is a usage error with its place" {
	use_rules_dir
	mkdir rules.d
	write_rules rules.d/a.yaml broken 'threads >'
	assert_error 2 'rules.d/a.yaml:2:[0-9]+: .*expected' "$KTALLY" --no-bpf -p $$ -n 1
}

@test "reload: what stayed keeps its state, what went resolves, what came is judged" {
	write_rules rules.yaml stays 'threads > 0' goes 'threads > 0'
	start_ktally --no-bpf -p $$ --rules rules.yaml --no-default-rules
	assert_equal "$(states stays)/$(states goes)" "firing/firing"
	write_rules rules.yaml stays 'threads > 0' comes 'threads > 0'
	reload
	assert_equal "$(q 'events("message")[0].message')" "rules reloaded: there are 2"
	assert_equal "$(states stays)/$(states goes)/$(states comes)" \
		"firing/firing resolved/firing"
	assert_equal "$(q 'last_snapshot.alerts_firing | tojson')" '["stays","comes"]'
	stop_ktally
	assert_equal "$status $(q 'trailer.reason')" "0 stopped"
}

@test "reload: a file that is wrong leaves the old rules running and says so" {
	write_rules rules.yaml stays 'threads > 0'
	start_ktally --no-bpf -p $$ --rules rules.yaml --no-default-rules
	write_rules rules.yaml stays 'threads > 0' broken 'threads >'
	reload
	assert_regex "$(q 'events("message")[0].message')" \
		"^rules are not reloaded, the old ones stay: rules.yaml:3:[0-9]+: "
	assert_regex "$(cat err)" "ktally: rules are not reloaded, .*rules.yaml:3:[0-9]+: "
	assert_equal "$(q 'last_snapshot.alerts_firing | tojson')" '["stays"]'
	rm rules.yaml
	reload
	assert_regex "$(q 'events("message")[1].message')" "rules.yaml: No such file"
	assert_equal "$(q 'last_snapshot.alerts_firing | tojson')" '["stays"]'
	stop_ktally
	assert_equal "$status" 0
}

@test "reload: a folder is looked at again" {
	use_rules_dir
	start_ktally --no-bpf -p $$ --no-default-rules
	mkdir rules.d
	write_rules rules.d/new.yaml comes 'threads > 0'
	reload
	assert_equal "$(states comes)" "firing"
	stop_ktally
}

@test "reload: SIGHUP ends the run when the terminal is gone" {
	require python3
	/usr/bin/python3 - "$KTALLY" --no-bpf -p $$ -i 100ms -o out.jsonl 3>&- <<-'END'
		import os, pty, signal, sys, time

		pid, terminal = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		while not (os.path.exists("out.jsonl") and "snapshot" in open("out.jsonl").read()):
		    time.sleep(0.02)
		os.kill(pid, signal.SIGHUP)  # a reload: the terminal is there
		while "rules reloaded" not in open("out.jsonl").read():
		    time.sleep(0.02)
		os.close(terminal)
		os.waitpid(pid, 0)
	END
	validate out.jsonl
	assert_equal "$(q 'trailer.reason')" "stopped"
}
