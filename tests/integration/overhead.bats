#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# ktally measures itself, and keeps to what it may cost.
# shellcheck disable=SC2154,SC2030,SC2031 # status is set by record; each test is a subshell

load helpers

@test "overhead: CPU, memory and maps are in the trailer, BPF time is null unless asked for" {
	require_root
	[[ $(cat /proc/sys/kernel/bpf_stats_enabled 2>/dev/null) != 1 ]] || skip "bpf_stats_enabled is on"
	record -a -n 3
	assert_equal "$(q 'trailer.overhead | [.cpu_seconds > 0, .cpu_percent > 0, .max_rss_bytes > 1000000] | all')" true
	assert_equal "$(q 'trailer.overhead | [.bpf_seconds, .bpf_runs, .programs] | tojson')" '[null,null,{}]'
	[[ $(q 'header.instruments.targets.rung') == /proc ]] ||
		assert_equal "$(q 'trailer.overhead.map_bytes > 100000')" true
}

@test "overhead: runs of the programs are at least the switches and calls of a known workload" {
	require_rung sched=tp_btf
	record --bpf-stats -- "$WORKLOADS/switches" -t 1 -k 997 sleep
	[[ $(q 'trailer.overhead.bpf_runs') != null ]] || skip "no kernel statistics: $(cat err)"
	assert_equal "$(q 'trailer.overhead.programs.sched_switch.runs >= last_snapshot.context_switches
		and last_snapshot.context_switches >= 997')" true
	assert_equal "$(q 'trailer.overhead | .bpf_runs == ([.programs[].runs] | add)
		and .bpf_seconds > 0 and .bpf_seconds < 60')" true
}

@test "overhead: loading takes no third copy of the kernel's types, whatever is watched" {
	local base options types
	require_root
	[[ -z ${SAN:-} ]] || skip "built with sanitizers, which keep what is freed"
	types=$(stat -c %s /sys/kernel/btf/vmlinux) || skip "no types of the kernel"
	record --no-bpf -p $$ -n 1
	base=$(q 'trailer.overhead.max_rss_bytes')
	for options in "-p $$" "-f -p $$" "-a" "-a --processes"; do
		# shellcheck disable=SC2086 # several words
		record $options -n 1
		assert_between "max RSS, $options" "$(q 'trailer.overhead.max_rss_bytes')" "$base" $((base + 3 * types))
	done
}

@test "overhead: the statistics are off again afterwards" {
	require_root
	require bpftool
	[[ $(cat /proc/sys/kernel/bpf_stats_enabled 2>/dev/null) != 1 ]] || skip "bpf_stats_enabled is on"
	start_ktally --bpf-stats -p $$
	stop_ktally
	start_ktally -p $$
	next_snapshots 2
	stop_ktally
	assert_equal "$(q 'trailer.overhead.bpf_runs')" null
}

@test "overhead: F20, above --max-overhead snapshots are taken further apart, and the stream says so" {
	require_root
	record -a --processes --max-overhead 0.01% -d 6s
	assert_equal "$status" 0
	assert_equal "$(q 'events("overhead") | length > 0')" true
	assert_regex "$(q 'events("overhead") | first | .message')" "further apart, every 0.2 s"
	assert_equal "$(q 'events("overhead") | [.[].overhead.interval_seconds] | . == (sort) and first > 0.15')" true
	assert_equal "$(q 'last_snapshot.interval_seconds > 0.15')" true
	assert_equal "$(q 'header.interval_seconds')" 0.1
}

@test "overhead: below --max-overhead nothing changes" {
	require_root
	record -p $$ --max-overhead 400 -d 3s
	assert_equal "$(q 'events("overhead") | length')" 0
}

@test "overhead: a limit that is none is refused" {
	assert_error 2 "max-overhead 'much': expected a percentage" "$KTALLY" -a --max-overhead much
	assert_error 2 "max-overhead '0': expected a percentage" "$KTALLY" -a --max-overhead 0
}
