"""The items and the state that a stream gives, in the order of section 9.2 of the HTML standard.

Each stream of the table is fed as one chunk, byte by byte, as two chunks with every boundary,
with empty chunks in between, and as every kind of bytes-like object. The size limit is tested
in test_max_event_size.py.
"""

from __future__ import annotations

import array
import gc
import mmap
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from support.memory import traced_memory
from support.strategies import single_bytes

from sse_stream import (
    DONE,
    Comment,
    Event,
    EventTooLargeError,
    Ignored,
    Item,
    Parser,
    ParserClosedError,
)
from sse_stream.parser import PureParser

BOM = b"\xef\xbb\xbf"


class Case(NamedTuple):
    """A stream, the items that it gives, and the state at its end."""

    stream: bytes
    items: list[Item]
    last_event_id: str = ""
    retry: int | None = None
    incomplete: bool = False
    ignored: int | None = None
    at_end: Sequence[Item] = ()


def message(*data: str) -> list[Item]:
    return [Event(data=text) for text in data]


def value(stream: bytes, text: str) -> Case:
    """One data line with these bytes as its value, which must be decoded to this text."""
    return Case(b"data:" + stream + b"\n\n", message(text))


def ignored(line: bytes) -> Case:
    """A line that must be ignored, before a block and inside it."""
    return Case(line + b"\ndata:a\n" + line + b"\ndata:b\n\n", message("a\nb"))


def no_id(line: bytes) -> Case:
    return Case(b"id:1\n" + line + b"\ndata\n\n", [Event(id="1")], "1")


def retry(digits: bytes, time: int | None) -> Case:
    return Case(b"retry:" + digits + b"\ndata\n\n", [Event(retry=time)], retry=time)


