#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Custom metrics from outside: a StatsD listener, and commands that print numbers.
# shellcheck disable=SC2154 # status is set by record and wait_ktally

load helpers

# A process to watch that does nothing; /proc alone tells enough here.
start_sleeper() {
	sleep 300 3>&- &
	SLEEPER=$!
	started+=("$SLEEPER")
}

# A UDP port that nobody has, on loopback.
free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

send_udp() {
	printf '%b' "$2" >"/dev/udp/127.0.0.1/$1"
}

metric() {
	q "last_snapshot.custom_metrics.$1"
}

# As one line.
c() {
	q "($1) | tojson"
}

@test "statsd: every type over UDP, read out at the next tick" {
	local port
	port=$(free_port)
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --statsd "$port"
	send_udp "$port" 'app.depth:7|g\nreq:3|c\nreq:2|c|@0.5\nlat:10:30|ms\nu:a|s\nu:b|s\nu:a|s\n'
	send_udp "$port" "mine:4|g|#env:test,pid:$SLEEPER\nother:4|g|#pid:1\n"
	next_snapshots 2
	stop_ktally
	assert_equal "$(metric app_depth)" 7
	assert_equal "$(metric req)" 7
	assert_equal "$(metric mine)" 4
	assert_equal "$(metric 'other // "none"')" none
	# The interval in which they came, and the rest.
	assert_equal "$(c '[snapshots[].custom_metrics.lat_mean // empty] | unique')" "[20]"
	assert_equal "$(c '[snapshots[].custom_metrics.lat_max // empty] | unique')" "[30]"
	assert_equal "$(q '[snapshots[].custom_metrics.lat_count // 0] | add')" 2
	assert_equal "$(q '[snapshots[].custom_metrics.u_count // 0] | add')" 2
	assert_equal "$(q '[snapshots[] | (.custom_metrics.req_per_sec // 0) * .interval_seconds]
		| add * 1000 | round')" 7000
	assert_equal "$(q 'trailer.lost_events')" 0
	assert_equal "$(cat err)" ""
}

@test "statsd: an alert rule over a custom metric fires and resolves" {
	local port
	port=$(free_port)
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --statsd "127.0.0.1:$port" --alert 'deep: app_depth > 5'
	send_udp "$port" 'app.depth:6|g'
	next_snapshots 2
	send_udp "$port" 'app.depth:5|g'
	next_snapshots 2
	stop_ktally
	assert_equal "$(c 'alerts("deep") | map("\(.state) \(.value)")')" \
		'["firing 6","resolved 5"]'
}

@test "statsd: bad lines are counted, told once and harmless" {
	local port i
	port=$(free_port)
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --statsd "$port"
	for i in 1 2 3; do
		send_udp "$port" "rubbish\n\xff\xfe\ngood:$i|g\nx:1|nonsense\n"
	done
	next_snapshots 2
	stop_ktally
	assert_equal "$status" 0
	assert_equal "$(metric good)" 3
	assert_equal "$(q 'trailer.losses.statsd')" 9
	assert_equal "$(q 'last_snapshot.lost_events')" 9
	assert_equal "$(grep -c warning err)" 1
}

@test "statsd: a flood of names stays within bounds" {
	local port
	port=$(free_port)
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --statsd "$port"
	send_udp "$port" "$(printf 'n%d:1|g\\n' {1..100})"
	next_snapshots 2
	stop_ktally
	assert_equal "$(q 'last_snapshot.custom_metrics | length')" 64
	assert_equal "$(q 'trailer.losses.statsd')" 36
}

@test "statsd: a socket in the file system, taken over from a run that was killed" {
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --statsd unix:stats.sock
	kill -KILL "$KTALLY_PID"
	wait_for "the end of ktally" ended "$KTALLY_PID"
	start_ktally --no-bpf -p "$SLEEPER" --statsd unix:stats.sock
	/usr/bin/python3 -c 'import socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"a:1|g", "stats.sock")'
	next_snapshots 2
	assert_error 1 'cannot listen.*in use' \
		"$KTALLY" --no-bpf -p "$SLEEPER" --statsd unix:stats.sock
	stop_ktally
	assert_equal "$(metric a)" 1
	[[ ! -e stats.sock ]] || fail "the socket is still there"
}

