# SPDX-License-Identifier: BSD-2-Clause
"""Programs that are measured and programs that measure: started, waited for, ended by PID."""
import math
import os
import shutil
import statistics
import subprocess
import time

OUT = os.path.join(os.environ.get("O", "build"), "tests/bench")
KTALLY = os.path.join(os.environ.get("O", "build"), "ktally")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
CPU = max(os.sched_getaffinity(0))


def have(command):
    return shutil.which(command) is not None


def helper(name):
    return os.path.join(OUT, name)


def cpu_seconds(pid):
    """CPU time of a whole process, exact: the clock that clock_getcpuclockid(3) gives."""
    return time.clock_gettime(~pid << 3 | 2)


class Figures:
    """Minimum, median and maximum of what was measured several times."""

    def __init__(self, values):
        self.values = sorted(values)

    @property
    def median(self):
        return statistics.median(self.values)

    def scaled(self, factor):
        return Figures(v * factor for v in self.values)

    def three(self):
        return self.values[0], self.median, self.values[-1]

    def over(self, other):
        """Least, median and greatest ratio that the values allow: no bound where other may be 0."""
        low, median, high = other.three()
        if low <= 0:
            return -math.inf, self.median / median if median else math.nan, math.inf
        least = self.values[0] / (high if self.values[0] > 0 else low)
        return least, self.median / median, self.values[-1] / low

    def text(self, digits=0):
        return [f"{v:,.{digits}f}" for v in self.three()]


class Server:
    """A measured program: says who it is, then answers one figure per request."""

    def __init__(self, *argv):
        self.process = subprocess.Popen([helper(argv[0]), *map(str, argv[1:])], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pids = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def measure(self, milliseconds=200):
        self.process.stdin.write(f"{milliseconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


class Tool:
    """A measuring program, running: standard output into a file, ready when something is in it."""

    def __init__(self, argv, ready_after=None, settle=0.1, output=None):
        self.path = output or helper("tool.out")
        with open(self.path, "wb") as out:
            self.started = time.monotonic()
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out,
                                            stderr=subprocess.PIPE)
        self.pid = self.process.pid
        if ready_after is None:
            self.wait_for_output(argv)
        else:
            time.sleep(ready_after)
        self.ready = time.monotonic()
        time.sleep(settle)

    def wait_for_output(self, argv):
        while not os.path.getsize(self.path):
            if self.process.poll() is not None or time.monotonic() > self.started + 120:
                self.process.kill()
                raise RuntimeError(f"{' '.join(argv)}: {self.process.stderr.read().decode()}")
            time.sleep(0.0005)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.send_signal(2)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        time.sleep(0.05)

    def cpu_per_tick(self, interval, ticks):
        """CPU seconds of each interval, read half way between two ticks."""
        readings = []
        for tick in range(ticks + 1):
            time.sleep(max(0, self.ready + (tick + 0.5) * interval - time.monotonic()))
            readings.append(cpu_seconds(self.pid))
        return [after - before for before, after in zip(readings, readings[1:])]

    def cpu_per_record(self, mark, count):
        """CPU seconds from one record with this mark in the output to the next, however late."""
        seen, tail, readings = 0, b"", []
        with open(self.path, "rb") as output:
            while len(readings) <= count:
                chunk = tail + output.read(1 << 24)
                found = chunk.count(mark)
                tail = chunk[max(0, len(chunk) - len(mark) + 1):]
                if found:
                    seen += found
                    readings.append((seen, cpu_seconds(self.pid)))
                elif self.process.poll() is not None:
                    raise RuntimeError("ended while it was measured")
                else:
                    time.sleep(0.002)
        return [(cpu - cpu0) / (n - n0) for (n0, cpu0), (n, cpu) in zip(readings, readings[1:])]
