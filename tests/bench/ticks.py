# SPDX-License-Identifier: BSD-2-Clause
"""What a tool itself spends on each snapshot, on its start, on its output."""
import contextlib
import os
import re
import subprocess
import sys
import time

from report import Table
from tools import KTALLY, ROUNDS, Figures, Server, Tool, have, helper

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = os.path.join(HERE, "seed_monitor.py")
PYTHON = "/usr/bin/python3"  # Debian's psutil belongs to this one
FILES = (16, 1000)  # what a small tool has open, and what a server has
LINE = "1040"  # bytes of a snapshot
RECORD = b'"member":false'  # once a tick: the snapshot of the target itself
SEED_RECORD = b'"timestamp"'
GROWTH = (10, 100, 1000, 5000, 20000)
MIB = 1 << 20


def has_psutil():
    return subprocess.run([PYTHON, "-c", "import psutil"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def last_processes(path):
    """Processes in the last snapshot of the whole target."""
    with open(path, encoding="utf-8") as lines:
        found = [m for m in map(re.compile(r'"type":"snapshot".*"member":false.*"processes":(\d+)')
                                .search, lines) if m]
    return int(found[-1].group(1))


# ---- one process ----

def snapshot_tools(pid):
    """(name, interval, argv, installed, options): all ask the same of the same process, but `nothing`
    no one: it is woken and writes a line as long as ktally's."""
    return [
        ("ktally", 1.0, [KTALLY, "-p", pid], True, {"mark": RECORD}),
        ("seed (psutil)", 1.0, [PYTHON, SEED, pid, "1"], has_psutil(), {"mark": SEED_RECORD}),
        ("pidstat", 1.0, ["pidstat", "-urwv", "-p", pid, "1"], have("pidstat"),
         {"ready_after": 0.2}),
        ("ktally", 0.1, [KTALLY, "-p", pid, "-i", "100ms"], True, {"mark": RECORD}),
        ("seed (psutil)", 0.1, [PYTHON, SEED, pid, "0.1"], has_psutil(), {"mark": SEED_RECORD}),
        ("nothing", 1.0, [helper("waker"), "1000", LINE], True, {"mark": b"\n"}),
        ("nothing", 0.1, [helper("waker"), "100", LINE], True, {"mark": b"\n"}),
    ]


def measure_one(argv, interval, ticks, mark=None, **options):
    """Microseconds of each tick; memory at the end, and the most of it."""
    with Tool(argv, **options) as tool:
        if mark:
            cpu = tool.cpu_per_record(mark, ticks)
        else:
            cpu = tool.cpu_per_tick(interval, ticks)
        return [1e6 * v for v in cpu], memory_mib(tool, "VmRSS"), memory_mib(tool, "VmHWM")


def memory_mib(tool, field):
    with open(f"/proc/{tool.pid}/status", encoding="ascii", errors="replace") as status:
        return int(re.search(rf"{field}:\s+(\d+)", status.read()).group(1)) * 1024 / MIB


def snapshots_of(files):
    """The tools, what they cost and take over a process with so many regular files open."""
    values, memory = {}, {}
    with Server("crowd", 1, files) as crowd:
        tools = snapshot_tools(crowd.pids)
        for _ in range(2):
            for name, interval, argv, installed, options in tools:
                if not installed:
                    continue
                cpu, *mib = measure_one(argv, interval, 4 if interval >= 1 else 20, **options)
                values.setdefault((name, interval), []).extend(cpu)
                memory.setdefault((name, interval), []).append(mib)
        commands = {tool[:2]: " ".join(map(os.path.basename, tool[2])).replace(crowd.pids, "PID")
                    for tool in tools}
    return commands, {key: Figures(v) for key, v in values.items()}, memory


def add_snapshots(report, files, commands, f, memory):
    lines = []
    for (name, interval), command in commands.items():
        key = (name, interval)
        if key not in f:
            lines.append([name, f"{interval:g} s", "not installed"] + [""] * 6)
            continue
        lines.append([name, f"{interval:g} s", *f[key].text(),
                      f"{f[key].median / f['ktally', interval].median:.2g}",
                      *(f"{max(m):.1f}" for m in zip(*memory[key])), f"`{command}`"])
    report.add(Table(f"One snapshot of one process with {files:,} open files",
                     ["µs of CPU per snapshot", "interval", "min", "median", "max", "times ktally's",
                      "RSS, MiB", "peak RSS, MiB", "command"], lines))
    for interval in (1.0, 0.1):
        report.aim(f"ktally / seed (psutil), {files:,} open files, {interval:g} s", 0.05,
                   f["ktally", interval], f.get(("seed (psutil)", interval)))


def measure_snapshots(report):
    for files in FILES:
        commands, f, memory = snapshots_of(files)
        add_snapshots(report, files, commands, f, memory)
        if files > FILES[0]:
            continue
        report.aim("one process at 1 s: CPU, %", 0.02, f["ktally", 1.0].scaled(1e-4))
        rss, peak = map(Figures, zip(*memory["ktally", 1.0]))
        report.aim("one process at 1 s: RSS, MiB", 6, rss)
        report.aim("one process at 1 s: peak RSS (while programs are loaded), MiB", 10, peak)


# ---- the start ----

def measure_start(report):
    lines, figures = [], {}
    for name, options in (("ktally", []), ("ktally without BPF", ["--no-bpf"])):
        values = []
        for _ in range(ROUNDS + 3):
            with Tool([KTALLY, "-p", str(os.getpid()), *options], settle=0) as tool:
                values.append(1e3 * (tool.ready - tool.started))
        figures[name] = Figures(values)
        lines.append([name, *figures[name].text(1), f"`{' '.join(['ktally -p PID', *options])}`"])
    report.add(Table("From start to the first armed tick (programs attached, baseline taken)",
                     ["ms", "min", "median", "max", "command"], lines))
    report.aim("first snapshot armed, ms", 100, figures["ktally"])


# ---- many processes ----

def measure_crowd(count, options, ticks=3):
    """(CPU µs per process and snapshot, processes, peak MiB) of ktally over a crowd."""
    with Server("crowd", count, 0) as crowd:
        argv = [KTALLY, *(o.replace("PID", crowd.pids) for o in options)]
        with Tool(argv) as tool:
            cpu = tool.cpu_per_record(RECORD, ticks)
            mib = memory_mib(tool, "VmHWM")
        processes = last_processes(tool.path)
    return Figures(1e6 * v / processes for v in cpu), processes, mib


def count_processes():
    return len([p for p in os.listdir("/proc") if p.isdigit()])


def others_over_all():
    """(name, argv, options): what else tells of every process."""
    if have("pidstat"):
        yield "pidstat", ["pidstat", "-urwv", "-p", "ALL", "1"], {"ready_after": 0.7}
    if has_psutil():
        yield "psutil", [PYTHON, SEED, "all", "1"], {"mark": b"\n\n"}
    yield "reader", [helper("reader"), "1000"], {"mark": b"\n"}


def other_crowd(count, argv, ticks=3, mark=None, **options):
    """Likewise of another tool."""
    with Server("crowd", count, 0):
        with Tool(argv, **options) as tool:
            if mark:
                cpu = tool.cpu_per_record(mark, ticks)
            else:
                cpu = tool.cpu_per_tick(1.0, ticks)
        processes = count_processes()
    return Figures(1e6 * v / processes for v in cpu), processes


def compare_crowd(report, count):
    """Beside each other, of all processes; for the aims, ktally before and after the others."""
    options = ["-a", "--processes"]
    own, processes, mib = measure_crowd(count, options)
    others = {name: (argv, *other_crowd(count, argv, **how))
              for name, argv, how in others_over_all()}
    again, _, _ = measure_crowd(count, options)
    own = Figures(own.values + again.values)

    lines = [[f"{processes:,}", *own.text(2), f"{own.median * processes / 1000:,.2f}", f"{mib:.1f}",
              "1.0", "`ktally -a --processes > FILE`"]]
    for argv, f, seen in others.values():
        shown = " ".join(os.path.basename(a) for a in argv)
        lines.append([f"{seen:,}", *f.text(2), f"{f.median * seen / 1000:,.2f}", "",
                      f"{f.median / own.median:.1f}", f"`{shown} > FILE`"])
    report.add(Table("All processes, a record each", [
        "processes", "µs per process: min", "median", "max", "ms per snapshot", "peak RSS, MiB",
        "times ktally's", "command"], lines))
    report.aim("5,000 processes: µs per process and snapshot", 3, own)
    for name, what, times in (("psutil", "psutil", 20), ("reader", "stat, statm, status in C", 9)):
        report.aim(f"5,000 processes: {what} / ktally", times, others.get(name, (0, None))[1], own,
                   least=True)


def measure_growth(report):
    lines, medians = [], {}
    for count in GROWTH:
        options = ["-p", "PID", "-f", "--processes"]
        if count > 10000:  # the kernel's maps have room for 16384 unless told
            options += ["--max-processes", "65536"]
        f, processes, mib = measure_crowd(count, options)
        medians[count] = f
        lines.append([f"{processes:,}", *f.text(2), f"{f.median * processes / 1000:,.2f}",
                      f"{mib:.1f}", f"`ktally {' '.join(options)} > FILE`"])
    report.add(Table("Many processes, a record each", [
        "processes", "µs per process: min", "median", "max", "ms per snapshot", "peak RSS, MiB",
        "command"], lines))
    # Below a thousand the fixed cost of a tick is most of it, so flat is asked for from there on.
    report.aim("growth: cost per process at 20,000 / at 1,000", 1.5, medians[20000], medians[1000])
    report.aim("growth: cost per process at 20,000 / at 10", 1, medians[20000], medians[10])
    compare_crowd(report, 5000)


# ---- a host that lives ----

def forks():
    with open("/proc/stat", encoding="ascii") as stat:
        return int(re.search(r"^processes (\d+)", stat.read(), re.MULTILINE).group(1))


@contextlib.contextmanager
def churn(pause):
    """Two processes that end, then a pause, over and over; None: nothing of the kind."""
    if pause is None:
        yield
        return
    loop = ["sh", "-c", f"while :; do /bin/true; sleep {pause}; done"]
    with subprocess.Popen(loop, stderr=subprocess.DEVNULL) as shell:
        try:
            yield
        finally:
            shell.kill()


def measure_host(report):
    lines = []
    for pause in (None, 1, 0.005):
        with churn(pause), Tool([KTALLY, "-a"]) as tool:
            before, began = forks(), time.monotonic()
            cpu = tool.cpu_per_record(RECORD, ROUNDS + 4)
            rate = (forks() - before) / (time.monotonic() - began)
        lines.append([f"{rate:.0f}", *Figures(1e6 * v for v in cpu).text(), "`ktally -a > FILE`"])
    report.add(Table(f"A whole host of {count_processes()} processes, once a second",
                     ["processes that begin and end, per second", "µs per snapshot: min", "median",
                      "max", "command"], lines))


# ---- the writer ----

def measure_jsonl(report):
    values = []
    for _ in range(ROUNDS):
        text = subprocess.run([helper("bench_jsonl"), "100000"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        values.append(float(re.search(r"^jsonl\s+(\d+)", text, re.MULTILINE).group(1)))
    f = Figures(values)
    report.add(Table("JSON Lines written on one core, all values known",
                     ["", "min", "median", "max", "command"],
                     [["lines per second", *f.text(), "`bench_jsonl 100000`"]]))
    report.aim("JSON lines per second", 400000, f, least=True)


# ---- the rules ----

def measure_rules(report):
    rules = os.path.join(HERE, "../../docs/rules/recommended.yaml")
    text = subprocess.run([helper("bench_rules"), rules], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    f = Figures(float(line) / 1000 for line in text.split())
    report.add(Table("20 rules over 10,000 processes, windows of ten minutes full",
                     ["", "min", "median", "max", "command"],
                     [["ms per tick", *f.text(1), "`bench_rules docs/rules/recommended.yaml`"]]))
    report.aim("20 rules over 10,000 processes: ms per tick", 20, f)


if __name__ == "__main__":
    sys.exit("run tests/bench/run.sh")
