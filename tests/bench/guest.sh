#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs in a guest of the kernel matrix: what open and close of a file cost while hooks are there
# that this kernel has and the host may not have. $ROUNDS lines of each kind:
#
#   COST WAY LOOKER NS         nanoseconds per call; LOOKER: nobody, empty or ktally
#   REFUSED WAY LOOKER WHY
set -u

PATIENCE=60 # seconds that a tool may take to begin, under emulation
MS=500

# await FILE TEXT PID: the text is in the file; false when the process has ended before.
await() {
	left=$((PATIENCE * 10))
	until grep -q "$2" "$1" 2>/dev/null; do
		left=$((left - 1))
		[ "$left" -gt 0 ] && kill -0 "$3" 2>/dev/null || return 1
		sleep 0.1
	done
}

measure() {
	echo "$MS" >&4
	read -r ns <&5
	echo "COST $1 $2 $ns"
}

# with WAY LOOKER TEXT COMMAND...: before, while the command runs and has said TEXT, and after.
with() {
	way=$1 looker=$2 text=$3
	shift 3
	measure "$way" nobody
	rm -f hold said
	mkfifo hold
	"$@" <hold >said 2>&1 &
	tool=$!
	exec 6>hold
	if await said "$text" "$tool"; then
		measure "$way" "$looker"
	else
		echo "REFUSED $way $looker $(tail -n 1 said)"
	fi
	exec 6>&-
	kill "$tool" 2>/dev/null
	wait "$tool"
	measure "$way" nobody
}

cd /tmp || exit 1
close=filp_close
grep -q ' filp_flush$' /proc/kallsyms && close=filp_flush
mkfifo requests answers
syscalls open 1 <requests >answers &
exec 4>requests 5<answers
read -r pid <&5

for _ in $(seq "$ROUNDS"); do
	with kprobe.multi empty ready empty /empty.o entry@fd_install "entry@$close" \
		ret@__x64_sys_openat
	with kprobe.multi ktally '"header"' ktally -q -i 5s -p "$pid" --rung fd=kprobe.multi
	with fentry empty ready empty /empty.o fd_install "$close" sys_exit
	with fentry ktally '"header"' ktally -q -i 5s -p "$pid" --rung fd=fentry
	with syscall empty ready empty /empty.o sys_enter sys_exit
	with syscall ktally '"header"' ktally -q -i 5s -p "$pid" --rung fd=syscall
done