CASES: dict[str, Case] = {
    # 9.2.5: lines end at LF, CR or CRLF, and at nothing else.
    "lines-lf": Case(b"data:a\n\ndata:b\n\n", message("a", "b")),
    "lines-cr": Case(b"data:a\r\rdata:b\r\r", message("a", "b")),
    "lines-crlf": Case(b"data:a\r\n\r\ndata:b\r\n\r\n", message("a", "b")),
    "lines-mixed": Case(b"data:a\r\rdata:b\r\n\r\ndata:c\n\n", message("a", "b", "c")),
    "lines-lf-then-cr": Case(b"data:a\n\rdata:b\n\r", message("a", "b")),
    "lines-lf-then-crlf": Case(b"data:a\n\r\ndata:b\n\r\n", message("a", "b")),
    "lines-crlf-then-lf": Case(b"data:a\r\n\ndata:b\r\n\n", message("a", "b")),
    "lines-crlf-then-cr": Case(b"data:a\r\n\rdata:b\r\n\r", message("a", "b")),
    "lines-cr-then-crlf": Case(b"data:a\r\r\ndata:b\r\r\n", message("a", "b")),
    "lines-each-line-its-own": Case(
        b"data:a\rdata:b\ndata:c\r\ndata:d\r\n\r", message("a\nb\nc\nd")
    ),
    "lines-crlf-is-one-ending": Case(b"data:a\r\ndata:b\r\n\r\n", message("a\nb")),
    "lines-many-blank-lines": Case(
        b"\n\r\r\n\n\ndata:a\n\n\n\r\r\n\ndata:b\n\n", message("a", "b")
    ),
    "lines-nothing-but-endings": Case(b"\r\n\r\r\n\n\r", []),
    "lines-starts-with-lf": Case(b"\ndata:a\n\n", message("a")),
    "lines-ends-with-lone-cr": Case(b"data:a\r\r", message("a")),
    "lines-vt": value(b"a\x0bb", "a\x0bb"),
    "lines-ff": value(b"a\x0cb", "a\x0cb"),
    "lines-fs-gs-rs-us": value(b"a\x1cb\x1dc\x1ed\x1fe", "a\x1cb\x1dc\x1ed\x1fe"),
    "lines-nel": value("a\x85b".encode(), "a\x85b"),
    "lines-u2028": value("a\u2028b".encode(), "a\u2028b"),
    "lines-u2029": value("a\u2029b".encode(), "a\u2029b"),
    "lines-no-ending-in-other-fields": Case(
        "event:e\x0b\u2028\nid:i\x85\x0c\n:c\u2029\x1c\ndata\n\n".encode(),
        [Comment("c\u2029\x1c"), Event("e\x0b\u2028", "", "i\x85\x0c")],
        "i\x85\x0c",
    ),
    "lines-u0a0a-u0d0d": value(
        "\u0a0a\u0d0d\u0a0d\U00010a0d".encode(), "\u0a0a\u0d0d\u0a0d\U00010a0d"
    ),
    # 9.2.6: the stream is decoded with "UTF-8 decode", which strips one byte order mark.
    "bom": Case(BOM + b"data:a\n\n", message("a")),
    "bom-then-blank-lines": Case(BOM + b"\n\ndata:a\n\n", message("a")),
    "bom-then-crlf": Case(BOM + b"\r\ndata:a\r\n\r\n", message("a")),
    "bom-then-comment": Case(BOM + b":a\n", [Comment("a")]),
    "bom-alone": Case(BOM, []),
    "bom-twice": Case(BOM + BOM + b"data:a\n\n", []),
    "bom-twice-makes-another-field-name": Case(BOM + BOM + b"data:a\ndata:b\n\n", message("b")),
    "bom-after-a-line-ending": Case(b"\n" + BOM + b"data:a\n\n", []),
    "bom-in-the-next-block": Case(b"data:a\n\n" + BOM + b"data:b\n\n", message("a")),
    "bom-in-data": value(BOM + b"a" + BOM, "\ufeffa\ufeff"),
    "bom-truncated-after-1": Case(b"\xef", [], incomplete=True),
    "bom-truncated-after-2": Case(b"\xef\xbb", [], incomplete=True),
    "bom-truncated-after-1-then-data": Case(b"\xefdata:a\ndata:b\n\n", message("b")),
    "bom-truncated-after-2-then-data": Case(b"\xef\xbbdata:a\ndata:b\n\n", message("b")),
    "bom-truncated-after-2-then-line": Case(b"\xef\xbb\ndata:b\n\n", message("b")),
    "bom-with-a-wrong-last-byte": Case(b"\xef\xbb\xbedata:a\ndata:b\n\n", message("b")),
    "bom-after-a-truncated-bom": Case(b"\xef" + BOM + b"data:a\ndata:b\n\n", message("b")),
    "bom-of-utf16": Case(b"\xff\xfedata:a\n\xfe\xffdata:b\ndata:c\n\n", message("c")),
    # The Encoding standard: each maximal invalid part becomes one replacement character.
    "utf8-two-bytes": value("é".encode(), "é"),
    "utf8-three-bytes": value("日本".encode(), "日本"),
    "utf8-four-bytes": value("😀🦆".encode(), "😀🦆"),
    "utf8-first-and-last-of-each-length": value(
        "\x01\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode(),
        "\x01\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
    ),
    "utf8-nul": value(b"a\0b", "a\0b"),
    "utf8-lone-continuation": value(b"a\x80b\xbfc", "a\ufffdb\ufffdc"),
    "utf8-many-continuations": value(b"\x80\x81\xbf", "\ufffd\ufffd\ufffd"),
    "utf8-truncated-2": value(b"\xc3x", "\ufffdx"),
    "utf8-truncated-3-after-1": value(b"\xe2x", "\ufffdx"),
    "utf8-truncated-3-after-2": value(b"\xe2\x82x", "\ufffdx"),
    "utf8-truncated-4-after-1": value(b"\xf0x", "\ufffdx"),
    "utf8-truncated-4-after-2": value(b"\xf0\x9fx", "\ufffdx"),
    "utf8-truncated-4-after-3": value(b"\xf0\x9f\x98x", "\ufffdx"),
    "utf8-truncated-by-the-line": value(b"a\xf0\x9f\x98", "a\ufffd"),
    "utf8-truncated-by-another": value(b"\xf0\x9f\xe2\x82\xc3\xc3\xa9", "\ufffd\ufffd\ufffdé"),
    "utf8-truncated-then-next-line": Case(
        b"data:\xe2\x82\ndata:\xac\n\n", message("\ufffd\n\ufffd")
    ),
    "utf8-truncated-then-cr": Case(b"data:\xc3\rdata:\xa9\r\r", message("\ufffd\n\ufffd")),
    "utf8-overlong-2": value(b"\xc0\x80\xc1\xbf", "\ufffd" * 4),
    "utf8-overlong-3": value(b"\xe0\x80\x80\xe0\x9f\xbf", "\ufffd" * 6),
    "utf8-overlong-4": value(b"\xf0\x80\x80\x80\xf0\x8f\xbf\xbf", "\ufffd" * 8),
    "utf8-overlong-line-ending": value(
        b"a\xc0\x8ab\xe0\x80\x8dc", "a\ufffd\ufffdb\ufffd\ufffd\ufffdc"
    ),
    "utf8-surrogates": value(b"\xed\xa0\x80\xed\xbf\xbf", "\ufffd" * 6),
    "utf8-surrogate-pair": value(b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 6),
    "utf8-before-surrogates": value(b"\xed\x9f\xbf", "\ud7ff"),
    "utf8-above-10ffff": value(b"\xf4\x90\x80\x80", "\ufffd" * 4),
    "utf8-f5-to-ff": value(b"\xf5\x80\xf8\xfc\xfe\xff", "\ufffd" * 6),
    "utf8-five-byte-form": value(b"\xf8\x88\x80\x80\x80", "\ufffd" * 5),
    "utf8-latin1": value("Grüße".encode("latin-1"), "Gr\ufffd\ufffde"),
    "utf8-noncharacters": value("\ufffe\uffff\ufdd0\ufffd".encode(), "\ufffe\uffff\ufdd0\ufffd"),
    "utf8-invalid-in-every-field": Case(
        b"event:\xff\nid:\xe2\x82\n:\xc3\ndata:\x80\n\n",
        [Comment("\ufffd"), Event("\ufffd", "\ufffd", "\ufffd")],
        "\ufffd",
    ),
    "utf8-invalid-in-a-name": ignored(b"data\xff:x"),
    "utf8-colon-ends-a-truncated-sequence": ignored(b"\xe2\x82:x"),
    # 9.2.6: process the field.
    "field-data": Case(b"data:a\n\n", message("a")),
    "field-one-space-removed": Case(b"data: a\n\n", message("a")),
    "field-second-space-kept": Case(b"data:  a\n\n", message(" a")),
    "field-trailing-space-kept": Case(b"data: a \n\n", message("a ")),
    "field-space-alone": Case(b"data: \n\n", message("")),
    "field-two-spaces": Case(b"data:  \n\n", message(" ")),
    "field-tab-kept": Case(b"data:\ta\n\n", message("\ta")),
    "field-nbsp-kept": value("\xa0a".encode(), "\xa0a"),
    "field-no-colon": Case(b"data\n\n", message("")),
    "field-no-value": Case(b"data:\n\n", message("")),
    "field-colon-in-value": Case(b"data:a:b: c\n\n", message("a:b: c")),
    "field-colon-first-in-value": Case(b"data::a\n\n", message(":a")),
    "field-space-colon-in-value": Case(b"data: :a\n\n", message(":a")),
    "field-json": Case(b'data: {"a": "data: b"}\n\n', message('{"a": "data: b"}')),
    "field-looks-like-a-field": Case(b"data: data: x\n\n", message("data: x")),
    "field-two-lines": Case(b"data:a\ndata:b\n\n", message("a\nb")),
    "field-empty-line-between": Case(b"data:a\ndata\ndata:b\n\n", message("a\n\nb")),
    "field-empty-lines": Case(b"data\ndata:\ndata: \n\n", message("\n\n")),
    "field-empty-first": Case(b"data\ndata:a\n\n", message("\na")),
    "field-empty-last": Case(b"data:a\ndata\n\n", message("a\n")),
    "field-many-lines": Case(b"data: x\n" * 30 + b"\n", message("\n".join("x" * 30))),
    "field-upper-case-name": ignored(b"Data:x"),
    "field-all-upper-case-name": ignored(b"DATA: x"),
    "field-longer-name": ignored(b"datax: x"),
    "field-shorter-name": ignored(b"dat: x"),
    "field-space-before-name": ignored(b" data: x"),
    "field-space-after-name": ignored(b"data : x"),
    "field-tab-after-name": ignored(b"data\t: x"),
    "field-nul-in-name": ignored(b"data\0: x"),
    "field-nul-name": ignored(b"\0: x"),
    "field-unknown": ignored(b"foo: bar"),
    "field-unknown-no-colon": ignored(b"foo"),
    "field-unknown-json": ignored(b'{"data": "x"}'),
    "field-space-line": ignored(b" "),
    "field-tab-line": ignored(b"\t"),
    "field-not-quite-event": ignored(b"events: x"),
    "field-not-quite-id": ignored(b"ids: 7"),
    "field-upper-case-id": ignored(b"ID: 7"),
    "field-not-quite-retry": ignored(b"retr: 7"),
    "field-upper-case-retry": ignored(b"Retry: 7"),
    "field-fullwidth-name": ignored("ｄａｔａ: x".encode()),
    "field-zero-width-in-name": ignored("\u200bdata: x".encode()),
    "field-event": Case(b"event:e\ndata:a\n\n", [Event("e", "a")]),
    "field-event-space": Case(b"event: e f \ndata:a\n\n", [Event("e f ", "a")]),
    "field-event-after-data": Case(b"data:a\nevent:e\n\n", [Event("e", "a")]),
    "field-event-between-data": Case(b"data:a\nevent:e\ndata:b\n\n", [Event("e", "a\nb")]),
    "field-event-last-wins": Case(b"event:e\nevent:f\ndata:a\n\n", [Event("f", "a")]),
    "field-event-empty": Case(b"event:\ndata:a\n\n", message("a")),
    "field-event-one-space": Case(b"event: \ndata: a\n\n", message("a")),
    "field-event-then-data": Case(b"event: e\ndata: a\n\n", [Event("e", "a")]),
    "field-event-then-done": Case(b"event: e\ndata: [DONE]\n\n", [DONE]),
    "field-event-no-colon": Case(b"event\ndata:a\n\n", message("a")),
    "field-event-emptied": Case(b"event:e\nevent:\ndata:a\n\n", message("a")),
    "field-event-space-is-a-type": Case(b"event:  \ndata:a\n\n", [Event(" ", "a")]),
    "field-event-non-ascii": Case("event:é\ndata:a\n\n".encode(), [Event("é", "a")]),
    "field-event-nul": Case(b"event:\0\ndata:a\n\n", [Event("\0", "a")]),
    "field-id": Case(b"id:1\ndata:a\n\n", [Event(data="a", id="1")], "1"),
    "field-id-space": Case(b"id: 1 2 \ndata\n\n", [Event(id="1 2 ")], "1 2 "),
    "field-id-after-data": Case(b"data\nid:1\n\n", [Event(id="1")], "1"),
    "field-id-last-wins": Case(b"id:1\nid:2\ndata\n\n", [Event(id="2")], "2"),
    "field-id-non-ascii": Case("id:é\ndata\n\n".encode(), [Event(id="é")], "é"),
    "field-id-empty-resets": Case(b"id:1\ndata\n\nid:\ndata\n\n", [Event(id="1"), Event()]),
    "field-id-no-colon-resets": Case(b"id:1\ndata\n\nid\ndata\n\n", [Event(id="1"), Event()]),
    "field-id-nul": no_id(b"id:2\0"),
    "field-id-nul-first": no_id(b"id:\x002"),
    "field-id-nul-alone": no_id(b"id: \0"),
    "field-id-nul-then-good": Case(b"id:2\0\nid:3\ndata\n\n", [Event(id="3")], "3"),
    "field-id-nul-overlong-is-none": Case(
        b"id:\xc0\x80\ndata\n\n", [Event(id="\ufffd\ufffd")], "\ufffd\ufffd"
    ),
    "field-retry": retry(b"5000", 5000),
    "field-retry-space": retry(b" 5", 5),
    "field-retry-zero": retry(b"0", 0),
    "field-retry-leading-zeros": retry(b"007", 7),
    "field-retry-many-zeros": retry(b"0" * 300 + b"7", 7),
    "field-retry-only-zeros": retry(b"0" * 300, 0),
    "field-retry-largest": retry(b"18446744073709551615", 2**64 - 1),
    "field-retry-too-large": retry(b"18446744073709551616", None),
    "field-retry-too-large-2": retry(b"99999999999999999999", None),
    "field-retry-21-digits": retry(b"100000000000000000000", None),
    "field-retry-empty": retry(b"", None),
    "field-retry-two-spaces": retry(b"  5", None),
    "field-retry-trailing-space": retry(b"5 ", None),
    "field-retry-plus": retry(b"+5", None),
    "field-retry-minus": retry(b"-5", None),
    "field-retry-point": retry(b"5.0", None),
    "field-retry-exponent": retry(b"1e3", None),
    "field-retry-hex": retry(b"0x5", None),
    "field-retry-underscore": retry(b"1_000", None),
    "field-retry-comma": retry(b"1,000", None),
    "field-retry-unit": retry(b"5s", None),
    "field-retry-nul": retry(b"5\0", None),
    "field-retry-colon": retry(b"5:", None),
    "field-retry-tab": retry(b"\t5", None),
    "field-retry-vt": retry(b"5\x0b", None),
    "field-retry-invalid-utf8": retry(b"5\xff", None),
    "field-retry-arabic-digits": retry("٣".encode(), None),
    "field-retry-fullwidth-digits": retry("５".encode(), None),
    "field-retry-superscript": retry("²".encode(), None),
    "field-retry-mixed-digits": retry("1٣".encode(), None),
    "field-retry-no-colon": Case(b"retry\ndata\n\n", [Event()]),
    "field-retry-last-good-wins": Case(
        b"retry:5\nretry:x\nretry:6\nretry:-7\ndata\n\n", [Event(retry=6)], retry=6
    ),
    "field-retry-holds-at-once": Case(b"retry:5\n", [], retry=5),
    "field-retry-bad-leaves-the-time": Case(b"retry:5\n\nretry:x\ndata\n\n", [Event()], retry=5),
    "field-all-fields": Case(
        b"retry: 1\nid: 2\nevent: e\ndata: a\n\n", [Event("e", "a", "2", 1)], "2", 1
    ),
    # 9.2.6: at a blank line, dispatch the event.
    "dispatch-empty-data-is-an-event": Case(b"data\n\ndata:\n\n", message("", "")),
    "dispatch-no-data-no-event": Case(b"event:e\nid:1\nretry:5\n\n", [], "1", 5),
    "dispatch-event-alone": Case(b"event:e\n\n", []),
    "dispatch-retry-alone": Case(b"retry: 5\n\n", [], retry=5),
    "dispatch-unknown-alone": Case(b"foo: x\n\n", []),
    "dispatch-type-does-not-leak": Case(b"event:e\n\ndata:b\n\n", message("b")),
    "dispatch-type-does-not-leak-after-data": Case(
        b"event:e\ndata:a\n\ndata:b\n\n", [Event("e", "a"), Event(data="b")]
    ),
    "dispatch-data-does-not-leak": Case(b"data:a\n\n\ndata:b\n\n", message("a", "b")),
    "dispatch-retry-does-not-leak": Case(
        b"retry:5\ndata:a\n\ndata:b\n\n", [Event(data="a", retry=5), Event(data="b")], retry=5
    ),
    "dispatch-retry-of-an-empty-block-does-not-leak": Case(
        b"retry:5\n\ndata:b\n\n", message("b"), retry=5
    ),
    "dispatch-id-stays": Case(
        b"id:1\ndata:a\n\ndata:b\n\n", [Event(data="a", id="1"), Event(data="b", id="1")], "1"
    ),
    "dispatch-id-of-an-empty-block-stays": Case(
        b"id:1\n\ndata:b\n\n", [Event(data="b", id="1")], "1"
    ),
    "dispatch-id-not-committed-before-the-blank-line": Case(
        b"id:1\ndata:a\n", [], "", incomplete=True
    ),
    "dispatch-id-change-not-committed": Case(b"id:1\n\nid:2\n", [], "1", incomplete=True),
    "dispatch-id-reset-by-an-empty-block": Case(b"id:1\n\nid\n\ndata\n\n", [Event()]),
    "dispatch-id-nul-alone-changes-nothing": Case(
        b"id:1\n\nid:2\0\n\ndata\n\n", [Event(id="1")], "1"
    ),
    # 9.2.6: a line that starts with a colon is a comment; the parser returns it.
    "comment-alone": Case(b":hi\n", [Comment("hi")]),
    "comment-one-space-removed": Case(b": hi\n", [Comment("hi")]),
    "comment-second-space-kept": Case(b":  hi \n", [Comment(" hi ")]),
    "comment-empty": Case(b":\n: \n:  \n", [Comment(""), Comment(""), Comment(" ")]),
    "comment-colons": Case(b"::\n: : x:\n", [Comment(":"), Comment(": x:")]),
    "comment-tab": Case(b":\tx\n", [Comment("\tx")]),
    "comment-nul": Case(b":a\0b\n", [Comment("a\0b")]),
    "comment-looks-like-a-field": Case(b":data: x\n\n", [Comment("data: x")]),
    "comment-crlf": Case(b": a\r\n: b\r\n\r\n", [Comment("a"), Comment("b")]),
    "comment-cr": Case(b": a\r: b\r\r", [Comment("a"), Comment("b")]),
    "comment-before-a-block": Case(b": a\n\ndata:b\n\n", [Comment("a"), Event(data="b")]),
    "comment-first-in-a-block": Case(b": a\ndata:b\n\n", [Comment("a"), Event(data="b")]),
    "comment-inside-a-block": Case(
        b"event:e\n: 1\ndata:a\n: 2\nid:3\n:4\ndata:b\n\n: 5\n\n",
        [Comment("1"), Comment("2"), Comment("4"), Event("e", "a\nb", "3"), Comment("5")],
        "3",
    ),
    "comment-between-events": Case(
        b"data:a\n\n: x\n\ndata:b\n\n: y\ndata:c\n\n",
        [Event(data="a"), Comment("x"), Event(data="b"), Comment("y"), Event(data="c")],
    ),
    "comment-not-data": Case(b"data:a\n: b\ndata:c\n\n", [Comment("b"), Event(data="a\nc")]),
    "comment-unfinished": Case(b": a\n: b", [Comment("a")], incomplete=True),
    "comment-is-no-unfinished-block": Case(b"data:a\n\n: b\n", [Event(data="a"), Comment("b")]),
    "comment-non-ascii": Case(": é\u2028\n".encode(), [Comment("é\u2028")]),
    "comment-keep-alives": Case(b": OPENROUTER\n\n" * 5, [Comment("OPENROUTER")] * 5),
    # Not in the standard: an event whose data is the `done` text.
    "done": Case(b"data: [DONE]\n\n", [DONE]),
    "done-no-space": Case(b"data:[DONE]\n\n", [DONE]),
    "done-crlf": Case(b"data: [DONE]\r\n\r\n", [DONE]),
    "done-cr": Case(b"data: [DONE]\r\r", [DONE]),
    "done-goes-on": Case(
        b"data:a\n\ndata: [DONE]\n\ndata:b\n\n: c\n\ndata: [DONE]\n\n",
        [Event(data="a"), DONE, Event(data="b"), Comment("c"), DONE],
    ),
    "done-with-type": Case(b"event: end\ndata: [DONE]\n\ndata:a\n\n", [DONE, Event(data="a")]),
    "done-commits-id-and-retry": Case(
        b"id:7\nretry:5\ndata: [DONE]\n\ndata:a\n\n", [DONE, Event(data="a", id="7")], "7", 5
    ),
    "done-with-comment": Case(b"data: [DONE]\n: c\n\n", [Comment("c"), DONE]),
    # Up to 16 spaces around it do not count.
    "done-two-spaces": Case(b"data:  [DONE]\n\n", [DONE]),
    "done-trailing-space": Case(b"data: [DONE] \n\n", [DONE]),
    "done-spaces-around": Case(b"data:        [DONE]         \n\n", [DONE]),
    "done-16-spaces": Case(b"data:[DONE]" + b" " * 16 + b"\n\n", [DONE]),
    "done-17-spaces": Case(b"data:[DONE]" + b" " * 17 + b"\n\n", message("[DONE]" + " " * 17)),
    "done-tab": Case(b"data: [DONE]\t\n\n", message("[DONE]\t")),
    "done-no-break-space": Case(b"data: [DONE]\xc2\xa0\n\n", message("[DONE]\xa0")),
    "done-trailing-newline": Case(b"data: [DONE]\ndata\n\n", message("[DONE]\n")),
    "done-leading-newline": Case(b"data\ndata: [DONE]\n\n", message("\n[DONE]")),
    "done-lower-case": Case(b"data: [done]\n\n", message("[done]")),
    "done-two-of-it": Case(b"data: [DONE][DONE]\n\n", message("[DONE][DONE]")),
    "done-part": Case(b"data: [DON\n\ndata: DONE]\n\n", message("[DON", "DONE]")),
    "done-in-json": Case(b'data: "[DONE]"\n\n', message('"[DONE]"')),
    "done-in-other-fields": Case(
        b": [DONE]\nevent: [DONE]\nid: [DONE]\ndata: a\n\n",
        [Comment("[DONE]"), Event("[DONE]", "a", "[DONE]")],
        "[DONE]",
    ),
    # The blank line after DONE may be missing, its line end too.
    "done-no-blank-line": Case(b"data: [DONE]\n", [], at_end=[DONE]),
    "done-no-line-end": Case(b"data: [DONE]", [], at_end=[DONE]),
    "done-no-line-end-cr": Case(b"data: [DONE]\r", [], at_end=[DONE]),
    "done-no-line-end-spaces": Case(b"data:  [DONE]  ", [], at_end=[DONE]),
    "done-no-blank-line-fields": Case(
        b"id: 7\nevent: e\ndata: [DONE]\n: c\nid", [Comment("c")], at_end=[DONE]
    ),
    "done-no-blank-line-long-line": Case(b"data: [DONE]\n:" + b"x" * 300, [], at_end=[DONE]),
    "done-truncated": Case(b"data: [DONE", [], incomplete=True),
    "done-then-truncated-data": Case(b"data: [DONE]\ndata", [], incomplete=True),
    "done-then-bom": Case(b"a\n" + BOM + b"data: [DONE]", [], incomplete=True),
    "done-long-data": Case(b"data: [DONE]" + b"x" * 300, [], incomplete=True),
    # 9.2.6: at the end of the stream, an unfinished block is discarded.
    "end-nothing": Case(b"", []),
    "end-unfinished-line": Case(b"data:a\n\ndata:b", message("a"), incomplete=True),
    "end-unfinished-block": Case(b"data:a\n\ndata:b\n", message("a"), incomplete=True),
    "end-unfinished-block-cr": Case(b"data:a\r", [], incomplete=True),
    "end-unfinished-block-crlf": Case(b"data:a\r\n", [], incomplete=True),
    "end-unfinished-event-field": Case(b"event:e\n", [], incomplete=True),
    "end-unfinished-empty-event-field": Case(b"event\n", [], incomplete=True),
    "end-unfinished-id-field": Case(b"id:1\n", [], incomplete=True),
    "end-unfinished-empty-id-field": Case(b"id\n", [], incomplete=True),
    "end-unfinished-empty-data-field": Case(b"data\n", [], incomplete=True),
    "end-unfinished-unknown-line": Case(b"x", [], incomplete=True),
    "end-unfinished-character": Case(b"data:\xf0\x9f", [], incomplete=True),
    "end-unfinished-field-before-a-comment": Case(b"data:a\n:b\n", [Comment("b")], incomplete=True),
    "end-retry-is-not-lost": Case(b"retry:5\n", [], retry=5),
    "end-refused-id-is-not-lost": Case(b"id:\0\n", []),
    "end-unknown-field-is-not-lost": Case(b"foo:bar\n", []),
    "end-comment-is-not-lost": Case(b":a\n", [Comment("a")]),
    "end-line-ending-only": Case(b"\r", []),
}

