#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the cases of cases.json against any program that parses event streams.

    python3 tests/conformance/run.py -- COMMAND [ARGUMENT ...]

The program reads one request a line on standard input, ``{"chunks": [base64, ...]}``, a whole
stream in pieces. It answers each with one line, ``{"events": [{"type", "data", "id"}], "retry",
"last_event_id", "comments", "done"}``. What it does not know it leaves out, and it is not judged
by it; only ``events`` must be there. Each case is fed whole, byte by byte and, if it is short, in
two chunks cut at every place. The status is 0 if nothing fails, 1 if something does, 2 if the
program cannot be run. This file needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import argparse
import base64
import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

Case = dict[str, Any]
CASES = Path(__file__).resolve().parent / "cases.json"
# The longest case that is cut at every place.
SHORT = 80
MEMBERS = ("events", "retry", "last_event_id")
EXTENSIONS = ("comments", "done")
NAMES = ("type", "data", "id", *MEMBERS[1:], *EXTENSIONS)


def load(path: Path = CASES) -> list[Case]:
    """Return the cases of a file."""
    cases: list[Case] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return cases


def stream_of(case: Case) -> bytes:
    """Return the bytes of a case."""
    if "input" in case:
        return str(case["input"]).encode()
    return base64.b64decode(case["input_base64"])


def chunkings(stream: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the names and the chunks of the ways in which a stream is fed."""
    yield "whole", [stream]
    yield "byte by byte", [stream[i : i + 1] for i in range(len(stream))]
    for i in range(1, len(stream) if len(stream) <= SHORT else 0):
        yield f"cut after {i}", [stream[:i], stream[i:]]


class Program:
    """The program under test; it is started again if it ended or gave no answer in time."""

    def __init__(self, command: list[str], patience: float = 20) -> None:
        self.command = command
        self.patience = patience
        self.process: subprocess.Popen[str] | None = None
        self.lines: queue.Queue[str] = queue.Queue()

    def start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        lines: queue.Queue[str] = queue.Queue()
        process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, encoding="utf-8")

        def read() -> None:
            assert process.stdout
            for line in process.stdout:
                lines.put(line)
            lines.put("")

        Thread(target=read, daemon=True).start()
        self.process, self.lines = process, lines
        return process

    def ask(self, chunks: list[bytes]) -> Any:
        """Return the answer; None if there is none."""
        process = self.process or self.start()
        assert process.stdin
        request = {"chunks": [base64.b64encode(chunk).decode() for chunk in chunks]}
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(self.lines.get(timeout=self.patience))
        except (OSError, ValueError, queue.Empty):
            self.stop()
            return None

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()
        self.process = None


def is_answer(answer: Any) -> bool:
    """Whether an answer is an object with a list of events."""
    events = answer.get("events") if isinstance(answer, dict) else None
    return isinstance(events, list) and all(isinstance(event, dict) for event in events)


def differences(case: Case, answer: Any) -> list[tuple[str, Any, Any]]:
    """Return the members of an answer that are wrong: name, what is right, what was given."""
    if not is_answer(answer):
        return [("events", case["events"], answer)]
    found = []
    for name in (*MEMBERS, *EXTENSIONS):
        right = case["extensions"][name] if name in EXTENSIONS else case[name]
        given = answer.get(name, right)
        if name == "events" and len(given) == len(right):
            # Of each event, what the program leaves out is not compared.
            pairs = zip(right, given)
            equal = all(new.get(key, old[key]) == old[key] for old, new in pairs for key in old)
        else:
            equal = given == right
        if not equal:
            found.append((name, right, given))
    return found


class Failure(NamedTuple):
    """A case that fails, in which section, and how it was fed when it first failed."""

    section: str
    case: Case
    chunking: str
    member: str
    right: Any
    given: Any


class Report(NamedTuple):
    """What came out: the failures, how many cases each section has, what was answered."""

    failures: list[Failure]
    sections: dict[str, int]
    answered: set[str]

    def rows(self) -> list[tuple[str, int, int, int]]:
        """Return for each section: its cases, how many fail, how many of these not whole."""
        rows = []
        for section, count in self.sections.items():
            ways = [each.chunking for each in self.failures if each.section == section]
            rows.append((section, count, len(ways), len(ways) - ways.count("whole")))
        return rows


def judge(program: Program, cases: list[Case]) -> Report:
    """Feed all cases; what is right in one way of feeding is judged in the next."""
    report = Report([], {}, set())
    for case in cases:
        report.sections.setdefault(case["section"], 0)
        report.sections[case["section"]] += 1
        failed: set[str] = set()
        for chunking, chunks in chunkings(stream_of(case)):
            answer = program.ask(chunks)
            if is_answer(answer):
                report.answered.update(answer, *answer["events"])
            for member, right, given in differences(case, answer):
                section = f"extension: {member}" if member in EXTENSIONS else case["section"]
                # A case fails once in a section.
                if section not in failed:
                    failed.add(section)
                    report.failures.append(Failure(section, case, chunking, member, right, given))
            if answer is None or case["section"] in failed:
                break
    for name in EXTENSIONS:
        if name in report.answered:
            report.sections[f"extension: {name}"] = len(cases)
    return report


def main() -> int:
    options = argparse.ArgumentParser(description="Test a parser of event streams.")
    options.add_argument("--cases", type=Path, default=CASES, help="another file of cases")
    options.add_argument("--known", type=Path, help="a file with names of cases that may fail")
    options.add_argument("--verbose", action="store_true", help="show what is right and was given")
    options.add_argument("command", nargs="+", help="the program, after --")
    given = options.parse_args()
    program = Program(given.command)
    try:
        if program.ask([b"data: a\n\n"]) is None:
            print("the program did not answer the first request with a line of JSON")
            return 2
        cases = load(given.cases)
        report = judge(program, cases)
    except OSError as error:
        print(error)
        return 2
    finally:
        program.stop()
    known = set(given.known.read_text(encoding="utf-8").split()) if given.known else set()
    print(f"{'section':28}{'cases':>7}{'fail':>7}{'of these only in pieces':>26}")
    for section, count, failed, pieces in report.rows():
        print(f"{section:28}{count:7}{failed:7}{pieces:26}")
    for section, case, chunking, member, right, got in report.failures:
        mark = " (known)" if case["name"] in known else ""
        print(f"\n{section}: {case['name']}, {chunking}: {member}{mark}\n  {case['why']}")
        if given.verbose:
            print(f"  input {stream_of(case)!r}\n  right {right}\n  given {got}")
    failing = {each.case["name"] for each in report.failures}
    left_out = ", ".join(name for name in NAMES if name not in report.answered)
    print(f"\n{len(failing)} of {len(cases)} cases fail; left out by it: {left_out or 'nothing'}")
    return 1 if failing - known else 0


if __name__ == "__main__":
    sys.exit(main())
