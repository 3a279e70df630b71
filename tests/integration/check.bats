#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# `ktally check`: what it says is what a run then does.
# shellcheck disable=SC2154 # status is set by bats

load helpers

# Its JSON in check.json, its exit status in $status.
check_json() {
	status=0
	timeout -k 5 60 "$@" check --json >check.json 2>check.err 3>&- </dev/null || status=$?
	assert_equal "$(cat check.err)" ""
	assert_equal "$(wc -l <check.json)" 1
}

c() {
	jq -r "$1" check.json
}

verdict_status() {
	c '{exact: 0, degraded: 6, no_bpf: 5, not_permitted: 4}[.verdict]'
}

@test "check: one JSON object, and the exit status is its verdict" {
	check_json "$KTALLY"
	jq -e '.type == "check" and (.items | length > 20)' check.json
	jq -e 'all(.items[]; (.section, .name, .detail | type == "string" and . != "")
		and (.ok | . == null or type == "boolean") and has("fix"))' check.json
	assert_equal "$status" "$(verdict_status)"
}

@test "check: each refusal of a program or rung has a reason, and a fix or a failed self-test" {
	check_json "$KTALLY"
	run c '.items[] | select(.section == "programs" or .section == "instruments")
		| select(.ok == false and .fix == null)
		| select(.detail | startswith("self-test") | not)'
	assert_output ""
	run c '.items[] | select(.ok and .fix)'
	assert_output ""
}

@test "check: a rung opens in a run exactly when check says so" {
	require_root
	check_json "$KTALLY"
	local name ok got asked
	while read -r name ok; do
		got=true
		asked=()
		[[ $name != fdstack=* ]] || asked=(--leaks)
		"$KTALLY" "${asked[@]}" --rung "$name" -p $$ -n 1 -i 100ms -o /dev/null 2>rung.err 3>&- ||
			got=false
		assert_equal "$name $got" "$name $ok"
	done < <(c '.items[] | select(.section == "instruments") | "\(.name) \(.ok)"')
}

@test "check: the best rung of each instrument is the one that a run is on" {
	require_root
	check_json "$KTALLY"
	record --leaks -n 1 -p $$
	assert_equal "$(q 'header.instruments | to_entries
		     | map("\(.key)=\(.value.rung)") | sort | join(" ")')" \
		"$(c '[.items[] | select(.section == "instruments" and .ok) | .name | split("=")]
		     | group_by(.[0]) | map(.[0] | join("=")) | join(" ")')"
	assert_equal "exact: $(q 'header.instruments | all(.exact)')" \
		"exact: $(c '.verdict == "exact"')"
}

@test "check: the table names every row, a fix and the verdict" {
	check_json "$KTALLY"
	run "$KTALLY" check
	assert_equal "$status" "$(verdict_status)"
	local name
	while read -r name; do
		assert_line --partial "  $name "
	done < <(c '.items[]
		| "\(if .ok == null then "?  " elif .ok then "yes" else "no " end)  \(.name)"')
	while read -r name; do
		assert_line "       fix: $name"
	done < <(c '[.items[].fix | values] | unique[]')
	assert_regex "${lines[-1]}" '^(exact|degraded|no BPF|not permitted): '
}

@test "check: libbpf's advice about locked memory reaches nobody" {
	require_root
	"$KTALLY" check -v >out 2>&1 3>&- || true
	"$KTALLY" -v -n 1 -i 100ms -p $$ -o /dev/null >>out 2>&1 3>&- || true
	refute grep -i ulimit out
}

@test "check: without capabilities the fix is how to get them" {
	require_root
	require setpriv
	local public
	public=$(mktemp -d /tmp/ktally-public-XXXXXX)
	chmod 755 "$public"
	cp "$KTALLY" "$public/ktally"
	check_json setpriv --reuid 65534 --regid 65534 --clear-groups "$public/ktally"
	rm -r "$public"
	assert_equal "$status $(c .verdict)" "4 not_permitted"
	run c '.items[] | select(.section == "programs" and .ok == false) | .fix'
	assert_line --partial "cap_bpf,cap_perfmon"
	run c '.items[] | select(.ok == false and (.name | startswith("CAP_"))) | .name'
	assert_output $'CAP_BPF\nCAP_PERFMON\nCAP_SYS_PTRACE\nCAP_DAC_READ_SEARCH\nCAP_SYS_ADMIN'
}

@test "check: what is no option of it is a usage error" {
	assert_error 2 "'--jsom' is not an option of check; see ktally check --help" \
		"$KTALLY" check --jsom
	assert_error 2 "'-x' is not an option" "$KTALLY" check -x
	assert_error 2 "'now' is not an option" "$KTALLY" check now
}