KINDS_OF_CHUNK: dict[str, Callable[[bytes], Any]] = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview-of-bytearray": lambda data: memoryview(bytearray(data)),
    "memoryview-of-part": lambda data: memoryview(b"data:" + data + b"\n\n")[5:-2],
    "memoryview-with-steps": lambda data: memoryview(b"".join(bytes((x, 10)) for x in data))[::2],
    "array": lambda data: array.array("B", data),
    "array-of-char": lambda data: array.array("b", data),
    "array-of-two": lambda data: array.array("H", data) if len(data) % 2 == 0 else data,
    "mmap": lambda data: mapped(data) if data else b"",
    "subclass": lambda data: Bytes(data),
}


class Bytes(bytes):
    """Bytes whose methods give wrong answers: the parser must read the buffer itself."""

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False


def mapped(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(data))
    memory[:] = data
    return memory


def check(parser: Parser, chunks: Iterable[Any], case: Case, before: Sequence[Item] = ()) -> None:
    items: list[Item] = []
    for chunk in chunks:
        items += parser.feed(chunk)
    assert items == [*before, *case.items]
    state = (parser.last_event_id, parser.retry, parser.incomplete)
    assert state == (case.last_event_id, case.retry, case.incomplete)
    assert case.ignored is None or parser.ignored == case.ignored
    assert parser.close() == [*case.at_end]
    # close() discards the unfinished block, and `incomplete` tells.
    assert (parser.last_event_id, parser.retry, parser.incomplete) == state


