#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `make demo`: a small server that leaks a descriptor per request, watched for some seconds, with an alert.
set -euo pipefail

O=${O:-build}
[ "$(id -u)" = 0 ] || {
	echo "ktally: the demo loads BPF programs; run it as root: sudo make demo" >&2
	exit 4
}
echo "A small server answers requests for eight seconds and forgets to close one descriptor of each."
echo "ktally starts it, watches it and its children, and raises an alert when 100 are open for 2 s:"
echo
echo "  ktally -i 1s --alert 'leaking: open_fds > 100 for 2s' -- leaky -s 8"
echo
"$O/ktally" -i 1s --format table --alert 'leaking: open_fds > 100 for 2s' -- "$O/tests/workloads/leaky" -s 8
echo
echo "The same as JSON Lines, one snapshot, with jq-ready fields:"
echo
"$O/ktally" -n 1 --format jsonl -- "$O/tests/workloads/leaky" | grep -m1 '"type":"snapshot"'
