#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What is true of the sources, checked: prints TAP, each offence on a line of its own. Needs objects
# in $O/user for the check of mutable variables (make all).
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${O:-build}
cc=${CC:-gcc}
cxx=${CXX:-g++}
number=0
failures=0

# Each check prints its offences and nothing else.
check() {
	local name=$1 offences
	shift
	number=$((number + 1))
	offences=$("$@" 2>&1)
	if [[ -z $offences ]]; then
		echo "ok $number - style: $name"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $number - style: $name"
	printf '%s\n' "$offences" | sed 's/^/#   /'
}

skip() {
	number=$((number + 1))
	echo "ok $number - style: $1 # SKIP $2"
}

# Files of ours by name, generated ones and folders of other tools left out.
files() {
	local args=() pattern
	for pattern in "$@"; do
		args+=(-o -name "$pattern")
	done
	find bpf include user tests \( -path tests/fuzz/corpus -o -path tests/unit/data \) -prune \
		-o -type f \( "${args[@]:1}" \) -print | sort
}

scripts() {
	grep -rlE '^#!.*(bash|/sh|bats)' tests --include='*' --exclude-dir=corpus | sort
}

# ---- what includes what ----

stages=(base targets probes sampler snapshot rules sinks monitor replay check)

stage_of() {
	local i
	for i in "${!stages[@]}"; do
		[[ ${stages[i]} == "$1" ]] && echo "$i" && return
	done
	echo -1
}

# Prints "FILE INCLUDED" for every include of every source below a folder.
includes() {
	find "$1" -name '*.[ch]' -exec grep -HoE '^#include [<"][^>"]+' {} + |
		sed -E 's/:#include [<"]/ /'
}

includes_point_left() {
	local stage own other file included
	for stage in "${stages[@]}"; do
		[[ -d user/$stage ]] || continue
		own=$(stage_of "$stage")
		while read -r file included; do
			other=$(stage_of "${included%%/*}")
			if ((other > own)) || [[ $included == cli/* ]]; then
				echo "$file includes $included, which lies to its right"
			fi
		done < <(includes "user/$stage")
	done
}

sinks_know_no_rules() {
	[[ ! -d user/sinks ]] || includes user/sinks | grep -E ' rules/'
}

# Right of the sampler everything is a function of its input.
right_side_is_pure() {
	local stage impure='bpf/|.*\.skel\.h|base/(procfs|cgroupfs|bpfload)\.h|targets/|probes/'
	for stage in snapshot rules sinks; do
		[[ ! -d user/$stage ]] || includes "user/$stage" |
			grep -E " ($impure)"
	done
}

cli_uses_the_public_header() {
	[[ ! -d user/cli ]] || includes user/cli |
		grep -E ' .*/' | grep -vE ' (cli|sys|linux|arpa|netinet)/'
}

bpf_includes_no_user_space() {
	includes bpf | grep -E ' (user|base|targets|probes|sampler|snapshot|rules|sinks|cli)/'
}

# ---- sizes ----

functions_are_short() {
	local lines=()
	mapfile -t lines < <(files '*.c' '*.h' | grep -v '^bpf/vmlinux\.h$')
	ctags -x --c-kinds=f --language-force=C --_xformat='%{line} %{end} %F %N' "${lines[@]}" |
		awk '$2 - $1 + 1 > 80 { print $3 ": " $4 " has " $2 - $1 + 1 " lines" }'
}

files_are_short() {
	files '*.c' '*.h' '*.sh' '*.bash' '*.bats' '*.py' | xargs wc -l |
		awk '$1 > 450 && $2 != "total" { print $2 " has " $1 " lines" }'
}

lines_are_short() {
	local file
	for file in $(files '*.c' '*.h'); do
		expand -t 8 "$file" |
			awk -v f="$file" 'length > 100 { print f ":" NR ": " length " columns" }'
	done
}

main_is_short() {
	[[ ! -f user/cli/main.c ]] ||
		awk 'END { if (NR > 80) print FILENAME " has " NR " lines" }' user/cli/main.c
}

# ---- text ----

starts_with_licence() {
	local file first
	for file in $(files '*.c' '*.h'); do
		first=$(head -n 1 "$file")
		case $file in
		*.c) [[ $first == '// SPDX-License-Identifier: '* ]] || echo "$file: $first" ;;
		*.h) [[ $first == '/* SPDX-License-Identifier: '*' */' ]] || echo "$file: $first" ;;
		esac
	done
	for file in Makefile $(scripts) $(files '*.bash' '*.py'); do
		head -n 2 "$file" | grep -q '^# SPDX-License-Identifier: ' || echo "$file"
	done
}

