"""The command line as a process: its options, files and pipes, and Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from support.command import (
    CHAT,
    COMMAND,
    PATH,
    PYPY,
    ROOT,
    TEXT,
    WITHOUT_COVERAGE,
    interrupt,
    posix,
    read_exactly,
    run,
    running,
)

import sse_stream
from sse_stream import cli


@pytest.mark.parametrize("short", ["--sel=a", "--dat", "--require", "--stat", "--max=5", "--vers"])
def test_options_cannot_be_abbreviated(short: str) -> None:
    done = run(short, CHAT)
    assert done.returncode == 2 and done.stdout == b""
    assert f"unrecognized arguments: {short}" in done.stderr.decode()


@pytest.mark.parametrize("name", ["sse-stream", "sse-stream.exe", "__main__.py"])
def test_the_usage_shows_the_name_of_the_installed_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [os.path.join("folder", name), "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    shown = capsys.readouterr().out
    command = "python -m sse_stream" if name == "__main__.py" else "sse-stream"
    assert shown.startswith(f"usage: {command} ") and shown.endswith(f"URL | {command} --text\n")


def test_the_installed_command_is_the_same() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    module, _, function = re.findall(r'(?m)^sse-stream = "([\w.]+)(:)(\w+)"$', pyproject)[0]
    assert getattr(importlib.import_module(module), function) is cli.run


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


@pytest.mark.parametrize("size", ["0", "-1", "x", "1.5", ""])
def test_an_invalid_limit_is_refused(size: str) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as message, pytest.raises(SystemExit) as caught:
        cli.main(["--max-event-size", size, os.devnull])
    assert caught.value.code == 2
    assert f"{size!r} is not a positive number of bytes" in message.getvalue()


def test_a_limit_of_one_byte_is_accepted() -> None:
    assert run("--max-event-size", "1", stream=b"\n\n").returncode == 0
    assert run("--max-event-size", "1", stream=b"::").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [["--data", "--select", "a"], ["--text", "--data"], ["--unknown"], ["a", "b"], ["--join"]],
)
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


@pytest.mark.parametrize(
    "arguments",
    [[CHAT], [], ["--until=message", CHAT], ["--max-event-size=2", CHAT], ["/proc/self/mem"]],
)
def test_the_file_is_closed_however_the_stream_ends(arguments: list[str]) -> None:
    done = run(*arguments, stream=b"data: x\n\n", PYTHONWARNINGS="always::ResourceWarning")
    assert b"ResourceWarning" not in done.stderr


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
def test_ctrl_c_while_reading_ends_it_by_the_signal(arguments: list[str]) -> None:
    with running(*arguments) as (process, write, read):
        write.write(b'data: {"a": "x"}\n\n')
        assert read.read(1)
        assert interrupt(process) == -signal.SIGINT
        assert process.stderr is not None
        # The figures come out before the end.
        message = process.stderr.read()
        assert re.fullmatch(
            rb"1 events, 18 bytes, .*\n" if "--stats" in arguments else b"", message
        )


@posix
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_while_a_fifo_is_opened_ends_it_by_the_signal(tmp_path: Path) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)  # type: ignore[attr-defined, unused-ignore]
    # The process says when its own code runs; opening a FIFO waits for its other side.
    code = (
        "import builtins, os, sys; from sse_stream import cli; real = builtins.open\n"
        "def tell(*given, **named):\n"
        "    os.write(1, b'x')\n"
        "    return real(*given, **named)\n"
        "builtins.open = tell\n"
        "cli.run()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, fifo],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(1) == b"x"
        assert interrupt(process) == -signal.SIGINT
        assert b"reading.py" not in process.stderr.read()


@posix
@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_ctrl_c_ends_a_shell_loop_around_it() -> None:
    loop = f'for i in 1 2; do "{sys.executable}" -m sse_stream --data; done; echo the loop went on'
    with subprocess.Popen(
        ["bash", "-c", loop],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"data: x\n\n")
        assert read_exactly(process.stdout, 2) == b"x\n"
        # As a terminal does: every process of the job gets the signal.
        send = functools.partial(os.killpg, process.pid, signal.SIGINT)
        assert interrupt(process, send) == -signal.SIGINT
        assert process.stdout.read() == b""


class Interrupted:
    """A source whose read is interrupted."""

    def __init__(self, file: IO[bytes]) -> None:
        pass

    def __iter__(self) -> Iterator[bytes]:
        yield b"data: x\n\n"
        raise KeyboardInterrupt


def test_main_called_from_python_returns_130(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cli.reading, "iter_chunks", Interrupted)
        assert cli.main(["--data", CHAT]) == 130
    assert capfd.readouterr() == ("x\n", "")
    # The standard output is still that of the program.
    assert cli.main(["--text", CHAT]) == 0
    assert capfd.readouterr() == (TEXT, "")


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_the_process_ends_by_the_signal_where_there_is_one(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(cli, "main", lambda: 130)
    monkeypatch.setattr(signal, "signal", lambda *given: done.append(given))
    monkeypatch.setattr(os, "kill", lambda *given: done.append(given))
    monkeypatch.setattr(os, "name", system)
    status = cli.run()
    monkeypatch.undo()
    expected = [(signal.SIGINT, signal.SIG_DFL), (os.getpid(), signal.SIGINT)]
    assert status == 130 and done == (expected if system == "posix" else [])


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
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "stream.sse"
    file.write_bytes(b"data: x\n\n")
    failing = Failing(error)
    monkeypatch.setattr(sys, "stdout", failing)
    monkeypatch.setattr(sys, "argv", ["sse-stream", "--data", str(file)])
    assert cli.run() == status
    assert capfd.readouterr().err == message
    # As at the end of the process: it would raise if buffered output could not be written.
    failing.close()


def test_windows_reports_a_closed_pipe_as_a_wrong_argument(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for system, expected in {"nt": (0, ""), os.name: (2, "sse_stream: Invalid argument\n")}.items():
        with monkeypatch.context() as patch:
            failing = Failing(OSError(errno.EINVAL, "Invalid argument"))
            patch.setattr(sys, "stdout", failing)
            patch.setattr(sys, "argv", ["sse-stream", "--data", CHAT])
            patch.setattr(os, "name", system)
            status = cli.run()
            failing.close()
        assert (status, capfd.readouterr().err) == expected


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
