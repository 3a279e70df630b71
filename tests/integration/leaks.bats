#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Which code leaks: programs with five places that do and seven that do not, in the forms in which
# programs come, and real ones.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell
# shellcheck disable=SC2016 # the dollars are jq's

load helpers

LEAKY=$build/tests/leaky

# Runs ktally leaks to its end, into out.jsonl; what the command says is in work.json.
leaks() {
	require_root
	status=0
	timeout -k 5 120 "$KTALLY" leaks -i 100ms --format jsonl -o out.jsonl "$@" >work.json 2>err \
		3>&- || status=$?
	((status == 0)) || fail "status $status, ktally said: $(cat err)"
	validate out.jsonl || fail "invalid records, ktally said: $(cat err)"
}

# It is stopped by what it watches, as soon as that is done: what comes later would look like a pool
# that does not grow any more. What it started is not ended with it.
stopped_by_its_target() {
	echo "$KTALLY_PID" >ktally.pid
	mapfile -t -O "${#started[@]}" started < <(pgrep -P "$KTALLY_PID")
	wait_ktally
}

# Those that leak, "COUNT FUNCTION FILE:LINE" of the first frame below the C library and Rust's own.
leaking() {
	q 'records("leak") | select(.verdict == "leak") | .open as $n | .frames
		| map(select(.module and (.module | test("/(libc|ld-linux)[.-]") | not)))
		| map(select(.function and (.function | test("leak_")))) | first
		| "\($n) \(.function | sub("^.*(?<f>leak_[a-z0-9]+).*$"; "\(.f)")) \(.file // "?" | sub(".*/"; "")):\(.line)"' |
		sort
}

# The five of leaky.c, as leaking() has them; the source marks their lines.
expected() {
	local name count line
	while read -r name count; do
		line=$(grep -n "/\\* $name \\*/" "$ROOT/tests/leaky/leaky.c")
		echo "$count $name leaky.c:${line%%:*}"
	done <<-END | sort
		leak_open 23
		leak_socket 29
		leak_dup 31
		leak_accept 37
		leak_eventfd 41
	END
}

assert_sound() {
	assert_equal "untrusted: $(q '[records("leak").frames[] | select(.trusted | not)] | length')" \
		"untrusted: 0"
	assert_equal "ends: $(q '[records("leak") | select(.verdict == "leak").stack] | unique | join(" ")')" \
		"ends: whole"
	assert_equal "lost: $(q 'trailer.lost_events')" "lost: 0"
	# What closes is matched, and no closer is among the leaks.
	assert_equal "closers: $(q '[records("leak") | select(any(.frames[]; .function // "" | test("behave")))
		| select(.open > 0 or .opened != .closed)] | length')" "closers: 0"
}

@test "leaks: five places in a C program, with counts, functions and lines" {
	leaks -- "$LEAKY/leaky"
	assert_equal "$(leaking)" "$(expected)"
	assert_sound
	assert_equal "$(q '[records("leak") | select(any(.frames[]; .function == "behave"))] | length >= 7')" true
	# Each at its own depth: the calls between main and it are all there.
	assert_equal "$(q '[records("leak") | select(any(.frames[]; .function == "leak_dup"))
		| .frames[] | select(.function == "save")] | length')" 8
	assert_equal "$(q '[records("leak") | select(any(.frames[]; .function == "leak_socket"))
		| .frames[].function | select(. != null)] | contains(["resolve", "other_thread"])')" true
}

# Open by function, over all sites; of them, by stacks that are whole.
by_function() {
	q '[records("leak") | . as $l | .frames[].function // "" | select(test("^leak_"))
		| {f: ., n: $l.open, whole: ($l.stack == "whole")}] | group_by(.f)[]
		| "\(map(.n) | add) \(map(select(.whole).n) | add) \(.[0].f)"'
}