by_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items()]
)


@by_case
def test_one_chunk(case: Case) -> None:
    check(Parser(), [case.stream], case)


@by_case
def test_byte_by_byte(case: Case) -> None:
    check(Parser(), single_bytes(case.stream), case)
    empty_between = [chunk for byte in single_bytes(case.stream) for chunk in (b"", byte, b"")]
    check(Parser(), empty_between, case)


@by_case
def test_after_a_blank_line_and_in_blocks(case: Case) -> None:
    if case.stream.startswith(b"\xef"):
        pytest.skip("a byte order mark is only recognised at the start")
    # After the first line a parser may use a fast path, above all for a chunk that is one event.
    check(Parser(), [b"\n", case.stream], case)
    check(Parser(), [b"data: 1\n\n", case.stream], case, [Event(data="1")])
    blocks = re.split(rb"(?<=\n\n)|(?<=\r\r)|(?<=\r\n\r\n)", case.stream)
    check(Parser(), [b"\n", *blocks], case)
    lines = case.stream.splitlines(keepends=True)
    check(Parser(), [b"\n", *lines], case)


@by_case
def test_two_chunks_with_every_boundary(case: Case) -> None:
    stream = case.stream
    for boundary in range(len(stream) + 1):
        check(Parser(), [stream[:boundary], stream[boundary:]], case)
        check(Parser(), [b"", stream[:boundary], b"", b"", stream[boundary:], b""], case)


