#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures all parts, or those that are named, and writes docs/BENCHMARKS.md when all were.

bench.py [start] [snapshots] [switches] [calls] [opens] [leaks] [programs] [contended] [guests]
         [growth] [host] [memory] [jsonl] [rules]
"""
import pathlib
import sys

import guests
import hooks
import report
import scale
import stacks
import ticks
import tools

PARTS = {
    "start": ticks.measure_start,
    "snapshots": ticks.measure_snapshots,
    "switches": hooks.measure_switches,
    "calls": hooks.measure_calls,
    "opens": hooks.measure_opens,
    "leaks": stacks.measure_leaks,
    "programs": hooks.measure_programs,
    "contended": scale.measure_contended,
    "guests": guests.measure_guests,
    "growth": ticks.measure_growth,
    "host": ticks.measure_host,
    "memory": scale.measure_memory,
    "jsonl": ticks.measure_jsonl,
    "rules": ticks.measure_rules,
}
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/BENCHMARKS.md"


def main():
    names = sys.argv[1:] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"ktally: no such part: {' '.join(unknown)}; there are {' '.join(PARTS)}")
    result = report.Report(tools.KTALLY)
    for name in names:
        PARTS[name](result)
    print(result.aims_table().text())
    if len(names) == len(PARTS):
        DOCUMENT.write_text(result.document(), encoding="utf-8")
        print(f"written: {DOCUMENT.name}")


if __name__ == "__main__":
    main()
