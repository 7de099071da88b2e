"""The suite itself: the form of cases.json, the proofs of its answers, what it catches, run.py."""

from __future__ import annotations

import ast
import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.pages import blocks
from support.standard import interpret

from conformance import prove
from conformance.mutants import MUTANTS, SOURCE, Mutant, answer_of, build
from conformance.run import SHORT, Case, Program, chunkings, differences, load, stream_of
from conformance.table import NODE, PYTHON
from sse_stream import Event, NotEventStreamError, Parser, iter_items

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
ADAPTERS = sorted(
    path for path in (FOLDER / "adapters").iterdir() if path.suffix in (".py", ".mjs")
)
CASES = load()
NAMES = [case["name"] for case in CASES]
by_case = pytest.mark.parametrize("case", CASES, ids=NAMES)

# A mutant needs the cases that catch it if they are no more than this: their names tell the rule
# that is broken.
FEW = 3
# The other cases, and why they stay.
KEPT = {
    "the plain form of a rule: where the whole rule is missing, it is the case to look at": """
        lines-lf lines-cr lines-crlf utf8-two-bytes utf8-three-bytes utf8-invalid-in-a-name comment
        comment-one-space name-ends-with-data data data-one-space data-two-spaces
        data-trailing-space data-no-colon data-no-value data-colon-in-value data-two-lines
        data-empty-first data-empty-line-between data-empty-last event event-one-space
        event-after-data event-between-data event-last-wins id id-after-data id-last-wins id-stays
        id-no-colon-resets id-without-data id-nul id-nul-first retry retry-one-space
        dispatch-data-does-not-leak dispatch-two-fields-of-each end-unfinished-line
        end-unfinished-block end-after-lone-cr""",
    "one of the pairs of line ends, all of which are here: a parser may know them as a table": """
        lines-lf-then-crlf lines-crlf-then-cr lines-cr-then-crlf lines-cr-then-cr-lf-lf
        lines-many-blank-lines lines-starts-with-lf""",
    "one of the places where a character can be cut: a decoder may know them as a table": """
        utf8-continuation-alone utf8-continuations utf8-cut-2 utf8-cut-3-after-1 utf8-cut-3-after-2
        utf8-cut-4-after-1 utf8-cut-4-after-2 utf8-cut-4-after-3""",
    "what servers send by mistake": "utf8-latin-1",
    "an example of the standard": """
        example-three-messages example-types example-stock""",
    "a fault that a parser in Python cannot have, but one in JavaScript": """
        name-of-an-object event-of-an-object""",
}


def schema_of_the_file() -> Any:
    return json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))


def whole_file() -> Any:
    return json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))


# The form of the file.


def test_the_file_has_the_form_of_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema_of_the_file())
    jsonschema.Draft202012Validator(schema_of_the_file()).validate(whole_file())


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"more": 1},
        {"cases": []},
        *[{"cases": [{name: None}]} for name in CASES[0]],
        {"cases": [{"input_base64": "YQ=="}]},
        {"cases": [{"input": None, "input_base64": "YQ="}]},
        {"cases": [{"more": 1}]},
        {"cases": [{"name": "A b"}]},
        {"cases": [{"section": "9.2.5 lines"}]},
        {"cases": [{"retry": -1}]},
        {"cases": [{"retry": 2**64}]},
        {"cases": [{"events": [{"type": "a", "data": "a"}]}]},
        {"cases": [{"events": [{"type": "", "data": "a", "id": ""}]}]},
        {"cases": [{"extensions": {"comments": []}}]},
        {"cases": [{"extensions": {"comments": [], "done": [-1]}}]},
    ],
    ids=str,
)
def test_the_schema_refuses_another_form(change: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    file = whole_file()
    case = dict(file["cases"][0])
    for changed in change.get("cases", []):
        # None stands for a member that is missing, but `retry` may be null.
        case = {k: v for k, v in (case | changed).items() if v is not None or k not in changed}
    file = file | change | {"cases": [case] if change.get("cases", [1]) else []}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema_of_the_file()).validate(file)


def test_names_and_inputs_are_there_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len({stream_of(case) for case in CASES}) == len(CASES)


