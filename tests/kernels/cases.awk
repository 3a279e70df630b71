# SPDX-License-Identifier: BSD-2-Clause
# Joins the rungs and checks of cases.txt, one line a case:
# ID NEEDS LOSS INSTRUMENT=RUNG[,INSTRUMENT=RUNG] HOW WORKLOAD... : PAIR...
/^#/ || !NF { next }
$1 == "rung" {
	rung[++rungs] = $2 "=" $3
	class[rungs] = $2 "." $4
	needs[rungs] = $5
	loss[rungs] = $6
	with[rungs] = $7 ? "," $7 : ""
}
$1 == "check" {
	name = $2
	classes = "," $3 ","
	$1 = $2 = $3 = ""
	sub(/^ +/, "")
	for (i = 1; i <= rungs; i++)
		if (index(classes, "," class[i] ","))
			print rung[i] ":" name, needs[i], loss[i], rung[i] with[i], $0
}
