#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks streams of ktally: each line against the published schema, and the stream as a whole.

validate_jsonl.py [--cut] [--rotated | --some] [--schema FILE] [FILE...]    standard input without a FILE

Prints FILE:LINE: what is wrong; exits 1 when anything is.
"""
import argparse
import datetime
import json
import pathlib
import re
import sys

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs/schema/ktally.v1.json"
ENVELOPE = re.compile(
    rb'\{"type":"[a-z]+","timestamp":([0-9]+)\.([0-9]{6}),"time":"([^"]+)","seq":[0-9]+,')
EPOCH = datetime.datetime(1970, 1, 1)


def unique(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def not_a_number(text):
    raise ValueError(f"{text} is not JSON")


def parse(line):
    return json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_constant=not_a_number)


def check_envelope(line):
    """The first keys, their order, six decimals, and two times that agree."""
    match = ENVELOPE.match(line)
    if not match:
        return ["does not start with type, timestamp (six decimals), time, seq"]
    seconds, micros, text = match.groups()
    time = EPOCH + datetime.timedelta(seconds=int(seconds), microseconds=int(micros))
    if time.isoformat(timespec="microseconds") + "Z" != text.decode("ascii", "replace"):
        return [f"time {text.decode('ascii', 'replace')} is not the timestamp"]
    return []


def check_schema(validator, record):
    for error in validator.iter_errors(record):
        where = ".".join(str(part) for part in error.absolute_path) or "record"
        yield f"{where}: {error.message[:300]}"


class Stream:
    """What one line cannot show: order, numbering, and the references between records."""

    def __init__(self, rotated):
        self.seq = None if rotated else 0  # a rotated file's header has any number
        self.targets = 0
        self.last = None

    def check(self, record):
        kind = record.get("type")
        if (self.last is None) != (kind == "header"):
            yield "the first record is not the header" if self.last is None else "a second header"
        if self.seq is None:
            self.seq = record.get("seq")
        if self.last == "trailer":
            yield "a record after the trailer"
        if record.get("seq") != self.seq:
            yield f"seq is {record.get('seq')}, expected {self.seq}"
        if kind == "header":
            self.targets = len(record.get("targets", []))
        elif isinstance(record.get("target"), int) and record["target"] >= self.targets:
            yield f"target {record['target']} is not in the header"
        self.seq = record["seq"] + 1 if isinstance(record.get("seq"), int) else self.seq + 1
        self.last = kind


class Some:
    """The records that a replay makes: of one kind, with numbers that rise."""

    def __init__(self):
        self.seq = -1
        self.last = "trailer"  # none is missing

    def check(self, record):
        if isinstance(record.get("seq"), int):
            if record["seq"] <= self.seq:
                yield f"seq is {record['seq']} after {self.seq}"
            self.seq = record["seq"]


def check_line(line, validator, stream):
    try:
        record = parse(line)
    except ValueError as error:
        return [f"not a JSON record: {error}"]
    if not isinstance(record, dict):
        return ["not an object"]
    return [*check_envelope(line), *check_schema(validator, record), *stream.check(record)]


def check_file(name, file, validator, args):
    stream = Some() if args.some else Stream(args.rotated)
    failures = number = 0

    def report(problem):
        nonlocal failures
        failures += 1
        print(f"{name}:{number}: {problem}")

    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            if not args.cut:
                report("the line is cut")
            break
        for problem in check_line(line[:-1], validator, stream):
            report(problem)
    if not number:
        report("no records")
    elif stream.last != "trailer" and not args.cut:
        report("the last record is not the trailer")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cut", action="store_true", help="the end of the stream may be missing")
    parser.add_argument("--rotated", action="store_true", help="its beginning is in other files")
    parser.add_argument("--some", action="store_true", help="what a replay prints, no stream")
    parser.add_argument("--schema", type=pathlib.Path, default=SCHEMA)
    parser.add_argument("files", nargs="*", metavar="FILE")
    args = parser.parse_args()
    schema = json.loads(args.schema.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failures = 0
    for name in args.files or ["-"]:
        if name == "-":
            failures += check_file("stdin", sys.stdin.buffer, validator, args)
        else:
            with open(name, "rb") as file:
                failures += check_file(name, file, validator, args)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