@pytest.mark.parametrize("name", KINDS_OF_CHUNK)
def test_any_bytes_like_object(name: str) -> None:
    make = KINDS_OF_CHUNK[name]
    for case in CASES.values():
        middle = len(case.stream) // 2
        check(Parser(), [make(case.stream)], case)
        check(Parser(), [make(case.stream[:middle]), make(case.stream[middle:])], case)
        check(Parser(), [make(byte) for byte in single_bytes(case.stream)], case)


def test_all_streams_joined_into_one() -> None:
    # A blank line ends each stream, so no block depends on the one before.
    stream = b"".join(case.stream + b"\n\nid\n\n" for case in CASES.values())
    whole = Parser().feed(stream)
    assert len(whole) > len(CASES)
    for size in (1, 2, 3, 7, 64, 1000):
        parser = Parser()
        chunks = (stream[i : i + size] for i in range(0, len(stream), size))
        assert [item for chunk in chunks for item in parser.feed(chunk)] == whole


def test_a_chunk_may_change_after_feed_returns() -> None:
    parser = Parser()
    buffer = bytearray(b"data:abc")
    assert parser.feed(buffer) == []
    # The parser must not hold the buffer: a held bytearray cannot be resized.
    buffer[:] = b"x" * 100
    assert parser.feed(b"\n\n") == message("abc")


# Each chunk gives its items with its last byte, and with no other byte.
ChunksAndItems = list[tuple[bytes, list[Item]]]

PROMPT: dict[str, ChunksAndItems] = {
    "lf": [(b"data:a\n\n", message("a")), (b"data:b\n\n", message("b"))],
    "cr": [(b"data:a\r\r", message("a")), (b"data:b\r\r", message("b"))],
    "crlf-second-cr": [(b"data:a\r\n\r", message("a")), (b"\ndata:b\r\n\r", message("b"))],
    "cr-then-crlf": [(b"data:a\r\r", message("a")), (b"\ndata:b\r\r", message("b"))],
    "lf-then-cr": [(b"data:a\n\r", message("a")), (b"\ndata:b\n\n", message("b"))],
    "lf-after-the-cr-is-its-own": [
        (b"data:a\r\r", message("a")),
        (b"\n", []),
        (b"\ndata:b\r\n\r", message("b")),
    ],
    "comment-lf": [(b": a\n", [Comment("a")]), (b": b\n", [Comment("b")])],
    "comment-cr": [(b": a\r", [Comment("a")]), (b": b\r", [Comment("b")])],
    "comment-crlf": [(b": a\r", [Comment("a")]), (b"\n: b\r", [Comment("b")])],
    "comment-in-a-block": [
        (b"data:a\n: x\n", [Comment("x")]),
        (b": y\r", [Comment("y")]),
        (b"\ndata:b\n\n", message("a\nb")),
    ],
    "done": [(b"data: [DONE]\n\n", [DONE]), (b"data: [DONE]\r\n\r", [DONE])],
    "after-a-bom": [(BOM + b"data:a\n\n", message("a"))],
    "after-a-bom-comment": [(BOM + b":\n", [Comment("")])],
    "after-a-truncated-bom": [(b"\xef\xbb\n:a\n", [Comment("a")])],
    "type-and-id": [(b"id:1\nevent:e\ndata:a\n\n", [Event("e", "a", "1")])],
    "unfinished-character": [(b"data:\xf0\x9f\n\n", message("\ufffd"))],
    "no-data-no-item": [(b"event:e\n\nretry:5\r\rfoo\r\n\r\n:\n", [Comment("")])],
}


