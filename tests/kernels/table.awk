# SPDX-License-Identifier: BSD-2-Clause
# A table of kernel by rung from the rows of judge.awk. A cell is the worst of its checks: a
# failure, then events lost, then a refusal. -v markdown=1 draws it with bars.
function note(text) {
	if (!(text in number)) {
		number[text] = ++notes
		sentence[notes] = text
	}
	return " [" number[text] "]"
}
function weight(status, verdict) {
	return verdict == "fail" ? 4 : status == "lost" ? 3 : verdict == "skip" ? 2 : 1
}
function cell_of(status, verdict, id, detail) {
	if (verdict == "fail")
		return status note(id ": " detail)
	if (status == "lost")
		return "lost " (detail + 0)
	if (verdict == "skip")
		return status note(detail)
	return status
}
function put(text, column) {
	if (markdown)
		printf "| %s ", text
	else
		printf "%-*s", width[column] + 2, text
}
function end_line() {
	print markdown ? "|" : ""
}
{
	split($4, part, ":")
	rung = part[1]
	name = $1 " " ($3 == "-" ? $2 : $3) ($2 == "default" && $3 != "-" ? " (default)" : "")
	if (!(name in row)) {
		row[name] = ++rows
		names[rows] = name
	}
	if (rung == "*") {
		whole[name] = "skipped" note($7)
		next
	}
	if (!(rung in column)) {
		column[rung] = ++columns
		rungs[columns] = rung
	}
	w = weight($5, $6)
	more = $5 == "lost" && w == worst[name, rung] && $7 + 0 > lost[name, rung] + 0
	if (w <= worst[name, rung] && !more)
		next
	worst[name, rung] = w
	lost[name, rung] = $7
	id[name, rung] = $4
	status[name, rung] = $5
	verdict[name, rung] = $6
	detail[name, rung] = $7
}
END {
	if (!columns)
		rungs[++columns] = "every rung"
	width[0] = 6
	for (i = 1; i <= rows; i++) {
		if (length(names[i]) > width[0])
			width[0] = length(names[i])
		for (j = 1; j <= columns; j++) {
			k = names[i] SUBSEP rungs[j]
			if (k in worst)
				cell[i, j] = cell_of(status[k], verdict[k], id[k], detail[k])
			else
				cell[i, j] = whole[names[i]]
			if (length(cell[i, j]) > width[j])
				width[j] = length(cell[i, j])
			if (length(rungs[j]) > width[j])
				width[j] = length(rungs[j])
		}
	}
	put("kernel", 0)
	for (j = 1; j <= columns; j++)
		put(markdown ? "`" rungs[j] "`" : rungs[j], j)
	end_line()
	if (markdown) {
		for (j = 0; j <= columns; j++)
			printf "| --- "
		end_line()
	}
	for (i = 1; i <= rows; i++) {
		put(names[i], 0)
		for (j = 1; j <= columns; j++)
			put(cell[i, j], j)
		end_line()
	}
	if (notes)
		print ""
	for (i = 1; i <= notes; i++)
		printf("%s[%d] %s\n", (markdown && i > 1) ? "\n" : "", i, sentence[i])
}