@test "leaks: stacks larger than what is copied of them" {
	# The first thread's is copied in one piece up to 64 KiB, others up to 16.
	leaks -- "$LEAKY/leaky" --stack 40000
	assert_equal "$(by_function | awk '/_(open|dup|accept)$/ { print $2, $3 }')" \
		$'37 leak_accept\n31 leak_dup\n23 leak_open'
	assert_equal "$(by_function | awk '{ print $1, $3 }' | sort)" "$(expected | cut -d ' ' -f 1,2)"
	assert_equal "$(q '[records("leak") | select(.verdict == "leak") | .stack] | unique | join(" ")')" whole
	# Piece by piece: as many opens as there are pieces may have their stack cut.
	assert_equal "$(by_function | awk '$1 - $2 > 3')" ""
	leaks -- "$LEAKY/leaky" --stack 200000
	assert_equal "$(by_function | awk '{ print $1, $3 }' | sort)" "$(expected | cut -d ' ' -f 1,2)"
	assert_equal "$(by_function | awk '$1 - $2 > 13')" ""
	assert_equal "untrusted: $(q '[records("leak").frames[] | select(.trusted | not)] | length')" \
		"untrusted: 0"
}

@test "leaks: types, examples and ages" {
	leaks -- "$LEAKY/leaky"
	assert_equal "$(q '[records("leak") | select(.verdict == "leak") | .types | keys[]] | sort | join(" ")')" \
		"eventfd file file socket socket"
	assert_equal "$(q 'records("leak") | select(.verdict == "leak" and .open == 23).examples[0].what')" \
		/etc/passwd
	assert_equal "$(q '[records("leak") | select(.verdict == "leak")
		| .oldest_seconds > .median_seconds and .growth_per_minute > 0] | all')" true
}

@test "leaks: the same in C++, with readable names" {
	leaks -- "$LEAKY/leaky-c++"
	assert_equal "$(leaking)" "$(expected)"
	assert_sound
	assert_equal "$(q '[records("leak").frames[].function | select(. == "leaky::leak_open(char const*)")]
		| length')" 1
}

@test "leaks: the same in Rust" {
	[[ -x $LEAKY/leaky-rust ]] || skip "rustc is not installed: no leaky-rust was built"
	leaks -- "$LEAKY/leaky-rust"
	assert_equal "$(leaking | cut -d ' ' -f 1,2)" "$(expected | cut -d ' ' -f 1,2)"
	assert_sound
	assert_equal "$(q '[records("leak") | select(.verdict == "leak") | .frames[]
		| select(.function == "leaky::leak_dup").file] | unique | join(" ") | endswith("/leaky.rs")')" true
}

@test "leaks: stripped, as places in the file" {
	leaks -- "$LEAKY/leaky-stripped"
	assert_sound
	# Looked up by hand in the program that was stripped.
	q 'records("leak") | select(.verdict == "leak") | .open as $n
		| [.frames[] | select(.module | endswith("leaky-stripped"))][0]
		| "\($n) \(.function) \(.offset)"' >places
	while read -r count function offset; do
		assert_equal "$function" null
		echo "$count $(addr2line -f -e "$LEAKY/leaky" "$(printf '0x%x' $((offset - 1)))" | head -n 1)"
	done <places | sort >got
	assert_equal "$(cat got)" "$(expected | cut -d ' ' -f 1,2)"
}

@test "leaks: stripped, with its debug file by build-id" {
	require_root
	local id file
	id=$(readelf -n "$LEAKY/leaky-split" | awk '/Build ID/ { print $3 }')
	file=/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
	[[ ! -e $file ]] || skip "$file is there already"
	mkdir -p "${file%/*}"
	cp "$LEAKY/leaky-split.debug" "$file"
	leaks -- "$LEAKY/leaky-split"
	rm -f "$file"
	rmdir "${file%/*}" 2>/dev/null || true
	assert_equal "$(leaking)" "$(expected)"
	assert_sound
}

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# What the server was asked for, by kind.
asked() {
	curl -sf "$DEBUGINFOD_URLS/metrics" | sed -n 's/^http_requests_total{type="\(.*\)"} /\1 /p' | grep -v ^metrics
}

serves_a_file() {
	curl -sf "$DEBUGINFOD_URLS/metrics" | grep -q '^found_debuginfo_total{source="files"} 1$'
}

