# SPDX-License-Identifier: BSD-2-Clause
"""Figures as Markdown: what was aimed at, what came out, on which machine."""
import os
import platform
import re
import subprocess
import time


class Table:
    def __init__(self, title, head, rows):
        self.title, self.head, self.rows = title, head, rows

    def text(self):
        lines = [f"## {self.title}", "", row_text(self.head),
                 row_text(["---" if i in (0, len(self.head) - 1) else "---:"
                           for i in range(len(self.head))])]
        return "\n".join(lines + [row_text(row) for row in self.rows]) + "\n"


def row_text(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def first_line(*argv):
    try:
        out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False).stdout
    except FileNotFoundError:
        return "not installed"
    return out.strip().splitlines()[0] if out.strip() else "?"


def from_file(path, pattern):
    with open(path, encoding="utf-8", errors="replace") as f:
        found = re.search(pattern, f.read(), re.MULTILINE)
    return found.group(1) if found else "?"


def rungs(ktally):
    """Which rung each instrument took here, from the header record."""
    header = first_line(ktally, "-q", "-p", str(os.getpid()), "-n", "1", "-i", "100ms")
    pairs = re.findall(r'"(\w+)":\{"rung":"([^"]+)"', header)
    return ", ".join(f"{name} {rung}" for name, rung in pairs)


def tool_versions():
    psutil = first_line("/usr/bin/python3", "-c", "import psutil; print(psutil.__version__)")
    return {"clang": first_line("clang", "--version"),
            "bpftrace": first_line("bpftrace", "--version"),
            "strace": first_line("strace", "--version"),
            "perf": first_line("perf", "--version"),
            "pidstat": first_line("pidstat", "-V"),
            "psutil": psutil if re.match(r"[\d.]+$", psutil) else "not installed"}


class Report:
    def __init__(self, ktally):
        self.ktally = ktally
        self.tables = []
        self.aims = []
        self.load = os.getloadavg()[0]
        self.started = time.time()

    def add(self, table):
        self.tables.append(table)
        print(table.text(), flush=True)

    def aim(self, what, bound, figures, reference=None, least=False):
        """Median against a bound; with a reference, the ratio of the medians. A verdict only where
        the worst and the best that the repetitions allow agree on it."""
        if not figures or (reference is None and " / " in what):
            self.aims.append([what, bound_text(bound, least), "not measured", "", ""])
            return
        low, value, high = figures.over(reference) if reference else figures.three()
        verdicts = {(v >= bound if least else v <= bound) for v in (low, high)}
        self.aims.append([what, bound_text(bound, least), f"{number(low)} to {number(high)}",
                          number(value), VERDICTS[verdicts.pop()] if len(verdicts) == 1
                          else "within noise"])

    def aims_table(self):
        return Table("Aims", ["what", "aim", "range", "median", "met"], self.aims)

    def machine(self):
        facts = {"kernel": f"{platform.release()} {platform.machine()}",
                 "CPU": f"{os.cpu_count()} × {from_file('/proc/cpuinfo', r'model name.*: (.*)')}",
                 "memory": f"{int(from_file('/proc/meminfo', r'MemTotal: *([0-9]+)')) >> 20} GiB",
                 "page-table isolation": from_file(
                     "/sys/devices/system/cpu/vulnerabilities/meltdown", "(.*)"),
                 "instruments": rungs(self.ktally),
                 "load average": f"{self.load:.2f} before, {os.getloadavg()[0]:.2f} after",
                 "repetitions": os.environ.get("ROUNDS", "5"),
                 "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.started)),
                 "duration": f"{time.time() - self.started:.0f} s",
                 **tool_versions()}
        return Table("Machine", ["", ""], [[k, v] for k, v in facts.items()])

    def document(self):
        parts = [PREFACE, self.aims_table().text(), *(t.text() for t in self.tables),
                 self.machine().text()]
        return "\n".join(parts)


VERDICTS = {True: "yes", False: "**no**"}


def number(value):
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def bound_text(bound, least):
    return f"{'≥' if least else '≤'} {bound:,}"


PREFACE = """# Benchmarks

Written by `sudo make bench` (tests/bench/run.sh), not by hand. Run it to have your machine's figures.

How it is measured:

- what a tool spends on a snapshot is its process's CPU clock from one record in its output to the next
  (pidstat, which keeps its output to itself for a while: from half a second to the next): starting it is not in it, neither is what its hooks add to others.
  `nothing` is woken and writes a line as long as ktally's: no snapshot can cost less;
- what a tool adds to a switch or a call is the CPU time of a workload on one CPU that makes nothing
  else, less the same before the tool came and after it went, in slices of 5 ms of which the tenth
  percentile counts (what disturbs only ever adds). The workload lives on, the tools take turns;
- what it adds to know the stack of an open is time by the clock, since strace stops the program,
  in bursts after a pause, so that what is behind them is not on their account: it is the tool's
  own CPU time, per open, beside them. ktally follows closes, too; the others do not. The program
  has frame pointers, without which bpftrace sees no callers;
- what is inside a BPF program is the kernel's own account (kernel.bpf_stats_enabled): the mean of
  all runs, two readings of the clock included;
- what hooks cost that not every host has is told by guests of the kernel matrix (QEMU), whose clock
  counts the instructions that they execute, one a nanosecond: the figures hardly vary, and say
  nothing of caches;
- figures are minimum, median and maximum of all repetitions, none left out; ratios are of medians.
  The machine was not made quiet for it: differences below the spread are noise, and negative figures
  are too. The range of an aim is the least that the repetitions allow to the most; where both do
  not give the same verdict, there is none.
"""
