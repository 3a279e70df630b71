# SPDX-License-Identifier: BSD-2-Clause
"""Time that a tool adds to each context switch and each system call of what it watches."""
import contextlib
import glob
import statistics

from report import Table
from tools import CPU, KTALLY, ROUNDS, Figures, Server, Tool, have, helper

COUNT_SWITCHES = "tracepoint:sched:sched_switch { @[args->prev_pid] = count(); }"
TIME_SWITCHES = """
tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new { @woken[args->pid] = nsecs; }
tracepoint:sched:sched_switch {
    @switches[args->prev_pid] = count();
    @oncpu[args->prev_pid] = sum(nsecs - @in[args->prev_pid]);
    @waited[args->next_pid] = sum(nsecs - @woken[args->next_pid]);
    @in[args->next_pid] = nsecs;
    if (args->prev_state == 0) { @woken[args->prev_pid] = nsecs; }
}"""
COUNT_CALLS = "tracepoint:raw_syscalls:sys_exit { @[pid] = count(); }"
COUNT_OPENS = """
tracepoint:syscalls:sys_exit_openat, tracepoint:syscalls:sys_exit_close {
    @[pid, probe] = count();
}"""


class Row:
    """One way to look: a name, the command that is shown, and what starts it."""

    def __init__(self, name, argv, shown=None, needs=None, **options):
        self.name, self.argv, self.options = name, argv, options
        self.shown = shown or " ".join(argv)
        self.installed = not needs or have(needs)


def empty(*programs):
    return Row(f"empty BPF program: {', '.join(programs)}",
               [helper("empty"), helper("empty.linked.o"), *programs],
               f"empty {' '.join(programs)} (tp_btf)")


def ktally(name, pids, *options):
    return Row(f"ktally, {name}", [KTALLY, "-p", pids, *options],
               f"ktally -p {'PID' if ',' not in pids else 'PID,PID'} {' '.join(options)}".strip())


def bpftrace(name, script):
    return Row(f"bpftrace, {name}", ["bpftrace", "-e", 'BEGIN { printf("ready\\n"); }' + script],
               f"bpftrace -e '{' '.join(script.split())}'", needs="bpftrace", settle=0.5)


def perf_stat(event, pids):
    return Row(f"perf stat, {event}", ["perf", "stat", "-e", event, "-p", pids],
               f"perf stat -e {event} -p PID", needs="perf", ready_after=0.4)


def added(server, row, between):
    """Nanoseconds more than without the tool, before and after which is measured too."""
    before = server.measure()
    with Tool(row.argv, **row.options):
        during = server.measure()
    after = server.measure()
    between += [before, after]
    return during - (before + after) / 2


def compare(server, rows):
    """All rows once per round: what changes with time changes for all. ({row: figures}, base)"""
    values = {row.name: [] for row in rows if row.installed}
    base = []
    for _ in range(ROUNDS):
        for row in rows:
            if row.installed:
                values[row.name].append(added(server, row, base))
    return {name: Figures(v) for name, v in values.items()}, Figures(base)


def ratio(figures, reference):
    if not reference or statistics.median(reference.values) <= 0:
        return "-"
    return f"{figures.median / reference.median:.2f}"


def table(title, unit, rows, figures, base, references):
    """References: {column: row name}; medians against that row's."""
    lines = [["(nothing)", *base.text(), *("" for _ in references), "the workload alone"]]
    for row in rows:
        if not row.installed:
            lines.append([row.name, "not installed", "", "", *("" for _ in references), ""])
            continue
        f = figures[row.name]
        ratios = [ratio(f, figures.get(name)) for name in references.values()]
        lines.append(["+ " + row.name, *f.text(), *ratios, f"`{row.shown}`"])
    return Table(title, [f"added {unit}", "min", "median", "max",
                         *(f"/ {r}" for r in references), "command"], lines)


def measure_switches(report):
    with Server("crowd", 1, 0) as other, Server("pingpong", CPU) as game:
        rows = [empty("sched_switch"),
                ktally("watched, switches only", game.pids, "--rung", "fd=/proc"),
                ktally("watched, everything", game.pids),
                ktally("another watched, switches only", other.pids, "--rung", "fd=/proc"),
                ktally("another watched, everything", other.pids),
                bpftrace("count per thread", COUNT_SWITCHES),
                bpftrace("the same times as ktally", TIME_SWITCHES),
                perf_stat("context-switches", game.pids)]
        figures, base = compare(game, rows)
    one, watched, _, unwatched, _, count = [row.name for row in rows[:6]]
    report.add(table("Context switches", "ns per switch", rows, figures, base,
                     {"empty": one, "bpftrace count": count}))
    f = figures
    report.aim("watched switch / bpftrace's count", 0.5, f.get(watched), f.get(count))
    report.aim("watched switch / one empty program", 2, f[watched], f[one])
    report.aim("unwatched switch / one empty program", 1.2, f[unwatched], f[one])