# A server of its own, with the debug information of leaky-split.
start_debuginfod() {
	require_root
	require debuginfod
	require curl
	local port
	port=$(free_port)
	mkdir served
	cp "$LEAKY/leaky-split.debug" served/
	export DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$PWD/cache no_proxy=127.0.0.1
	debuginfod -p "$port" -d debuginfod.sqlite -F served >debuginfod.log 2>&1 3>&- &
	started+=("$!")
	wait_for "debuginfod: $(cat debuginfod.log)" serves_a_file
}

@test "leaks: stripped, with its debug information from a server when told to ask" {
	start_debuginfod
	leaks -- "$LEAKY/leaky-split"
	assert_equal "$(leaking | cut -d ' ' -f 2 | sort -u)" ""
	assert_equal "asked: $(asked || true)" "asked: "
	[[ ! -e cache ]] || fail "a cache of debug information, and nobody asked for it"
	leaks --debuginfod -- "$LEAKY/leaky-split"
	assert_equal "$(leaking)" "$(expected)"
	assert_sound
	assert_equal "$(asked)" "debuginfo 1"
}

@test "leaks: no server of debug information, and none that answers" {
	require_root
	unset DEBUGINFOD_URLS
	export DEBUGINFOD_CACHE_PATH=$PWD/cache no_proxy=127.0.0.1
	leaks --debuginfod -- "$LEAKY/leaky-split"
	assert_sound
	assert_equal "$(q '[records("leak") | select(.verdict == "leak").open] | sort | join(" ")')" "23 29 31 37 41"
	DEBUGINFOD_URLS=http://127.0.0.1:$(free_port) leaks --debuginfod -- "$LEAKY/leaky-split"
	assert_sound
	assert_equal "$(q '[records("leak") | select(.verdict == "leak").open] | sort | join(" ")')" "23 29 31 37 41"
}

# Takes every question, writes down what it is for, and never answers.
start_silent_server() {
	local port
	port=$(free_port)
	/usr/bin/python3 -c 'import socket, sys
server, taken = socket.create_server(("127.0.0.1", int(sys.argv[1]))), []
print("ready", flush=True)
while True:
    taken.append(server.accept()[0])
    print(taken[-1].recv(4096).decode().split("\r")[0], flush=True)' "$port" >silent.log 3>&- &
	started+=("$!")
	wait_for "the silent server" grep -q ready silent.log
	export DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$PWD/cache no_proxy=127.0.0.1
}

@test "leaks: a server of debug information that never answers is given up" {
	require_root
	start_silent_server
	DEBUGINFOD_TIMEOUT=1 DEBUGINFOD_RETRY_LIMIT=0 leaks --debuginfod -- "$LEAKY/leaky-split"
	# While it waits it takes no samples, so that there may be no verdict; what is open is known.
	assert_equal "$(q '[records("leak").open | select(. > 1)] | sort | join(" ")')" "23 29 31 37 41"
	assert_equal "asked: $(grep -c GET silent.log)" "asked: 1"
	assert_equal "$(grep -c 'debuginfod did not answer in time' err)" 1
}

has_child() {
	pgrep -P "$(pgrep -P "$KTALLY_PID")"
}

@test "leaks: in a child" {
	start_leaks -- "$LEAKY/leaky" --fork --rounds 120 --stop ktally.pid
	wait_for "the child" has_child
	local child
	child=$(pgrep -P "$(pgrep -P "$KTALLY_PID")")
	started+=("$child")
	stopped_by_its_target
	assert_equal "$(leaking)" "$(expected)"
	assert_sound
	assert_equal "$(q '[records("leak") | select(.verdict == "leak").processes[].pid] | unique | join(" ")')" \
		"$child"
}

