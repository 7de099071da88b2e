"""The compiled types agree with the pure ones, and do not crash or leak."""

from __future__ import annotations

import array
import copy
import gc
import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
import sysconfig
import weakref
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory import traced_memory
from support.strategies import single_bytes, split_at

import sse_stream
from sse_stream import (
    DONE,
    Block,
    Comment,
    Event,
    EventTooLargeError,
    Ignored,
    ParserClosedError,
    items,
)
from sse_stream.parser import PureParser

PACKAGE = Path(sse_stream.__file__).parent
# The name of the package differs in a vendored copy.
EXTENSION = f"{sse_stream.__name__}._speedups"


@pytest.fixture(scope="session")
def compiled() -> Any:
    if sse_stream.Parser is PureParser:
        pytest.skip("the compiled form is not built here, or not in use")
    return sse_stream.Parser


@pytest.fixture
def pure_items(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module items once more, in its pure form."""
    monkeypatch.setenv("SSE_STREAM_PURE", "1")
    return fresh_module("items")


def fresh_module(name: str) -> ModuleType:
    spec = importlib.util.find_spec(f"sse_stream.{name}")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fresh_forms(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    """Return the modules items and parser once more, as they would be imported now."""
    items = fresh_module("items")
    monkeypatch.setitem(sys.modules, items.__name__, items)
    return items, fresh_module("parser")


def run(program: str, *arguments: str) -> str:
    # Without coverage measurement, which fails where allocations are made to fail.
    environ = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=PACKAGE.parent,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    return done.stdout


# Which parser is used


def test_pure_where_it_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSE_STREAM_PURE", raising=False)
    monkeypatch.setitem(sys.modules, EXTENSION, None)
    items, parser = fresh_forms(monkeypatch)
    assert items.make_event is not items.Event
    assert parser.Parser is parser.PureParser
    assert repr(parser.Parser()) == "<sse_stream.Parser pure open>"


@pytest.mark.parametrize("missing", ["DONE", "Block", "Comment", "Done", "Event", "Ignored"])
def test_an_extension_that_lacks_a_name_is_an_error(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    extension = ModuleType("_speedups")
    for name in {"DONE", "Block", "Comment", "Done", "Event", "Ignored"} - {missing}:
        setattr(extension, name, type(name, (), {}))
    monkeypatch.delenv("SSE_STREAM_PURE", raising=False)
    monkeypatch.setitem(sys.modules, EXTENSION, extension)
    with pytest.raises(ImportError, match=missing):
        fresh_module("items")


def test_a_module_that_the_extension_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Extension(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise ModuleNotFoundError("No module named 'other'", name="other")

    monkeypatch.delenv("SSE_STREAM_PURE", raising=False)
    monkeypatch.setitem(sys.modules, EXTENSION, Extension("_speedups"))
    with pytest.raises(ModuleNotFoundError, match="other"):
        fresh_module("items")


def test_items_are_those_of_the_extension_where_it_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extension = ModuleType("_speedups")
    for name in ("DONE", "Block", "Comment", "Done", "Event", "Ignored"):
        setattr(extension, name, type(name, (), {}))
    monkeypatch.delenv("SSE_STREAM_PURE", raising=False)
    monkeypatch.setitem(sys.modules, EXTENSION, extension)
    module = fresh_module("items")
    for name in ("DONE", "Block", "Comment", "Done", "Event", "Ignored"):
        assert getattr(module, name) is getattr(extension, name)
    # The pure parser makes its events of that class too.
    assert module.make_event is module.Event


@pytest.mark.parametrize(("value", "word"), [("1", "pure"), ("0", "compiled"), ("", "compiled")])
def test_the_environment_variable_chooses(
    compiled: Any, monkeypatch: pytest.MonkeyPatch, value: str, word: str
) -> None:
    monkeypatch.setenv("SSE_STREAM_PURE", value)
    _, parser = fresh_forms(monkeypatch)
    assert repr(parser.Parser()) == f"<sse_stream.Parser {word} open>"
    assert repr(parser.PureParser()) == "<sse_stream.Parser pure open>"


def test_a_copy_inside_another_project_uses_its_own_items(compiled: Any, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "other" / "vendored")
    program = """
import sys
sys.path.insert(0, sys.argv[1])
import other.vendored as copy
from other.vendored._speedups import Parser
assert "sse_stream" not in sys.modules
assert Parser.__module__ == "other.vendored.parser", Parser.__module__
assert copy.Event.__module__ == "other.vendored.items", copy.Event.__module__
assert type(Parser().feed(b"data\\n\\n")[0]) is copy.Event
assert type(Parser(blocks=True).feed(b"data\\n\\n")[0]) is copy.Block
assert copy.Event(data="[5]").json(0) == 5
parser = Parser(max_event_size=1)
try:
    parser.feed(b"data")
except copy.EventTooLargeError:
    print("its own")
"""
    assert run(program, str(tmp_path)) == "its own\n"


PROPERTIES = ["last_event_id", "retry", "ignored", "incomplete"]
PROPERTIES += ["blocks", "in_line", "recognised", "ignored_tail"]


def test_same_docstrings_and_signatures(compiled: Any) -> None:
    assert inspect.getdoc(compiled) == inspect.getdoc(PureParser)
    for name in ("feed", "close", *PROPERTIES):
        assert inspect.getdoc(getattr(compiled, name)) == inspect.getdoc(getattr(PureParser, name))
    one, two = compiled(), PureParser()
    for pair in ((compiled, PureParser), (one.feed, two.feed), (one.close, two.close)):
        assert parameters(pair[0]) == parameters(pair[1])
    names = [name for name in dir(compiled) if name[:1] != "_"]
    assert names == [name for name in dir(PureParser) if name[:1] != "_"]
    assert not [name for name in dir(compiled) if name[:1] == "_" and name[:2] != "__"]


def test_items_have_the_same_docstrings_and_signatures(
    compiled: Any, pure_items: ModuleType
) -> None:
    for kind in (Event, Block, Comment, Ignored):
        pure = getattr(pure_items, kind.__name__)
        assert kind is not pure
        assert kind.__module__ == "sse_stream.items" and kind.__qualname__ == pure.__qualname__
        assert inspect.getdoc(kind) == inspect.getdoc(pure)
        assert parameters(kind) == parameters(pure)
        names = [name for name in dir(pure) if name[:1] != "_"]
        assert names == [name for name in dir(kind) if name[:1] != "_"]
        assert set(kind.__match_args__) <= set(names)
        for name in (*names, "__replace__"):
            assert inspect.getdoc(getattr(kind, name)) == inspect.getdoc(getattr(pure, name))
            ours, reference = getattr(kind("x"), name), getattr(pure("x"), name)
            if callable(reference):
                assert parameters(ours) == parameters(reference)


def parameters(call: Any) -> list[tuple[object, ...]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(call).parameters.values()]


# Agreement with the pure parser

TOKENS = [b"data", b"data:", b"data: ", b"id: ", b"event:", b"retry:", b":", b" ", b"\r", b"\n"]
TOKENS += [b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xff", b"\0", b"12", b"[DONE]", "\u2028é".encode()]
TOKENS += [b"data: [DONE]", b"data", b"id:\0", b"retry:5", b"    ", b"foo", b"\xef\xbb"]
TOKENS += [b"event: message\n", b"even", b"id", b"re", b'{"error": 1}\n', b": hi\n", b"y" * 190]
TOKENS += [b"data: abc\n\n", b"event: e\ndata: {}\n\n", b"18446744073709551615", b"x" * 300]

STREAMS = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=4), max_size=40).map(b"".join)


def traces(parser: Any, chunks: list[Any], flush: bool) -> list[object]:
    """Return results and state of each call, two calls after close() included."""
    seen: list[object] = []
    calls: list[Any] = [partial(parser.feed, chunk) for chunk in chunks]
    calls += [partial(parser.close, flush=flush), partial(parser.feed, b"\n\n"), parser.close]
    for call in calls:
        try:
            seen.append(call())
        except Exception as error:
            seen.append((type(error), str(error)))
        seen.append(repr(parser).replace("pure", "compiled"))
        seen.append([getattr(parser, name) for name in PROPERTIES])
    return seen


@settings(max_examples=300)
@given(
    STREAMS,
    st.lists(st.integers(0, 400), max_size=8),
    st.none() | st.integers(1, 60) | st.integers(300, 700),
    st.sampled_from(["[DONE]", "", " 12 ", "  ", "\ufffd", "\ud800", None]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_agrees_with_the_pure_parser(
    compiled: Any,
    stream: bytes,
    boundaries: list[int],
    limit: int | None,
    done: str | None,
    flush: bool,
    report_ignored: bool,
    blocks: bool,
) -> None:
    for chunks in (split_at(stream, boundaries), [stream], single_bytes(stream)):
        arguments: Any = {"max_event_size": limit, "done": done, "last_event_id": "0"}
        arguments.update(report_ignored=report_ignored, blocks=blocks)
        assert traces(compiled(**arguments), chunks, flush) == traces(
            PureParser(**arguments), chunks, flush
        )


@pytest.mark.parametrize(
    "stream",
    [
        b"\xef\xbb\xbfdata:a\r\n\r\n\ndata\n:c\r\r",
        b"\xef\xbbdata\n\ndata: ab\ndata:\n:x\n\n",
        b"\xefdata\r\n\rdata\n\r\ndata:xy\n\n",
        b"retry:5\ndata:a\n\ndata\n\nretry: 6\n\ndata",
        b"event: e\nid:7\n\ndata\n\nevent: e\ndata: x\n\n",
        b"data: a\nid: 1\ndata:bc\nid\nxy\n\ndata:z\n\n",
        b"data: [DONE]\r\n\r\ndata:[DONE]\ndata\n\n:e\n",
        b": abc\nid:1\0\nid: 2\nevent\ndatax\ndat:\ndata:x",
        b"event: abc\nid:12345\nevent:\ndata: abc\nid\n\nevent:x\ndata",
        b"data:  [DONE] \nfoo\n: x\nda",
        b"id\nfoo: bar\nretry: x\ndata:   [DONE]",
        b"event: message\n\nid\n\nretry: 7\n\nretry: x\nid: \0\n\nevent\r\n\r\n",
        b"\xefevents\nevent\nid\0\nid\n<html>\n: c\ni",
        b"foo\n: c\n\nid\0: x\n: d\n",
        b": c\n\nfoo\n: d\nda",
    ],
    ids=repr,
)
def test_agrees_at_every_limit_and_chunk_boundary(compiled: Any, stream: bytes) -> None:
    chunkings = [[stream[:at], stream[at:]] for at in range(len(stream))]
    chunkings.append(single_bytes(stream))
    for limit in (None, *range(1, len(stream))):
        for blocks, flush, chunks in product((False, True), (False, True), chunkings):
            arguments: Any = {"max_event_size": limit, "blocks": blocks}
            assert traces(compiled(**arguments), chunks, flush) == traces(
                PureParser(**arguments), chunks, flush
            )


@pytest.mark.parametrize("size", [97, 1460, 65536, 1 << 20])
def test_agrees_on_large_events(compiled: Any, size: int) -> None:
    long = b"x" * 70_000
    stream = b"data:" + long + b"\n\n:" + long + b"\r\ndata: a\rdata: " + long + b"\n\ndata: b\n\n"
    stream += "data: é\n\n".encode() + b"event: " + long + b"\ndata\ndata:\n\nid:" + long
    # The first line is processed differently, because of the byte order mark: feed it apart.
    chunks = [b"\n", *(stream[i : i + size] for i in range(0, len(stream), size))]
    for limit in (None, 70_005, 70_006, 70_010):
        assert traces(compiled(max_event_size=limit), chunks, True) == traces(
            PureParser(max_event_size=limit), chunks, True
        )


@pytest.mark.parametrize("blocks", [False, True])
def test_types_with_the_same_bytes_in_memory_differ(compiled: Any, blocks: bool) -> None:
    # Python stores the first as the byte E9, which is no UTF-8.
    found = compiled(blocks=blocks).feed("event: é\ndata\n\n".encode() + b"event: \xe9\ndata\n\n")
    assert [item.event for item in found] == ["é", "\ufffd"]


@pytest.mark.parametrize("stream", [b"data: a\ndata: [DONE]", b"data: [DONE]\ndata: [DONE]"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_last_of_two_data_lines_is_not_done(compiled: Any, stream: bytes, end: bytes) -> None:
    parser = compiled()
    assert parser.feed(stream + end) == [] and parser.incomplete
    assert parser.close() == [] and parser.incomplete


# The bytes on both sides of each boundary in the UTF-8 tables, lead and continuation bytes.
EDGES = bytes.fromhex(
    "41 7f 80 8f 90 9f a0 bf c0 c1 c2 c3 c4 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff"
)


@pytest.mark.parametrize("lead", EDGES, ids=hex)
def test_decodes_every_kind_of_sequence_as_python_does(compiled: Any, lead: int) -> None:
    texts = [bytes((lead, *rest)) for rest in product(EDGES, repeat=3)]
    texts += [bytes((lead, *rest)) for rest in product(EDGES, repeat=1)]
    expected = [text.decode("utf-8", "replace") for text in texts]
    stream = b"data: %b\n\n" * len(texts) % tuple(texts)
    assert [event.data for event in compiled().feed(stream)] == expected


@pytest.mark.parametrize("width", [2, 9, 64, 400])
def test_decodes_every_character(compiled: Any, width: int) -> None:
    characters = [chr(c) for c in range(0x0E, 0x110000) if not 0xD800 <= c < 0xE000]
    texts = ["".join(characters[i : i + width]) for i in range(0, len(characters), width)]
    texts += ["ascii, then one: " + character for character in characters[:: 5 * width]]
    stream = "".join(f"data: {text}\n\n" for text in texts).encode()
    items = compiled().feed(stream)
    assert [event.data for event in items] == texts
    # Each text is stored in its most compact form; otherwise hashes of equal texts would differ.
    assert {event.data for event in items} == set(texts)


class Text(str):
    pass


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_event_size": 0},
        {"max_event_size": -(10**30)},
        {"max_event_size": 10**30},
        {"max_event_size": True},
        {"max_event_size": 1.5},
        {"max_event_size": array.array("b")},
        {"done": "a\r"},
        {"done": "a\n"},
        {"done": b"x"},
        {"done": Text("x")},
        {"last_event_id": "a\0"},
        {"last_event_id": "\r"},
        {"last_event_id": "é\n"},
        {"last_event_id": None},
        {"last_event_id": Text("5")},
    ],
    ids=str,
)
def test_checks_its_arguments_as_the_pure_parser_does(
    compiled: Any, arguments: dict[str, Any]
) -> None:
    seen: list[object] = []
    for kind in (compiled, PureParser):
        try:
            seen.append(traces(kind(**arguments), [b"data:x\n\n"], False))
        except (TypeError, ValueError) as error:
            seen.append((type(error), str(error)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "data",
    [
        "text",
        7,
        None,
        array.array("I", [1]),
        array.array("H", [0x0A0A, 0x3A3A]),
        bytearray(b"data:x\n\n"),
        memoryview(b"data:x\n\n"),
        memoryview(b"d.a.t.a.\n.\n.")[::2],
        memoryview(b"\n\nx:atad")[::-1],
        memoryview(b"data:x\n\n").cast("B", (2, 4)),
    ],
)
def test_accepts_and_refuses_the_same_objects(compiled: Any, data: Any) -> None:
    pure = PureParser()
    other = compiled()
    for chunk in (data, data, b"data: y\n\n"):
        assert traces_of_one(other, chunk) == traces_of_one(pure, chunk)


def traces_of_one(parser: Any, data: Any) -> object:
    try:
        return parser.feed(data), parser.incomplete
    except Exception as error:
        return type(error), str(error), parser.incomplete


@pytest.mark.parametrize("start", [b"foo\nda", b"event: x\n<p", b"\xef\xbb", b"id: 1\n\n"])
def test_agrees_after_a_chunk_that_could_not_be_copied(compiled: Any, start: bytes) -> None:
    released = memoryview(b"data: b")
    released.release()
    seen = []
    for parser in (compiled(), PureParser()):
        parser.feed(start)
        with pytest.raises(ValueError):
            parser.feed(released)
        with pytest.raises(ParserClosedError):
            parser.feed(b"x")
        seen.append([getattr(parser, name) for name in PROPERTIES])
    assert seen[0] == seen[1] and seen[0][PROPERTIES.index("incomplete")]


@pytest.mark.parametrize("data", ["text", 5, bytearray(b"x"), b"x"], ids=repr)
def test_a_parser_that_is_closed_looks_at_no_object(compiled: Any, data: Any) -> None:
    for kind in (compiled, PureParser):
        closed, failed = kind(), kind(max_event_size=1)
        closed.close()
        with pytest.raises(ParserClosedError):
            closed.feed(data)
        for chunk in (b"data", data):
            with pytest.raises(EventTooLargeError):
                failed.feed(chunk)


def test_wrong_calls_raise(compiled: Any) -> None:
    assert compiled().feed(data=b"data\n\n") == [Event()]
    calls: list[Callable[[], object]] = [
        lambda: compiled("x"),
        lambda: compiled(other=1),
        lambda: compiled().feed(),
        lambda: compiled().feed(b"", b""),
        lambda: compiled().feed(other=b""),
        lambda: compiled().close(True),
        lambda: compiled().close(other=True),
        lambda: compiled().close(flush=True, other=True),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    with pytest.raises(AttributeError):
        compiled().retry = 5


def test_a_parser_that_is_initialised_again_or_never(compiled: Any) -> None:
    parser = compiled(max_event_size=9, blocks=True, report_ignored=True)
    with pytest.raises(EventTooLargeError):
        parser.feed(b"data: 1234")
    parser.__init__(last_event_id="5")
    assert parser.feed(b"foo\ndata: 1234\n\n") == [Event(data="1234", id="5")]
    assert not parser.blocks and parser.ignored == 1
    parser.__init__()
    assert not parser.recognised and parser.ignored_tail == b"" and parser.ignored == 0
    never = compiled.__new__(compiled)
    with pytest.raises(ParserClosedError):
        never.feed(b"data\n\n")
    assert never.incomplete is never.in_line is never.recognised is False


def test_the_types_are_final(compiled: Any, pure_items: ModuleType) -> None:
    kinds = [compiled, PureParser, Event, Block, Comment, Ignored]
    for kind in (*kinds, *[getattr(pure_items, kind.__name__) for kind in kinds[2:]]):
        with pytest.raises(TypeError):
            type("Own", (kind,), {})


def test_retry_takes_numbers_below_two_to_the_64th(compiled: Any) -> None:
    for digits in ("18446744073709551615", "18446744073709551616", "00" * 20 + "7", "9" * 40):
        stream = b"retry:" + digits.encode() + b"\ndata\n\n"
        assert compiled().feed(stream) == PureParser().feed(stream)


# The compiled items


def test_one_class_of_each_kind(compiled: Any) -> None:
    stream = b": a\nb\ndata: [DONE]\n\ndata: c\n\n"
    for kind in (compiled, PureParser):
        comment, ignored, done, event = kind(report_ignored=True).feed(stream)
        assert type(comment) is Comment and type(ignored) is Ignored and type(event) is Event
        assert done is DONE
        [block] = kind(blocks=True).feed(b"retry: 5\n\n")
        assert type(block) is Block
    assert Event.__init__ is object.__init__ and items.make_event is Event


@pytest.mark.parametrize("forms", [("0", "1"), ("1", "0")], ids=["to pure", "from pure"])
def test_a_pickle_of_one_form_loads_in_the_other(compiled: Any, forms: tuple[str, str]) -> None:
    program = """
import os, pickle, sys
os.environ["SSE_STREAM_PURE"] = sys.argv[1]
from sse_stream import DONE, Block, Comment, Event, Ignored, items
assert ("_speedups" in vars(sys.modules["sse_stream"])) == (sys.argv[1] == "0")
values = [Event("a", "b", "c", 5), Block(id="c"), Comment("é"), Ignored("x"), DONE]
if sys.argv[2:]:
    for pickled in sys.argv[2:]:
        assert pickle.loads(bytes.fromhex(pickled)) == values
    print("equal")
else:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        print(pickle.dumps(values, protocol).hex())
"""
    assert run(program, forms[1], *run(program, forms[0]).split()) == "equal\n"


def test_items_of_different_kinds_or_forms_are_not_equal(
    compiled: Any, pure_items: ModuleType
) -> None:
    for kind in (Event, Block, Comment, Ignored):
        item: Any = kind("a")
        for other in (Event, Block, Comment, Ignored, getattr(pure_items, kind.__name__)):
            assert (item == other("a")) is (kind is other)
            if kind is not other:
                assert item.__eq__(other("a")) is NotImplemented
                with pytest.raises(TypeError):
                    item.__class__ = other


@pytest.mark.parametrize(
    "value", [None, 5, b"x", [1], object()], ids=["None", "int", "bytes", "list", "object"]
)
def test_members_may_be_any_object(compiled: Any, value: object) -> None:
    members: Any = value
    event = Event(members, members, members, members)
    assert [event.event, event.data, event.id, event.retry] == [value] * 4
    block = Block(members, members, members, members)
    assert [block.event, block.data, block.id, block.retry] == [value] * 4
    assert Comment(members).text is value and Ignored(members).line is value


def test_json_passes_the_data_on_as_they_are(compiled: Any) -> None:
    values: list[Any] = [("[1]",), [], {"a": 1}]
    for data in values:
        for kind in (Event, Block):
            item: Any = kind(data=data)
            with pytest.raises(TypeError, match="must be str, bytes"):
                item.json()
            assert item.json(loads=lambda text: [text]) == [data]


def test_wrong_arguments_of_items(compiled: Any) -> None:
    calls: list[Any] = [
        lambda: Event("a", "b", "c", 1, 2),  # type: ignore[call-arg]
        lambda: Event(text="a"),  # type: ignore[call-arg]
        lambda: Comment(),  # type: ignore[call-arg]
        lambda: Ignored("a", "b"),  # type: ignore[call-arg]
        lambda: Block("a", "b", "c", 1, 2),  # type: ignore[call-arg]
        lambda: Block(text="a"),  # type: ignore[call-arg]
        lambda: Event().json(data="a"),  # type: ignore[call-overload]
        lambda: Event().__replace__("a"),  # type: ignore[call-arg]
        lambda: Event().__replace__(text="a"),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_items_in_a_cycle_are_collected(compiled: Any) -> None:
    class Mark:
        pass

    for kind in (Event, Block, Comment, Ignored):
        content: Any = [Mark()]
        mark = weakref.ref(content[0])
        content.append(kind(content))
        del content
        gc.collect()
        assert mark() is None


def test_items_nested_deeply_are_released(compiled: Any) -> None:
    program = """
from sse_stream import Comment, Event
nested = None
for _ in range(500_000):
    nested = Comment(Event(nested))
del nested
try:
    nested = Comment("")
    for _ in range(100_000):
        nested = Comment(nested)
    hash(nested)
except RecursionError:
    print("released")
"""
    assert run(program) == "released\n"


def test_what_a_parser_returns_costs_the_garbage_collector_nothing(compiled: Any) -> None:
    for blocks in (False, True):
        parser = compiled(report_ignored=True, blocks=blocks)
        for item in parser.feed(b": a\nx\nid: 1\nretry: 5\ndata: b\n\n"):
            assert not gc.is_tracked(item)
    assert gc.is_tracked(Event()) and gc.is_tracked(Block())


# No crash, no leak, no warning


def test_a_package_that_nobody_uses_is_released(compiled: Any) -> None:
    program = """
import gc, sys, weakref
import sse_stream
from sse_stream import _speedups
left = [sse_stream.Parser, sse_stream.Event, sse_stream.EventTooLargeError, _speedups]
left = [weakref.ref(value) for value in left]
items = sse_stream.Parser(last_event_id="1").feed(b"data: x" + bytes([10, 10]))
for name in [name for name in sys.modules if name.startswith("sse_stream")]:
    del sys.modules[name]
del sse_stream, _speedups, items
gc.collect()
gc.collect()  # the classes of errors.py, which the module held until then
print([value() for value in left])
"""
    assert run(program) == "[None, None, None, None]\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs __release_buffer__")
def test_a_parser_outlives_its_module(compiled: Any) -> None:
    # The garbage collector clears the types and the module, and then releases the view, which
    # calls the parser.
    program = """
import gc, sys
import sse_stream

class First:
    def __buffer__(self, flags): return memoryview(b"a")
    def __release_buffer__(self, view): pass

gc.collect()
gc.disable()

def build():
    parser, exporter = sse_stream.Parser(), First()
    view = memoryview(exporter)
    class Second:
        def __buffer__(self, flags): return memoryview(b"a")
        def __release_buffer__(self, view, feed=parser.feed, write=sys.stdout.write):
            write(f"{len(feed(b': a' + bytes([10]) + b'data: b' + bytes([10, 10])))} items ")
            try:
                feed("text")
            except TypeError:
                pass
    exporter.__class__ = Second
    held = [view]
    held.append(held)
    sse_stream.parser.keep = Second.keep = held

build()
for name in [name for name in sys.modules if name.startswith("sse_stream")]:
    del sys.modules[name]
del sse_stream, name
if sys.argv[1:]:
    gc.collect()
"""
    assert run(program, "collect") == "2 items "
    run(program)  # at the end of the interpreter


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs __release_buffer__")
def test_types_are_called_after_they_were_cleared(compiled: Any) -> None:
    # The garbage collector clears the types, and then releases the view, which calls them.
    program = """
import gc, sys
import sse_stream

class First:
    def __buffer__(self, flags): return memoryview(b"a")
    def __release_buffer__(self, view): pass

gc.collect()
gc.disable()

def build():
    exporter = First()
    view = memoryview(exporter)
    kinds = [(sse_stream.Event, ()), (sse_stream.Block, ()), (sse_stream.Comment, "c")]
    kinds += [(sse_stream.Ignored, "i"), (sse_stream.Parser, ())]
    class Second:
        def __buffer__(self, flags): return memoryview(b"a")
        def __release_buffer__(self, view, kinds=kinds, write=sys.stdout.write):
            for kind, arguments in kinds:
                try:
                    write(f"{type(kind(*arguments)) is kind} ")
                except TypeError:
                    write("TypeError ")
    exporter.__class__ = Second
    held = [view]
    held.append(held)
    sse_stream.parser.keep = Second.keep = held

build()
for name in [name for name in sys.modules if name.startswith("sse_stream")]:
    del sys.modules[name]
del sse_stream, name
if sys.argv[1:]:
    gc.collect()
"""
    # A parser needs its module, which the type has lost.
    assert run(program, "collect") == "True True True True TypeError "
    run(program)  # at the end of the interpreter


@pytest.mark.parametrize("way", ["value", "name", "collection"])
def test_arguments_that_are_dropped_during_the_call(compiled: Any, way: str) -> None:
    # A C function may pass on a dictionary that other code knows. Here it is cleared while it is
    # read: by __bool__ of a value, by __eq__ of a key, or by a garbage collection (before 3.12).
    pytest.importorskip("ctypes", reason="calls PyObject_Call() through it")
    program = """
import ctypes, gc, sys
from sse_stream import Block, Comment, Event, Ignored, Parser

call = ctypes.pythonapi.PyObject_Call
call.argtypes, call.restype = [ctypes.py_object] * 3, ctypes.py_object

def text(word):
    return word * 9 * len(sys.argv)

def drop():
    for name, value in list(arguments.items()):
        if type(value) is str:
            arguments[name] = None
    del name, value
    # The next objects of this size take the place of those that were freed.
    kept.extend([text("new") for _ in range(9)])
    return True

class Key:
    def __init__(self, name): self.name = name
    def __hash__(self): return hash(self.name)
    def __eq__(self, other): return drop()

class Value:
    def __bool__(self): return drop()

def collected(phase, info):
    global left
    if phase == "start":
        left -= 1
        if left == 0:
            drop()
    else:
        kept.extend([set(), set(), set()])  # so that the next allocation collects again

def kinds():
    if sys.argv[1] == "value":
        yield Parser, {"last_event_id": text("old"), "report_ignored": Value()}
        yield Parser, {"last_event_id": text("old"), "blocks": Value()}
    elif sys.argv[1] == "name":
        yield Event, {"event": text("old"), Key("data"): 0}
        yield Block, {"data": text("old"), Key("retry"): 0}
        yield Parser, {"last_event_id": text("old"), Key("report_ignored"): 0}
    else:
        yield Event, {"event": text("old"), "data": text("old")}
        yield Block, {"data": text("old"), "id": text("old")}
        yield Comment, {"text": text("old")}
        yield Ignored, {"line": text("old")}
        yield Parser, {"last_event_id": text("old")}

kept = []
if sys.argv[1] == "collection":
    gc.callbacks.append(collected)
    gc.set_threshold(1)
for first in range(1, 20):
    left = 0
    for kind, arguments in kinds():
        left = first
        try:
            result = call(kind, (), arguments)
            left = 0
            told = result.last_event_id if kind is Parser else repr(result)
            assert "new" not in told, told
        except TypeError as error:
            # A name that is no string; or a collection before the call left None for a str.
            assert sys.argv[1] != "value", error
print("none was lost")
"""
    assert run(program, way) == "none was lost\n"


def test_modules_that_are_loaded_again_work(compiled: Any) -> None:
    program = """
import importlib
import sse_stream
from sse_stream import errors, items, parser
for loaded in ([items], [parser], [errors, items, parser]):
    for module in loaded:
        importlib.reload(module)
    for made in (parser.Parser, parser.PureParser):
        for blocks, kind in ((False, items.Event), (True, items.Block)):
            one = made(blocks=blocks)
            found = one.feed(b": x" + bytes([10]) + b"data: 1" + bytes([10, 10]) + b"data: [DONE]")
            assert found == [items.Comment("x"), kind(data="1")], found
            assert one.close() == [items.DONE]
print("works")
"""
    assert run(program) == "works\n"


LARGE: dict[str, tuple[bytes, bytes]] = {
    "comment": (b": ", b"\n"),
    "type": (b"event: ", b"\n\n"),
    "type replaced": (b"event: ", b"\nevent: x\n"),
    "id replaced": (b"id: ", b"\nid: x\n"),
    "id with NUL": (b"id: \0", b"\n"),
    "retry": (b"retry: ", b"\n"),
    "ignored": (b"foo: ", b"\n"),
    "data": (b"data: ", b"\n\n"),
    "data of two lines": (b"data\ndata: ", b"\n\n"),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("size", [65536, 1 << 22])
def test_a_large_buffer_is_given_back(compiled: Any, name: str, size: int) -> None:
    start, end = LARGE[name]
    stream = start + b"x" * (1 << 21) + end
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    for report_ignored in (False, True):
        parser = compiled(report_ignored=report_ignored)
        with traced_memory() as memory:
            for chunk in chunks:
                parser.feed(chunk)
            assert memory()[0] < 20 * 1024


@pytest.mark.parametrize("size", [100, 1460, 65536])
@pytest.mark.parametrize("length", [3000, 4096, 5000, 16384, 65536, 70_000])
def test_an_idle_parser_keeps_little(compiled: Any, size: int, length: int) -> None:
    text = b"x" * length
    block = b"id: %b\nevent: %b\ndata: %b\ndata: %b\n: %b\nfoo: %b\n\n" % ((text,) * 6)
    stream = 3 * block + b"id\n\n"
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    parser = compiled()
    with traced_memory() as memory:
        for chunk in chunks:
            parser.feed(chunk)
        assert not parser.incomplete and memory()[0] < 20 * 1024


@pytest.mark.parametrize("line", [b"data: ", b": ", b"id: ", b"foo: "])
@pytest.mark.parametrize("length", [1 << 20, 1_150_000, 1_300_000, 1_500_000])
def test_unused_memory_is_given_back_before_a_line_is_decoded(
    compiled: Any, line: bytes, length: int
) -> None:
    assert peak(compiled, [line, *[b"x" * 1000] * (length // 1000), b"\n\n"]) < 2.1 * length


@pytest.mark.parametrize("length", [1 << 20, 1_150_000, 1_300_000, 1_500_000])
def test_unused_memory_is_given_back_before_a_block_is_decoded(compiled: Any, length: int) -> None:
    lines = [b"data: " + b"x" * 999 + b"\n"] * (length // 1000)
    assert peak(compiled, [*lines, b"\n"]) < 2.1 * length


def peak(parser_class: Any, chunks: list[bytes]) -> int:
    """Return how much memory the parser and its items took at most."""
    parser = parser_class(report_ignored=True)
    with traced_memory() as memory:
        for chunk in chunks:
            parser.feed(chunk)
        return memory()[1]


def test_compiles_without_a_warning() -> None:
    source = PACKAGE / "_speedups.c"
    include = sysconfig.get_path("include")
    compiler = (sysconfig.get_config_var("CC") or "").split()
    if not (compiler and shutil.which(compiler[0]) and source.exists()):
        pytest.skip("no compiler, or no source, to compile with")
    if not Path(include, "Python.h").exists():
        pytest.skip("this interpreter came without its headers")
    flags = ["-std=c11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-isystem", include]
    done = subprocess.run([*compiler, *flags, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def wrong_calls(parser_class: Any, text: str) -> list[Callable[[], object]]:
    """Return calls that raise; ``text`` is the only reference to a new string."""
    return [
        lambda: Event(text, text, text, 1, 2),  # type: ignore[call-arg]
        lambda: Event(text, event=text),  # type: ignore[misc]
        lambda: Block(**{"id": text, text: text}),  # type: ignore[arg-type]
        lambda: Comment(**{text: text}),
        lambda: Ignored(text, text),  # type: ignore[call-arg]
        lambda: parser_class(text),
        lambda: parser_class(last_event_id=text, done=5),
        lambda: parser_class(done=text, max_event_size=0),
    ]


def every_way(parser_class: Any) -> None:
    """Use the parser so that it returns, refuses and buffers everything it can."""
    stream = b"\xef\xbb\xbfid: 70000\nevent: own\nretry: 90000\n: note\ndata: one\ndata: two\n\n"
    stream += b"data: " + b"x" * 100 + b"\n\ndata: [DONE]\n\nid: \xc3\xa9\n: \xe4\xbd\xa0\n"
    stream += b"event: left\nid: behind\ndata: open"
    for boundary in range(0, len(stream), 7):
        parser = parser_class(
            max_event_size=150,
            last_event_id=f"resumed at {boundary}",
            report_ignored=boundary % 2,
            blocks=boundary % 3 == 0,
        )
        items = parser.feed(stream[:boundary]) + parser.feed(bytearray(stream[boundary:]))
        for item in (*items, Event(data=str(boundary)), Block(), Comment("text"), Ignored("line")):
            assert copy.copy(item) == item and {item: repr(item)}
            if item is not DONE:
                assert item.__replace__() == item
        assert parser.ignored >= 0 and parser.in_line and parser.recognised
        assert parser.ignored_tail == b""
        for call in wrong_calls(parser_class, f"made for boundary {boundary}"):
            with pytest.raises((TypeError, ValueError)):
                call()
        for bad in ("text", 5, memoryview(stream)[::2]):
            try:
                parser.feed(bad)
            except (TypeError, EventTooLargeError):
                pass
        try:
            parser.feed(b"x" * 200)
        except EventTooLargeError:
            pass
        parser_class().close(flush=True)


def test_memory_stays_flat(compiled: Any) -> None:
    for _ in range(20):
        every_way(compiled)
    before = sys.getallocatedblocks()
    for _ in range(300):
        every_way(compiled)
    # 300 rounds with about 60 parsers each: one leaked block for each would be 18000 blocks.
    assert sys.getallocatedblocks() - before < 200


def test_failing_allocations(compiled: Any) -> None:
    pytest.importorskip("_testcapi", reason="this interpreter cannot make allocations fail")
    program = """
import _testcapi
from sse_stream import SSEError
from sse_stream._speedups import Parser

stream = b"\\xef\\xbb\\xbfid: 70000\\nevent: own\\nretry: 90000\\n: note\\ndata: one\\n"
stream += b"data: two\\n\\ndata: " + b"x" * 100_000 + b"\\n\\ndata: [DONE]\\n\\n"
stream += "data: é\\r\\rdata: 東京\\nid: é\\n\\n: 😀\\n".encode() + b"data: \\xff\\xff\\n\\n"
stream += b"event: left\\nid: behind\\ndata: open"
chunks = [stream[:50], bytearray(stream[50:300]), memoryview(stream)[300:-90], stream[-90:]]
strided = memoryview(stream)[::2]


def use(parser, items):
    for chunk in (*chunks, strided):
        items.append(parser.feed(chunk))
    for wrong in (5, "text"):
        try:
            parser.feed(wrong)
        except TypeError:
            pass
    items.append(parser.close(flush=True))
    try:
        parser.close()
    except SSEError:
        pass


def starve(start, stop):
    # Fail every allocation from the one on, up to the other; 0: all that follow.
    parser, items, failed = None, [], False
    _testcapi.set_nomemory(start, stop)
    try:
        parser = Parser(last_event_id="5", max_event_size=200_000)
        use(parser, items)
        _testcapi.remove_mem_hooks()
    except (MemoryError, SystemError):
        # Python 3.11 may fail to call a Python function without setting its MemoryError.
        _testcapi.remove_mem_hooks()
        failed = True
    # Right as far as it came: never a parser that goes on with bytes missing.
    assert items == right[: len(items)]
    if parser is not None:
        repr(parser), parser.retry, parser.last_event_id, parser.incomplete
        for call in (lambda: parser.feed(b"\\n\\n"), parser.close):
            try:
                call()
            except SSEError:
                pass
    return failed


right = []
use(Parser(last_event_id="5", max_event_size=200_000), right)
for once in (False, True):
    failed = [starve(start, start + 1 if once else 0) for start in range(1, 250)]
    print(sum(failed), sum(failed[200:]))
"""
    for line in run(program).splitlines():
        failed, late = map(int, line.split())
        # Every allocation was made to fail at some start, and the last starts made none fail.
        assert failed > 50 and late == 0


def test_a_parser_that_ran_out_of_memory_never_goes_on_with_bytes_missing(compiled: Any) -> None:
    pytest.importorskip("_testcapi", reason="this interpreter cannot make allocations fail")
    program = """
import _testcapi
from sse_stream import Event, ParserClosedError
from sse_stream._speedups import Parser

chunk = b"id: 70000\\ndata: " + b"x" * 100_000
whole = [Event(data="x" * 100_000, id="70000")]
for start in range(1, 9):
    parser = Parser()
    feed = parser.feed
    failed = False
    _testcapi.set_nomemory(start, 0)
    try:
        feed(chunk)
        _testcapi.remove_mem_hooks()
    except MemoryError:
        _testcapi.remove_mem_hooks()
        failed = True
    try:
        assert feed(chunk + b"\\n\\n" if failed else b"\\n\\n") == whole
    except ParserClosedError:
        assert failed and parser.incomplete
        print(parser)
"""
    lines = run(program).splitlines()
    assert lines and set(lines) == {"<sse_stream.Parser compiled closed>"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another process on the same memory")
def test_memory_that_changes_while_it_is_read(compiled: Any) -> None:
    program = """
import mmap, os, signal
from sse_stream._speedups import Parser

few = b"data: " + b"\\x80" * 1000 + b"\\n\\n"
many = b"data: \\xc3\\xa9" + b"x" * 998 + b"\\n\\n"
memory = mmap.mmap(-1, len(few))
parent, writer = os.getpid(), os.fork()
if writer == 0:
    while os.getppid() == parent:
        for _ in range(1000):
            memory[:] = few
            memory[:] = many
    os._exit(0)
try:
    parser = Parser()
    print(sum(len(parser.feed(memory)) for _ in range(100_000)) > 0)
finally:
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
"""
    # Counting characters in one text and writing those of the other would overflow the buffer.
    assert run(program) == "True\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs __release_buffer__")
def test_a_buffer_that_feeds_when_it_is_released(compiled: Any) -> None:
    class Feeding:
        def __init__(self, parser: Any) -> None:
            self.parser = parser
            self.items: list[object] = []

        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(b"data: outer\n\n")

        def __release_buffer__(self, view: memoryview) -> None:
            self.items += self.parser.feed(b"data: inner\n\n")

    for parser in (compiled(), PureParser()):
        feeding: Any = Feeding(parser)
        assert parser.feed(feeding) == [Event(data="outer")]
        assert feeding.items == [Event(data="inner")]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no garbage is collected inside a call")
def test_a_call_from_inside_a_call(compiled: Any) -> None:
    parser = compiled()
    told: list[str] = []

    def collected(phase: str, info: object) -> None:
        for call in (lambda: parser.feed(b"x"), parser.close, parser.__init__):
            with pytest.raises(RuntimeError) as caught:
                call()
            told.append(str(caught.value))

    # After a full collection, the allocations of the call trigger the next one.
    gc.collect()
    gc.callbacks.append(collected)
    try:
        items = parser.feed(b"data: a\n\n" * 5000)
    finally:
        gc.callbacks.remove(collected)
    assert items == [Event(data="a")] * 5000
    assert set(told) == {"the parser is in the middle of a call: one thread at a time"}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no garbage is collected inside a call")
def test_a_chunk_that_is_lost_inside_a_call_closes_the_parser(compiled: Any) -> None:
    # As with threads that run at once: the chunk cannot be copied while a call is going on.
    released = memoryview(b"data: b")
    released.release()
    told: list[type] = []

    def collected(phase: str, info: object) -> None:
        with pytest.raises(ValueError) as caught:
            parser.feed(released)
        told.append(caught.type)

    for later in ("feed", "close"):
        parser = compiled()
        gc.collect()
        gc.callbacks.append(collected)
        try:
            items = parser.feed(b"data: a\n\n" * 5000 + b"data: cut")
        finally:
            gc.callbacks.remove(collected)
        assert told and items == [Event(data="a")] * 5000
        assert parser.incomplete and repr(parser) == "<sse_stream.Parser compiled closed>"
        with pytest.raises(ParserClosedError):
            getattr(parser, later)(*[b"\n\n"] * (later == "feed"))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no garbage is collected inside a call")
def test_a_chunk_that_is_lost_inside_close(compiled: Any) -> None:
    released = memoryview(b"data: b")
    released.release()
    parser = compiled()
    told: list[type] = []
    kept: list[object] = []

    def collected(phase: str, info: object) -> None:
        try:
            parser.feed(b"")
        except RuntimeError:
            with pytest.raises(ValueError) as caught:
                parser.feed(released)
            told.append(caught.type)
        if phase == "stop":
            kept.extend([set(), set(), set()])  # so that the next allocation collects again

    parser.feed(b"data: a")
    threshold = gc.get_threshold()
    gc.callbacks.append(collected)
    try:
        gc.set_threshold(1)
        items = parser.close(flush=True)
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*threshold)
    assert told and items == [Event(data="a")]
    assert parser.incomplete


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs an interpreter with its own lock")
def test_each_interpreter_has_its_own_types(compiled: Any) -> None:
    program = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
inside = '''
import sys
sys.path[:] = {path!r}
from sse_stream import Event
from sse_stream._speedups import Parser
assert type(Parser().feed(b"data: a" + bytes([10, 10]))[0]) is Event
print("inside", flush=True)
'''.format(path=sys.path)
from sse_stream._speedups import Parser
for _ in range(3):
    one = interpreters.create()
    failure = interpreters.run_string(one, inside)
    assert failure is None, failure
    interpreters.destroy(one)
assert len(Parser().feed(b"data: a\\n\\n")) == 1
"""
    assert run(program).split() == ["inside"] * 3
