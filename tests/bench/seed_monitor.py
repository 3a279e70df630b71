#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The monitor that ktally replaces: a thread that asks psutil for one process at an interval.

seed_monitor.py PID INTERVAL: one JSON line per snapshot on standard output, until it is killed.
"""
import collections
import json
import sys
import threading
import time

import psutil

Snapshot = collections.namedtuple(
    "Snapshot",
    "timestamp cpu_percent memory_mb memory_percent open_files threads context_switches")


class RealTimeMonitor:
    def __init__(self, pid, sampling_interval):
        self.process = psutil.Process(pid)
        self.interval = sampling_interval
        self.snapshots = collections.deque(maxlen=1000)
        self.stopped = threading.Event()
        self.process.cpu_percent()

    def take_snapshot(self):
        process = self.process
        switches = process.num_ctx_switches()
        return Snapshot(time.time(), process.cpu_percent(),
                        process.memory_info().rss / 1024 / 1024, process.memory_percent(),
                        len(process.open_files()), process.num_threads(),
                        switches.voluntary + switches.involuntary)

    def run(self):
        while not self.stopped.wait(self.interval):
            snapshot = self.take_snapshot()
            self.snapshots.append(snapshot)
            print(json.dumps(snapshot._asdict()), flush=True)

    def start_monitoring(self):
        thread = threading.Thread(target=self.run)
        thread.start()
        return thread


def main():
    monitor = RealTimeMonitor(int(sys.argv[1]), float(sys.argv[2]))
    monitor.start_monitoring().join()


if __name__ == "__main__":
    main()
