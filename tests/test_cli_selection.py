"""--select, --text and --until: what the command line looks for in the JSON of each event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command import CHAT, PYPY, TEXT, Main, main_on_bytes, run, running


@pytest.fixture
def main(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Main:
    return main_on_bytes(tmp_path, capfd, monkeypatch)


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
def test_select(main: Main, path: str, data: bytes, shown: str) -> None:
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
    main: Main, path: str, data: bytes, content: str
) -> None:
    done = main(b"data: " + data + b"\n\ndata: [DONE]\n\n", "--select", path)
    assert (done.status, done.out) == (1, "")
    shown = repr(path).replace("\\", "")
    assert done.err == f"sse_stream: PATH {shown} is in no event's JSON: {content}\n"


def test_a_path_that_is_in_one_event_is_not_reported(main: Main) -> None:
    for value, shown in {b'"x"': "x", b"null": "", b'""': ""}.items():
        stream = b'data: {"b": 1}\n\ndata: {"a": ' + value + b'}\n\ndata: {"b": 2}\n\n'
        done = main(stream, "--select", "a")
        assert (done.status, done.out, done.err) == (0, shown, "")
    # Without JSON there is nothing that could have the path.
    for stream in (b"", b": hi\n\n", b"data: [DONE]\n\n", b"id: 1\ndata:\n\n"):
        done = main(stream, "--select", "a")
        assert (done.status, done.out, done.err) == (0, "", "")


def test_many_keys_are_shortened(main: Main) -> None:
    data = json.dumps(dict.fromkeys(map(str, range(1000)))).encode()
    done = main(b"data: " + data + b"\n\n", "--select", "a")
    assert done.status == 1 and len(done.err) < 300 and done.err.endswith(", 51, 52...\n")


ERRORS = {
    "object": (b'data: {"error": {"message": "quota", "code": 429}}', "quota"),
    "object-without-message": (b'data: {"error": {"code": 429}}', '{"error": {"code": 429}}'),
    "text": (b'data: {"error": "quota"}', "quota"),
    "flat": (b'data: {"error": true, "message": "quota"}', "quota"),
    "failed": (
        b'data: {"type": "response.failed", "response": {"error": {"message": "quota"}}}',
        "quota",
    ),
    "array": (b'data: {"error": [{"message": "x"}]}', '{"error": [{"message": "x"}]}'),
    "number": (b'data: {"error": 5}', '{"error": 5}'),
    "type-with-text": (b"event: error\ndata: went away", "went away"),
    "type-with-lines": (b"event: error\ndata: a\ndata: \x1b[2J\xc2\x9b", "a\\n\\x1b[2J\\x9b"),
    "type-with-json": (b'event: error\ndata: {"message": "quota"}', "quota"),
    "type-with-nested-json": (
        b'event: error\ndata: {"type": "error", "error": {"type": "o", "message": "Overloaded"}}',
        "Overloaded",
    ),
    "type-with-empty-error": (b'event: error\ndata: {"error": {}, "message": "flat"}', "flat"),
    "type-with-null": (b'event: error\ndata: {"error": null}', '{"error": null}'),
    "type-without-data": (b"event: error\ndata", "no data"),
    "type-with-deep-json": (b"event: error\ndata: " + b"[" * 100_000, "[" * 200),
    "type-in-json": (b'data: {"type": "error", "message": "quota"}', "quota"),
    "object-in-json": (b'data: {"object": "error", "message": "quota"}', "quota"),
    "long": (b'data: {"error": "' + b"x" * 1000 + b'"}', "x" * 200 + "..."),
}


@pytest.mark.parametrize(
    ("block", "message"), [pytest.param(*case, id=name) for name, case in ERRORS.items()]
)
def test_an_error_in_the_stream_is_reported(main: Main, block: bytes, message: str) -> None:
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
def test_a_false_error_is_no_error(main: Main, value: str) -> None:
    done = main(f'data: {{"error": {value}, "a": "x"}}\n\n'.encode(), "--select", "a")
    assert (done.status, done.out, done.err) == (0, "x", "")


def test_the_value_beside_an_error_is_written(main: Main) -> None:
    done = main(b'data: {"error": "quota", "a": "x"}\n\n', "--select", "a")
    assert (done.status, done.out) == (1, "x") and "quota" in done.err


def test_a_path_that_begins_with_error_selects_the_error(main: Main) -> None:
    stream = b'event: error\ndata: {"error": {"message": "quota"}}\n\n'
    done = main(stream, "--select", "error.message")
    assert (done.status, done.out, done.err) == (0, "quota", "")
    done = main(stream, "--select", "error")
    assert (done.status, done.out, done.err) == (0, '{"message": "quota"}', "")
    assert main(stream, "--select", "errors").err.endswith("reports an error: quota\n")


def test_select_joins_a_surrogate_pair_split_between_events(main: Main) -> None:
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


def test_select_skips_comments_and_done(main: Main) -> None:
    done = main(b': hi\n\ndata: {"a": 1}\n\ndata: [DONE]\n\ndata: {"a": 2}\n\n', "--select", "a")
    assert (done.status, done.out, done.err) == (0, "12", "")


@pytest.mark.parametrize(
    "bad",
    [b"no", b"{", b"\xff", b'{"a": 1}x', b'{"a"\x1b[31m', b"x" * 300],
    ids=lambda bad: repr(bad[:10]),
)
def test_data_that_is_not_json_is_reported_and_the_stream_goes_on(main: Main, bad: bytes) -> None:
    stream = b'data: {"a": "x"}\n\ndata: ' + bad + b'\n\ndata: {"a": "y"}\n\n'
    done = main(stream, "--select", "a")
    assert (done.status, done.out) == (1, "xy")
    shown = repr(bad[:200].decode(errors="replace") + "..." * (len(bad) > 200))
    assert done.err == f"sse_stream: data is not JSON: {shown}\n"


def test_a_long_integer_is_json(main: Main) -> None:
    digits = "9" * 5000
    stream = f'data: {{"n": {digits}, "a": "x", "b": [-{digits}]}}\n\n'.encode()
    for path, shown in {"a": "x", "n": digits, "b": f'["-{digits}"]', "b.0": f"-{digits}"}.items():
        done = main(stream, "--select", path)
        assert (done.status, done.out, done.err) == (0, shown, "")


def test_json_nested_too_deeply_is_reported_as_that(main: Main) -> None:
    for data in (b"[" * 100_000, b'{"a": "x", "b": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        stream = b'data: {"a": "x"}\n\ndata: ' + data + b'\n\ndata: {"a": "y"}\n\n'
        done = main(stream, "--select", "a")
        assert (done.status, done.out) == (1, "xy")
        start = data[:200].decode()
        assert done.err == f"sse_stream: data is JSON nested too deeply: '{start}...'\n"


def test_deep_json_raises_nothing_wherever_its_end_is(main: Main) -> None:
    # Where CPython's limit is near; PyPy has another one, and takes long to write deep lists.
    depths = [1000, 5000] if PYPY else [*range(880, 1010), 5000]
    for depth in depths:
        done = main(b'data: {"a": ' + b"[" * depth + b"]" * depth + b"}\n\n", "--select", "a")
        assert (done.status, done.out) in ((0, "[" * depth + "]" * depth), (1, ""))
        assert ("nested too deeply" in done.err) == (done.status == 1)


THREE = b"event: a\ndata: 1\n\nevent: stop\ndata: 2\n\nevent: a\ndata: 3\n\n"


def test_until_a_type(main: Main) -> None:
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


UNTIL = {
    "type-in-json": ("stop", b'{"type": "stop"}'),
    "event-in-json": ("stop", b'{"event": "stop"}'),
    "text": ("a.b=stop", b'{"a": {"b": "stop"}}'),
    "finish-reason": ("choices.0.finish_reason=stop", b'{"choices": [{"finish_reason": "stop"}]}'),
    "null": ("a=null", b'{"a": null}'),
    "text-null": ("a=null", b'{"a": "null"}'),
    "true": ("a=true", b'{"a": true}'),
    "number": ("a=5", b'{"a": 5}'),
    "empty": ("a=", b'{"a": ""}'),
    "equals-sign-in-the-value": ("a=b=c", b'{"a": "b=c"}'),
    "object": ('a={"b": [1]}', b'{"a": {"b": [1]}}'),
    "empty-path": ("=x", b'{"": "x"}'),
}


@pytest.mark.parametrize(
    ("until", "data"), [pytest.param(*case, id=name) for name, case in UNTIL.items()]
)
def test_until_a_value_in_the_json(main: Main, until: str, data: bytes) -> None:
    stream = b"data: " + data + b"\n\ndata: after\n\n"
    done = main(stream, "--data", "--until", until, "--require-done")
    assert (done.status, done.out, done.err) == (0, data.decode() + "\n", "")


@pytest.mark.parametrize(
    ("until", "data"),
    [
        ("stop", b'{"type": "stopped"}'),
        ("stop", b'{"object": "stop"}'),
        ("stop", b'{"a": {"type": "stop"}}'),
        ("stop", b'["stop"]'),
        ("stop", b'{"type": ["stop"]}'),
        ("stop", b"stop"),
        ("stop", b"[" * 100_000),
        ("a=null", b'{"b": 1}'),
        ("a.b=null", b'{"a": null}'),
        ("a=", b'{"a": null}'),
        ("a=True", b'{"a": true}'),
        ("a=x", b"x"),
        # With an equals sign it is never a type.
        ("message=", b"x"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_until_goes_on_after_any_other_event(main: Main, until: str, data: bytes) -> None:
    stream = b"data: " + data + b"\n\nevent: last\ndata: after\n\n"
    done = main(stream, "--data", "--until", until, "--require-done")
    name = f"an event with {until!r}" if "=" in until else f"an event of type {until!r}"
    assert (done.status, done.out) == (3, data.decode() + "\nafter\n")
    assert done.err == f"sse_stream: the stream ended before [DONE] or {name}\n"


def test_until_ends_while_the_stream_is_open() -> None:
    for until in ("stop", "a.0=2"):
        with running("--data", "--until", until) as (process, write, read):
            write.write(b'data: 1\n\nevent: stop\ndata: {"a": [2]}\n\ndata: 3\n\n')
            assert read.read() == b'1\n{"a": [2]}\n' and process.wait() == 0


ANSWER = {
    "chat": b'{"choices": [{"index": 0, "delta": {"content": "Hi"}}]}',
    "chat-with-parts": (
        b'{"choices": [{"delta": {"content": [{"type": "thinking", "thinking": [{"type": "text",'
        b' "text": "no"}]}, {"type": "text", "text": "H"}, {"type": "text", "text": "i"}]}}]}'
    ),
    "responses": b'{"type": "response.output_text.delta", "delta": "Hi"}',
    "anthropic": b'{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}',
}


@pytest.mark.parametrize("name", ANSWER)
def test_text_writes_the_answer_whoever_sends_it(main: Main, name: str) -> None:
    # tests/test_payload.py has all forms.
    data = b"data: " + ANSWER[name] + b"\n\n"
    other = b'data: {"type": "ping"}\n\n: hi\n\n'
    done = main(other + data + other + data + b"data: [DONE]\n\n", "--text", "--require-done")
    assert (done.status, done.out, done.err) == (0, "HiHi", "")


def test_text_of_a_recorded_chat() -> None:
    done = run("--text", CHAT)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, TEXT, b"")


def test_text_of_plain_tokens(main: Main) -> None:
    stream = b"event: output\ndata: {\n\nevent: output\ndata:\ndata:\n\nevent: done\ndata: {}\n\n"
    done = main(stream, "--text", "--until", "done", "--require-done")
    assert (done.status, done.out, done.err) == (0, "{\n", "")


@pytest.mark.parametrize(
    ("stream", "content"),
    [
        (b"", ""),
        (b": hi\n\n", ""),
        (b"data:\n\ndata: [DONE]\n\n", ""),
        (b'data: {"a": 1}\n\n', ": the top-level keys of the first are a"),
        (b"data: 5\n\ndata: 6\n\n", ": the first is 5"),
        (b"event: output\ndata\n\n", ""),
        (
            b'data: {"choices": [{"delta": {"content": ""}}]}\n\n',
            ": the top-level keys of the first are choices",
        ),
        (
            b'data: {"choices": [{"delta": {"reasoning_content": "no"}}], "x": 1}\n\n',
            ": the top-level keys of the first are choices, x",
        ),
    ],
    ids=str,
)
def test_no_text_is_reported(main: Main, stream: bytes, content: str) -> None:
    done = main(stream, "--text")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"sse_stream: no event has a text of an answer{content}\n"


def test_text_reports_errors_as_select_does(main: Main) -> None:
    text = b"data: " + ANSWER["chat"] + b"\n\n"
    for block, message in {
        b'data: {"error": {"message": "quota"}}': "the stream reports an error: quota",
        b"event: error\ndata: went away": "the stream reports an error: went away",
        b"event: error\ndata": "the stream reports an error: no data",
        b"data: no": "data is not JSON: 'no'",
        b"data: " + b"[" * 100_000: "data is JSON nested too deeply: '" + "[" * 200 + "...'",
    }.items():
        done = main(text + block + b"\n\n" + text, "--text")
        assert (done.status, done.out, done.err) == (1, "HiHi", f"sse_stream: {message}\n")
        # It is the reason why there is no text: nothing else is reported.
        assert main(block + b"\n\n", "--text").err == done.err


def test_text_joins_a_surrogate_pair_split_between_events(main: Main) -> None:
    def event(text: str) -> bytes:
        return b'data: {"choices": [{"text": "' + text.encode() + b'"}]}\n\n'

    assert main(event("\\ud83d") + event("\\ude00"), "--text").out == "😀"
    assert main(event("\\ud83d"), "--text").out == "\ufffd"


def test_text_of_json_with_a_long_integer(main: Main) -> None:
    data = b'{"created": ' + b"9" * 5000 + b', "choices": [{"text": "Hi"}]}'
    done = main(b"data: " + data + b"\n\n", "--text")
    assert (done.status, done.out, done.err) == (0, "Hi", "")
