"""What docs/command-line.md says of the command line: its examples, options and JSON lines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from support.command import COMMAND, TEXT, run
from support.pages import ROOT, Block, blocks
from support.server import Exchange, Server, Step

from sse_stream import Event
from sse_stream.payload import answer_text

PAGE = "docs/command-line.md"
WORDS = (ROOT / PAGE).read_text("utf-8")
CHAT = (ROOT / "tests" / "data" / "chat.sse").read_bytes()


@pytest.mark.parametrize("block", list(blocks(PAGE)), ids=str)
def test_each_example_prints_the_answer(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("bash", "curl", "jq"):
        if (tool == "bash" or f"{tool} " in block.code) and not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    folder = os.path.dirname(sys.executable)
    monkeypatch.setenv("PATH", folder + os.pathsep + os.environ["PATH"])
    with Server() as server:
        server.exchange = Exchange([Step([CHAT], 0)])
        code = block.code.replace("8000", str(server.port))
        done = subprocess.run(["bash", "-ec", code], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, TEXT, b"")


def test_the_page_lists_the_options_of_the_help() -> None:
    shown = subprocess.run(
        [*COMMAND, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    ).stdout
    option = r"(?m)^  +(?:-h, )?(--[\w-]+(?: [A-Z|=]+)?)"
    listed = re.findall(option, WORDS.partition("\n\nIt reads")[0])
    assert {*listed, "--help"} == {*re.findall(option, shown)}
    assert "--version, --help" in WORDS


def test_the_json_lines_of_the_page_are_those_that_are_written() -> None:
    lines = re.findall(r"(?m)^    (\{.*\})$", WORDS)
    stream = b"id: 7\ndata: Hello\n\n: keep-alive\n\ndata: [DONE]\n\n"
    assert run(stream=stream).stdout.decode().splitlines() == lines and len(lines) == 3
    keys = re.findall(r"(?m)^\| `(\w+)` \|", WORDS.partition("## JSON lines")[2])
    assert set(keys) == {key for line in lines for key in json.loads(line)}


@pytest.mark.parametrize(
    "path",
    re.findall(r"`((?:choices|candidates|results)\.0\.[\w.]+)`", WORDS.partition("For all")[0]),
)
def test_the_paths_of_the_page_lead_to_the_text(path: str) -> None:
    value: object = [{"text": "Hi"}] if path.endswith("parts") else "Hi"
    for step in reversed(path.split(".")):
        value = [value] if step == "0" else {step: value}
    assert answer_text(Event(data=json.dumps(value))) == "Hi"


def test_the_types_of_the_page_are_those_of_an_answer() -> None:
    cases: dict[str, dict[str, object]] = {
        "response.output_text.delta": {"delta": "Hi"},
        "content_block_delta": {"delta": {"text": "Hi"}},
        "content_block_start": {"content_block": {"text": "Hi"}},
        "content-delta": {"delta": {"message": {"content": {"text": "Hi"}}}},
    }
    for name, value in cases.items():
        assert f"`{name}`" in WORDS
        assert answer_text(Event(data=json.dumps({"type": name, **value}))) == "Hi"
