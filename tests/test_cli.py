"""The command line, run as a process; test_terminal.py has its behaviour in a terminal."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

import sse_stream
from sse_stream import cli

ROOT = Path(__file__).resolve().parent.parent
CHAT = str(ROOT / "tests" / "data" / "chat.sse")
PATH = "choices.0.delta.content"
TEXT = "Grüße aus Zürich! 東京ではこんにちは。 First line\u2028second line, and a smile: 😀."
COMMAND = [sys.executable, "-m", "sse_stream"]
# For what would disturb the coverage, or be disturbed by it.
WITHOUT_COVERAGE = {name: value for name, value in os.environ.items() if name[:3] != "COV"}

PYPY = sys.implementation.name == "pypy"
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and devices")


def run(
    *arguments: str, stream: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        input=stream,
        capture_output=True,
        env={**os.environ, **environment},
    )


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    """Start the command; yield it with its unbuffered standard input and output."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process, process.stdin, process.stdout
        finally:
            process.kill()


def read_exactly(pipe: IO[bytes], size: int) -> bytes:
    """Read this number of bytes; it waits only if the command delays them."""
    data = b""
    while len(data) < size:
        chunk = pipe.read(size - len(data))
        assert chunk, data
        data += chunk
    return data


class Result:
    """Exit status and output of ``main``, run in this process."""

    def __init__(self, status: int, captured: Any) -> None:
        self.status = status
        self.out: str = captured.out
        self.err: str = captured.err


