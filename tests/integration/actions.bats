#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What is done on alerts: commands, and a real Alertmanager.
# shellcheck disable=SC2154 # status is set by record and wait_ktally

load helpers

start_sleeper() {
	sleep 300 3>&- &
	SLEEPER=$!
	started+=("$SLEEPER")
}

script() {
	printf '#!/bin/bash\n%s\n' "$2" >"$1"
	chmod +x "$1"
}

# Rules that fire at once and need no BPF.
always() {
	local i
	for ((i = 1; i <= $1; i++)); do
		printf -- '--alert\nalways%d: threads >= 1\n' "$i"
	done
}

@test "on-alert: the record on standard input, its fields in the environment" {
	start_sleeper
	# shellcheck disable=SC2016 # for the script
	script act 'cat >"$1.$KTALLY_STATE.json"; echo noise
		env | grep ^KTALLY_ >"$1.$KTALLY_STATE.env"'
	export KTALLY_PID=parent KTALLY_KEPT=yes
	start_ktally --no-bpf -p "$SLEEPER" --alert 'on: threads >= 1' --on-alert "./act 'an alert'"
	wait_for "the command" test -s 'an alert.firing.env'
	kill "$SLEEPER"
	wait_ktally
	assert_equal "$(jq -r '"\(.type) \(.state) \(.pid) \(.value)"' 'an alert.firing.json')" \
		"alert firing $SLEEPER 1"
	assert_equal "$(jq -c 'del(.seq)' 'an alert.firing.json')" \
		"$(q 'alerts("on")[0] | del(.seq) | tojson')"
	assert_equal "$(jq -r .state 'an alert.resolved.json')" resolved
	mv 'an alert.firing.env' env
	for line in KTALLY_ALERT=on KTALLY_STATE=firing KTALLY_SEVERITY=warning KTALLY_VALUE=1 \
		"KTALLY_PID=$SLEEPER" KTALLY_COMM=sleep \
		"KTALLY_MESSAGE=$(q 'alerts("on")[0].message')" \
		KTALLY_KEPT=yes KTALLY_THRESHOLD=1; do
		grep -qxF "$line" env || fail "no $line in $(cat env)"
	done
	assert_equal "$(grep -c ^KTALLY_PID= env)" 1
	# What it prints is no record.
	assert_equal "$(cat ktally.out)" ""
	assert_equal "$(grep -c noise err)" 2
	assert_equal "$(q 'trailer.losses.on_alert')" 0
}

finished() {
	(($(wc -l <finished) == $1))
}

@test "on-alert: four at a time, each in its turn" {
	local rules
	start_sleeper
	# shellcheck disable=SC2016 # for the script
	script act 'touch "run.$$"; ls run.* | wc -l >>counts; sleep 0.3; rm "run.$$"
		echo "$KTALLY_ALERT" >>finished'
	mapfile -t rules < <(always 10)
	start_ktally --no-bpf -p "$SLEEPER" "${rules[@]}" --on-alert ./act
	wait_for "ten commands" finished 10
	stop_ktally
	assert_equal "$(sort -n counts | tail -n 1)" 4
	assert_equal "$(sort -u finished | wc -l)" 10
}

@test "on-alert: one that fails is counted and told once; one that hangs does not hold up the end" {
	local begin rules
	start_sleeper
	# shellcheck disable=SC2016 # for the script
	script act '[[ $KTALLY_ALERT == always1 ]] && exec sleep 300; exit 3'
	mapfile -t rules < <(always 5)
	begin=$SECONDS
	record --no-bpf -p "$SLEEPER" -n 2 "${rules[@]}" --on-alert ./act
	assert_equal "$status" 0
	((SECONDS - begin <= 9)) || fail "took $((SECONDS - begin)) s"
	assert_equal "$(q 'trailer.losses.on_alert')" 5
	assert_equal "$(grep -c warning err)" 1
	assert_equal "$(q 'snapshots | length')" 2
}

# ---- Alertmanager ----

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

start_alertmanager() {
	cat >am.yml <<-EOT
		route: {receiver: none}
		receivers: [{name: none}]
	EOT
	prometheus-alertmanager --config.file=am.yml --storage.path=am --cluster.listen-address= \
		--web.listen-address="127.0.0.1:$PORT" >am.log 2>&1 3>&- &
	AM=$!
	started+=("$AM")
	wait_for "Alertmanager; it said: $(tail -n 3 am.log)" am_alerts
}

am_alerts() {
	/usr/bin/python3 -c 'import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.stdout.write(opener.open(sys.argv[1], timeout=5).read().decode())' \
		"http://127.0.0.1:$PORT/api/v2/alerts"
}

am_has() {
	(($(am_alerts | jq 'length') == $1))
}

need_alertmanager() {
	require prometheus-alertmanager
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	export no_proxy=127.0.0.1
}

@test "alertmanager: an alert arrives whole and resolves with its process" {
	need_alertmanager
	start_alertmanager
	start_sleeper
	cat >rules.yaml <<-EOT
		groups:
		- name: g
		  rules:
		  - alert: many
		    expr: threads >= 1
		    labels: {severity: page, team: db}
		    annotations: {summary: 'threads of "sleep"'}
	EOT
	start_ktally --no-bpf -p "$SLEEPER" --rules rules.yaml --alertmanager "$URL/"
	wait_for "the alert" am_has 1
	am_alerts >alerts.json
	assert_equal "$(jq -c '.[0].labels | del(.instance)' alerts.json)" \
		"$(jq -nc --arg pid "$SLEEPER" '{alertname: "many", comm: "sleep", job: "ktally",
		  pid: $pid, severity: "page", target: "0", team: "db"}')"
	assert_equal "$(jq -r '.[0].annotations | "\(.value) \(.expr) \(.summary)"' alerts.json)" \
		'1 threads >= 1 threads of "sleep"'
	assert_equal "$(jq 'def seconds: sub("\\..*"; "Z") | fromdate;
		.[0] | (.endsAt | seconds) - (.startsAt | seconds)
		| . >= 239 and . <= 242' alerts.json)" true
	kill "$SLEEPER"
	wait_for "its end" am_has 0
	wait_ktally
	assert_equal "$(q 'trailer.losses.alertmanager')$(cat err)" 0
}

@test "alertmanager: what fires while it is down waits for it" {
	need_alertmanager
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --alert 'on: threads >= 1' --alertmanager "$URL"
	wait_for "a warning" grep -q 'alerts wait until it answers' err
	start_alertmanager
	wait_for "the alert" am_has 1
	stop_ktally
	assert_equal "$(q 'trailer.losses.alertmanager')" 0
	assert_equal "$(grep -c warning err)" 1
}

@test "alertmanager: what never reached it is counted at the end" {
	need_alertmanager
	start_sleeper
	record --no-bpf -p "$SLEEPER" -n 3 --alert 'on: threads >= 1' --alertmanager "$URL"
	assert_equal "$status" 0
	assert_equal "$(q 'trailer.losses.alertmanager')" 1
	assert_equal "$(q 'trailer.lost_events')" 1
}

@test "alertmanager: the static build says that it has none; a bad URL is told" {
	local static=${KTALLY}-static
	[[ -x $static ]] || skip "$static is not there: run make static"
	assert_error 2 'without libcurl' "$static" -p $$ --alertmanager http://127.0.0.1:9
	assert_error 2 'write a URL' "$KTALLY" -p $$ --alertmanager 127.0.0.1:9
}