@pytest.mark.parametrize(
    "chunks", [pytest.param(chunks, id=name) for name, chunks in PROMPT.items()]
)
def test_an_item_comes_with_its_last_byte(chunks: ChunksAndItems) -> None:
    parser = Parser()
    for chunk, items in chunks:
        *before, last = single_bytes(chunk)
        assert [parser.feed(byte) for byte in before] == [[]] * len(before)
        assert parser.feed(last) == items
    # The same byte completes the item, whatever comes in the same chunk.
    stream = b"".join(chunk for chunk, _ in chunks)
    for start in range(len(stream)):
        parser = Parser()
        seen = len(parser.feed(stream[:start]))
        end = 0
        due = 0
        for chunk, items in chunks:
            end += len(chunk)
            due += len(items)
            if end > start:
                seen += len(parser.feed(stream[max(start, end - len(chunk)) : end]))
                assert seen == due


def test_when_last_event_id_and_retry_change() -> None:
    parser = Parser()
    seen: list[tuple[str, int | None, bool]] = []
    for chunk in (b"id:1\r", b"\nretry:5", b"\r", b"\n", b"\r", b"\n", b"id:2\n\n"):
        parser.feed(chunk)
        seen.append((parser.last_event_id, parser.retry, parser.incomplete))
    assert seen == [
        ("", None, True),
        ("", None, True),
        ("", 5, True),
        ("", 5, True),
        ("1", 5, False),
        ("1", 5, False),
        ("2", 5, False),
    ]


def test_retry_of_any_length_raises_nothing() -> None:
    # More digits than int() accepts by default, and enough to be slow if int() converted them.
    for digits in (b"9" * 5000, b"9" * 300_000):
        assert Parser().feed(b"retry:" + digits + b"\ndata\n\n") == [Event()]
        zeros = b"0" * len(digits)
        assert Parser().feed(b"retry:" + zeros + b"8\ndata\n\n") == [Event(retry=8)]


DONES: dict[str, tuple[str | None, bytes, list[Item]]] = {
    "off": (None, b"data: [DONE]\n\n", message("[DONE]")),
    "off-empty": (None, b"data\n\n", message("")),
    "own": ("END", b"data: END\n\ndata: [DONE]\n\n", [DONE, Event(data="[DONE]")]),
    "own-type-is-not-it": ("END", b"event: END\ndata:a\n\n", [Event("END", "a")]),
    "empty": ("", b"data\n\ndata:a\n\nevent:e\n\ndata:\ndata:\n\n", [DONE, *message("a", "\n")]),
    "space": (" ", b"data:  \n\ndata: \n\n", [DONE, Event()]),
    "spaces-around": (" x ", b"data:  x \n\ndata: x\n\n", [DONE, Event(data="x")]),
    "spaces-more": (" x ", b"data:   x   \n\ndata: x \n\n", [DONE, Event(data="x ")]),
    "non-ascii": ("fin é 😀", "data: fin é 😀\n\n".encode(), [DONE]),
    "u2028": ("\u2028", "data:\u2028\n\n".encode(), [DONE]),
    "replacement": ("\ufffd", b"data:\xff\n\n", [DONE]),
    "nul": ("\0", b"data:\0\n\n", [DONE]),
    "json": ('{"done": true}', b'data: {"done": true}\n\ndata: {}\n\n', [DONE, Event(data="{}")]),
    "longer": ("[DONE]!", b"data: [DONE]\n\ndata: [DONE]!\n\n", [Event(data="[DONE]"), DONE]),
    "with-colon": ("data: x", b"data: data: x\n\ndata: x\n\n", [DONE, Event(data="x")]),
}


@pytest.mark.parametrize(
    ("done", "stream", "items"),
    [pytest.param(*case, id=name) for name, case in DONES.items()],
)
def test_done_parameter(done: str | None, stream: bytes, items: list[Item]) -> None:
    for boundary in range(len(stream) + 1):
        check(Parser(done=done), [stream[:boundary], stream[boundary:]], Case(stream, items))
    check(Parser(done=done), single_bytes(stream), Case(stream, items))


@pytest.mark.parametrize(
    ("done", "stream", "at_end"),
    [
        ("[DONE]", b"data:[DONE]", [DONE]),
        ("", b"data", [DONE]),
        ("", b"event: e\n", []),
        (None, b"data: [DONE]", []),
        ("END", b"data: END\r", [DONE]),
        (" x ", b"data:  x ", [DONE]),
        (" x ", b"data:  x", []),
        ("\U0001f600" * 9, b"data: " + "\U0001f600".encode() * 9 + b" " * 16, [DONE]),
        ("\U0001f600" * 9, b"data: " + "\U0001f600".encode() * 9 + b" " * 17, []),
        ("\ufffd", b"data:\xf0\x9f", [DONE]),
    ],
)
def test_done_needs_no_blank_line(done: str | None, stream: bytes, at_end: list[Item]) -> None:
    for chunks in ([stream], single_bytes(stream)):
        case = Case(stream, [], incomplete=not at_end, at_end=at_end)
        check(Parser(done=done), chunks, case)
    for flush in (False, True):
        parser = Parser(done=done)
        assert parser.feed(b"id: 7\n" + stream) == []
        # Without flush the ID still waits for its blank line.
        assert [item for item in parser.close(flush=flush) if item is DONE] == at_end
        assert parser.last_event_id == ("7" if flush else "")


class Text(str):
    pass


@pytest.mark.parametrize("text", ["", "data: x\n\n", "é", "\ud800", Text("data")], ids=ascii)
@pytest.mark.parametrize("boundary", range(15))
def test_text_is_refused_and_changes_nothing(text: str, boundary: int) -> None:
    stream = BOM + b"id:1\r\ndata:\xc3\xa9\r\n\r\n"
    parser = Parser()
    items = parser.feed(stream[:boundary])
    state = (parser.last_event_id, parser.retry, parser.incomplete)
    with pytest.raises(TypeError, match="bytes"):
        parser.feed(text)  # type: ignore[arg-type]
    assert (parser.last_event_id, parser.retry, parser.incomplete) == state
    items += parser.feed(stream[boundary:])
    assert items == [Event(data="é", id="1")]


