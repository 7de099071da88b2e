"""The command line, as a process and in this one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sse_stream import cli

ROOT = Path(__file__).resolve().parent.parent
CHAT = str(ROOT / "tests" / "data" / "chat.sse")
PATH = "choices.0.delta.content"
TEXT = "Grüße aus Zürich! 東京ではこんにちは。 First line\u2028second line, and a smile: 😀."


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    return tmp_path / "stream.sse"


def test_selects_the_text_of_a_chat_through_a_slow_pipe() -> None:
    command = [sys.executable, "-m", "sse_stream", "--select", PATH]
    done = subprocess.run([*command, CHAT], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, TEXT, b"")
    chat = Path(CHAT).read_bytes()
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        cut = chat.index("東京".encode()) + 1
        process.stdin.write(chat[:cut])
        # The first words are read before the rest is sent.
        first = process.stdout.read(len("Grüße aus Zürich! ".encode()))
        process.stdin.write(chat[cut:])
        process.stdin.close()
        assert (first + process.stdout.read()).decode() == TEXT


def test_writes_json_lines(stream: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stream.write_bytes(b": hi\nid: 1\nretry: 5\ndata: x\n\ndata: [DONE]\n\n")
    assert cli.main([str(stream)]) == 0
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"kind": "comment", "text": "hi"},
        {"kind": "event", "event": "message", "data": "x", "id": "1", "retry": 5},
        {"kind": "done"},
    ]
    assert cli.main([str(stream), "--data", "--no-done"]) == 0
    assert capfd.readouterr().out == "x\n[DONE]\n"
    stream.write_bytes(b"data: " + b"x" * 200_000 + b"\n\n")
    assert cli.main([str(stream), "--data"]) == 0
    assert len(capfd.readouterr().out) == 200_001


def test_exit_statuses(stream: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stream.write_bytes(b'data: no\n\ndata: {"a": [1, {"b": null}]}\n\n')
    assert cli.main([str(stream), "--select", "a.0"]) == 1
    out, err = capfd.readouterr()
    assert out == "1" and err == "sse_stream: data is not JSON: 'no'\n"
    for path in ("a.1.b", "a.9", "a.x", "b", "a.0.c"):
        assert cli.main([str(stream), "--select", path]) == 1
        assert capfd.readouterr().out == ""
    assert cli.main([str(stream), "--data", "--require-done"]) == 3
    assert capfd.readouterr().err == "sse_stream: the stream ended before [DONE]\n"
    assert cli.main([str(stream), "--max-event-size", "5"]) == 1
    assert "larger than 5 bytes" in capfd.readouterr().err
    assert cli.main([str(stream) + ".absent"]) == 2
    assert cli.main([str(stream.parent)]) == 2
    with pytest.raises(SystemExit) as caught:
        cli.main(["--max-event-size", "0"])
    assert caught.value.code == 2


def test_a_closed_pipe_ends_it_quietly() -> None:
    command = f"{sys.executable} -m sse_stream {CHAT} | head -c 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, 130), (BrokenPipeError, 0), (OSError, 2)]
)
def test_interruptions(
    error: type[BaseException], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", interrupted)
    monkeypatch.setattr(cli, "_silence_output", lambda: None)
    assert cli.main([CHAT]) == status


def test_standard_input_can_be_named_by_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sse_stream", "--data"],
        cwd=ROOT,
        input=b"data: x\n\n",
        capture_output=True,
    )
    assert done.stdout == b"x\n"