@pytest.fixture
def main(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``main`` with a file; a short one must give the same byte by byte."""

    def read_bytes(file: IO[bytes]) -> Iterator[bytes]:
        while byte := file.read(1):
            yield byte

    def call(stream: bytes, *arguments: str) -> Result:
        file = tmp_path / "stream.sse"
        file.write_bytes(stream)
        whole = Result(cli.main([str(file), *arguments]), capfd.readouterr())
        if len(stream) < 2000 and not isinstance(sys.stdout, Failing):
            with monkeypatch.context() as patch:
                patch.setattr(cli, "read_chunks", read_bytes)
                single = Result(cli.main([str(file), *arguments]), capfd.readouterr())
            assert vars(single) == vars(whole)
        return whole

    return call


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


SELECTED = {
    "text": ("a", b'{"a": "x"}', "x"),
    "number": ("a", b'{"a": 1.50}', "1.5"),
    "true": ("a", b'{"a": true}', "true"),
    "false": ("a", b'{"a": false}', "false"),
    "zero": ("a", b'{"a": 0}', "0"),
    "null": ("a", b'{"a": null}', ""),
    "empty": ("a", b'{"a": ""}', ""),
    "object": ("a", '{"a": {"é": [1, null]}}'.encode(), '{"é": [1, null]}'),
    "list": ("a", b'{"a": []}', "[]"),
    "deep": ("a.b.c", b'{"a": {"b": {"c": "x"}}}', "x"),
    "item": ("a.1", b'{"a": ["x", "y"]}', "y"),
    "item-of-the-whole": ("0", b'["x"]', "x"),
    "number-in-an-object": ("a.0", b'{"a": {"0": "x"}}', "x"),
    "empty-name": ("", b'{"": "x", "a": "y"}', "x"),
    "empty-name-inside": ("a.", b'{"a": {"": "x"}}', "x"),
    "line-feeds": ("a", b'{"a": "x\\n\\ny"}', "x\n\ny"),
    "u2028": ("a", '{"a": "x\u2028y"}'.encode(), "x\u2028y"),
    "surrogate-pair": ("a", b'{"a": "\\ud83d\\ude00"}', "😀"),
    "lone-high-surrogate": ("a", b'{"a": "x\\ud83d"}', "x\ufffd"),
    "lone-low-surrogate": ("a", b'{"a": "\\ude00x"}', "\ufffdx"),
    "surrogates-in-the-wrong-order": ("a", b'{"a": "\\ude00\\ud83dx"}', "\ufffd\ufffdx"),
    "surrogates-in-an-object": ("a", b'{"a": {"\\ud83d": "\\ude00"}}', '{"\ufffd": "\ufffd"}'),
    "bom": ("a", b'{"a": "\\ufeffx"}', "\ufeffx"),
}


@pytest.mark.parametrize(
    ("path", "data", "shown"), [pytest.param(*case, id=name) for name, case in SELECTED.items()]
)
def test_select(main: Any, path: str, data: bytes, shown: str) -> None:
    done = main(b"data: " + data + b"\n\n", "--select", path)
    assert (done.status, done.out, done.err) == (0, shown, "")


@pytest.mark.parametrize(
    ("path", "data", "content"),
    [
        ("b", b'{"a": "x", "c": 1}', "the top-level keys of the first are a, c"),
        ("a.0", b'{"a": "x"}', "the top-level keys of the first are a"),
        ("a.b.c", b'{"a": null}', "the top-level keys of the first are a"),
        ("a.b", b'{"a": 5}', "the top-level keys of the first are a"),
        ("a.b", b'{"a": ["x"]}', "the top-level keys of the first are a"),
        ("a.9", b'{"a": ["x"]}', "the top-level keys of the first are a"),
        ("a." + "9" * 5000, b'{"a": ["x"]}', "the top-level keys of the first are a"),
        ("a", b'{"\\u009b\\ud83d": 1}', "the top-level keys of the first are \\x9b\\ud83d"),
        ("a", b"{}", "the first is {}"),
        ("a", b"5", "the first is 5"),
        ("a", b'["a"]', 'the first is ["a"]'),
        ("a", b'"a"', "the first is a"),
        ("a", b"null", "the first is null"),
        (
            "$.a[0]['b']",
            b'{"a": [{"b": 1}]}',
            "the top-level keys of the first are a; write PATH as 'a.0.b'",
        ),
    ],
    ids=str,
)
def test_a_path_that_is_in_no_event_is_reported(
    main: Any, path: str, data: bytes, content: str
) -> None:
    done = main(b"data: " + data + b"\n\ndata: [DONE]\n\n", "--select", path)
    assert (done.status, done.out) == (1, "")
    shown = repr(path).replace("\\", "")
    assert done.err == f"sse_stream: PATH {shown} is in no event's JSON: {content}\n"


def test_a_path_that_is_in_one_event_is_not_reported(main: Any) -> None:
    for value, shown in {b'"x"': "x", b"null": "", b'""': ""}.items():
        stream = b'data: {"b": 1}\n\ndata: {"a": ' + value + b'}\n\ndata: {"b": 2}\n\n'
        done = main(stream, "--select", "a")
        assert (done.status, done.out, done.err) == (0, shown, "")
    # Without JSON there is nothing that could have the path.
    for stream in (b"", b": hi\n\n", b"data: [DONE]\n\n", b"id: 1\ndata:\n\n"):
        done = main(stream, "--select", "a")
        assert (done.status, done.out, done.err) == (0, "", "")


def test_many_keys_are_shortened(main: Any) -> None:
    data = json.dumps(dict.fromkeys(map(str, range(1000)))).encode()
    done = main(b"data: " + data + b"\n\n", "--select", "a")
    assert done.status == 1 and len(done.err) < 300 and done.err.endswith(", 51, 52...\n")


ERRORS = {
    "object": (b'data: {"error": {"message": "quota", "code": 429}}', "quota"),
    "object-without-message": (b'data: {"error": {"code": 429}}', '{"code": 429}'),
    "nested": (b'data: {"error": {"error": {"message": "deep"}}}', "deep"),
    "text": (b'data: {"error": "quota"}', "quota"),
    "flat": (b'data: {"error": true, "message": "quota"}', "quota"),
    "text-and-message": (b'data: {"error": "rate_limit", "message": "wait"}', "rate_limit: wait"),
    "array": (b'data: {"error": [{"message": "x"}]}', '{"error": [{"message": "x"}]}'),
    "number": (b'data: {"error": 5}', '{"error": 5}'),
    "type-with-text": (b"event: error\ndata: went away", "went away"),
    "type-with-lines": (b"event: error\ndata: a\ndata: \x1b[2J\xc2\x9b", "a\\n\\x1b[2J\\x9b"),
    "type-with-json": (b'event: error\ndata: {"message": "quota"}', "quota"),
    "type-with-nested-json": (
        b'event: error\ndata: {"type": "error", "error": {"type": "o", "message": "Overloaded"}}',
        "Overloaded",
    ),
    "type-with-json-text": (b'event: error\ndata: "quota"', "quota"),
    "type-with-empty-error": (b'event: error\ndata: {"error": {}, "message": "flat"}', "flat"),
    "type-with-null": (b'event: error\ndata: {"error": null}', '{"error": null}'),
    "type-without-data": (b"event: error\ndata", "no data"),
    "type-with-deep-json": (b"event: error\ndata: " + b"[" * 100_000, "[" * 200 + "..."),
    "type-in-json": (b'data: {"type": "error", "message": "quota"}', "quota"),
    "object-in-json": (b'data: {"object": "error", "message": "quota"}', "quota"),
    "long": (b'data: {"error": "' + b"x" * 1000 + b'"}', "x" * 200 + "..."),
}


@pytest.mark.parametrize(
    ("block", "message"), [pytest.param(*case, id=name) for name, case in ERRORS.items()]
)
def test_an_error_in_the_stream_is_reported(main: Any, block: bytes, message: str) -> None:
    stream = b'data: {"a": "half"}\n\n' + block + b"\n\ndata: [DONE]\n\n"
    done = main(stream, "--select", "a", "--require-done")
    assert (done.status, done.out) == (1, "half")
    assert done.err == f"sse_stream: the stream reports an error: {message}\n"
    # An error alone is the reason why there is no value: only the error is reported.
    assert main(block + b"\n\n", "--select", "a").err == done.err
    # The other forms show the event itself.
    for form in ([], ["--data"]):
        assert main(stream, *form).status == 0


@pytest.mark.parametrize("value", ["null", "false", "0", '""', "[]", "{}"])
def test_a_false_error_is_no_error(main: Any, value: str) -> None:
    done = main(f'data: {{"error": {value}, "a": "x"}}\n\n'.encode(), "--select", "a")
    assert (done.status, done.out, done.err) == (0, "x", "")


def test_the_value_beside_an_error_is_written(main: Any) -> None:
    done = main(b'data: {"error": "quota", "a": "x"}\n\n', "--select", "a")
    assert (done.status, done.out) == (1, "x") and "quota" in done.err


def test_a_path_that_begins_with_error_selects_the_error(main: Any) -> None:
    stream = b'event: error\ndata: {"error": {"message": "quota"}}\n\n'
    done = main(stream, "--select", "error.message")
    assert (done.status, done.out, done.err) == (0, "quota", "")
    done = main(stream, "--select", "error")
    assert (done.status, done.out, done.err) == (0, '{"message": "quota"}', "")
    assert main(stream, "--select", "errors").err.endswith("reports an error: quota\n")


def test_select_joins_a_surrogate_pair_split_between_events(main: Any) -> None:
    def stream(*texts: str) -> bytes:
        return "".join(f'data: {{"a": "{text}"}}\n\n' for text in texts).encode()

    cases = {
        ("x\\ud83d", "\\ude00y"): "x😀y",
        ("\\ud83d", "", "\\ude00"): "😀",
        ("\\ud83d", "\\ud83d", "\\ude00"): "\ufffd😀",
        ("\\ud83d", "x"): "\ufffdx",
        ("\\ud83d", "\\ud83d"): "\ufffd\ufffd",
        ("\\ude00", "\\ud83d"): "\ufffd\ufffd",
    }
    for texts, shown in cases.items():
        assert main(stream(*texts), "--select", "a").out == shown
    # A comment or an event without text between the two does not matter.
    between = stream("\\ud83d") + b': hi\n\ndata: {"b": 1}\n\n' + stream("\\ude00")
    assert main(between, "--select", "a").out == "😀"


def test_select_skips_comments_and_done(main: Any) -> None:
    done = main(b': hi\n\ndata: {"a": 1}\n\ndata: [DONE]\n\ndata: {"a": 2}\n\n', "--select", "a")
    assert (done.status, done.out, done.err) == (0, "12", "")


@pytest.mark.parametrize(
    "bad",
    [b"no", b"{", b"\xff", b'{"a": 1}x', b'{"a"\x1b[31m', b"x" * 300],
    ids=lambda bad: repr(bad[:10]),
)
def test_data_that_is_not_json_is_reported_and_the_stream_goes_on(main: Any, bad: bytes) -> None:
    stream = b'data: {"a": "x"}\n\ndata: ' + bad + b'\n\ndata: {"a": "y"}\n\n'
    done = main(stream, "--select", "a")
    assert (done.status, done.out) == (1, "xy")
    shown = repr(bad[:200].decode(errors="replace") + "..." * (len(bad) > 200))
    assert done.err == f"sse_stream: data is not JSON: {shown}\n"


def test_a_long_integer_is_json(main: Any) -> None:
    digits = "9" * 5000
    stream = f'data: {{"n": {digits}, "a": "x", "b": [-{digits}]}}\n\n'.encode()
    for path, shown in {"a": "x", "n": digits, "b": f'["-{digits}"]', "b.0": f"-{digits}"}.items():
        done = main(stream, "--select", path)
        assert (done.status, done.out, done.err) == (0, shown, "")


def test_json_nested_too_deeply_is_reported_as_that(main: Any) -> None:
    for data in (b"[" * 100_000, b'{"a": "x", "b": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        stream = b'data: {"a": "x"}\n\ndata: ' + data + b'\n\ndata: {"a": "y"}\n\n'
        done = main(stream, "--select", "a")
        assert (done.status, done.out) == (1, "xy")
        start = data[:200].decode()
        assert done.err == f"sse_stream: data is JSON nested too deeply: '{start}...'\n"


def test_deep_json_raises_nothing_wherever_its_end_is(main: Any) -> None:
    # Where CPython's limit is near; PyPy has another one, and takes long to write deep lists.
    depths = [1000, 5000] if PYPY else [*range(880, 1010), 5000]
    for depth in depths:
        done = main(b'data: {"a": ' + b"[" * depth + b"]" * depth + b"}\n\n", "--select", "a")
        assert (done.status, done.out) in ((0, "[" * depth + "]" * depth), (1, ""))
        assert ("nested too deeply" in done.err) == (done.status == 1)


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


def test_invalid_utf8_is_shown_as_replacement_characters(main: Any) -> None:
    assert main(b"data: a\xffb\n\n", "--data").out == "a\ufffdb\n"
    (line,) = main(b"id: \xe2\x82\n:\x80\n\n").out.splitlines()
    assert json.loads(line) == {"kind": "comment", "text": "\ufffd"}


def test_json_lines_are_lines(main: Any) -> None:
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


def test_a_large_event_in_one_line(main: Any) -> None:
    assert main(b"data: " + b"x" * 1_000_000 + b"\n\n", "--data").out == "x" * 1_000_000 + "\n"


@pytest.mark.parametrize(
    ("stream", "arguments", "status"),
    [
        (b"data: a\n\ndata: [DONE]\n\n", [], 0),
        (b"data: [DONE]\n\ndata: a\n\n", [], 0),
        (b"data: a\n\n", [], 3),
        (b"", [], 3),
        (b"data: a\n\ndata: [DONE]\n", [], 0),
        (b"data: a\n\ndata: [DONE]", [], 0),
        (b"data: a\n\ndata:  [DONE] \n\n", [], 0),
        (b"data: [DONE]\n\ndata: a", [], 0),
        (b"data: [DONE]\n\n", ["--no-done"], 3),
        (b'data: {"a": 1}\n\ndata: [DONE]\n\n', ["--select", "a"], 0),
        (b"data: {}\n\ndata: [DONE]\n\n", ["--select", "a"], 1),
        (b"data: {}\n\n", ["--select", "a"], 3),
        (b"data: no\n\n", ["--select", "a"], 3),
        (b"data: no\n\ndata: [DONE]\n\n", ["--select", "a"], 1),
    ],
)
def test_require_done(main: Any, stream: bytes, arguments: list[str], status: int) -> None:
    done = main(stream, "--require-done", *arguments)
    assert done.status == status
    assert ("sse_stream: the stream ended before [DONE]\n" in done.err) == (status == 3)
    assert main(stream, *arguments).status == ("--select" in arguments and b'"a"' not in stream)


THREE = b"event: a\ndata: 1\n\nevent: stop\ndata: 2\n\nevent: a\ndata: 3\n\n"


def test_until(main: Any) -> None:
    for required in ([], ["--require-done"]):
        done = main(THREE, "--data", "--until", "stop", *required)
        assert (done.status, done.out, done.err) == (0, "1\n2\n", "")
        done = main(THREE, "--data", "--until", "a", *required)
        assert (done.status, done.out, done.err) == (0, "1\n", "")
        # What comes after it does not matter.
        done = main(THREE + b"data: cut", "--data", "--until", "stop", *required)
        assert (done.status, done.out, done.err) == (0, "1\n2\n", "")
        done = main(b"data: [DONE]\n\n" + THREE, "--data", "--until", "b", *required)
        assert (done.status, done.out, done.err) == (0, "1\n2\n3\n", "")
    assert main(THREE, "--data", "--until", "b").status == 0
    done = main(THREE, "--data", "--until", "b\x9b", "--require-done")
    assert (done.status, done.out) == (3, "1\n2\n3\n")
    assert done.err == ("sse_stream: the stream ended before [DONE] or an event of type 'b\\x9b'\n")
    done = main(THREE, "--until", "b", "--no-done", "--require-done")
    assert done.err == "sse_stream: the stream ended before an event of type 'b'\n"
    assert main(b"data: x\n\n", "--data", "--until", "message", "--require-done").status == 0


def test_until_ends_while_the_stream_is_open() -> None:
    with running("--data", "--until", "stop") as (process, write, read):
        write.write(THREE)
        assert read.read() == b"1\n2\n" and process.wait() == 0


CUT = "the stream ended in the middle of an event"
TRY = ": try --flush)"
NO_BLANK_LINE = f"{CUT} (only its blank line is missing{TRY}"
NO_LINE_END = f"{CUT} (perhaps only line ends are missing{TRY}"


@pytest.mark.parametrize(
    ("rest", "flushed", "message"),
    [
        (b"data: b\n", "b\n", NO_BLANK_LINE),
        (b"data: b\r", "b\n", NO_BLANK_LINE),
        (b"data: b\r\n", "b\n", NO_BLANK_LINE),
        (b"data: b\nid: 1\n", "b\n", NO_BLANK_LINE),
        (b"data: b", "b\n", NO_LINE_END),
        (b"data", "\n", NO_LINE_END),
        (b"data: b\nid", "b\n", NO_LINE_END),
        (b'data: {"a": [1]}', '{"a": [1]}\n', NO_LINE_END),
        (b'data: {"a": [1', '{"a": [1\n', CUT),
        (b"data: [[", "[[\n", CUT),
        (b"data: " + b"[" * 1500, "[" * 1500 + "\n", CUT),
        (b'data: {"a": [1\n', '{"a": [1\n', NO_BLANK_LINE),
        (b"dat", "", CUT),
        (b"id: 1\n", "", CUT),
        (b"event: a\n", "", CUT),
        (b": hi", "", CUT),
        (b"x", "", CUT),
    ],
)
def test_an_end_in_the_middle_of_an_event(
    main: Any, rest: bytes, flushed: str, message: str
) -> None:
    stream = b"data: a\n\n" + rest
    done = main(stream, "--data")
    assert (done.status, done.out, done.err) == (3, "a\n", f"sse_stream: {message}\n")
    done = main(stream, "--data", "--require-done")
    if rest[-1:] not in b"\r\n":
        message = CUT  # --flush would not help
    message = message.replace(CUT, f"{CUT}, before [DONE]")
    assert (done.status, done.out, done.err) == (3, "a\n", f"sse_stream: {message}\n")
    done = main(stream, "--data", "--flush")
    assert (done.status, done.out) == (0, "a\n" + flushed)
    # An unfinished line does not complete the stream, even if --flush makes an event of it.
    done = main(stream, "--data", "--flush", "--require-done", "--until", "message")
    whole = rest[-1:] in b"\r\n"
    assert done.status == 0 and done.out == "a\n"
    event = b"event: b\n" + rest
    done = main(event, "--data", "--flush", "--require-done", "--until", "b")
    assert done.status == (0 if whole and flushed else 3)


def test_the_end_after_done_or_between_events_is_no_cut(main: Any) -> None:
    for stream in (b"data: [DONE]\n\ndata: a", b"data: a\n\nretry: 5\n", b"data: a\n\n", b""):
        done = main(stream)
        assert (done.status, done.err) == (0, "")


HTML = b"<!DOCTYPE html>\n<html><head><title>404 \xc2\x9b2J</title></head></html>\n"
JSON = b'{"error": {"message": "bad key"}}'
NO_EVENT_STREAMS = {
    "json": (JSON, "JSON: perhaps an error of the server"),
    "json-line": (JSON + b"\n", "JSON: perhaps an error of the server"),
    "json-pretty": (json.dumps(json.loads(JSON), indent=2).encode(), "JSON: "),
    "json-lines": (b'{"a": 1}\n{"a": 2}\n', "JSON: "),
    "html": (HTML, "HTML or XML: perhaps an error page"),
    "gzip": (gzip.compress(b"data: a\n\n"), "gzip: decompress the body first"),
    "utf-16": ("data: a\n\n".encode("utf-16"), "UTF-16: an event stream is UTF-8"),
    "utf-16-le": ("data: a\n\n".encode("utf-16-le"), "UTF-16: an event stream is UTF-8"),
    "utf-16-be": ("data: a\n\n".encode("utf-16-be"), "UTF-16: an event stream is UTF-8"),
    "text": (b"upstream connect error or disconnect/reset before headers", ""),
    "text-line": (b"upstream connect error\n", ""),
    "long": (b"x" * 1000, ""),
}


@pytest.mark.parametrize("name", NO_EVENT_STREAMS)
@pytest.mark.parametrize(
    "arguments", [[], ["--data"], ["--select", "a", "--require-done", "--flush"]], ids=str
)
def test_what_is_no_event_stream_is_shown(main: Any, name: str, arguments: list[str]) -> None:
    body, reason = NO_EVENT_STREAMS[name]
    done = main(body, *arguments)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("sse_stream: not an event stream") and reason in done.err
    assert done.err.endswith(f"it starts with {body[:200]!r}\n")
    assert done.err[:-1].isprintable()


@pytest.mark.parametrize("stream", [b"", b"\n\r\n", b": hi\n", b"\xef\xbb\xbf", b"retry: 5\n"])
def test_a_stream_without_events_is_no_error(main: Any, stream: bytes) -> None:
    for form in ([], ["--data"], ["--select", "a"]):
        done = main(stream, *form)
        assert (done.status, done.err) == (0, "")


def test_ignored_lines_are_reported(main: Any) -> None:
    line = 'error: {"message":"\x1b[2J\u009bfull"}'
    shown = 'error: {"message":"\\x1b[2J\\x9bfull"}'
    stream = f'data: {{"a": "half"}}\n\n{line}\n\n'.encode()
    done = main(stream + b"data: [DONE]\n\n", "--select", "a", "--require-done")
    assert (done.status, done.out) == (0, "half")
    assert done.err == f"sse_stream: ignored 1 line: '{shown}'\n"
    done = main(stream, "--select", "a", "--require-done")
    assert (done.status, done.out) == (3, "half")
    assert done.err == (f"sse_stream: the stream ended before [DONE] (ignored 1 line: '{shown}')\n")
    done = main(stream + b"foo" + b"o" * 1000 + b"\ndata: a", "--data")
    assert done.status == 3
    assert done.err.endswith(f"try --flush) (ignored 2 lines, the first: '{shown}')\n")
    done = main(b"f" * 1000 + b"\n" + stream, "--select", "b")
    assert done.err.endswith(f"(ignored 2 lines, the first: '{'f' * 200}...')\n")


def test_the_most_important_status_wins(main: Any) -> None:
    # An error in the stream, a path that is in no event, and an end in the middle of an event.
    stream = b'event: error\ndata: went away\n\ndata: {"b": 1}\n\n'
    done = main(stream + b"data: {", "--select", "a")
    assert done.status == 3
    assert [line[:30] for line in done.err.splitlines()] == [
        "sse_stream: the stream reports",
        "sse_stream: the stream ended i",
        "sse_stream: PATH 'a' is in no ",
    ]
    assert main(stream, "--select", "a").status == 1
    assert main(stream, "--select", "a", "--require-done").status == 3
    assert main(JSON + b"\ndata", "--select", "a", "--require-done").status == 1


def test_a_dash_is_standard_input() -> None:
    done = run("-", "--data", stream=b"data: a\n\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a\n", b"")


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split() == ["sse-stream", sse_stream.__version__]


@posix
def test_version_without_standard_output_goes_to_standard_error() -> None:
    done = subprocess.run(
        f'"{sys.executable}" -m sse_stream --version >&-', shell=True, cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0
    assert done.stderr.decode().split() == ["sse-stream", sse_stream.__version__]


def test_control_characters_go_into_a_pipe_as_they_are(main: Any) -> None:
    text = "".join(map(chr, range(1, 160))).replace("\n", "").replace("\r", "") + "\u202e\u2066"
    stream = f"data: {text}\n\n".encode()
    assert main(stream, "--data").out == text + "\n"
    assert json.loads(main(stream).out)["data"] == text
    data = json.dumps({"a": text})
    assert main(f"data: {data}\n\n".encode(), "--select", "a").out == text


def test_max_event_size(main: Any) -> None:
    stream = b"data: a\n\ndata: 12345678\n\n"
    done = main(stream, "--data", "--max-event-size", "10")
    assert (done.status, done.out) == (1, "a\n")
    assert done.err == (
        "sse_stream: an event or a line is larger than the limit of 10 bytes; "
        "see --max-event-size\n"
    )
    done = main(stream, "--data", "--max-event-size", "14")
    assert (done.status, done.out, done.err) == (0, "a\n12345678\n", "")


@pytest.mark.parametrize("size", ["0", "-1", "x", "1.5", ""])
def test_an_invalid_limit_is_refused(size: str) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as message, pytest.raises(SystemExit) as caught:
        cli.main(["--max-event-size", size, os.devnull])
    assert caught.value.code == 2
    assert f"{size!r} is not a positive number of bytes" in message.getvalue()


@pytest.mark.parametrize("arguments", [["--data", "--select", "a"], ["--unknown"], ["a", "b"]])
def test_wrong_arguments_are_explained(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr.startswith(b"usage: python -m sse_stream")
    assert done.stdout == b""


def test_a_file_that_cannot_be_read_is_named_without_a_traceback(tmp_path: Path) -> None:
    done = run(str(tmp_path / "absent"))
    assert done.returncode == 2 and done.stdout == b""
    assert re.fullmatch(r"sse_stream: .*absent: No such file or directory\s*", done.stderr.decode())
    assert cli.main([str(tmp_path)]) == 2
    # As from an unset variable of the shell: the command must not read standard input.
    done = run("", stream=b"data: x\n\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(r"sse_stream: : No such file or directory\s*", done.stderr.decode())


@posix
@pytest.mark.parametrize(
    ("closed", "name"), [("<&-", "standard input"), (f'"{CHAT}" >&-', "standard output")]
)
def test_a_stream_that_is_closed_is_named(closed: str, name: str) -> None:
    done = subprocess.run(
        f'"{sys.executable}" -m sse_stream {closed}', shell=True, cwd=ROOT, capture_output=True
    )
    assert done.returncode == 2
    assert done.stderr.decode() == f"sse_stream: {name}: Bad file descriptor\n"


@posix
def test_a_failing_read_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    # On Linux, a process can open its own memory, but reading at offset 0 fails.
    if not os.path.exists("/proc/self/mem"):
        pytest.skip("no file here can be opened but not read")
    done = run("/proc/self/mem")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"sse_stream: Input/output error\n"


@posix
def test_a_nonblocking_pipe_without_data_is_an_error() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    done = subprocess.run([*COMMAND, "--data"], cwd=ROOT, stdin=reading, capture_output=True)
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"sse_stream: the file is non-blocking")


@posix
@pytest.mark.parametrize("arguments", [[], ["--data"], ["--select", PATH]])
def test_a_full_disk_is_reported_once(arguments: list[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no device here is full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments, CHAT], cwd=ROOT, stdout=full, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (2, b"sse_stream: No space left on device\n")


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_is_only_partly_written_is_reported(tmp_path: Path, unbuffered: str) -> None:
    # The system writes what the limit of the file's size allows, then refuses.
    code = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        f"os.execv(sys.executable, {[*COMMAND, '--data']})"
    )
    with open(tmp_path / "output", "wb") as output:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**WITHOUT_COVERAGE, "PYTHONUNBUFFERED": unbuffered},
            input=b"data: " + b"x" * 5000 + b"\n\n",
            stdout=output,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (2, b"sse_stream: File too large\n")


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_nonblocking_pipe_that_is_full_is_reported(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    done = subprocess.run(
        [*COMMAND, "--data"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        input=b"data: " + b"x" * 1_000_000 + b"\n\n",
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 2 and re.fullmatch(rb"sse_stream: .*\n", done.stderr)


@pytest.mark.parametrize("arguments", [[], ["--data"], ["--select", "a"]])
def test_a_closed_pipe_ends_it_quietly(arguments: list[str]) -> None:
    with running(*arguments) as (process, write, read):
        write.write(b'data: {"a": "x"}\n\n')
        assert read.read(1)
        read.close()
        # The command fails to write the next item; writing to it may fail here, too.
        with contextlib.suppress(BrokenPipeError, OSError):
            write.write(b'data: {"a": "y"}\n\n' * 1000)
        with contextlib.suppress(BrokenPipeError, OSError):
            write.close()
        assert process.wait() == 0
        assert process.stderr is not None and process.stderr.read() == b""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children of this process have the signal, which a job in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@posix
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("arguments", [[], ["--select", "a"], ["--require-done"], ["--stats"]])
def test_ctrl_c_ends_it_quietly(arguments: list[str]) -> None:
    with running(*arguments) as (process, write, read):
        write.write(b'data: {"a": "x"}\n\n')
        assert read.read(1)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read()[:16] == (
            b"1 events, 18 byt" if "--stats" in arguments else b""
        )


ENDED_BY_CTRL_C = (130, -signal.SIGINT)

# Sends the signal at the given number of function calls after the command line's own code
# begins, and a second one two calls later.
INTERRUPT = """
import os, runpy, signal, sys
count = 0
def profile(frame, event, argument):
    global count
    if count or frame.f_code.co_filename.endswith(os.path.join("sse_stream", "__main__.py")):
        count += 1
        if count in ({at}, {at} + 2):
            os.kill(os.getpid(), signal.SIGINT)
sys.setprofile(profile)
runpy.run_module("sse_stream", run_name="__main__", alter_sys=True)
"""


@posix
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("at", [*range(2, 10), 20, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000])
def test_ctrl_c_at_any_moment_of_the_start_ends_it_quietly(at: int) -> None:
    command = [sys.executable, "-c", INTERRUPT.format(at=at), "--stats", CHAT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    assert done.returncode in ENDED_BY_CTRL_C and b"Traceback" not in done.stderr


@posix
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_the_first_moments(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # type: ignore[attr-defined, unused-ignore]
    for milliseconds in range(0, 150, 3):
        # Opening a FIFO waits for its other side, reading an open pipe for bytes.
        file = [str(fifo)] if milliseconds % 2 else []
        with subprocess.Popen(
            [*COMMAND, *file],
            cwd=ROOT,
            env=WITHOUT_COVERAGE,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            time.sleep(milliseconds / 1000)
            process.send_signal(signal.SIGINT)
            assert process.stdin is not None and process.stderr is not None
            process.stdin.close()
            while process.poll() is None:
                # Python may lose the signal before the command's own code begins ("Exception
                # ignored"; PyPy prints nothing): then the end of the input ends it.
                os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))
                time.sleep(0.001)
            message = process.stderr.read().decode()
        # What Python prints before the first statement of __main__.py is not the command's.
        if "init_import_site" not in message:
            assert not re.search(r'__main__\.py", line (?![01],)|cli\.py', message)
        lost = (PYPY and process.returncode == 0) or "KeyboardInterrupt" in message
        assert process.returncode in ENDED_BY_CTRL_C or lost


@posix
@pytest.mark.skipif(PYPY, reason="PyPy itself replaces an ignored Ctrl-C by its own handler")
def test_ctrl_c_stays_ignored_where_it_was() -> None:
    code = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(*{})"
    command = [sys.executable, [*COMMAND, "--data"]]
    with subprocess.Popen(
        [sys.executable, "-c", code.format(command)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for text in (b"a\n", b"b\n"):
            process.stdin.write(b"data: " + text + b"\n")
            assert read_exactly(process.stdout, 2) == text
            process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.wait() == 0


class Failing(io.TextIOWrapper):
    """A pipe without a reader; its first flush raises the given error."""

    def __init__(self, error: BaseException) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        super().__init__(io.BufferedWriter(io.FileIO(writing, "wb")))
        self.error: BaseException | None = error

    def flush(self) -> None:
        if self.error:
            error, self.error = self.error, None
            raise error
        super().flush()


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (OSError(28, "No space left"), 2, "sse_stream: No space left\n"),
        (OSError("no number"), 2, "sse_stream: no number\n"),
    ],
    ids=repr,
)
def test_a_write_error_is_reported_once(
    error: BaseException,
    status: int,
    message: str,
    main: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = Failing(error)
    monkeypatch.setattr(sys, "stdout", failing)
    done = main(b"data: x\n\n", "--data")
    assert (done.status, done.err) == (status, message)
    # As at the end of the process: it would raise if buffered output could not be written.
    failing.close()


def test_windows_reports_a_closed_pipe_as_a_wrong_argument(
    main: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for system, expected in {"nt": (0, ""), os.name: (2, "sse_stream: Invalid argument\n")}.items():
        with monkeypatch.context() as patch:
            failing = Failing(OSError(errno.EINVAL, "Invalid argument"))
            patch.setattr(sys, "stdout", failing)
            patch.setattr(os, "name", system)
            done = main(b"data: x\n\n", "--data")
            failing.close()
        assert (done.status, done.err) == expected


@posix
@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_into_a_closed_pipe_or_a_full_disk(argument: str) -> None:
    # Without a buffer, argparse meets the error, and ignores it.
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}

    def into(output: int | IO[bytes]) -> tuple[int, bytes]:
        done = subprocess.run(
            [*COMMAND, argument], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.PIPE
        )
        return done.returncode, done.stderr

    reading, writing = os.pipe()
    os.close(reading)
    assert into(writing) == (0, b"")
    os.close(writing)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            assert into(full) == (2, b"sse_stream: No space left on device\n")


def test_no_spinner_where_standard_error_is_no_terminal() -> None:
    stream = b': one\n\n: two\n\ndata: {"a": 1}\n\n: three\n\n'
    for arguments in (["--select", "a"], ["--data"], []):
        assert run(*arguments, stream=stream).stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX inheritance of files")
def test_a_closed_standard_error_changes_no_status() -> None:
    code = "import os, sys; os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", code, "-m", "sse_stream", "--stats", "no such file"], cwd=ROOT
    )
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--stats"], 0),
        (["--stats", "no such file"], 2),
        (["--require-done"], 3),
        (["--max-event-size=2"], 1),
        (["--select", "a"], 1),
    ],
)
def test_a_standard_error_without_reader_changes_no_status(
    arguments: list[str], status: int
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        input=b"data: x\n\n",
        stdout=subprocess.DEVNULL,
        stderr=writing,
    )
    os.close(writing)
    assert done.returncode == status


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
