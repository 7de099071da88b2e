"""What the end of a stream means for the messages and the exit status of the command line."""

from __future__ import annotations

import ast
import gzip
import json
import random
import re
import zlib
from pathlib import Path

import pytest
from support.command import (
    Main,
    main_on_bytes,
    running,
)

from sse_stream import EventTooLargeError


@pytest.fixture
def main(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Main:
    return main_on_bytes(tmp_path, capfd, monkeypatch)


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
def test_require_done(main: Main, stream: bytes, arguments: list[str], status: int) -> None:
    done = main(stream, "--require-done", *arguments)
    assert done.status == status
    assert ("sse_stream: the stream ended before [DONE]\n" in done.err) == (status == 3)
    assert main(stream, *arguments).status == ("--select" in arguments and b'"a"' not in stream)


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
        # The end of the JSON is missing too.
        (b'data: {"a": [1', '{"a": [1\n', CUT),
        (b"data: [[", "[[\n", CUT),
        (b"data: " + b"[" * 1500, "[" * 1500 + "\n", CUT),
        (b'data: {"a": [1\n', '{"a": [1\n', CUT),
        # --flush would make no event of these.
        (b"dat", "", CUT),
        (b"id: 1\n", "", CUT),
        (b"event: a\n", "", CUT),
        (b": hi", "", CUT),
        (b"x", "", CUT),
    ],
)
def test_an_end_in_the_middle_of_an_event(
    main: Main, rest: bytes, flushed: str, message: str
) -> None:
    stream = b"data: a\n\n" + rest
    done = main(stream, "--data")
    assert (done.status, done.out, done.err) == (3, "a\n", f"sse_stream: {message}\n")
    # What is missing here is [DONE]; --flush would not help.
    done = main(stream, "--data", "--require-done")
    assert (done.status, done.out) == (3, "a\n")
    assert done.err == f"sse_stream: {CUT}, before [DONE]\n"
    done = main(stream, "--data", "--flush")
    assert (done.status, done.out) == (0, "a\n" + flushed)
    # An unfinished line does not complete the stream, even if --flush makes an event of it.
    event = b"event: b\n" + rest
    done = main(event, "--data", "--flush", "--require-done", "--until", "b")
    is_whole = rest[-1:] in b"\r\n"
    assert done.status == (0 if is_whole and flushed else 3)


def test_flush_is_suggested_where_it_gives_the_event_of_until(main: Main) -> None:
    def message(rest: bytes, until: str) -> str:
        done = main(b"data: a\n\n" + rest, "--data", "--require-done", "--until", until)
        assert (done.status, done.out) == (3, "a\n")
        return done.err

    before = f"sse_stream: {CUT}, before [DONE] or an event "
    hint = " (only its blank line is missing: try --flush)"
    assert message(b"event: b\ndata: x\n", "b") == f"{before}of type 'b'{hint}\n"
    assert message(b'data: {"b": 1}\n', "b=1") == f"{before}with 'b=1'{hint}\n"
    assert message(b"event: b\ndata: x", "b") == f"{before}of type 'b'\n"
    assert message(b"event: b\ndata: {\n", "b") == f"{before}of type 'b'\n"
    assert message(b"data: x\n", "b") == f"{before}of type 'b'\n"
    # The event that the end cuts is not the one of --until.
    done = main(b"event: b\ndata: x\n", "--until", "b")
    assert (done.status, done.out, done.err) == (3, "", f"sse_stream: {NO_BLANK_LINE}\n")


def test_without_flush_the_end_gives_nothing_but_done(main: Main) -> None:
    for rest in (b": hi", b"data: x\n: hi", b"x", b"data: x\n"):
        done = main(b"data: a\n\n" + rest)
        assert done.status == 3 and len(done.out.splitlines()) == 1
    for rest in (b"data: [DONE]", b"data: [DONE]\n: hi"):
        done = main(rest, "--require-done")
        assert (done.status, done.out, done.err) == (0, '{"kind": "done"}\n', "")
    done = main(b"data: [DONE]\n: hi", "--flush")
    assert done.out == '{"kind": "comment", "text": "hi"}\n{"kind": "done"}\n'


def test_the_end_after_done_or_between_events_is_no_cut(main: Main) -> None:
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
    "html-with-a-style-sheet": (b"<html>\n<style>\n:root {\n</style>\n", "HTML or XML: "),
    "zlib": (zlib.compress(b"data: a\n\n"), "zlib: decompress the body first"),
    "zstandard": (b"\x28\xb5\x2f\xfd\x04\n:a", "Zstandard: decompress the body first"),
    "binary-protocol": (b"\0\0\0\x7b\0\0\0\x4f\r:content-type", "binary or UTF-16"),
    "text": (b"upstream connect error or disconnect/reset before headers", ""),
    "text-line": (b"upstream connect error\n", ""),
    "long": (b"x" * 1000, ""),
}


