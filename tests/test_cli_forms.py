"""What the command line writes: JSON lines, data and text, as the bytes arrive."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.command import (
    CHAT,
    COMMAND,
    PATH,
    ROOT,
    TEXT,
    Main,
    main_on_bytes,
    posix,
    read_exactly,
    run,
    running,
)


@pytest.fixture
def main(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Main:
    return main_on_bytes(tmp_path, capfd, monkeypatch)


def test_prints_the_answer_of_a_chat() -> None:
    done = run("--select", PATH, CHAT)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, TEXT, b"")
    done = run("--select", PATH, stream=Path(CHAT).read_bytes())
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, TEXT, b"")


def test_text_comes_out_before_the_next_bytes_are_written() -> None:
    chat = Path(CHAT).read_bytes()
    got = b""
    with running("--select", PATH) as (process, write, read):
        for start in range(0, len(chat), 7):
            # The output for these bytes is complete before more are written.
            write.write(chat[start : start + 7])
            complete = chat[: start + 7].rpartition(b"\n\n")[0]
            wanted = "".join(
                json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
                for line in complete.decode().split("\n")
                if line.startswith("data: {") and json.loads(line[6:])["choices"]
            ).encode()
            got += read_exactly(read, len(wanted) - len(got))
            assert got == wanted
        write.close()
        assert read.read() == b"" and process.wait() == 0
    assert got.decode() == TEXT


@pytest.mark.parametrize(
    ("arguments", "chunks"),
    [
        (
            [],
            [
                (b": hi\n", '{"kind": "comment", "text": "hi"}\n'),
                (
                    b"id: 1\nretry: 5\nevent: e\ndata: \xc3\xa9\r\r",
                    '{"kind": "event", "event": "e", "data": "é", "id": "1", "retry": 5}\n',
                ),
                (b"\ndata: [DONE]\n\n", '{"kind": "done"}\n'),
                (
                    b"data\n\n",
                    '{"kind": "event", "event": "message", "data": "", "id": "1", "retry": null}\n',
                ),
            ],
        ),
        (["--data"], [(b": hi\ndata: a\ndata: b\n\n", "a\nb\n"), (b"data\n\n", "\n")]),
        (["--data"], [(b"data: a\n\ndata: [DONE]\n\ndata: b\n\n", "a\nb\n")]),
        (["--data", "--no-done"], [(b"data: [DONE]\n\n", "[DONE]\n")]),
        (["--data", "--join"], [(b"data: a\n\n", "a"), (b"data:\ndata:  b\n\n", "\n b")]),
        (["--text"], [(b"event: output\ndata: a\n\n", "a"), (b"event: output\ndata: b\n\n", "b")]),
        (["--select", "a"], [(b'data: {"a": "x"}\r\r', "x"), (b'\ndata: {"a": "y"}\n\n', "y")]),
    ],
    ids=str,
)
def test_each_form_comes_out_with_the_bytes_that_complete_it(
    arguments: list[str], chunks: list[tuple[bytes, str]]
) -> None:
    with running(*arguments) as (process, write, read):
        for sent, shown in chunks:
            for start in range(0, len(sent), 3):
                write.write(sent[start : start + 3])
            assert read_exactly(read, len(shown.encode())).decode() == shown
        write.close()
        assert read.read() == b"" and process.wait() == 0


def test_writes_utf8_whatever_the_locale_says() -> None:
    stream = 'data: {"a": "é😀\\ud83d"}\n\n'.encode()
    for encoding in ("ascii", "latin-1", "utf-16", "cp1252:strict"):
        done = run("--select", "a", stream=stream, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "é😀\ufffd", b"")
        done = run("--data", stream=stream, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert (done.returncode, done.stdout, done.stderr) == (0, stream[6:-1], b"")
        done = run(stream=stream, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert json.loads(done.stdout)["data"] == stream[6:-2].decode()
        assert (done.returncode, done.stderr) == (0, b"") and "é😀" in done.stdout.decode()
    done = run("--select", "a", stream="data: é\n\n".encode(), PYTHONIOENCODING="ascii")
    assert done.returncode == 1 and done.stderr.strip() == rb"sse_stream: data is not JSON: '\xe9'"


def test_invalid_utf8_is_shown_as_replacement_characters(main: Main) -> None:
    assert main(b"data: a\xffb\n\n", "--data").out == "a\ufffdb\n"
    (line,) = main(b"id: \xe2\x82\n:\x80\n\n").out.splitlines()
    assert json.loads(line) == {"kind": "comment", "text": "\ufffd"}


def test_json_lines_are_lines(main: Main) -> None:
    stream = 'data: a\ndata: "b"\u2028\x85\x1b\x0b\n\n: c\u2029\n'.encode()
    lines = main(stream).out.rstrip("\n").split("\n")
    assert [json.loads(line) for line in lines] == [
        {
            "kind": "event",
            "event": "message",
            "data": 'a\n"b"\u2028\x85\x1b\x0b',
            "id": "",
            "retry": None,
        },
        {"kind": "comment", "text": "c\u2029"},
    ]


def test_a_large_event_in_one_line(main: Main) -> None:
    assert main(b"data: " + b"x" * 1_000_000 + b"\n\n", "--data").out == "x" * 1_000_000 + "\n"


def test_a_dash_is_standard_input() -> None:
    done = run("-", "--data", stream=b"data: a\n\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a\n", b"")


def test_control_characters_go_into_a_pipe_as_they_are(main: Main) -> None:
    text = "".join(map(chr, range(1, 160))).replace("\n", "").replace("\r", "") + "\u202e\u2066"
    stream = f"data: {text}\n\n".encode()
    assert main(stream, "--data").out == text + "\n"
    assert json.loads(main(stream).out)["data"] == text
    data = json.dumps({"a": text})
    assert main(f"data: {data}\n\n".encode(), "--select", "a").out == text


def test_no_spinner_where_standard_error_is_no_terminal() -> None:
    stream = b': one\n\n: two\n\ndata: {"a": 1}\n\n: three\n\n'
    for arguments in (["--select", "a"], ["--data"], []):
        assert run(*arguments, stream=stream).stderr == b""


@posix
@pytest.mark.parametrize("arguments", [["--data"], ["--select", "a"]])
def test_a_long_stream_takes_no_more_memory_than_a_short_one(arguments: list[str]) -> None:
    def peak(megabytes: int) -> int:
        with open(os.devnull, "wb") as nowhere:
            process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=nowhere
            )
        assert process.stdin is not None
        for _ in range(megabytes):
            process.stdin.write(b'data: {"a": "some text"}\n\n' * 40000)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss

    assert peak(10) < peak(1) * 1.2


def test_join_changes_nothing_where_nothing_is_between_events(main: Main) -> None:
    stream = b'data: {"choices": [{"text": "a"}]}\n\ndata: {"choices": [{"text": "b"}]}\n\n'
    for form in (["--select", "choices.0.text"], ["--text"]):
        done = main(stream, *form, "--join")
        assert (done.status, done.out, done.err) == (0, "ab", "")
