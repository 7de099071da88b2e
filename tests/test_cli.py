"""The command line, run as a process; test_terminal.py has its behaviour in a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from sse_stream import cli

ROOT = Path(__file__).resolve().parent.parent
CHAT = str(ROOT / "tests" / "data" / "chat.sse")
PATH = "choices.0.delta.content"
TEXT = "Grüße aus Zürich! 東京ではこんにちは。 First line\u2028second line, and a smile: 😀."
COMMAND = [sys.executable, "-m", "sse_stream"]

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
def main(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    def call(stream: bytes, *arguments: str) -> Result:
        file = tmp_path / "stream.sse"
        file.write_bytes(stream)
        return Result(cli.main([str(file), *arguments]), capfd.readouterr())

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
    "absent": ("b", b'{"a": "x"}', ""),
    "deep": ("a.b.c", b'{"a": {"b": {"c": "x"}}}', "x"),
    "item": ("a.1", b'{"a": ["x", "y"]}', "y"),
    "item-of-the-whole": ("0", b'["x"]', "x"),
    "no-such-item": ("a.9", b'{"a": ["x"]}', ""),
    "name-in-a-list": ("a.b", b'{"a": ["x"]}', ""),
    "number-in-an-object": ("a.0", b'{"a": {"0": "x"}}', "x"),
    "empty-name": ("", b'{"": "x", "a": "y"}', "x"),
    "empty-name-inside": ("a.", b'{"a": {"": "x"}}', "x"),
    "in-text": ("a.0", b'{"a": "x"}', ""),
    "in-null": ("a.b.c", b'{"a": null}', ""),
    "in-number": ("a.b", b'{"a": 5}', ""),
    "in-a-whole-number": ("a", b"5", ""),
    "too-long-a-number": ("a." + "9" * 5000, b'{"a": ["x"]}', ""),
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
    [b"no", b"", b"{", b"\xff", b'{"a": 1}x', b"[" * 100_000, b'{"a"\x1b[31m'],
    ids=lambda bad: repr(bad[:10]),
)
def test_data_that_is_not_json_is_reported_and_the_stream_goes_on(main: Any, bad: bytes) -> None:
    stream = b'data: {"a": "x"}\n\ndata: ' + bad + b'\n\ndata: {"a": "y"}\n\n'
    done = main(stream, "--select", "a")
    assert (done.status, done.out) == (1, "xy")
    shown = repr(bad[:200].decode(errors="replace"))
    assert done.err == f"sse_stream: data is not JSON: {shown}\n"


def test_deep_json_raises_nothing_wherever_its_end_is(main: Any) -> None:
    for depth in range(880, 1010):
        done = main(b'data: {"a": ' + b"[" * depth + b"]" * depth + b"}\n\n", "--select", "a")
        assert (done.status, done.out) in ((0, "[" * depth + "]" * depth), (1, ""))


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
        (b"data: a\n\ndata: [DONE]\n", [], 3),
        (b"data: [DONE]\n\n", ["--no-done"], 3),
        (b"data: {}\n\ndata: [DONE]\n\n", ["--select", "a"], 0),
        (b"data: {}\n\n", ["--select", "a"], 3),
        (b"data: no\n\n", ["--select", "a"], 3),
        (b"data: no\n\ndata: [DONE]\n\n", ["--select", "a"], 1),
    ],
)
def test_require_done(main: Any, stream: bytes, arguments: list[str], status: int) -> None:
    done = main(stream, "--require-done", *arguments)
    assert done.status == status
    assert done.err.endswith("sse_stream: the stream ended before [DONE]\n") == (status == 3)
    assert main(stream, *arguments).status == (1 if b"no" in stream else 0)


def test_an_unfinished_block_is_discarded(main: Any) -> None:
    assert main(b"data: a\n\ndata: b\n", "--data").out == "a\n"


def test_max_event_size(main: Any) -> None:
    stream = b"data: a\n\ndata: 12345678\n\n"
    done = main(stream, "--data", "--max-event-size", "10")
    assert (done.status, done.out) == (1, "a\n")
    message = "sse_stream: the event stream holds an event or a line larger than 10 bytes\n"
    assert done.err == message
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
    assert done.stderr.startswith(b"sse_stream: the file does not block")


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


@posix
@pytest.mark.parametrize("arguments", [[], ["--select", "a"], ["--require-done"]])
def test_ctrl_c_ends_it_quietly(arguments: list[str]) -> None:
    # If this process ignores the signal, so do its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with running(*arguments) as (process, write, read):
            write.write(b'data: {"a": "x"}\n\n')
            assert read.read(1)
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130
            assert process.stderr is not None and process.stderr.read() == b""
    finally:
        signal.signal(signal.SIGINT, before)


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


def test_no_spinner_where_standard_error_is_no_terminal() -> None:
    stream = b": one\n\n: two\n\ndata: {}\n\n: three\n\n"
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
