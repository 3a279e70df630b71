# SPDX-License-Identifier: BSD-2-Clause
"""What it costs to know which code opened a descriptor."""
import re
import time

from hooks import Row, added, bpftrace, ktally, ratio
from report import Table
from tools import CPU, KTALLY, ROUNDS, Figures, Server, Tool, cpu_seconds

COUNT_STACKS = "tracepoint:syscalls:sys_enter_openat /pid == PID/ { @[ustack] = count(); }"
MILLISECONDS = 200
SLICES = MILLISECONDS // 5  # of one measurement, as server.h has them
BURST = {"known": 128, "closed": 128, "new": 64}  # opens in each, as stacks.c has them
AIM_NS = 3000
TITLES = {"known": "open, known stack", "closed": "open and close, known stack",
          "new": "open, new stack"}


def rows_for(pid):
    rows = [Row("ktally leaks", [KTALLY, "leaks", "--format", "jsonl", "-p", pid],
                "ktally leaks -p PID"),
            ktally("no stacks", pid),
            Row("strace -k",
                ["strace", "-q", "-k", "-e", "trace=openat", "-o", "/dev/null", "-p", pid],
                "strace -k -e trace=openat -p PID", needs="strace", ready_after=0.3),
            bpftrace("ustack", COUNT_STACKS.replace("PID", pid))]
    rows[-1].shown = rows[-1].shown.replace(pid, "PID")
    return rows


def own_cpu(server, row, calls):
    """Nanoseconds of CPU time that the tool itself takes for each open, behind the program's back;
    and what it says that it lost."""
    with Tool(row.argv, **row.options) as tool:
        time.sleep(0.2)
        before = cpu_seconds(tool.pid)
        server.measure(MILLISECONDS)
        time.sleep(0.1)
        spent = cpu_seconds(tool.pid) - before
    with open(tool.path, encoding="utf-8", errors="replace") as f:
        lost = re.search(r'"type":"trailer".*"lost_events":(\d+)', f.read())
    return spent / calls * 1e9, int(lost.group(1)) if lost else 0


def measure_rows(server, rows, calls):
    """({row name: added time}, {row name: its own CPU time}, base, events lost in all)"""
    times, cpu, base, lost = {}, {}, [], 0
    for _ in range(ROUNDS):
        for row in rows:
            times.setdefault(row.name, []).append(added(server, row, base))
            spent, of_these = own_cpu(server, row, calls)
            cpu.setdefault(row.name, []).append(spent)
            lost += of_these
    return ({name: Figures(values) for name, values in times.items()},
            {name: Figures(values) for name, values in cpu.items()}, Figures(base), lost)


def line_of(row, times, cpu):
    figures = times.get(row.name)
    if not figures:
        return ["+ " + row.name, "not installed", *[""] * 5, f"`{row.shown}`"]
    return ["+ " + row.name, *figures.text(), ratio(figures, times.get("strace -k")),
            ratio(figures, times.get("bpftrace, ustack")), *cpu[row.name].text()[1:2],
            f"`{row.shown}`"]


def measure_chain(report, mode, depth):
    with Server("stacks", mode, depth, CPU) as server:
        rows = rows_for(server.pids)
        times, cpu, base, lost = measure_rows(server, [row for row in rows if row.installed],
                                              SLICES * BURST[mode])
    lines = [["(nothing)", *base.text(), "", "", "", "the workload alone"]]
    lines += [line_of(row, times, cpu) for row in rows]
    report.add(Table(f"Which code opened it: {TITLES[mode]}, {depth} calls deep; {lost} events lost",
                     ["added ns", "min", "median", "max", "/ strace",
                      "/ bpftrace", "its own CPU", "command"], lines))
    return times


def measure_leaks(report):
    for mode, depth in (("known", 8), ("known", 20), ("closed", 8), ("new", 20)):
        times = measure_chain(report, mode, depth)
        what = f"leaks, {TITLES[mode]}, {depth} calls deep"
        if mode == "known":
            report.aim(f"{what}: ns", AIM_NS, times["ktally leaks"])
        report.aim(f"{what} / strace -k", 0.1, times["ktally leaks"], times.get("strace -k"))