says_what_it_is_for() {
	local file
	for file in $(files '*.c' '*.h'); do
		sed -n '2,3p' "$file" | grep -q '^/\*' || echo "$file: no comment after the licence"
	done
}

# The words are put together here so that this file is not among its own offenders.
nothing_left_to_do() {
	grep -rnwE "TO""DO|FIX""ME|X""XX|HA""CK" Makefile bpf include user tests docs README.md \
		--exclude-dir=corpus --exclude-dir=data 2>/dev/null
}

whitespace() {
	files '*.c' '*.h' '*.sh' '*.bash' '*.bats' '*.py' | xargs grep -nE '[[:space:]]+$' /dev/null
	files '*.c' '*.h' '*.sh' '*.bash' '*.bats' | xargs grep -nE '^        ' /dev/null
}

# ---- what the compiler says ----

# Constants with addresses in them are .data.rel.ro: writable for the loader only.
no_mutable_variables() {
	find "$build/user" -name '*.o' -exec objdump -t {} + | awk '
		/file format/ { file = $1; sub(/:$/, "", file) }
		{ section = NF > 2 ? $(NF - 2) : "" }
		/ O / && section ~ /^(\.t?data|\.t?bss|\*COM\*)/ && section !~ /^\.data\.rel\.ro/ {
			print file " " $NF " is in " section }'
}

public_header_is_c99_and_cxx() {
	$cc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c include/ktally.h
	$cxx -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ include/ktally.h
}

syntax() {
	$cc -std=gnu11 -D_GNU_SOURCE -Werror -fsyntax-only -iquote . -iquote user "$@" \
		-x c /dev/null
}

headers_stand_alone() {
	local file flags=(-Wall -Wextra -Wno-unused-parameter -Iinclude -I"$build/gen")
	for file in $(find user -name '*.h' | sort) $(shared_structs); do
		syntax "${flags[@]}" -include "$file" ||
			echo "$file does not stand alone"
	done
}

shared_structs() {
	find bpf -name '*.h' ! -name '*.bpf.h' ! -name 'vmlinux.h' | sort
}

# Padding would carry kernel memory out, and differ between the two compilers.
shared_structs_have_no_padding() {
	local file
	for file in $(shared_structs); do
		syntax -Wpadded -include "$file"
	done
}

shell_is_clean() {
	scripts | xargs shellcheck -x -P SCRIPTDIR
}

check "includes point from right to left" includes_point_left
check "sinks know nothing of rules" sinks_know_no_rules
check "snapshot, rules and sinks are pure" right_side_is_pure
check "the command line uses ktally.h only" cli_uses_the_public_header
check "BPF programs include nothing of user space" bpf_includes_no_user_space
check "functions have at most 80 lines" functions_are_short
check "files have at most 450 lines" files_are_short
check "lines have at most 100 columns" lines_are_short
check "main.c has at most 80 lines" main_is_short
check "files start with their licence" starts_with_licence
check "sources say what they are for" says_what_it_is_for
check "nothing is left for later" nothing_left_to_do
check "white space" whitespace
if [[ -d $build/user ]]; then
	check "no mutable variables" no_mutable_variables
else
	skip "no mutable variables" "no objects in $build/user: run make"
fi
check "ktally.h is C99 and C++" public_header_is_c99_and_cxx
check "headers stand alone" headers_stand_alone
check "structs shared with BPF have no padding" shared_structs_have_no_padding
if command -v shellcheck >/dev/null; then
	check "shellcheck" shell_is_clean
else
	skip "shellcheck" "not installed"
fi
echo "1..$number"
((!failures))