@test "leaks: a running process, open before and since" {
	require_root
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'kill -STOP $$; exec 7</etc/passwd; exec "$@"' sh "$LEAKY/leaky" --stop ktally.pid >held.json 3>&- &
	local pid=$!
	started+=("$pid")
	wait_for "the shell to stop" grep -q '^State:.T' "/proc/$pid/status"
	start_leaks -p "$pid"
	kill -CONT "$pid"
	stopped_by_its_target
	local there=(/proc/"$pid"/fd/*)
	assert_equal "$(leaking)" "$(expected)"
	# Standard input, output and error were there, whatever the test's runner left open as well.
	assert_equal "$(q '[records("leak") | select(.stack == "opener_not_seen").open] | add >= 3')" true
	assert_equal "open: $(q '[records("leak").open] | add')" "open: ${#there[@]}"
	assert_equal "$(q '[records("leak").processes[].open_fds_limit] | unique | length')" 1
}

@test "leaks: a pool that is merely warm is none" {
	leaks -- "$LEAKY/leaky" --pool
	assert_equal "$(leaking)" ""
	assert_equal "$(q 'records("leak") | select(any(.frames[]; .function == "fill_pool"))
		| "\(.verdict) \(.open)"')" "warm 19"
}

@test "leaks: what a child has from its parent is inherited, and torn down with it" {
	require_root
	[[ -x /usr/bin/python3 ]] || skip "no /usr/bin/python3"
	cat >script.py <<-'END'
		import os
		for i in range(5):
		    os.open("/dev/null", os.O_RDONLY)
		for i in range(3):
		    if not os.fork():
		        os._exit(0)
		    os.wait()
	END
	leaks -- /usr/bin/python3 script.py
	assert_equal "$(q 'records("leak") | select(.opened == 5 and .closed == 0)
		| [.inherited, .torn_down, .open] | tojson')" "[15,15,5]"
}

@test "leaks: a Python script that leaks sockets" {
	require_root
	[[ -x /usr/bin/python3 ]] || skip "no /usr/bin/python3"
	cat >script.py <<-'END'
		import os, signal, socket, time
		kept = []
		def leak():
		    kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
		def fine():
		    socket.socket(socket.AF_UNIX).close()
		for i in range(43):
		    leak()
		    fine()
		    time.sleep(0.03)
		os.kill(os.getppid(), signal.SIGINT)
		time.sleep(1000)
	END
	# At its end it closes them all.
	start_leaks -- /usr/bin/python3 script.py
	stopped_by_its_target
	assert_equal "$(q '[records("leak") | select(.verdict == "leak")] | length')" 1
	assert_equal "$(q 'records("leak") | select(.verdict == "leak")
		| "\(.open) \(.types.socket) \(.stack)"')" "43 43 whole"
	# The call is the C library's, and the one who made it the interpreter.
	assert_regex "$(q 'records("leak") | select(.verdict == "leak").frames[0]
		| "\(.function) \(.module)"')" '^(__)?socket .*/libc[.-]'
	assert_regex "$(q 'records("leak") | select(.verdict == "leak").frames[1].module')" 'python3|_socket'
	assert_equal "$(q '[records("leak") | select(.verdict == "leak").frames[] | select(.trusted | not)]
		| length')" 0
}

@test "leaks: a redis-server under load has none, and its accept is named" {
	require_root
	require redis-server
	require redis-benchmark
	local socket=$BATS_TEST_TMPDIR/redis.sock server i
	redis-server --port 0 --unixsocket "$socket" --save "" --appendonly no --loglevel warning \
		>/dev/null 2>&1 3>&- &
	server=$!
	started+=("$server")
	wait_for "the server" redis-cli -s "$socket" ping
	start_leaks -p "$server"
	for ((i = 0; i < 12; i++)); do
		redis-benchmark -s "$socket" -q -c 17 -n 503 -t set,get >/dev/null 2>&1 3>&-
	done
	stop_ktally
	redis-cli -s "$socket" shutdown nosave
	assert_equal "$(leaking)" ""
	assert_equal "$(q '[records("leak") | select(.verdict == "leak")] | length')" 0
	assert_equal "$(q '[records("leak") | select(.frames[0].function // "" | test("accept"))
		| .opened > 400 and .open == 0 and .stack == "whole"] | any')" true
	assert_equal "$(q 'trailer.lost_events')" 0
}

@test "leaks: folded stacks" {
	require_root
	"$KTALLY" leaks -i 100ms --format folded -o stacks -- "$LEAKY/leaky" 2>err >work.json 3>&-
	assert_equal "$(grep -cvE '^leaky(;[^;]+)+ [0-9]+$' stacks)" 0
	assert_equal "$(grep -oE ';leak_[a-z0-9]+;.* [0-9]+$' stacks | sed -E 's/^;(leak_[a-z0-9]*);.* /\1 /' | sort)" \
		"$(expected | awk '{ print $2, $1 }' | sort)"
}

