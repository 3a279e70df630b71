#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The monitor that ktally replaces: a thread that asks psutil for one process at an interval.

seed_monitor.py PID INTERVAL: one JSON line per snapshot on standard output, until it is killed.
seed_monitor.py all INTERVAL: of each process that there is at the start, in one thread, and what
psutil can read of it at once is read at once; after all of them an empty line.
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


def take_snapshot(process):
    switches = process.num_ctx_switches()
    return Snapshot(time.time(), process.cpu_percent(),
                    process.memory_info().rss / 1024 / 1024, process.memory_percent(),
                    len(process.open_files()), process.num_threads(),
                    switches.voluntary + switches.involuntary)


class RealTimeMonitor:
    def __init__(self, pid, sampling_interval):
        self.process = psutil.Process(pid)
        self.interval = sampling_interval
        self.snapshots = collections.deque(maxlen=1000)
        self.stopped = threading.Event()
        self.process.cpu_percent()

    def run(self):
        while not self.stopped.wait(self.interval):
            snapshot = take_snapshot(self.process)
            self.snapshots.append(snapshot)
            print(json.dumps(snapshot._asdict()), flush=True)

    def start_monitoring(self):
        thread = threading.Thread(target=self.run)
        thread.start()
        return thread


def monitor_all(interval):
    processes = list(psutil.process_iter())
    while True:
        for process in processes:
            try:
                with process.oneshot():
                    snapshot = take_snapshot(process)
            except psutil.Error:  # it ended, or is a zombie
                continue
            print(json.dumps(snapshot._asdict()))
        print(flush=True)
        time.sleep(interval)


def main():
    if sys.argv[1] == "all":
        monitor_all(float(sys.argv[2]))
    monitor = RealTimeMonitor(int(sys.argv[1]), float(sys.argv[2]))
    monitor.start_monitoring().join()


if __name__ == "__main__":
    main()