@pytest.mark.parametrize("thing", [None, 7, 1.5, [b"data"], object(), iter([b"x"])])
def test_objects_without_bytes_are_refused(thing: Any) -> None:
    parser = Parser()
    parser.feed(b"data:a")
    with pytest.raises(TypeError, match=f"bytes-like object, not {type(thing).__name__}"):
        parser.feed(thing)
    assert parser.feed(b"b\n\n") == message("ab")


class WrongStr(str):
    """A str whose methods give wrong answers."""

    def __iter__(self) -> Iterator[str]:
        return iter("")

    def __contains__(self, text: object) -> bool:
        return False

    def __str__(self) -> str:
        return "no"

    def encode(self, *args: object) -> bytes:
        return b"no"


class WrongInt(int):
    """An int whose methods give wrong answers."""

    def __index__(self) -> int:
        return 100

    def __le__(self, other: object) -> bool:
        return False

    def __lt__(self, other: object) -> bool:
        return False


def test_a_subclass_counts_as_the_value_that_it_holds() -> None:
    parser = Parser(last_event_id=WrongStr("1"), done=WrongStr("end"), max_event_size=WrongInt(9))
    assert type(parser.last_event_id) is str and parser.last_event_id == "1"
    assert parser.feed(b"data: end\n\ndata:no\n\n") == [DONE, Event(data="no", id="1")]
    with pytest.raises(EventTooLargeError, match="limit of 9 bytes"):
        parser.feed(b"0123456789")


@pytest.mark.parametrize(
    "options",
    [
        *[{"last_event_id": WrongStr(text)} for text in ("1\0", "1\r", "1\n", "1\r\ndata: x")],
        *[{"done": WrongStr(text)} for text in ("1\r", "1\n")],
        *[{"max_event_size": WrongInt(size)} for size in (0, -5)],
    ],
    ids=repr,
)
def test_a_subclass_hides_no_wrong_value(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Parser(**options)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("fails", "before", "chunk"),
    [
        ("make_event", [], b"data: b\n\n"),
        ("make_event", [b"data: a\n"], b": c\ndata: b\n\ndata: c"),
        # A chunk that is one event takes a fast path.
        ("make_event", [b"\n"], b"data: b\n\n"),
        ("Comment", [b"event: a\nid: 2\ndata: a\nda"], b"ta\n: b\ndata: b"),
        ("Ignored", [b"data: a"], b"\nx\n"),
        ("as_bytes", [b"data: a"], bytearray(b"b\n\n")),
    ],
)
def test_a_call_that_fails_midway_closes_the_pure_parser(
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    fails: str,
    before: list[bytes],
    chunk: bytes,
) -> None:
    parser = PureParser(report_ignored=True)
    for each in before:
        parser.feed(each)

    def fail(*args: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"sse_stream.parser.{fails}", fail)
        with pytest.raises(error):
            parser.feed(chunk)
    # Nothing is left of which a later event could be made.
    assert parser.incomplete and parser.last_event_id == ""
    calls: list[Callable[[], object]] = [
        lambda: parser.feed(b"\n\ndata: x\n\n"),
        lambda: parser.close(flush=True),
    ]
    for call in calls:
        with pytest.raises(ParserClosedError):
            call()


# The items that flush adds, and the last event ID after it.
FLUSHED: dict[str, tuple[bytes, list[Item], str]] = {
    "nothing": (b"", [], ""),
    "line": (b"data:a", message("a"), ""),
    "line-lf": (b"data:a\n", message("a"), ""),
    "line-cr": (b"data:a\r", message("a"), ""),
    "line-crlf": (b"data:a\r\n", message("a"), ""),
    "lines": (b"data:a\ndata:b", message("a\nb"), ""),
    "empty-data": (b"data", message(""), ""),
    "after-a-blank-line": (b"data:a\n\n", [], ""),
    "after-a-blank-line-cr": (b"data:a\r\r", [], ""),
    "comment": (b":a", [Comment("a")], ""),
    "block-then-comment": (b"data:a\n:b", [Comment("b"), Event(data="a")], ""),
    "comment-ended": (b":a\n", [], ""),
    "done": (b"data: [DONE]", [DONE], ""),
    "type-alone": (b"event:e", [], ""),
    "id-alone": (b"id:1", [], "1"),
    "id-ended": (b"id:1\n", [], "1"),
    "id-nul": (b"id:1\0", [], ""),
    "all": (b"id:1\nretry:5\nevent:e\ndata:a", [Event("e", "a", "1", 5)], "1"),
    "unknown": (b"x", [], ""),
    "bom": (BOM, [], ""),
    "truncated-bom": (b"\xef\xbb", [], ""),
    "truncated-character": (b"data:\xf0\x9f", message("\ufffd"), ""),
    "part-of-a-name": (b"data:a\ndat", message("a"), ""),
}


@pytest.mark.parametrize(
    ("stream", "items", "last_event_id"),
    [pytest.param(*case, id=name) for name, case in FLUSHED.items()],
)
def test_flush_treats_the_end_as_a_blank_line(
    stream: bytes, items: list[Item], last_event_id: str
) -> None:
    for chunks in ([stream], single_bytes(stream)):
        parser = Parser()
        for chunk in chunks:
            parser.feed(chunk)
        assert parser.close(flush=True) == items
        assert not parser.incomplete
        assert parser.last_event_id == last_event_id


@pytest.mark.parametrize("flush", [False, True])
def test_calls_after_close_raise(flush: bool) -> None:
    parser = Parser()
    parser.feed(b"id:1\nretry:5\ndata:a\n\ndata")
    parser.close(flush=flush)
    calls: list[Callable[[], object]] = [
        lambda: parser.feed(b""),
        lambda: parser.feed(b"data\n\n"),
        parser.close,
    ]
    for call in calls:
        with pytest.raises(ParserClosedError):
            call()
    assert (parser.last_event_id, parser.retry, parser.incomplete) == ("1", 5, not flush)


def test_done_may_be_longer_than_the_default_limit() -> None:
    done = "x" * (64 << 20)
    parser = Parser(done=done, max_event_size=None)
    assert parser.feed(b"data: " + done.encode()) == []
    assert not parser.incomplete
    assert parser.close() == [DONE]


MIB8 = 8 << 20


def one_line(size: int) -> list[bytes]:
    line = b"data: " + b"x" * MIB8 + b"\n\n"
    return [line[i : i + size] for i in range(0, len(line), size)]


