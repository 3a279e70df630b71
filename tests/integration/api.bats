#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The library as its example uses it, with BPF.
# shellcheck disable=SC2154 # build is set by helpers

load helpers

@test "api: the example prints averages of itself" {
	require_root
	local example=$build/tests/examples/monitor
	[[ -x $example ]] || fail "$example is not there: run make tests"
	"$example" >averages 2>err 3>&- || fail "it said: $(cat err)"
	assert_equal "$(cat err)" ""
	assert_regex "$(cat averages)" '^[4-7] snapshots'
	awk '{ v[$2] = $3 }
		END {
			exit !(v["cpu_percent"] > 5 && v["cpu_percent"] <= 110 &&
				v["memory_mb"] > 0.5 && v["memory_mb"] < 200 && v["rounds"] > 1000)
		}' averages ||
		fail "averages that cannot be: $(cat averages)"
}