def test_the_file_is_written_as_prove_writes_it() -> None:
    text = (FOLDER / "cases.json").read_text(encoding="utf-8")
    assert prove.as_text(CASES) == text
    # No character that an editor may hide or change stands there as itself.
    assert all(character.isprintable() or character == "\n" for character in text)


@by_case
def test_only_bytes_that_are_no_text_are_in_base64(case: Case) -> None:
    try:
        stream_of(case).decode()
    except UnicodeDecodeError:
        assert "input_base64" in case
    else:
        assert "input" in case


# The answers.


@by_case
def test_the_transcribed_standard_gives_the_answer(case: Case) -> None:
    assert prove.by_the_transcription(case).items() <= case.items()


@by_case
def test_the_transcribed_standard_gives_it_with_done_too(case: Case) -> None:
    items = [item[0] for item in interpret(stream_of(case)).items if item[0] != "comment"]
    done = [number for number, kind in enumerate(items) if kind == "done"]
    assert done == case["extensions"]["done"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")
def test_chromium_gives_the_events() -> None:
    assert prove.by_chromium(CASES, "chromium") == [case["events"] for case in CASES]


def prove_a_copy(folder: Path, cases: list[Case], *arguments: str) -> str:
    """Run prove.py on other cases, in a copy of what it needs; return what it prints."""
    shutil.copytree(ROOT / "tests" / "support", folder / "support")
    (folder / "conformance").mkdir()
    for name in ("__init__.py", "prove.py", "run.py"):
        shutil.copy(FOLDER / name, folder / "conformance")
    (folder / "conformance" / "cases.json").write_text(prove.as_text(cases), encoding="utf-8")
    script = folder / "conformance" / "prove.py"
    command = [sys.executable, str(script), *arguments]
    run = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert run.returncode == ("--write" not in arguments), run.stderr
    return run.stdout


def wrong_answers() -> list[Case]:
    cases = copy.deepcopy(CASES[:5])
    cases[1]["events"][0]["data"] = "wrong"
    cases[2]["retry"] = 7
    cases[3]["last_event_id"] = "wrong"
    return cases


def test_prove_finds_a_wrong_answer(tmp_path: Path) -> None:
    printed = prove_a_copy(tmp_path, wrong_answers(), "--no-browser")
    assert [line.split(":")[0] for line in printed.splitlines()[:-1]] == NAMES[1:4]
    assert printed.splitlines()[-1].startswith("2 of 5 answers proved")


@pytest.mark.parametrize("answers", ["wrong", "none"])
def test_prove_makes_the_answers_again(answers: str, tmp_path: Path) -> None:
    cases = wrong_answers()
    if answers == "none":
        cases = [
            {name: case[name] for name in ("name", "section", "why", "input")} for case in cases
        ]
    prove_a_copy(tmp_path, cases, "--no-browser", "--write")
    assert (tmp_path / "conformance" / "cases.json").read_text() == prove.as_text(CASES[:5])


# What the cases catch.


@cache
def caught_by(mutant: Mutant) -> list[str]:
    """Return the names of the cases that a mutant fails."""
    parser = mutant.parser()
    # A rule that has nothing to do with chunks is broken for the whole stream too.
    ways = {
        case["name"]: [
            chunks
            for way, chunks in chunkings(stream_of(case))
            if mutant.pieces != (way == "whole")
        ]
        for case in CASES
    }
    return [
        case["name"]
        for case in CASES
        if any(differences(case, answer_of(parser, chunks)) for chunks in ways[case["name"]])
    ]


@by_case
def test_the_plain_parser_passes(case: Case) -> None:
    parser = build(SOURCE)
    for _, chunks in chunkings(stream_of(case)):
        assert not differences(case, answer_of(parser, chunks))


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_each_mutant_is_caught(mutant: Mutant) -> None:
    assert caught_by(mutant)
    if mutant.pieces:
        # It is right for whole streams: the cut is what catches it.
        parser = mutant.parser()
        assert not any(differences(c, answer_of(parser, [stream_of(c)])) for c in CASES)


def test_each_case_is_needed_or_says_why_it_stays() -> None:
    needed = {
        name for mutant in MUTANTS if len(caught_by(mutant)) <= FEW for name in caught_by(mutant)
    }
    kept = [name for names in KEPT.values() for name in names.split()]
    assert sorted(kept) == sorted(set(NAMES) - needed)
    # docs/conformance.md says how many these are.
    assert f"\n- {len(needed)} of the cases catch" in PAGE
    assert f"The other {len(kept)} stay" in PAGE


# The runner.

# A program that answers with a parser of mutants.py, or the plain one.
ANSWERS = """
import base64, json, sys
sys.path.insert(0, {tests!r})
from conformance.mutants import MUTANTS, SOURCE, answer_of, build

parser = {{mutant.name: mutant for mutant in MUTANTS}}.get({name!r})
parser = parser.parser() if parser else build(SOURCE)
for line in sys.stdin:
    chunks = [base64.b64decode(chunk) for chunk in json.loads(line)["chunks"]]
    answer = answer_of(parser, chunks)
    {change}
    print(json.dumps(answer), flush=True)
"""


def program(name: str = "", change: str = "pass") -> list[str]:
    code = ANSWERS.format(tests=str(FOLDER.parent), name=name, change=change)
    return [sys.executable, "-c", code]


def run(*arguments: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    # -I and -S: without anything that is installed.
    line = [sys.executable, "-I", "-S", str(FOLDER / "run.py"), *arguments, "--", *command]
    return subprocess.run(line, capture_output=True, encoding="utf-8", timeout=300)


def failing(printed: str) -> dict[str, tuple[int, int, int]]:
    """Return the rows of the table."""
    rows = [line for line in printed.split("\n\n")[0].splitlines()[1:] if line]
    found = {}
    for row in rows:
        name, *numbers = row.rsplit(maxsplit=3)
        found[name.strip()] = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
    return found


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A file with every eighth case."""
    path = tmp_path / "few.json"
    path.write_text(prove.as_text(CASES[::8]), encoding="utf-8")
    return path


def test_run_passes_a_right_program() -> None:
    done = run(command=program())
    assert done.returncode == 0, done.stderr
    assert f"0 of {len(CASES)} cases fail; left out by it: done\n" in done.stdout
    sections = Counter(case["section"] for case in CASES)
    sections["extension: comments"] = len(CASES)
    assert failing(done.stdout) == {name: (count, 0, 0) for name, count in sections.items()}


@pytest.mark.parametrize("name", ["CRLF is two ends", "an ID may hold NUL", "an empty time is 0"])
def test_run_finds_what_a_program_does_wrong(name: str) -> None:
    [mutant] = [mutant for mutant in MUTANTS if mutant.name == name]
    done = run("--verbose", command=program(name))
    assert done.returncode == 1
    for case in CASES:
        assert (f": {case['name']}, " in done.stdout) == (case["name"] in caught_by(mutant))
    sections = [case["section"] for case in CASES if case["name"] in caught_by(mutant)]
    for section, (_, fail, _) in failing(done.stdout).items():
        assert section.startswith("extension: comm") or fail == sections.count(section)


def test_run_tells_what_fails_only_in_pieces() -> None:
    [mutant] = [
        mutant for mutant in MUTANTS if mutant.name == "the mark must be in the first chunk"
    ]
    done = run(command=program(mutant.name))
    assert done.returncode == 1
    rows = failing(done.stdout)
    # One of the cases differs in a comment alone.
    assert rows["9.2.6 byte order mark"][1:] == (1, 1)
    assert rows["extension: comments"][1:] == (1, 1)
    assert f"{len(caught_by(mutant))} of {len(CASES)} cases fail" in done.stdout
    assert "byte order mark: bom, byte by byte: events" in done.stdout


@pytest.mark.parametrize(
    ("left_out", "change"),
    [
        ("retry, last_event_id, comments, done", "answer = {'events': answer['events']}"),
        ("type, done", "[event.pop('type') for event in answer['events']]"),
        ("id, done", "[event.pop('id') for event in answer['events']]"),
        ("done", "answer['more'] = 1; [event.update(more=1) for event in answer['events']]"),
    ],
)
def test_run_does_not_judge_what_is_left_out(left_out: str, change: str, few: Path) -> None:
    done = run("--cases", str(few), command=program(change=change))
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(f"0 of {len(CASES[::8])} cases fail; left out by it: {left_out}\n")


@pytest.mark.parametrize(
    "change",
    [
        "answer = answer['events']",
        "del answer['events']",
        "answer['events'] = answer['events'] * 2 or [1]",
        "answer['events'].append({})",
        "answer['events'].reverse(); answer['events'] += [{}]",
        "[event.update(type=None) for event in answer['events']]; answer['retry'] = '0'",
        "answer['last_event_id'] = None",
        "answer['comments'] = None",
        "answer['done'] = [9]",
    ],
)
def test_run_judges_what_is_given(change: str, few: Path) -> None:
    # The first request only asks whether there is a program: its answer is right.
    changed = f"started = 'asked' in globals(); asked = True\n    if started: {change}"
    done = run("--cases", str(few), command=program(change=changed))
    assert done.returncode == 1
    assert f"{len(CASES[::8])} of {len(CASES[::8])} cases fail" in done.stdout


def test_run_goes_on_after_a_program_that_ends_or_prints_something_else() -> None:
    change = (
        "if b'id: 2' in b''.join(chunks): sys.exit()\n"
        "    if b'113411' in b''.join(chunks): print('no JSON')"
    )
    done = run(command=program(change=change))
    names = {"dispatch-all-fields", "dispatch-all-fields-reversed", "example-types"}
    assert done.returncode == 1
    assert {name for name in NAMES if f": {name}, whole: no answer" in done.stdout} == names
    assert f"{len(names)} of {len(CASES)} cases fail" in done.stdout


def test_a_program_that_gives_no_answer_is_ended() -> None:
    silent = Program([sys.executable, "-c", "import sys; sys.stdin.read()"], 0.1)
    for _ in range(2):
        assert silent.ask([b"data: a\n\n"]) is None
        assert silent.process is None


def test_run_knows_cases_that_may_fail(tmp_path: Path) -> None:
    [mutant] = [mutant for mutant in MUTANTS if mutant.name == "an empty time is 0"]
    known = tmp_path / "known.txt"
    known.write_text("\n".join(caught_by(mutant)))
    assert run("--known", str(known), command=program(mutant.name)).returncode == 0
    known.write_text("\n".join(caught_by(mutant)[1:]))
    assert run("--known", str(known), command=program(mutant.name)).returncode == 1


@pytest.mark.parametrize(
    "command", [["no-such-program"], [sys.executable, "-c", ""], [sys.executable, "-c", "print(1)"]]
)
def test_run_tells_that_a_program_cannot_be_run(command: list[str]) -> None:
    done = run(command=command)
    assert done.returncode == 2 and done.stdout == ""
    assert "Traceback" not in done.stderr


def test_run_reads_other_cases(tmp_path: Path) -> None:
    other = tmp_path / "cases.json"
    other.write_text(prove.as_text(CASES[:3]), encoding="utf-8")
    assert "0 of 3 cases fail" in run("--cases", str(other), command=program()).stdout


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, without their submodules."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name.split(".")[0] for name in names}


def test_run_is_short_and_needs_only_python() -> None:
    assert len((FOLDER / "run.py").read_text(encoding="utf-8").splitlines()) <= 200
    assert imported(FOLDER / "run.py") <= sys.stdlib_module_names


# The adapters.


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.name)
def test_an_adapter_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize("path", [p for p in ADAPTERS if p.suffix == ".py"], ids=lambda p: p.name)
def test_an_adapter_answers(path: Path) -> None:
    for module in imported(path) - sys.stdlib_module_names:
        pytest.importorskip(module)
    adapter = Program([sys.executable, str(path)], 60)
    try:
        answer = adapter.ask([b"id: 4\ndata: a\nda", b"ta: b\n\nevent: x\nid: 5\ndata: c\n\n"])
    finally:
        adapter.stop()
    assert answer["events"] == [
        {"type": "message", "data": "a\nb", "id": "4"},
        {"type": "x", "data": "c", "id": "5"},
    ]


@pytest.mark.parametrize("pure", ["0", "1"])
def test_this_package_passes(pure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package that these tests have imported.
    import sse_stream

    folder = str(Path(sse_stream.__file__).resolve().parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("SSE_STREAM_PURE", pure)
    command = [sys.executable, str(FOLDER / "adapters" / "by_sse_stream.py")]
    line = [sys.executable, str(FOLDER / "run.py"), "--verbose", "--", *command]
    done = subprocess.run(line, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    assert f"0 of {len(CASES)} cases fail; left out by it: nothing\n" in done.stdout


# The page.


def table_of_the_page() -> list[list[str]]:
    rows = re.findall(r"^\| (.*) \|$", PAGE.split("table begins")[1], re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def test_the_page_has_the_numbers_of_the_suite() -> None:
    assert f"holds {len(CASES)} event streams" in PAGE
    assert f"The cases catch {len(MUTANTS)} faults" in PAGE
    assert f"at most {SHORT} bytes" in PAGE
    assert " of 254 cases fail".replace("254", str(len(CASES))) in PAGE


def test_the_table_of_the_page_is_of_these_cases() -> None:
    head, _, counts, *rows = table_of_the_page()
    sections = Counter(case["section"] for case in CASES)
    sections |= {"text of comments": len(CASES), "all": len(CASES)}
    names = [name.removeprefix("9.2.6 ").removeprefix("extension: ") for name in sections]
    # The first column has the names, the last one what is left out.
    assert head[1:-1] == names
    assert counts[1:-1] == [str(count) for count in sections.values()]
    own = [row for row in rows if row[0].startswith("sse-stream")]
    assert [row[0] for row in own] == ["sse-stream, compiled", "sse-stream, pure"]
    assert all(set(row[1:-1]) == {"0", "**0**"} for row in own)
    assert {row[0] for row in rows[2:]} == {*PYTHON, *NODE}
    assert {path.name for path in ADAPTERS} == {
        *PYTHON.values(),
        *NODE.values(),
        "by_sse_stream.py",
    }


def test_the_output_on_the_page_is_that_of_undici() -> None:
    [row] = [row for row in table_of_the_page() if row[0] == "undici"]
    head = table_of_the_page()[0]
    assert f"\n    {row[-2].strip('*')} of {len(CASES)} cases fail; left out by it: " in PAGE
    for section, count, fail in re.findall(
        r"^    9\.2\.6 (.*?)  +(\d+) +(\d+) +0$", PAGE, re.MULTILINE
    ):
        assert row[head.index(section)] == fail
        assert int(count) == sum(case["section"] == f"9.2.6 {section}" for case in CASES)


def test_iter_items_refuses_the_streams_that_the_page_names() -> None:
    refused = []
    for case in CASES:
        try:
            items = list(iter_items([stream_of(case)], parser=Parser(done=None)))
        except NotEventStreamError:
            refused.append(case["name"])
        else:
            found = [item for item in items if isinstance(item, Event)]
            events = [{"type": e.event, "data": e.data, "id": e.id} for e in found]
            assert events == case["events"]
    [named] = re.findall(r"raises NotEventStreamError for three of .*?\n\n", PAGE, re.DOTALL)
    assert sorted(re.findall(r"`([a-z0-9-]+)`", named)) == sorted(refused)


def test_the_case_on_the_page_is_in_the_file() -> None:
    [found] = re.findall(r"^    \{\n.*?^    \}\n", PAGE, re.MULTILINE | re.DOTALL)
    assert json.loads(found) in CASES


def test_the_program_on_the_page_passes(tmp_path: Path) -> None:
    # As the page says: two files and a program in one folder.
    for name in ("cases.json", "run.py"):
        shutil.copy(FOLDER / name, tmp_path)
    [block] = [block.code for block in blocks("docs/conformance.md") if block.language == "py"]
    (tmp_path / "program.py").write_text(block)
    parser = (FOLDER / "plain.py").read_text(encoding="utf-8").replace("PlainParser", "Parser")
    (tmp_path / "my_parser.py").write_text(parser, encoding="utf-8")
    line = [sys.executable, "run.py", "--", sys.executable, "program.py"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out by it: last_event_id, comments, done\n" in done.stdout


def test_the_request_on_the_page_has_the_answer_on_it() -> None:
    request, answer = (
        json.loads(line) for line in re.findall(r"^    (\{\"\w+\": .*\})$", PAGE, re.MULTILINE)[:2]
    )
    chunks = [base64.b64decode(chunk) for chunk in request["chunks"]]
    assert answer == {
        name: value for name, value in answer_of(build(SOURCE), chunks).items() if name in answer
    }