def peak(parser: Parser, chunks: list[bytes]) -> tuple[list[Item], int]:
    """Return the items, and the peak of memory in use beyond the chunks themselves."""
    gc.collect()
    with traced_memory() as memory:
        items = [item for chunk in chunks for item in parser.feed(chunk)]
        return items, memory()[1]


@pytest.mark.parametrize("size", [1460, 65536, MIB8 + 8], ids=["1460", "65536", "whole"])
@pytest.mark.parametrize("limit", [None, MIB8 + 6], ids=["no-limit", "limit"])
def test_peak_memory_for_one_large_event(size: int, limit: int | None) -> None:
    (event,), most = peak(Parser(max_event_size=limit), one_line(size))
    assert isinstance(event, Event) and len(event.data) == MIB8
    assert most <= 2.5 * MIB8


@pytest.mark.parametrize("start", [b"data: ", b": ", b"data: \ndata: ", b"data: \r"])
def test_buffered_bytes_are_in_memory_once(start: bytes) -> None:
    # Copying all buffered bytes for each chunk would double the memory, in quadratic time.
    chunks = [start, *[b"x" * 1460] * (MIB8 // 1460)]
    items, most = peak(Parser(), chunks)
    assert items == [] and MIB8 * 0.99 < most < 1.5 * MIB8


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"], ids=["lf", "cr", "crlf"])
@pytest.mark.parametrize("size", [1460, 1 << 30], ids=["1460", "whole"])
def test_peak_memory_for_many_data_lines(size: int, ending: bytes) -> None:
    stream = (b"data: " + b"x" * 79 + ending) * 100_000 + ending
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    (event,), most = peak(Parser(), chunks)
    assert isinstance(event, Event) and len(event.data) == 8_000_000 - 1
    assert most <= 2.5 * len(event.data)


@pytest.mark.parametrize(
    "start",
    [b"data: \ndata: ", b": ", b":", b"event: ", b"id: ", b"id: \0", b"retry: ", b"foo: ", b"foo"],
)
def test_peak_memory_for_one_large_line(start: bytes) -> None:
    chunks = [start, *[b"x" * 65536] * (MIB8 // 65536), b"\n\n"]
    for report_ignored in (False, True):
        items, most = peak(Parser(report_ignored=report_ignored), chunks)
        assert most <= 2.5 * MIB8
        for item in items:
            if isinstance(item, Ignored):
                assert item.line == start.decode() + "x" * MIB8


def test_a_block_goes_on_after_a_large_line() -> None:
    chunks = [b"data: 1\n\n", b"data: a\n", b"data: ", b"x" * 30_000, b"\n", b"data: y\n\n"]
    parser = Parser(max_event_size=30_010)
    items = [item for chunk in chunks for item in parser.feed(chunk)]
    assert items == message("1", "a\n" + "x" * 30_000 + "\ny")

    parser = Parser(max_event_size=30_010)
    assert [item for chunk in chunks[:-1] for item in parser.feed(chunk)] == message("1")
    with pytest.raises(EventTooLargeError):
        parser.feed(b"data: 12")


@pytest.mark.parametrize(
    "line", [b": x\n", b"foo: bar\n", b"id: 1\n", b"event: e\n", b"retry: 5\n", b"\n", b"\r\n"]
)
def test_discarded_lines_take_no_memory(line: bytes) -> None:
    parser = Parser()
    chunk = line * 100
    with traced_memory() as memory:
        parser.feed(chunk)
        before = memory()[0]
        for _ in range(300):
            parser.feed(chunk)
        assert memory()[0] - before < 2000


GROWING: dict[str, Callable[[int], tuple[bytes, int]]] = {
    "line-by-bytes": lambda n: (b"data: " + b"x" * n + b"\n\n", 1),
    "line-by-chunks": lambda n: (b"data: " + b"x" * (20 * n) + b"\n\n", 16),
    "data-lines-by-bytes": lambda n: (b"data\n" * (n // 4) + b"\n", 1),
    "data-lines-by-chunks": lambda n: (b"data: x\n" * n + b"\n", 16),
    "data-lines-whole": lambda n: (b"data: x\n" * n + b"\n", 1 << 30),
    "events-by-chunks": lambda n: (b"data: x\n\n" * n, 16),
    "events-whole": lambda n: (b"data: x\n\n" * n, 1 << 30),
    "events-cr-by-bytes": lambda n: (b"data:\r\r" * (n // 4), 1),
    "comment-by-bytes": lambda n: (b":" * n, 1),
    "comments-by-bytes": lambda n: (b":\n" * n, 1),
    "fields-in-one-block": lambda n: (b"event: e\nid: 1\nretry: 5\n" * n + b"data\n\n", 64),
    "endings-by-bytes": lambda n: (b"\r\n" * n, 1),
}


@pytest.mark.parametrize("name", GROWING)
def test_steps_grow_linearly_with_the_bytes(name: str) -> None:
    """Count the lines that the pure parser executes, and its calls of built-in functions."""
    steps = 0

    def step(*_: object) -> Any:
        nonlocal steps
        steps += 1
        return step

    def count(size: int) -> int:
        nonlocal steps
        steps = 0
        stream, width = GROWING[name](size)
        chunks = [stream[i : i + width] for i in range(0, len(stream), width)]
        parser = PureParser()
        tracing, profiling = sys.gettrace(), sys.getprofile()
        sys.settrace(step)
        sys.setprofile(step)
        try:
            for chunk in chunks:
                parser.feed(chunk)
        finally:
            sys.setprofile(profiling)
            sys.settrace(tracing)
        return steps

    # If the cost were quadratic, it would be sixteen times as much.
    assert count(2000) < 5 * count(500)


def test_parsers_share_no_state() -> None:
    # One parser for each stream; they are fed one byte each in turn.
    cases = list(CASES.values())
    parsers = [Parser() for _ in cases]
    items: list[list[Item]] = [[] for _ in cases]
    for offset in range(max(len(case.stream) for case in cases)):
        for case, parser, got in zip(cases, parsers, items, strict=True):
            got += parser.feed(case.stream[offset : offset + 1])
    for case, parser, got in zip(cases, parsers, items, strict=True):
        assert got == case.items
        check(parser, [], case._replace(items=[]))


def test_a_new_parser_resumes_from_the_last_event_id() -> None:
    old = Parser()
    old.feed(b"id: 7\ndata: a\n\nid: 8\ndata: cut")
    old.close()
    new = Parser(last_event_id=old.last_event_id)
    assert new.last_event_id == "7" and new.retry is None and not new.incomplete
    assert new.feed(b"ta: b\n\ndata: c\n\n") == [Event(data="c", id="7")]
    assert new.feed(b"id\ndata: d\n\n") == [Event(data="d")] and new.last_event_id == ""
    third = Parser(last_event_id="é 😀")
    assert third.feed(b"id: \0\ndata\n\n") == [Event(id="é 😀")]