def measure_calls(report):
    with Server("crowd", 1, 0) as other, Server("syscalls", "getppid", CPU) as caller:
        rows = [empty("sys_exit"), empty("sys_enter", "sys_exit"),
                empty("sys_exit", "enter_dup2", "enter_dup3", "enter_close_range"),
                ktally("watched, fd=syscall", caller.pids, "--rung", "fd=syscall"),
                ktally("another watched, fd=syscall", other.pids, "--rung", "fd=syscall"),
                bpftrace("count per process", COUNT_CALLS),
                perf_stat("raw_syscalls:sys_exit", caller.pids)]
        figures, base = compare(caller, rows)
    one, _, least, watched, unwatched = [row.name for row in rows[:5]]
    report.add(table("System calls that are not counted (getppid)", "ns per call", rows, figures,
                     base, {"empty": one, "least": least, "bpftrace": rows[5].name}))
    report.aim("ignored call of a watched process / empty sys_exit", 1.15, figures[watched],
               figures[one])
    report.aim("call of an unwatched process / empty sys_exit", 1.15, figures[unwatched],
               figures[one])
    # Only before it can be seen what a dup2 or close_range will close.
    report.aim("ignored call of a watched process / empty programs where it is exact", 1.15,
               figures[watched], figures[least])


def measure_opens(report):
    with Server("syscalls", "open", CPU) as opener:
        rows = [ktally("watched, fd=syscall", opener.pids, "--rung", "fd=syscall"),
                ktally("watched, best rung", opener.pids),
                bpftrace("open and close per process", COUNT_OPENS),
                perf_stat("syscalls:sys_enter_openat,syscalls:sys_enter_close", opener.pids)]
        figures, base = compare(opener, rows)
    report.add(table("System calls that are counted (open, close)", "ns per call", rows, figures,
                     base, {"bpftrace": rows[2].name}))


# ---- the kernel's own account of BPF programs ----

@contextlib.contextmanager
def bpf_stats():
    switch = "/proc/sys/kernel/bpf_stats_enabled"
    with open(switch, encoding="ascii") as f:
        before = f.read()
    write(switch, "1")
    try:
        yield
    finally:
        write(switch, before)


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def program_times(pid):
    """{id: (runs, ns)} of the programs that a process holds, from its descriptors."""
    programs = {}
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with open(path, encoding="ascii", errors="replace") as f:
            fields = dict(line.split(":", 1) for line in f if ":" in line)
        if "run_time_ns" in fields:
            programs[fields["prog_id"]] = int(fields["run_cnt"]), int(fields["run_time_ns"])
    return programs


def per_event(tool, server):
    """ns per run of the program that ran most, in it and all that ran along with it; iterators and
    what attends to births and deaths run seldom."""
    before = program_times(tool.pid)
    server.measure()
    after = program_times(tool.pid)
    times = [(runs - before[i][0], ns - before[i][1]) for i, (runs, ns) in after.items()]
    most = max(runs for runs, _ in times)
    return sum(ns for runs, ns in times if runs >= most / 10) / most


def kernel_account(server, rows):
    values = {row.name: [] for row in rows if row.installed}
    for _ in range(ROUNDS):
        for row in rows:
            if row.installed:
                with Tool(row.argv, **row.options) as tool:
                    values[row.name].append(per_event(tool, server))
    return {name: Figures(v) for name, v in values.items()}


def program_table(title, rows, figures, reference):
    lines = []
    for row in rows:
        f = figures.get(row.name)
        lines.append([row.name, *(f.text() if f else ["not installed", "", ""]),
                      ratio(f, figures[reference.name]) if f else "", f"`{row.shown}`"])
    return Table(title, ["ns in programs", "min", "median", "max", "/ empty", "command"], lines)


def measure_programs(report):
    """What the kernel says the programs took; two clock readings are in each run."""
    with bpf_stats(), Server("crowd", 1, 0) as other, Server("pingpong", CPU) as game, \
            Server("syscalls", "getppid", CPU) as caller:
        switch_rows = [empty("sched_switch"),
                       ktally("watched, switches only", game.pids, "--rung", "fd=/proc"),
                       ktally("another watched, switches only", other.pids, "--rung", "fd=/proc"),
                       bpftrace("count per thread", COUNT_SWITCHES),
                       bpftrace("the same times as ktally", TIME_SWITCHES)]
        call_rows = [empty("sys_exit"),
                     ktally("watched, fd=syscall", caller.pids, "--rung", "fd=syscall"),
                     ktally("another watched, fd=syscall", other.pids, "--rung", "fd=syscall"),
                     bpftrace("count per process", COUNT_CALLS)]
        switches = kernel_account(game, switch_rows)
        calls = kernel_account(caller, call_rows)
    report.add(program_table("Inside the programs, per context switch", switch_rows, switches,
                             switch_rows[0]))
    report.add(program_table("Inside the programs, per system call", call_rows, calls,
                             call_rows[0]))
    f, rows = switches, switch_rows
    report.aim("inside programs: watched switch / bpftrace's count", 0.5, f[rows[1].name],
               f.get(rows[3].name))
    report.aim("inside programs: watched switch / empty", 2, f[rows[1].name], f[rows[0].name])
    report.aim("inside programs: unwatched switch / empty", 1.2, f[rows[2].name], f[rows[0].name])
    report.aim("inside programs: ignored call, watched / empty", 1.15, calls[call_rows[1].name],
               calls[call_rows[0].name])