@test "leaks: every so often, not only at the end" {
	leaks --every 300ms -- "$LEAKY/leaky"
	# A report is what has the same time; counts only grow from one to the next.
	assert_equal "$(q '[records("leak")] | group_by(.timestamp) | length >= 3')" true
	assert_equal "$(q '[records("leak") | select(any(.frames[]; .function == "leak_eventfd")).open]
		| . == sort and .[0] < 41 and .[-1] == 41')" true
	q '[records("leak")] | group_by(.timestamp) | last | .[]' >last.jsonl
	mv last.jsonl out.jsonl
	assert_equal "$(leaking)" "$(expected)"
}

@test "leaks: every so often, as tables" {
	require_root
	"$KTALLY" leaks -i 100ms --every 300ms --format table -o table -- "$LEAKY/leaky" 2>err \
		>work.json 3>&-
	assert_equal "$(($(grep -cE '^[0-9:]{8} what is open, by who opened it$' table) >= 3))" 1
	assert_equal "$(awk '/what is open/ { text = "" } { text = text "\n" $0 } END { print text }' table |
		sed -nE 's/^leak +([0-9]+) open .*  (leak_[a-z0-9]+) at .*(leaky.c:[0-9]+)$/\1 \2 \3/p' | sort)" \
		"$(expected)"
	assert_error 2 'one moment' "$KTALLY" leaks --every 1s --format folded -p $$
	assert_error 2 'ktally leaks' "$KTALLY" run --every 1s -p $$
}

@test "leaks: by the program that is one file" {
	[[ -x $build/ktally-static ]] || skip "no $build/ktally-static: make static"
	local KTALLY=$build/ktally-static
	leaks -- "$LEAKY/leaky"
	assert_equal "$(leaking)" "$(expected)"
	assert_sound
	leaks -- "$LEAKY/leaky-c++"
	assert_equal "$(leaking)" "$(expected)"
}

@test "leaks: the table names each" {
	require_root
	"$KTALLY" leaks -i 100ms --format table -o table -- "$LEAKY/leaky" 2>err >work.json 3>&-
	assert_equal "$(sed -nE 's/^leak +([0-9]+) open .*  (leak_[a-z0-9]+) at .*(leaky.c:[0-9]+)$/\1 \2 \3/p' table | sort)" \
		"$(expected)"
	assert_equal "$(expand table | awk 'length > 100' | wc -l)" 0
}

@test "leaks: an alert on descriptors tells who opened them" {
	require_root
	record --leaks --no-default-rules --alert 'fds: open_fds > 60' --alert 'cpu: threads > 0' \
		-- "$LEAKY/leaky"
	assert_equal "$(q '[alerts("fds")[] | select(.state == "firing").evidence | length] | unique | join(" ")')" 3
	assert_equal "$(q '[alerts("fds")[] | select(.state == "firing").evidence[]
		| any(.frames[]; .function // "" | test("^leak_"))] | all')" true
	assert_equal "$(q '[alerts("cpu")[] | has("evidence")] | any')" false
}

@test "leaks: needs BPF, and says so" {
	require_root
	assert_error 5 'fdstack' "$KTALLY" leaks --no-bpf -p $$
	assert_error 2 'jsonl, table and folded' "$KTALLY" leaks --format xml -p $$
	assert_error 2 'jsonl and table' "$KTALLY" run --format folded -p $$
	assert_error 2 'nothing to watch' "$KTALLY" leaks
}

@test "leaks: a rung that fails its self-test is none" {
	require_root
	assert_error 5 'fdstack .*self-test: counted 0 opens and 1 closes where there were 8' \
		"$KTALLY" leaks --simulate-loss 1 --rung fd=/proc --rung fdstack=syscall -p $$
}

@test "leaks: costs nothing when not asked for" {
	require_root
	record -p $$ -n 1
	assert_equal "$(q '.[0].instruments | has("fdstack")')" false
}
