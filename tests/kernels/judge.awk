# SPDX-License-Identifier: BSD-2-Clause
# Turns what a guest printed into rows: series, mode, preemption, case, status, verdict, detail,
# separated by tabs. The verdict is ok, skip or fail. Reads the joined cases, then the guest's
# output.
#
# -v lacks= holds the configuration symbols that this kernel is without, separated by spaces; -v
# fixed= its preemption if it has no switch; -v ended= why the guest stopped early, empty when it
# did not.
function row(id, status, verdict, detail) {
	gsub(/\t/, " ", detail)
	printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", series, mode, preempt, id, status, verdict, detail
}
function lacking(symbol) {
	return index(" " lacks " ", " " symbol " ")
}
function verdict_of(id, status) {
	if (status == "exact" || (status == "lost" && (loss[id] == "told" || lacking(loss[id]))))
		return "ok"
	if (status == "absent" || (status == "refused" && lacking(needs[id])))
		return "skip"
	return "fail"
}
FNR == NR {
	order[++cases] = $1
	needs[$1] = $2
	loss[$1] = $3
	next
}
$1 == "FACT" && $2 == "preempt" { preempt = $3 == "fixed" ? fixed : $3 }
$1 == "RESULT" {
	status[$2] = $3
	id = $2
	sub(/^RESULT [^ ]+ [^ ]+ ?/, "")
	detail[id] = $0
}
END {
	if (!preempt)
		preempt = "-"
	for (i = 1; i <= cases; i++) {
		id = order[i]
		if (id in status)
			row(id, status[id], verdict_of(id, status[id]), detail[id])
		else
			row(id, "error", "fail",
			    "no result: " (ended ? ended : "the case was not run"))
	}
}
