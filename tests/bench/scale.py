# SPDX-License-Identifier: BSD-2-Clause
"""What grows with the host: memory with processes, counters with CPUs that share them."""
import json
import os
import re

from hooks import compare, empty, ktally, table
from report import Table
from tools import KTALLY, Figures, Server, Tool

KIB, MIB = 1 << 10, 1 << 20
MEMBERS = b'"member":false'  # once a tick
MEMORY_COUNTS = (1000, 10000, 20000)
ROUNDS = 3


# ---- memory ----

def anonymous_bytes(pid):
    """Of a process alone: neither its program nor the maps that it shares with the kernel."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1)) * KIB


def measure_at(count, ticks=8):
    """(bytes of ktally, bytes of its maps in the kernel) while it watches so many."""
    with Server("crowd", count, 0) as crowd:
        options = ["-p", crowd.pids, "-f", "--processes", "--max-processes", "32768"]
        with Tool([KTALLY, *options, "-i", "250ms"]) as tool:
            tool.cpu_per_record(MEMBERS, ticks)
            user = anonymous_bytes(tool.pid)
        with open(tool.path, encoding="utf-8") as records:
            trailer = json.loads(records.readlines()[-1])
    return user, trailer["overhead"]["map_bytes"]


def measure_memory(report):
    lines, user = [], {}
    for count in MEMORY_COUNTS:
        measured = [measure_at(count) for _ in range(ROUNDS)]
        user[count] = [u for u, _ in measured]
        f = Figures(u / MIB for u in user[count])
        lines.append([f"{count:,}", *f.text(2), f"{measured[0][1] / MIB:.1f}",
                      "`ktally -p PID -f --processes --max-processes 32768`"])
    report.add(Table("Memory, private to ktally, and of its maps in the kernel",
                     ["processes", "MiB: min", "median", "max", "maps, MiB", "command"], lines))
    least, most = MEMORY_COUNTS[0], MEMORY_COUNTS[-1]
    slope = Figures((b - a) / (most - least) for a, b in zip(user[least], user[most]))
    report.aim("memory: bytes per process, user side", 1024, slope)


# ---- contended counters ----

def measure_contended(report):
    figures = {}
    cpus = os.cpu_count()
    for count in (1, cpus):
        with Server("contended", count) as game:
            rows = [empty("sched_switch"),
                    ktally("watched, switches only", game.pids, "--rung", "fd=/proc")]
            figures[count], base = compare(game, rows)
        where = "one CPU" if count == 1 else f"all {count} CPUs at once"
        report.add(table(f"Context switches of one process's threads on {where}",
                         "ns per switch", rows, figures[count], base, {"empty": rows[0].name}))
    one, watched = [row.name for row in rows]
    report.aim("all CPUs in one process: watched switch / one empty program", 2,
               figures[cpus][watched], figures[cpus][one])
