#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts descriptors opened and closed in a log of `strace -f -o LOG`: a second witness for the tests.

strace_fds.py LOG    prints {"opens":N,"closes":N,"open_errors":N,"accepts":N}

For programs that replace no open descriptor: a dup2 is an open here.
"""
import json
import re
import sys

ONE = set("""open openat openat2 creat socket accept accept4 dup dup2 dup3 eventfd eventfd2 epoll_create
epoll_create1 timerfd_create inotify_init inotify_init1 memfd_create pidfd_open perf_event_open
io_uring_setup userfaultfd""".split())
TWO = {"pipe", "pipe2", "socketpair"}
CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)(?: (E\w+))?")


def calls(log):
    """Whole calls as (name, arguments, result, errno); those that strace has cut are put together."""
    begun = {}
    for line in log:
        task, text = line.rstrip("\n").split(None, 1)
        if text.endswith("<unfinished ...>"):
            begun[task] = text[:-len("<unfinished ...>")]
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if resumed:
            text = begun.pop(task, "") + resumed.group(1)
        match = CALL.match(text)
        if match:
            yield match.group(1), match.group(2), int(match.group(3)), match.group(4)


def opened(name, arguments):
    """How many descriptors a call of this kind opens when it succeeds."""
    if name in TWO:
        return 2
    if name == "fcntl":
        return int("F_DUPFD" in arguments)
    return int(name in ONE)


def main():
    count = {"opens": 0, "closes": 0, "open_errors": 0, "accepts": 0}
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for name, arguments, result, errno in calls(log):
            if name == "close" and errno != "EBADF":
                count["closes"] += 1
            opens = opened(name, arguments)
            if opens and result >= 0:
                count["opens"] += opens
                count["accepts"] += name.startswith("accept")
            elif opens:
                count["open_errors"] += 1
    print(json.dumps(count))


main()