@test "statsd: a member's values are in its line and in the tree's, and its counts outlive it" {
	local port child
	port=$(free_port)
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'sleep 300 & sleep 300 & echo $!; wait' >child 3>&- &
	started+=("$!")
	wait_for "the child" test -s child
	child=$(<child)
	start_ktally --no-bpf -p "${started[0]}" --follow --processes --statsd "$port"
	send_udp "$port" "g:3|g|#pid:$child\nc:5|c|#pid:$child\ng:2|g|#pid:${started[0]}\n"
	next_snapshots 6
	kill "$child"
	wait_for "its end" ended "$child"
	next_snapshots 6
	pkill -P "${started[0]}" sleep
	stop_ktally
	assert_equal "$(c "[members($child)[].custom_metrics.g // empty] | unique")" "[3]"
	assert_equal "$(c '[snapshots[].custom_metrics.g // empty] | unique')" "[2,5]"
	assert_equal "$(metric c)" 5
}

@test "statsd: a client from the registry, hot-shots" {
	local port
	require npm
	require node
	timeout 120 npm install --silent --no-audit --no-fund hot-shots >npm.log 2>&1 ||
		skip "npm cannot install hot-shots: $(tail -n 1 npm.log)"
	port=$(free_port)
	start_sleeper
	start_ktally --no-bpf -p "$SLEEPER" --statsd "$port"
	cat >client.js <<-EOT
		const Client = require('hot-shots');
		const c = new Client({ host: '127.0.0.1', port: $port, prefix: 'web.',
			globalTags: { pid: '$SLEEPER', env: 'test' } });
		c.gauge('queue', 12);
		c.increment('hits', 3);
		c.increment('hits');
		c.timing('latency', 40);
		c.histogram('size', 100);
		c.distribution('size2', 200);
		c.set('users', 'ann');
		c.unique('users', 'bob');
		c.event('deployed', 'not a metric');
		c.check('up', c.CHECKS.OK);
		c.close(() => {});
	EOT
	node client.js
	next_snapshots 2
	stop_ktally
	assert_equal "$(metric web_queue)" 12
	assert_equal "$(metric web_hits)" 4
	assert_equal "$(q '[snapshots[].custom_metrics.web_users_count // 0] | add')" 2
	assert_equal "$(q '[snapshots[].custom_metrics
		| .web_latency_mean, .web_size_max, .web_size2_max | select(.)] | add')" 340
	assert_equal "lost: $(q 'trailer.losses.statsd')$(cat err)" "lost: 0"
}

script() {
	printf '#!/bin/bash\n%s\n' "$2" >"$1"
	chmod +x "$1"
}

@test "metrics command: JSON and Prometheus text, words without a shell" {
	start_sleeper
	# shellcheck disable=SC2016 # for the script
	script json 'printf "{\"args\": %d, \"deep\": {\"er\": 2.5}, \"none\": null}" "$#"'
	script prom "printf '# TYPE x counter\nx{code=\"200\"} 12\np{pid=\"$SLEEPER\"} 3\n'"
	record --no-bpf -p "$SLEEPER" -n 5 --metrics-from "./json 'a  b' \$HOME \"c d\"" \
		--metrics-from ./prom --metrics-every 200ms
	assert_equal "$(c 'last_snapshot.custom_metrics')" \
		'{"args":3,"deep_er":2.5,"none":null,"x_code_200":12,"p":3}'
	assert_equal "$(q 'trailer.lost_events')" 0
}

@test "metrics command: what fails, hangs or prints rubbish is counted, its values unknown" {
	start_sleeper
	script once 'echo "a 1"; [[ ! -e seen ]] || exit 3; touch seen'
	script hang 'echo "h 1"; sleep 300'
	script lines 'echo "good 1"; echo "bad line"'
	script flood 'yes "a 1"'
	record --no-bpf -p "$SLEEPER" -n 80 --metrics-from ./once --metrics-from ./hang \
		--metrics-from ./lines --metrics-from ./flood --metrics-every 2s
	assert_equal "$status" 0
	assert_equal "$(c '[snapshots[].custom_metrics | select(has("a")).a] | unique')" "[null,1]"
	assert_equal "$(metric a)" null
	assert_equal "$(metric good)" 1
	assert_equal "$(metric 'h // "none"')" none
	assert_equal "$(grep -c warning err)" 4
	q 'trailer.losses.metrics_command >= 6' | grep -q true || fail "$(q 'trailer.losses')"
	run pgrep -f "$BATS_TEST_TMPDIR/hang"
	assert_failure
}

@test "doors: mistakes on the command line are told before anything starts" {
	assert_error 2 'numeric host' "$KTALLY" -p $$ --statsd example.org:8125
	assert_error 2 'a quote is not closed' "$KTALLY" -p $$ --metrics-from "'x"
	assert_error 2 'No such file' "$KTALLY" -p $$ --metrics-from ./missing
	assert_error 2 'No such file' "$KTALLY" -p $$ --on-alert ./missing
}
