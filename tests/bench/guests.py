# SPDX-License-Identifier: BSD-2-Clause
"""What the hooks cost that not every host has, in guests of the kernel matrix: instructions are
counted there, not time."""
import os
import re
import subprocess

from report import Table
from tools import ROUNDS, Figures, helper

SERIES = ("6.12", "newest")
# Each with the hooks of the empty programs that it is compared with.
WAYS = {"kprobe.multi": "fd_install, openat's return, filp_flush",
        "fentry": "fd_install, sys_exit, filp_flush",
        "syscall": "sys_enter, sys_exit"}
AIMED = ("kprobe.multi", "fentry")
KERNELS = "tests/kernels"


def run(*argv):
    """What it printed; None, and why, when it failed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["failed"]
        print(f"{argv[0]}: {reason[-1]}")
        return None
    return done.stdout


def make_image():
    """The matrix's own, with what is measured and what measures on top."""
    built = os.path.join(os.environ.get("O", "build"), "kernels/initramfs")
    extra, image = helper("guest.cpio"), helper("guest.initramfs")
    if run(f"{KERNELS}/matrix.sh", "-b") is None:
        return None
    items = [f"{helper('syscalls')}=/bin/syscalls", f"{helper('empty-static')}=/bin/empty",
             f"{helper('empty.linked.o')}=/empty.o", "tests/bench/guest.sh=/bench.sh"]
    if run(f"{KERNELS}/mkinitramfs.sh", extra, *items) is None:
        return None
    with open(image, "wb") as out:
        for part in (built, extra):
            with open(part, "rb") as f:
                out.write(f.read())
    return image


def costs(output, way, looker):
    """What it adds to a call: less the mean of what was measured on both sides."""
    lines = re.findall(rf"^COST {re.escape(way)} (\w+) ([\d.]+)$", output, re.MULTILINE)
    values = [(who, float(ns)) for who, ns in lines]
    return [values[i][1] - (values[i - 1][1] + values[i + 1][1]) / 2
            for i in range(1, len(values) - 1) if values[i][0] == looker]


def measure_in(series, image, report, lines):
    output = run(f"{KERNELS}/boot.sh", "-t", "1200", "-c", "-i", image, series, f"ROUNDS={ROUNDS}", "--",
                 "exec sh /bench.sh")
    for way, hooks in WAYS.items():
        what = f"open and close, {way} on {series}: watched / empty programs"
        empty, ktally = (Figures(costs(output or "", way, who)) for who in ("empty", "ktally"))
        if not empty.values or not ktally.values:
            if way in AIMED:
                report.aim(what, 2, None)
            lines.append([f"{series}, {way}", "not measured", *[""] * 5])
            continue
        lines.append([f"{series}, {way}: empty programs", *empty.text(), "1.00", hooks])
        lines.append([f"{series}, {way}: ktally", *ktally.text(),
                      f"{ktally.median / empty.median:.2f}", f"`ktally -p PID --rung fd={way}`"])
        if way in AIMED:
            report.aim(what, 2, ktally, empty)


def measure_guests(report):
    image, lines = make_image(), []
    for series in SERIES if image else ():
        measure_in(series, image, report, lines)
    report.add(Table("Open and close, per call, in guests that count instructions",
                     ["added instructions", "min", "median", "max", "/ empty", "what"],
                     lines))
