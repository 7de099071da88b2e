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
# The longest stream that is cut at every place.
SHORT = 80
EXTENSIONS = ("comments", "done")
NAMES = ("type", "data", "id", "retry", "last_event_id", *EXTENSIONS)


def load(path: Path = CASES) -> list[Case]:
    """Return the cases of a file."""
    cases: list[Case] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return cases


def stream_of(case: Case) -> bytes:
    """Return the bytes of a case."""
    return case["input"].encode() if "input" in case else base64.b64decode(case["input_base64"])


def chunkings(stream: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the ways in which a stream is fed: a name, and the chunks."""
    yield "whole", [stream]
    yield "byte by byte", [stream[i : i + 1] for i in range(len(stream))]
    for i in range(1, len(stream) if len(stream) <= SHORT else 0):
        yield f"cut after byte {i}", [stream[:i], stream[i:]]


class Program:
    """The program under test; it is started again if it ended or gave no answer in time."""

    def __init__(self, command: list[str], seconds: float) -> None:
        self.command = command
        self.seconds = seconds
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, encoding="utf-8")
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line)
            lines.put("")  # no JSON: there is no answer

        Thread(target=read, daemon=True).start()
        self.process, self.lines = process, lines
        return process

    def ask(self, chunks: list[bytes]) -> Any:
        """Return the answer; None if there is none."""
        process = self.process or self.start()
        request = {"chunks": [base64.b64encode(chunk).decode() for chunk in chunks]}
        try:
            print(json.dumps(request), file=process.stdin, flush=True)
            return json.loads(self.lines.get(timeout=self.seconds))
        except (OSError, ValueError, queue.Empty):
            self.stop()
            return None

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


def is_answer(answer: Any) -> bool:
    """Whether an answer is an object with a list of events."""
    events = answer.get("events") if isinstance(answer, dict) else None
    return isinstance(events, list) and all(isinstance(event, dict) for event in events)


def differences(case: Case, answer: Any) -> list[tuple[str, Any, Any]]:
    """Return what is wrong in an answer: the name, what is right, what was given."""
    if not is_answer(answer):
        return [("no answer with events", case["events"], answer)]
    right = case | case["extensions"]
    given = answer | {"events": [{**event} for event in answer["events"]]}
    if len(right["events"]) == len(given["events"]):
        # Of each event, what the program leaves out is not compared, nor what it adds.
        for old, new in zip(right["events"], given["events"]):  # noqa: B905
            new.update({key: new.get(key, old[key]) for key in old})
            for key in new.keys() - old.keys():
                del new[key]
    names = ("events", "retry", "last_event_id", *EXTENSIONS)
    wrong = [name for name in names if name in given and given[name] != right[name]]
    return [(name, right[name], answer[name]) for name in wrong]


class Failure(NamedTuple):
    """A case that fails in a section, and how it was fed when it failed first."""

    section: str
    case: Case
    chunking: str
    member: str
    right: Any
    given: Any


class Report(NamedTuple):
    """The failures, the number of cases in each section, and the names in the answers."""

    failures: list[Failure]
    sections: dict[str, int]
    answered: set[str]

    def rows(self) -> Iterator[tuple[str, int, int, int]]:
        """Yield each section: its cases, how many fail, how many of these only in pieces."""
        for section, count in self.sections.items():
            ways = [each.chunking for each in self.failures if each.section == section]
            yield section, count, len(ways), len(ways) - ways.count("whole")


def judge(program: Program, cases: list[Case]) -> Report:
    """Feed all cases in all ways; a case fails at most once in a section."""
    report = Report([], {}, set())
    for case in cases:
        report.sections[case["section"]] = report.sections.get(case["section"], 0) + 1
        failed: set[str] = set()
        for chunking, chunks in chunkings(stream_of(case)):
            answer = program.ask(chunks)
            if is_answer(answer):
                report.answered.update(answer, *answer["events"])
            for member, right, given in differences(case, answer):
                section = f"extension: {member}" if member in EXTENSIONS else case["section"]
                if section not in failed:
                    failed.add(section)
                    report.failures.append(Failure(section, case, chunking, member, right, given))
            if case["section"] in failed:
                break
    extensions = [name for name in EXTENSIONS if name in report.answered]
    report.sections.update({f"extension: {name}": len(cases) for name in extensions})
    return report


def main() -> int:
    options = argparse.ArgumentParser(description="Test a parser of event streams.")
    options.add_argument("--cases", type=Path, default=CASES, help="another file of cases")
    options.add_argument("--known", type=Path, help="a file of the names of cases that may fail")
    options.add_argument("--seconds", type=float, default=20, help="how long an answer may take")
    options.add_argument("--verbose", action="store_true", help="show what is right and was given")
    options.add_argument("command", nargs="+", help="the program, after --")
    args = options.parse_args()
    cases, program = load(args.cases), Program(args.command, args.seconds)
    known = set(args.known.read_text(encoding="utf-8").split()) if args.known else set()
    try:
        if not is_answer(program.ask([b"data: a\n\n"])):
            options.error("the program gave no answer with events to its first request")
        report = judge(program, cases)
    except OSError as error:
        options.error(str(error))
    finally:
        program.stop()
    print(f"{'section':28}{'cases':>7}{'fail':>7}{'only in pieces':>17}")
    for section, count, fail, pieces in report.rows():
        print(f"{section:28}{count:7}{fail:7}{pieces:17}")
    for section, case, chunking, member, right, given in report.failures:
        mark = " (known)" if case["name"] in known else ""
        print(f"\n{section}: {case['name']}, {chunking}: {member}{mark}\n  {case['why']}")
        if args.verbose:
            print(f"  input {stream_of(case)!r}\n  right {right}\n  given {given}")
    failing = {each.case["name"] for each in report.failures}
    left_out = ", ".join(name for name in NAMES if name not in report.answered)
    print(f"\n{len(failing)} of {len(cases)} cases fail; left out by it: {left_out or 'nothing'}")
    return 1 if failing - known else 0


if __name__ == "__main__":
    sys.exit(main())