@pytest.mark.parametrize("name", NO_EVENT_STREAMS)
@pytest.mark.parametrize(
    "arguments", [[], ["--data"], ["--select", "a", "--require-done", "--flush"]], ids=str
)
def test_what_is_no_event_stream_is_shown(main: Main, name: str, arguments: list[str]) -> None:
    body, reason = NO_EVENT_STREAMS[name]
    done = main(body, *arguments)
    # A line that begins with a colon is a comment, wherever it stands.
    comments = '{"kind": "comment", "text": "root {"}\n' if b":root" in body else ""
    assert (done.status, done.out) == (1, "" if arguments else comments)
    assert done.err.startswith("sse_stream: not an event stream") and reason in done.err
    # A signature is shown alone: it decides before the rest has come.
    shown = re.fullmatch(r".*it starts with (b['\"].*)\n", done.err)
    start = ast.literal_eval(shown[1]) if shown else b""
    assert start == body[:200] or (reason and 0 < len(start) <= 4 and body.startswith(start))
    assert done.err[:-1].isprintable()


def test_a_compressed_stream_that_never_ends_is_reported_at_once() -> None:
    with running("--text") as (process, write, _):
        write.write(gzip.compress(b"data: a\n\n")[:2])
        assert process.wait() == 1
        assert process.stderr is not None and b"gzip" in process.stderr.read()


def test_a_compressed_body_has_lines_that_begin_with_a_colon(main: Main) -> None:
    body = gzip.compress(random.Random(1).randbytes(200_000))
    assert b"\n:" in body
    done = main(body, "--text")
    assert done.status == 1 and "not an event stream (gzip" in done.err


TAILS = {
    "pretty-json": b'{\r\n  "error": {\r\n    "message": "cancelled"\r\n  }\r\n}\r\n',
    "json-line": b'{"error": "cancelled"}\n',
    "json-without-line-end": b'{"error": "cancelled"}',
    "list": b'[{\n  "error": {}\n}]',
    "html": b"<html>\n<style>\n:root {}\n</style>\n</html>\n",
}


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("arguments", [[], ["--data"], ["--text"], ["--data", "--flush"]], ids=str)
def test_a_stream_that_breaks_off_with_something_else(
    main: Main, name: str, arguments: list[str]
) -> None:
    event = b'data: {"choices": [{"text": "half"}]}\n\n'
    stream = event + TAILS[name]
    done = main(stream, *arguments)
    assert done.status == 3 and "half" in done.out
    start = repr(TAILS[name].split(b"\n")[0].rstrip().decode())[:-1]
    assert done.err.startswith(f"sse_stream: the stream broke off; it ends with {start}")
    assert done.err.count("\n") == 1 and "ignored" not in done.err and "--flush" not in done.err
    done = main(stream, *arguments, "--require-done")
    assert done.status == 3
    assert done.err.startswith("sse_stream: the stream broke off before [DONE]; it ends with ")
    # A stream that is complete cannot break off.
    assert main(event + b"data: [DONE]\n\n" + TAILS[name], *arguments).status == 0
    assert main(stream, *arguments, "--until", "message").status == 0


def test_ignored_lines_before_a_broken_tail_are_reported(main: Main) -> None:
    done = main(b"error: full\ndata: a\n\n{\n", "--data")
    assert done.status == 3
    assert done.err == (
        "sse_stream: the stream broke off; it ends with '{\\n' "
        "(ignored 2 lines, the first: 'error: full')\n"
    )


@pytest.mark.parametrize("stream", [b"", b"\n\r\n", b": hi\n", b"\xef\xbb\xbf", b"retry: 5\n"])
def test_a_stream_without_events_is_no_error(main: Main, stream: bytes) -> None:
    for form in ([], ["--data"], ["--select", "a"]):
        done = main(stream, *form)
        assert (done.status, done.err) == (0, "")


def test_ignored_lines_are_reported(main: Main) -> None:
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


def test_the_most_important_status_wins(main: Main) -> None:
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


def test_max_event_size(main: Main) -> None:
    stream = b"data: a\n\ndata: 12345678\n\n"
    done = main(stream, "--data", "--max-event-size", "10")
    assert (done.status, done.out) == (1, "a\n")
    assert done.err == f"sse_stream: {EventTooLargeError(10)}; see --max-event-size\n"
    assert "max_event_size" in done.err
    done = main(stream, "--data", "--max-event-size", "14")
    assert (done.status, done.out, done.err) == (0, "a\n12345678\n", "")
