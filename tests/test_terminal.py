"""The command line in a terminal: the spinner, colours and statistics, and their erasure."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from support.command import CHAT, ROOT, TEXT, interrupt

from sse_stream import DONE, Comment, Event, Ignored
from sse_stream.cli import terminal as terminal_module
from sse_stream.cli.terminal import StandardError, Stats

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")

ERASE = "\r\x1b[K"


class Terminal:
    """A pseudo-terminal that the command writes to, and the text written so far."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self.text = ""

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def read_until(self, wanted: str) -> None:
        """Read until this text has come; only the time limit of the test run ends a longer wait."""
        while wanted not in self.text and self._read():
            pass
        assert wanted in self.text

    def read_what_is_there(self) -> None:
        os.set_blocking(self._master, False)
        with contextlib.suppress(BlockingIOError):
            self.text += os.read(self._master, 65536).decode()
        os.set_blocking(self._master, True)

    def read_all(self) -> str:
        os.close(self.slave)
        while self._read():
            pass
        os.close(self._master)
        return self.text

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other side was closed
            data = b""
        self.text += data.decode()
        return bool(data)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sse_stream", *arguments]


def environment(**changes: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return {**plain, "TERM": "xterm", **changes}


def test_the_spinner_shows_the_comment_and_is_gone_before_text() -> None:
    terminal = Terminal()
    process = subprocess.Popen(
        command("--data"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(b": warming \x1b]0;up\x07\n")
    process.stdin.flush()
    terminal.read_until("warming  ]0;up ")
    process.stdin.write(b": still warming\n")
    process.stdin.flush()
    terminal.read_until("still warming")
    assert "\x07" not in terminal.text
    process.stdin.write(b"data: text\n\n: no longer shown\n\n")
    process.stdin.close()
    assert process.wait() == 0
    shown, erase, after = terminal.read_all().rpartition(ERASE)
    assert "warming" in shown and erase and after == "text\r\n"


def test_ctrl_c_erases_the_spinner() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    terminal = Terminal()
    process = subprocess.Popen(
        command("--data"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=environment(),
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdin is not None
    process.stdin.write(b": warming up\n")
    process.stdin.flush()
    terminal.read_until("warming up")
    assert interrupt(process) == -signal.SIGINT
    process.stdin.close()
    assert terminal.read_all().endswith(ERASE)


def test_a_spinner_wider_than_the_terminal_leaves_no_trace() -> None:
    pyte = pytest.importorskip("pyte")
    terminal = Terminal()
    subprocess.run(
        command("--select", "a"),
        cwd=ROOT,
        input=": 東京 warms up\n: 東京 goes on\n".encode() + b'data: {"a": "text"}\n\n',
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=environment(),
        check=True,
    )
    screen = pyte.Screen(12, 5)
    stream = pyte.Stream(screen)
    shown = []
    for part in re.split(f"(?={re.escape(ERASE)})", terminal.read_all()):
        stream.feed(part)
        shown.append([line.rstrip() for line in screen.display if line.strip()])
    assert all(len(lines) <= 1 for lines in shown) and any("東" in str(lines) for lines in shown)
    assert shown[-1] == ["text"]


@pytest.mark.parametrize("form", [["--select", "text"], ["--data", "--join"], ["--text"]])
def test_joined_text_leaves_the_prompt_on_a_line_of_its_own(form: list[str]) -> None:
    stream = b"event: output\ndata: some\n\nevent: output\ndata: thing\n\n"
    if "--select" in form:
        stream = b'data: {"text": "some"}\n\ndata: {"text": "thing"}\n\n'
    terminal = Terminal()
    subprocess.run(command(*form), cwd=ROOT, input=stream, stdout=terminal.slave, check=True)
    assert terminal.read_all() == "something\r\n"


@pytest.mark.parametrize("changes", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_are_for_terminals_that_want_them(changes: dict[str, str]) -> None:
    terminal = Terminal()
    subprocess.run(
        command(CHAT),
        cwd=ROOT,
        stdout=terminal.slave,
        stderr=subprocess.DEVNULL,
        env=environment(**changes),
        check=True,
    )
    lines = terminal.read_all().splitlines()
    assert ('\x1b[32m{"kind": "done"}\x1b[0m' in lines) == (not changes)
    assert ('{"kind": "done"}' in lines) == bool(changes)
    piped = subprocess.run(command(CHAT), cwd=ROOT, capture_output=True, env=environment())
    assert b"\x1b" not in piped.stdout + piped.stderr


def test_errors_are_red_in_a_terminal() -> None:
    terminal = Terminal()
    status = subprocess.run(
        command("no such file"), cwd=ROOT, stderr=terminal.slave, env=environment()
    ).returncode
    assert status == 2
    assert terminal.read_all().startswith("\x1b[31msse_stream:\x1b[0m no such file: ")


STATS = re.compile(
    r"(\d+) events, (\d+) bytes, \d+ events/s, "
    r"first event after ([\d.]+ s|none), longest gap [\d.]+ s, (\d+) lines ignored\r?\n"
)


def test_stats_are_one_line_at_the_end() -> None:
    done = subprocess.run(
        command("--stats", "--data"), cwd=ROOT, input=b"data: a\n\ndata: b\n\n", capture_output=True
    )
    assert done.stdout == b"a\nb\n"
    found = STATS.fullmatch(done.stderr.decode())
    assert found and found[1] == "2" and found[2] == "18" and found[3] != "none"
    done = subprocess.run(
        command("--stats"), cwd=ROOT, input=b": a\nx\ny: 1\n", capture_output=True
    )
    message, line = done.stderr.decode().splitlines(keepends=True)
    found = STATS.fullmatch(line)
    assert found and found[1] == "0" and found[3] == "none" and found[4] == "2"
    assert message.rstrip() == "sse_stream: ignored 2 lines, the first: 'x'"


def test_what_the_figures_mean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(terminal_module, "time", SimpleNamespace(monotonic=lambda: now))
    errors = StandardError()
    errors.terminal = True
    stats = Stats(errors)
    assert str(stats) == (
        "0 events, 0 bytes, 0 events/s, first event after none, longest gap 0.000 s, "
        "0 lines ignored"
    )
    stats.count(10, [Event(), Comment("")])
    # Even if a coarse clock has not moved.
    assert str(stats).startswith("1 events, 10 bytes, 1000 events/s, first event after 0.000 s")

    now = 200.0
    stats = Stats(errors)
    now = 200.25
    stats.count(10, [Event(), Event(), Ignored("x"), Comment("")])
    now = 200.75
    stats.count(5, [Event(), DONE])
    now = 201.0
    stats.count(5, [Ignored("x")])
    stats.count(5, [Event()])
    now = 202.0
    assert str(stats) == (
        "4 events, 25 bytes, 2 events/s, first event after 0.250 s, longest gap 0.500 s, "
        "2 lines ignored"
    )
    stats.show()
    # Shown at most ten times a second, and when asked to.
    shown = [line[:13] + line[-25:] for line in capsys.readouterr().err.split(ERASE)[1:]]
    assert shown == [
        f"\x1b[?7l{events} events, last chunk {silent} s ago\x1b[?7h"
        for events, silent in ((2, 0), (3, 0), (3, 0), (4, 1))
    ]


def test_the_live_figures_stay_when_output_goes_elsewhere() -> None:
    terminal = Terminal()
    process = subprocess.Popen(
        command("--stats", "--data"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        env=environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    sent = 0
    while "events/s" not in terminal.text:
        # The line is updated at most ten times a second: feed until it has come once.
        process.stdin.write(b"data: a\n\n: hi\n\n" * 10)
        process.stdin.flush()
        assert process.stdout.read(20) == b"a\n" * 10
        sent += 10
        terminal.read_what_is_there()
    # The output that followed it has come, and did not erase it.
    assert ERASE not in terminal.text.rpartition("events/s")[2] and "hi" not in terminal.text
    process.stdin.close()
    assert process.wait() == 0 and process.stdout.read() == b""
    process.stdout.close()
    last = STATS.fullmatch(terminal.read_all().rpartition(ERASE)[2])
    assert last and int(last[1]) == sent


def test_the_live_figures_go_on_while_nothing_arrives() -> None:
    terminal = Terminal()
    process = subprocess.Popen(
        command("--stats", "--data"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        env=environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    # Before the first chunk, and after it.
    terminal.read_until("0 events, 0 bytes")
    terminal.read_until("last chunk 1 s ago")
    terminal.text = ""
    process.stdin.write(b"data: a\n\n")
    process.stdin.flush()
    assert process.stdout.read(2) == b"a\n"
    terminal.read_until("1 events, 9 bytes")
    terminal.read_until("last chunk 1 s ago")
    terminal.read_until("last chunk 2 s ago")
    process.stdin.close()
    assert process.wait() == 0 and process.stdout.read() == b""
    process.stdout.close()
    assert STATS.fullmatch(terminal.read_all().rpartition(ERASE)[2])


def test_the_live_figures_of_a_file() -> None:
    terminal = Terminal()
    done = subprocess.run(
        command("--stats", "--text", CHAT), cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal.slave
    )
    assert done.returncode == 0 and done.stdout.decode() == TEXT
    assert STATS.fullmatch(terminal.read_all().rpartition(ERASE)[2])


CONTROLS = "".join(
    chr(code)
    for code in (
        *(code for code in range(160) if code not in (0, 9, 10, 13) and not 32 <= code < 127),
        *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    )
)


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["--data"], ["--data", "--join"], ["--text"], ["--stats", "--data"]),
        *(["--select", "a"], ["--select", "b"], ["--select", "none"], ["--until", "a=b"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("end", ["", "data: cut", "<{CONTROLS}>"])
def test_no_control_characters_reach_a_terminal(arguments: list[str], end: str) -> None:
    text = json.dumps({"a": f"é\t\n{CONTROLS}\r\0", "b": [CONTROLS], CONTROLS: 1})
    stream = (
        f": {CONTROLS}\nunknown {CONTROLS}: 1\nid: {CONTROLS}\nevent: {CONTROLS}\n"
        f"data: {text}\n\ndata: {CONTROLS}\n\nevent: error\ndata: {CONTROLS}\n\n"
        f"event: output\ndata: {CONTROLS}\n\n{end.format(CONTROLS=CONTROLS)}"
    ).encode()
    raw = f"data: {json.dumps({'a': CONTROLS, CONTROLS: 1}, ensure_ascii=False)}\n\n".encode()
    for sent in (stream, raw, CONTROLS.encode()):
        terminal = Terminal()
        subprocess.run(
            command(*arguments),
            cwd=ROOT,
            input=sent,
            stdout=terminal.slave,
            stderr=terminal.slave,
            env=environment(NO_COLOR="1"),
        )
        # The command's own: it shows the spinner, and erases it.
        shown = re.sub(r"\r\x1b\[K|\x1b\[\?7[lh]", "", terminal.read_all())
        assert not set(shown.replace("\r\n", "\n")) & {*CONTROLS, "\r", "\0"}
    if arguments == ["--select", "a"]:
        assert "\\u009b" in shown or "\\x9b" in shown


def test_an_escaped_control_character_is_still_json() -> None:
    terminal = Terminal()
    stream = f"data: {CONTROLS}\n\n".encode()
    subprocess.run(
        command(), cwd=ROOT, input=stream, stdout=terminal.slave, env=environment(), check=True
    )
    assert json.loads(terminal.read_all())["data"] == CONTROLS


def test_a_message_begins_a_line_of_its_own() -> None:
    terminal = Terminal()
    subprocess.run(
        command("--select", "a"),
        cwd=ROOT,
        input=b'data: {"a": "half"}\n\nevent: error\ndata: no\n\ndata: {"a": "rest"}\n\ndata: {',
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=environment(NO_COLOR="1"),
    )
    assert terminal.read_all().split("\r\n") == [
        "half",
        "sse_stream: the stream reports an error: no",
        "rest",
        "sse_stream: the stream ended in the middle of an event",
        "",
    ]


def test_selected_text_that_ends_a_line_gets_no_second_line_end() -> None:
    terminal = Terminal()
    subprocess.run(
        command("--select", "a"),
        cwd=ROOT,
        input=b'data: {"a": "text\\n"}\n\n',
        stdout=terminal.slave,
        check=True,
    )
    assert terminal.read_all() == "text\r\n"


def test_no_file_on_a_terminal_says_that_it_reads_standard_input() -> None:
    for arguments in ([], ["-"], [CHAT]):
        keyboard, terminal = Terminal(), Terminal()
        process = subprocess.Popen(
            command("--data", *arguments),
            cwd=ROOT,
            stdin=keyboard.slave,
            stdout=terminal.slave,
            stderr=subprocess.PIPE,
        )
        keyboard.type(b"data: typed\n\n\x04")
        _, message = process.communicate()
        assert process.returncode == 0
        shown = b"sse_stream: reading standard input from the terminal; Ctrl-C ends it\n"
        assert message == (b"" if arguments else shown)
        assert terminal.read_all().startswith("typed" if arguments != [CHAT] else "{")
        keyboard.read_all()


def test_help_fits_one_screen() -> None:
    done = subprocess.run(
        command("--help"), cwd=ROOT, capture_output=True, text=True, env=environment(COLUMNS="80")
    )
    lines = done.stdout.splitlines()
    # The example is one line, to copy.
    example = "curl -sSN --fail-with-body URL | python -m sse_stream --text"
    assert lines[-1] == example
    assert len(lines) <= 24 and max(map(len, lines[:-1])) <= 80
