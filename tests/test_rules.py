"""The rules of the parser as tables; each test's name carries the number of its rule.

Each stream of the tables is fed whole, byte by byte, at every two-way cut, with empty chunks
in between, and as every kind of object that holds bytes. The limit, rule 10, has a file of
its own.
"""

from __future__ import annotations

import array
import gc
import mmap
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from support.strategies import single_bytes

from sse_stream import DONE, Comment, Event, Item, Parser, ParserClosedError
from sse_stream.parser import PureParser

BOM = b"\xef\xbb\xbf"


class Case(NamedTuple):
    """A stream, the items that it gives, and the state at its end."""

    stream: bytes
    items: list[Item]
    last_event_id: str = ""
    retry: int | None = None
    incomplete: bool = False


def message(*data: str) -> list[Item]:
    return [Event(data=text) for text in data]


def value(stream: bytes, text: str) -> Case:
    """One data line whose value is those bytes, and must read as that text."""
    return Case(b"data:" + stream + b"\n\n", message(text))


def ignored(line: bytes) -> Case:
    """A line without any effect, before and in the middle of a block."""
    return Case(line + b"\ndata:a\n" + line + b"\ndata:b\n\n", message("a\nb"))


def no_id(line: bytes) -> Case:
    return Case(b"id:1\n" + line + b"\ndata\n\n", [Event(id="1")], "1")


def retry(digits: bytes, time: int | None) -> Case:
    return Case(b"retry:" + digits + b"\ndata\n\n", [Event(retry=time)], retry=time)


CASES: dict[str, Case] = {
    "rule03-lf": Case(b"data:a\n\ndata:b\n\n", message("a", "b")),
    "rule03-cr": Case(b"data:a\r\rdata:b\r\r", message("a", "b")),
    "rule03-crlf": Case(b"data:a\r\n\r\ndata:b\r\n\r\n", message("a", "b")),
    "rule03-mixed": Case(b"data:a\r\rdata:b\r\n\r\ndata:c\n\n", message("a", "b", "c")),
    "rule03-lf-then-cr": Case(b"data:a\n\rdata:b\n\r", message("a", "b")),
    "rule03-lf-then-crlf": Case(b"data:a\n\r\ndata:b\n\r\n", message("a", "b")),
    "rule03-crlf-then-lf": Case(b"data:a\r\n\ndata:b\r\n\n", message("a", "b")),
    "rule03-crlf-then-cr": Case(b"data:a\r\n\rdata:b\r\n\r", message("a", "b")),
    "rule03-cr-then-crlf": Case(b"data:a\r\r\ndata:b\r\r\n", message("a", "b")),
    "rule03-each-line-its-own": Case(
        b"data:a\rdata:b\ndata:c\r\ndata:d\r\n\r", message("a\nb\nc\nd")
    ),
    "rule03-crlf-is-one-ending": Case(b"data:a\r\ndata:b\r\n\r\n", message("a\nb")),
    "rule03-many-blank-lines": Case(
        b"\n\r\r\n\n\ndata:a\n\n\n\r\r\n\ndata:b\n\n", message("a", "b")
    ),
    "rule03-nothing-but-endings": Case(b"\r\n\r\r\n\n\r", []),
    "rule03-starts-with-lf": Case(b"\ndata:a\n\n", message("a")),
    "rule03-ends-with-lone-cr": Case(b"data:a\r\r", message("a")),
    "rule03-vt": value(b"a\x0bb", "a\x0bb"),
    "rule03-ff": value(b"a\x0cb", "a\x0cb"),
    "rule03-fs-gs-rs-us": value(b"a\x1cb\x1dc\x1ed\x1fe", "a\x1cb\x1dc\x1ed\x1fe"),
    "rule03-nel": value("a\x85b".encode(), "a\x85b"),
    "rule03-u2028": value("a\u2028b".encode(), "a\u2028b"),
    "rule03-u2029": value("a\u2029b".encode(), "a\u2029b"),
    "rule03-no-ending-in-other-fields": Case(
        "event:e\x0b\u2028\nid:i\x85\x0c\n:c\u2029\x1c\ndata\n\n".encode(),
        [Comment("c\u2029\x1c"), Event("e\x0b\u2028", "", "i\x85\x0c")],
        "i\x85\x0c",
    ),
    "rule03-u0a0a-u0d0d": value(
        "\u0a0a\u0d0d\u0a0d\U00010a0d".encode(), "\u0a0a\u0d0d\u0a0d\U00010a0d"
    ),
    "rule04-mark": Case(BOM + b"data:a\n\n", message("a")),
    "rule04-mark-then-blank-lines": Case(BOM + b"\n\ndata:a\n\n", message("a")),
    "rule04-mark-then-crlf": Case(BOM + b"\r\ndata:a\r\n\r\n", message("a")),
    "rule04-mark-then-comment": Case(BOM + b":a\n", [Comment("a")]),
    "rule04-mark-alone": Case(BOM, []),
    "rule04-two-marks": Case(BOM + BOM + b"data:a\n\n", []),
    "rule04-second-mark-makes-another-name": Case(BOM + BOM + b"data:a\ndata:b\n\n", message("b")),
    "rule04-mark-after-a-line-ending": Case(b"\n" + BOM + b"data:a\n\n", []),
    "rule04-mark-in-the-next-block": Case(b"data:a\n\n" + BOM + b"data:b\n\n", message("a")),
    "rule04-mark-in-data": value(BOM + b"a" + BOM, "\ufeffa\ufeff"),
    "rule04-one-byte-of-a-mark": Case(b"\xef", [], incomplete=True),
    "rule04-two-bytes-of-a-mark": Case(b"\xef\xbb", [], incomplete=True),
    "rule04-one-byte-of-a-mark-then-data": Case(b"\xefdata:a\ndata:b\n\n", message("b")),
    "rule04-two-bytes-of-a-mark-then-data": Case(b"\xef\xbbdata:a\ndata:b\n\n", message("b")),
    "rule04-two-bytes-of-a-mark-then-line": Case(b"\xef\xbb\ndata:b\n\n", message("b")),
    "rule04-almost-a-mark": Case(b"\xef\xbb\xbedata:a\ndata:b\n\n", message("b")),
    "rule04-half-a-mark-before-a-mark": Case(b"\xef" + BOM + b"data:a\ndata:b\n\n", message("b")),
    "rule04-utf16-marks": Case(b"\xff\xfedata:a\n\xfe\xffdata:b\ndata:c\n\n", message("c")),
    "rule04-two-bytes": value("é".encode(), "é"),
    "rule04-three-bytes": value("日本".encode(), "日本"),
    "rule04-four-bytes": value("😀🦆".encode(), "😀🦆"),
    "rule04-first-and-last-of-each-length": value(
        "\x01\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode(),
        "\x01\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
    ),
    "rule04-nul": value(b"a\0b", "a\0b"),
    "rule04-lone-continuation": value(b"a\x80b\xbfc", "a\ufffdb\ufffdc"),
    "rule04-many-continuations": value(b"\x80\x81\xbf", "\ufffd\ufffd\ufffd"),
    "rule04-truncated-2": value(b"\xc3x", "\ufffdx"),
    "rule04-truncated-3-after-1": value(b"\xe2x", "\ufffdx"),
    "rule04-truncated-3-after-2": value(b"\xe2\x82x", "\ufffdx"),
    "rule04-truncated-4-after-1": value(b"\xf0x", "\ufffdx"),
    "rule04-truncated-4-after-2": value(b"\xf0\x9fx", "\ufffdx"),
    "rule04-truncated-4-after-3": value(b"\xf0\x9f\x98x", "\ufffdx"),
    "rule04-truncated-by-the-line": value(b"a\xf0\x9f\x98", "a\ufffd"),
    "rule04-truncated-by-another": value(b"\xf0\x9f\xe2\x82\xc3\xc3\xa9", "\ufffd\ufffd\ufffdé"),
    "rule04-truncated-then-next-line": Case(
        b"data:\xe2\x82\ndata:\xac\n\n", message("\ufffd\n\ufffd")
    ),
    "rule04-truncated-then-cr": Case(b"data:\xc3\rdata:\xa9\r\r", message("\ufffd\n\ufffd")),
    "rule04-overlong-2": value(b"\xc0\x80\xc1\xbf", "\ufffd" * 4),
    "rule04-overlong-3": value(b"\xe0\x80\x80\xe0\x9f\xbf", "\ufffd" * 6),
    "rule04-overlong-4": value(b"\xf0\x80\x80\x80\xf0\x8f\xbf\xbf", "\ufffd" * 8),
    "rule04-overlong-line-ending": value(
        b"a\xc0\x8ab\xe0\x80\x8dc", "a\ufffd\ufffdb\ufffd\ufffd\ufffdc"
    ),
    "rule04-surrogates": value(b"\xed\xa0\x80\xed\xbf\xbf", "\ufffd" * 6),
    "rule04-surrogate-pair": value(b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 6),
    "rule04-before-surrogates": value(b"\xed\x9f\xbf", "\ud7ff"),
    "rule04-above-10ffff": value(b"\xf4\x90\x80\x80", "\ufffd" * 4),
    "rule04-f5-to-ff": value(b"\xf5\x80\xf8\xfc\xfe\xff", "\ufffd" * 6),
    "rule04-five-byte-form": value(b"\xf8\x88\x80\x80\x80", "\ufffd" * 5),
    "rule04-latin1": value("Grüße".encode("latin-1"), "Gr\ufffd\ufffde"),
    "rule04-noncharacters": value("\ufffe\uffff\ufdd0\ufffd".encode(), "\ufffe\uffff\ufdd0\ufffd"),
    "rule04-invalid-in-every-field": Case(
        b"event:\xff\nid:\xe2\x82\n:\xc3\ndata:\x80\n\n",
        [Comment("\ufffd"), Event("\ufffd", "\ufffd", "\ufffd")],
        "\ufffd",
    ),
    "rule04-invalid-in-a-name": ignored(b"data\xff:x"),
    "rule04-colon-ends-a-truncated-sequence": ignored(b"\xe2\x82:x"),
    "rule05-data": Case(b"data:a\n\n", message("a")),
    "rule05-one-space-dropped": Case(b"data: a\n\n", message("a")),
    "rule05-second-space-kept": Case(b"data:  a\n\n", message(" a")),
    "rule05-trailing-space-kept": Case(b"data: a \n\n", message("a ")),
    "rule05-space-alone": Case(b"data: \n\n", message("")),
    "rule05-two-spaces": Case(b"data:  \n\n", message(" ")),
    "rule05-tab-kept": Case(b"data:\ta\n\n", message("\ta")),
    "rule05-nbsp-kept": value("\xa0a".encode(), "\xa0a"),
    "rule05-no-colon": Case(b"data\n\n", message("")),
    "rule05-no-value": Case(b"data:\n\n", message("")),
    "rule05-colon-in-value": Case(b"data:a:b: c\n\n", message("a:b: c")),
    "rule05-colon-first-in-value": Case(b"data::a\n\n", message(":a")),
    "rule05-space-colon-in-value": Case(b"data: :a\n\n", message(":a")),
    "rule05-json": Case(b'data: {"a": "data: b"}\n\n', message('{"a": "data: b"}')),
    "rule05-looks-like-a-field": Case(b"data: data: x\n\n", message("data: x")),
    "rule05-two-lines": Case(b"data:a\ndata:b\n\n", message("a\nb")),
    "rule05-empty-line-between": Case(b"data:a\ndata\ndata:b\n\n", message("a\n\nb")),
    "rule05-empty-lines": Case(b"data\ndata:\ndata: \n\n", message("\n\n")),
    "rule05-empty-first": Case(b"data\ndata:a\n\n", message("\na")),
    "rule05-empty-last": Case(b"data:a\ndata\n\n", message("a\n")),
    "rule05-many-lines": Case(b"data: x\n" * 30 + b"\n", message("\n".join("x" * 30))),
    "rule05-upper-case-name": ignored(b"Data:x"),
    "rule05-all-upper-case-name": ignored(b"DATA: x"),
    "rule05-longer-name": ignored(b"datax: x"),
    "rule05-shorter-name": ignored(b"dat: x"),
    "rule05-space-before-name": ignored(b" data: x"),
    "rule05-space-after-name": ignored(b"data : x"),
    "rule05-tab-after-name": ignored(b"data\t: x"),
    "rule05-nul-in-name": ignored(b"data\0: x"),
    "rule05-nul-name": ignored(b"\0: x"),
    "rule05-unknown": ignored(b"foo: bar"),
    "rule05-unknown-no-colon": ignored(b"foo"),
    "rule05-unknown-json": ignored(b'{"data": "x"}'),
    "rule05-space-line": ignored(b" "),
    "rule05-tab-line": ignored(b"\t"),
    "rule05-not-quite-event": ignored(b"events: x"),
    "rule05-not-quite-id": ignored(b"ids: 7"),
    "rule05-upper-case-id": ignored(b"ID: 7"),
    "rule05-not-quite-retry": ignored(b"retr: 7"),
    "rule05-upper-case-retry": ignored(b"Retry: 7"),
    "rule05-fullwidth-name": ignored("ｄａｔａ: x".encode()),
    "rule05-zero-width-in-name": ignored("\u200bdata: x".encode()),
    "rule05-event": Case(b"event:e\ndata:a\n\n", [Event("e", "a")]),
    "rule05-event-space": Case(b"event: e f \ndata:a\n\n", [Event("e f ", "a")]),
    "rule05-event-after-data": Case(b"data:a\nevent:e\n\n", [Event("e", "a")]),
    "rule05-event-between-data": Case(b"data:a\nevent:e\ndata:b\n\n", [Event("e", "a\nb")]),
    "rule05-event-last-wins": Case(b"event:e\nevent:f\ndata:a\n\n", [Event("f", "a")]),
    "rule05-event-empty": Case(b"event:\ndata:a\n\n", message("a")),
    "rule05-event-one-space": Case(b"event: \ndata: a\n\n", message("a")),
    "rule05-event-then-data": Case(b"event: e\ndata: a\n\n", [Event("e", "a")]),
    "rule05-event-then-done": Case(b"event: e\ndata: [DONE]\n\n", [DONE]),
    "rule05-event-no-colon": Case(b"event\ndata:a\n\n", message("a")),
    "rule05-event-emptied": Case(b"event:e\nevent:\ndata:a\n\n", message("a")),
    "rule05-event-space-is-a-type": Case(b"event:  \ndata:a\n\n", [Event(" ", "a")]),
    "rule05-event-non-ascii": Case("event:é\ndata:a\n\n".encode(), [Event("é", "a")]),
    "rule05-event-nul": Case(b"event:\0\ndata:a\n\n", [Event("\0", "a")]),
    "rule05-id": Case(b"id:1\ndata:a\n\n", [Event(data="a", id="1")], "1"),
    "rule05-id-space": Case(b"id: 1 2 \ndata\n\n", [Event(id="1 2 ")], "1 2 "),
    "rule05-id-after-data": Case(b"data\nid:1\n\n", [Event(id="1")], "1"),
    "rule05-id-last-wins": Case(b"id:1\nid:2\ndata\n\n", [Event(id="2")], "2"),
    "rule05-id-non-ascii": Case("id:é\ndata\n\n".encode(), [Event(id="é")], "é"),
    "rule05-id-empty-resets": Case(b"id:1\ndata\n\nid:\ndata\n\n", [Event(id="1"), Event()]),
    "rule05-id-no-colon-resets": Case(b"id:1\ndata\n\nid\ndata\n\n", [Event(id="1"), Event()]),
    "rule05-id-nul": no_id(b"id:2\0"),
    "rule05-id-nul-first": no_id(b"id:\x002"),
    "rule05-id-nul-alone": no_id(b"id: \0"),
    "rule05-id-nul-then-good": Case(b"id:2\0\nid:3\ndata\n\n", [Event(id="3")], "3"),
    "rule05-id-nul-overlong-is-none": Case(
        b"id:\xc0\x80\ndata\n\n", [Event(id="\ufffd\ufffd")], "\ufffd\ufffd"
    ),
    "rule05-retry": retry(b"5000", 5000),
    "rule05-retry-space": retry(b" 5", 5),
    "rule05-retry-zero": retry(b"0", 0),
    "rule05-retry-leading-zeros": retry(b"007", 7),
    "rule05-retry-many-zeros": retry(b"0" * 300 + b"7", 7),
    "rule05-retry-only-zeros": retry(b"0" * 300, 0),
    "rule05-retry-largest": retry(b"18446744073709551615", 2**64 - 1),
    "rule05-retry-too-large": retry(b"18446744073709551616", None),
    "rule05-retry-too-large-2": retry(b"99999999999999999999", None),
    "rule05-retry-21-digits": retry(b"100000000000000000000", None),
    "rule05-retry-empty": retry(b"", None),
    "rule05-retry-two-spaces": retry(b"  5", None),
    "rule05-retry-trailing-space": retry(b"5 ", None),
    "rule05-retry-plus": retry(b"+5", None),
    "rule05-retry-minus": retry(b"-5", None),
    "rule05-retry-point": retry(b"5.0", None),
    "rule05-retry-exponent": retry(b"1e3", None),
    "rule05-retry-hex": retry(b"0x5", None),
    "rule05-retry-underscore": retry(b"1_000", None),
    "rule05-retry-comma": retry(b"1,000", None),
    "rule05-retry-unit": retry(b"5s", None),
    "rule05-retry-nul": retry(b"5\0", None),
    "rule05-retry-colon": retry(b"5:", None),
    "rule05-retry-tab": retry(b"\t5", None),
    "rule05-retry-vt": retry(b"5\x0b", None),
    "rule05-retry-invalid-utf8": retry(b"5\xff", None),
    "rule05-retry-arabic-digits": retry("٣".encode(), None),
    "rule05-retry-fullwidth-digits": retry("５".encode(), None),
    "rule05-retry-superscript": retry("²".encode(), None),
    "rule05-retry-mixed-digits": retry("1٣".encode(), None),
    "rule05-retry-no-colon": Case(b"retry\ndata\n\n", [Event()]),
    "rule05-retry-last-good-wins": Case(
        b"retry:5\nretry:x\nretry:6\nretry:-7\ndata\n\n", [Event(retry=6)], retry=6
    ),
    "rule05-retry-holds-at-once": Case(b"retry:5\n", [], retry=5),
    "rule05-retry-bad-leaves-the-time": Case(b"retry:5\n\nretry:x\ndata\n\n", [Event()], retry=5),
    "rule05-all-fields": Case(
        b"retry: 1\nid: 2\nevent: e\ndata: a\n\n", [Event("e", "a", "2", 1)], "2", 1
    ),
    "rule06-empty-data-is-an-event": Case(b"data\n\ndata:\n\n", message("", "")),
    "rule06-no-data-no-event": Case(b"event:e\nid:1\nretry:5\n\n", [], "1", 5),
    "rule06-event-alone": Case(b"event:e\n\n", []),
    "rule06-retry-alone": Case(b"retry: 5\n\n", [], retry=5),
    "rule06-unknown-alone": Case(b"foo: x\n\n", []),
    "rule06-type-does-not-leak": Case(b"event:e\n\ndata:b\n\n", message("b")),
    "rule06-type-does-not-leak-after-data": Case(
        b"event:e\ndata:a\n\ndata:b\n\n", [Event("e", "a"), Event(data="b")]
    ),
    "rule06-data-does-not-leak": Case(b"data:a\n\n\ndata:b\n\n", message("a", "b")),
    "rule06-retry-does-not-leak": Case(
        b"retry:5\ndata:a\n\ndata:b\n\n", [Event(data="a", retry=5), Event(data="b")], retry=5
    ),
    "rule06-retry-of-an-empty-block-does-not-leak": Case(
        b"retry:5\n\ndata:b\n\n", message("b"), retry=5
    ),
    "rule06-id-stays": Case(
        b"id:1\ndata:a\n\ndata:b\n\n", [Event(data="a", id="1"), Event(data="b", id="1")], "1"
    ),
    "rule06-id-of-an-empty-block-stays": Case(
        b"id:1\n\ndata:b\n\n", [Event(data="b", id="1")], "1"
    ),
    "rule06-id-not-committed-before-the-blank-line": Case(
        b"id:1\ndata:a\n", [], "", incomplete=True
    ),
    "rule06-id-change-not-committed": Case(b"id:1\n\nid:2\n", [], "1", incomplete=True),
    "rule06-id-reset-by-an-empty-block": Case(b"id:1\n\nid\n\ndata\n\n", [Event()]),
    "rule06-id-nul-alone-changes-nothing": Case(
        b"id:1\n\nid:2\0\n\ndata\n\n", [Event(id="1")], "1"
    ),
    "rule07-alone": Case(b":hi\n", [Comment("hi")]),
    "rule07-one-space-dropped": Case(b": hi\n", [Comment("hi")]),
    "rule07-second-space-kept": Case(b":  hi \n", [Comment(" hi ")]),
    "rule07-empty": Case(b":\n: \n:  \n", [Comment(""), Comment(""), Comment(" ")]),
    "rule07-colons": Case(b"::\n: : x:\n", [Comment(":"), Comment(": x:")]),
    "rule07-tab": Case(b":\tx\n", [Comment("\tx")]),
    "rule07-nul": Case(b":a\0b\n", [Comment("a\0b")]),
    "rule07-looks-like-a-field": Case(b":data: x\n\n", [Comment("data: x")]),
    "rule07-crlf": Case(b": a\r\n: b\r\n\r\n", [Comment("a"), Comment("b")]),
    "rule07-cr": Case(b": a\r: b\r\r", [Comment("a"), Comment("b")]),
    "rule07-before-a-block": Case(b": a\n\ndata:b\n\n", [Comment("a"), Event(data="b")]),
    "rule07-first-in-a-block": Case(b": a\ndata:b\n\n", [Comment("a"), Event(data="b")]),
    "rule07-inside-a-block": Case(
        b"event:e\n: 1\ndata:a\n: 2\nid:3\n:4\ndata:b\n\n: 5\n\n",
        [Comment("1"), Comment("2"), Comment("4"), Event("e", "a\nb", "3"), Comment("5")],
        "3",
    ),
    "rule07-between-events": Case(
        b"data:a\n\n: x\n\ndata:b\n\n: y\ndata:c\n\n",
        [Event(data="a"), Comment("x"), Event(data="b"), Comment("y"), Event(data="c")],
    ),
    "rule07-not-data": Case(b"data:a\n: b\ndata:c\n\n", [Comment("b"), Event(data="a\nc")]),
    "rule07-unfinished": Case(b": a\n: b", [Comment("a")], incomplete=True),
    "rule07-is-no-unfinished-block": Case(b"data:a\n\n: b\n", [Event(data="a"), Comment("b")]),
    "rule07-non-ascii": Case(": é\u2028\n".encode(), [Comment("é\u2028")]),
    "rule07-keep-alives": Case(b": OPENROUTER\n\n" * 5, [Comment("OPENROUTER")] * 5),
    "rule08-done": Case(b"data: [DONE]\n\n", [DONE]),
    "rule08-no-space": Case(b"data:[DONE]\n\n", [DONE]),
    "rule08-crlf": Case(b"data: [DONE]\r\n\r\n", [DONE]),
    "rule08-cr": Case(b"data: [DONE]\r\r", [DONE]),
    "rule08-goes-on": Case(
        b"data:a\n\ndata: [DONE]\n\ndata:b\n\n: c\n\ndata: [DONE]\n\n",
        [Event(data="a"), DONE, Event(data="b"), Comment("c"), DONE],
    ),
    "rule08-with-type": Case(b"event: end\ndata: [DONE]\n\ndata:a\n\n", [DONE, Event(data="a")]),
    "rule08-commits-id-and-retry": Case(
        b"id:7\nretry:5\ndata: [DONE]\n\ndata:a\n\n", [DONE, Event(data="a", id="7")], "7", 5
    ),
    "rule08-with-comment": Case(b"data: [DONE]\n: c\n\n", [Comment("c"), DONE]),
    "rule08-two-spaces": Case(b"data:  [DONE]\n\n", message(" [DONE]")),
    "rule08-trailing-space": Case(b"data: [DONE] \n\n", message("[DONE] ")),
    "rule08-trailing-newline": Case(b"data: [DONE]\ndata\n\n", message("[DONE]\n")),
    "rule08-leading-newline": Case(b"data\ndata: [DONE]\n\n", message("\n[DONE]")),
    "rule08-lower-case": Case(b"data: [done]\n\n", message("[done]")),
    "rule08-two-of-it": Case(b"data: [DONE][DONE]\n\n", message("[DONE][DONE]")),
    "rule08-part": Case(b"data: [DON\n\ndata: DONE]\n\n", message("[DON", "DONE]")),
    "rule08-in-json": Case(b'data: "[DONE]"\n\n', message('"[DONE]"')),
    "rule08-in-other-fields": Case(
        b": [DONE]\nevent: [DONE]\nid: [DONE]\ndata: a\n\n",
        [Comment("[DONE]"), Event("[DONE]", "a", "[DONE]")],
        "[DONE]",
    ),
    "rule08-unfinished": Case(b"data: [DONE]\n", [], incomplete=True),
    "rule11-nothing": Case(b"", []),
    "rule11-unfinished-line": Case(b"data:a\n\ndata:b", message("a"), incomplete=True),
    "rule11-unfinished-block": Case(b"data:a\n\ndata:b\n", message("a"), incomplete=True),
    "rule11-unfinished-block-cr": Case(b"data:a\r", [], incomplete=True),
    "rule11-unfinished-block-crlf": Case(b"data:a\r\n", [], incomplete=True),
    "rule11-unfinished-event-field": Case(b"event:e\n", [], incomplete=True),
    "rule11-unfinished-empty-event-field": Case(b"event\n", [], incomplete=True),
    "rule11-unfinished-id-field": Case(b"id:1\n", [], incomplete=True),
    "rule11-unfinished-empty-id-field": Case(b"id\n", [], incomplete=True),
    "rule11-unfinished-empty-data-field": Case(b"data\n", [], incomplete=True),
    "rule11-unfinished-unknown-line": Case(b"x", [], incomplete=True),
    "rule11-unfinished-character": Case(b"data:\xf0\x9f", [], incomplete=True),
    "rule11-unfinished-field-before-a-comment": Case(
        b"data:a\n:b\n", [Comment("b")], incomplete=True
    ),
    "rule11-retry-is-not-lost": Case(b"retry:5\n", [], retry=5),
    "rule11-refused-id-is-not-lost": Case(b"id:\0\n", []),
    "rule11-unknown-field-is-not-lost": Case(b"foo:bar\n", []),
    "rule11-comment-is-not-lost": Case(b":a\n", [Comment("a")]),
    "rule11-line-ending-only": Case(b"\r", []),
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
    """Bytes with a mind of their own: what they hold counts, not what they say."""

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
    assert parser.close() == []
    # The end drops what is unfinished, and says so.
    assert (parser.last_event_id, parser.retry, parser.incomplete) == state


by_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items()]
)


@by_case
def test_whole(case: Case) -> None:
    check(Parser(), [case.stream], case)


@by_case
def test_byte_by_byte(case: Case) -> None:
    check(Parser(), single_bytes(case.stream), case)
    empty_between = [chunk for byte in single_bytes(case.stream) for chunk in (b"", byte, b"")]
    check(Parser(), empty_between, case)


@by_case
def test_after_a_blank_line_and_in_blocks(case: Case) -> None:
    if case.stream.startswith(b"\xef"):
        pytest.skip("there is no mark but at the start")
    # Past its start a parser may take shorter ways, above all for a chunk that is one event.
    check(Parser(), [b"\n", case.stream], case)
    check(Parser(), [b"data: 1\n\n", case.stream], case, [Event(data="1")])
    blocks = re.split(rb"(?<=\n\n)|(?<=\r\r)|(?<=\r\n\r\n)", case.stream)
    check(Parser(), [b"\n", *blocks], case)
    lines = case.stream.splitlines(keepends=True)
    check(Parser(), [b"\n", *lines], case)


@by_case
def test_every_two_way_cut(case: Case) -> None:
    stream = case.stream
    for cut in range(len(stream) + 1):
        check(Parser(), [stream[:cut], stream[cut:]], case)
        check(Parser(), [b"", stream[:cut], b"", b"", stream[cut:], b""], case)


@pytest.mark.parametrize("name", KINDS_OF_CHUNK)
def test_rule01_any_object_that_holds_bytes(name: str) -> None:
    make = KINDS_OF_CHUNK[name]
    for case in CASES.values():
        half = len(case.stream) // 2
        check(Parser(), [make(case.stream)], case)
        check(Parser(), [make(case.stream[:half]), make(case.stream[half:])], case)
        check(Parser(), [make(byte) for byte in single_bytes(case.stream)], case)


def test_rule01_every_stream_in_one() -> None:
    # One after the other, each ended by a blank line: no block leans on the one before.
    stream = b"".join(case.stream + b"\n\nid\n\n" for case in CASES.values())
    whole = Parser().feed(stream)
    assert len(whole) > len(CASES)
    for size in (1, 2, 3, 7, 64, 1000):
        parser = Parser()
        chunks = (stream[i : i + size] for i in range(0, len(stream), size))
        assert [item for chunk in chunks for item in parser.feed(chunk)] == whole


def test_rule01_a_chunk_may_change_once_it_is_fed() -> None:
    parser = Parser()
    buffer = bytearray(b"data:abc")
    assert parser.feed(buffer) == []
    # Nor may the parser keep it from growing.
    buffer[:] = b"x" * 100
    assert parser.feed(b"\n\n") == message("abc")


# Each piece gives its items with its very last byte, and no other byte gives any.
Pieces = list[tuple[bytes, list[Item]]]

PROMPT: dict[str, Pieces] = {
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
    "after-a-mark": [(BOM + b"data:a\n\n", message("a"))],
    "after-a-mark-comment": [(BOM + b":\n", [Comment("")])],
    "after-half-a-mark": [(b"\xef\xbb\n:a\n", [Comment("a")])],
    "type-and-id": [(b"id:1\nevent:e\ndata:a\n\n", [Event("e", "a", "1")])],
    "unfinished-character": [(b"data:\xf0\x9f\n\n", message("\ufffd"))],
    "no-data-no-item": [(b"event:e\n\nretry:5\r\rfoo\r\n\r\n:\n", [Comment("")])],
}


@pytest.mark.parametrize(
    "pieces", [pytest.param(pieces, id=f"rule02-{name}") for name, pieces in PROMPT.items()]
)
def test_no_item_waits_for_the_byte_after_it(pieces: Pieces) -> None:
    parser = Parser()
    for piece, items in pieces:
        *before, last = single_bytes(piece)
        assert [parser.feed(byte) for byte in before] == [[]] * len(before)
        assert parser.feed(last) == items
    # However much came with it, the same byte brings it.
    stream = b"".join(piece for piece, _ in pieces)
    for start in range(len(stream)):
        parser = Parser()
        seen = len(parser.feed(stream[:start]))
        end = 0
        due = 0
        for piece, items in pieces:
            end += len(piece)
            due += len(items)
            if end > start:
                seen += len(parser.feed(stream[max(start, end - len(piece)) : end]))
                assert seen == due


def test_rule02_the_state_changes_with_the_blank_line() -> None:
    parser = Parser()
    seen: list[tuple[str, int | None, bool]] = []
    for piece in (b"id:1\r", b"\nretry:5", b"\r", b"\n", b"\r", b"\n", b"id:2\n\n"):
        parser.feed(piece)
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


def test_rule05_retry_of_any_length_raises_nothing() -> None:
    # More digits than int() takes from text, and enough to be slow if it were asked.
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
    [pytest.param(*case, id=f"rule08-{name}") for name, case in DONES.items()],
)
def test_what_done_is(done: str | None, stream: bytes, items: list[Item]) -> None:
    for cut in range(len(stream) + 1):
        check(Parser(done=done), [stream[:cut], stream[cut:]], Case(stream, items))
    check(Parser(done=done), single_bytes(stream), Case(stream, items))


class Text(str):
    pass


@pytest.mark.parametrize("text", ["", "data: x\n\n", "é", "\ud800", Text("data")], ids=ascii)
@pytest.mark.parametrize("cut", range(15))
def test_rule09_text_is_refused_and_changes_nothing(text: str, cut: int) -> None:
    stream = BOM + b"id:1\r\ndata:\xc3\xa9\r\n\r\n"
    parser = Parser()
    items = parser.feed(stream[:cut])
    state = (parser.last_event_id, parser.retry, parser.incomplete)
    with pytest.raises(TypeError, match="bytes"):
        parser.feed(text)  # type: ignore[arg-type]
    assert (parser.last_event_id, parser.retry, parser.incomplete) == state
    items += parser.feed(stream[cut:])
    assert items == [Event(data="é", id="1")]


@pytest.mark.parametrize("thing", [None, 7, 1.5, [b"data"], object(), iter([b"x"])], ids=repr)
def test_rule09_so_is_what_holds_no_bytes(thing: Any) -> None:
    parser = Parser()
    parser.feed(b"data:a")
    with pytest.raises(TypeError, match=f"bytes-like object, not {type(thing).__name__}"):
        parser.feed(thing)
    assert parser.feed(b"b\n\n") == message("ab")


# What flush adds to the items, and the ID that it commits.
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
    "mark": (BOM, [], ""),
    "half-a-mark": (b"\xef\xbb", [], ""),
    "half-a-character": (b"data:\xf0\x9f", message("\ufffd"), ""),
    "part-of-a-name": (b"data:a\ndat", message("a"), ""),
}


@pytest.mark.parametrize(
    ("stream", "items", "last_event_id"),
    [pytest.param(*case, id=f"rule11-{name}") for name, case in FLUSHED.items()],
)
def test_flush_takes_the_end_for_a_blank_line(
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
def test_rule11_the_end_is_the_end(flush: bool) -> None:
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


MIB8 = 8 << 20


def one_line(size: int) -> list[bytes]:
    line = b"data: " + b"x" * MIB8 + b"\n\n"
    return [line[i : i + size] for i in range(0, len(line), size)]


def peak(parser: Parser, chunks: list[bytes]) -> tuple[list[Item], int]:
    """The items, and the most memory in use beyond the chunks themselves."""
    gc.collect()
    tracemalloc.start()
    try:
        items = [item for chunk in chunks for item in parser.feed(chunk)]
        return items, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1460, 65536, MIB8 + 8], ids=["1460", "65536", "whole"])
@pytest.mark.parametrize("limit", [None, MIB8 + 6], ids=["no-limit", "limit"])
def test_rule12_memory_for_one_large_event(size: int, limit: int | None) -> None:
    (event,), most = peak(Parser(max_event_size=limit), one_line(size))
    assert isinstance(event, Event) and len(event.data) == MIB8
    assert most <= 2.5 * MIB8


@pytest.mark.parametrize("start", [b"data: ", b": ", b"data: \ndata: ", b"data: \r"])
def test_rule12_bytes_that_are_held_are_held_once(start: bytes) -> None:
    # Copying all of them for each chunk would take twice as much, and the square of the time.
    chunks = [start, *[b"x" * 1460] * (MIB8 // 1460)]
    items, most = peak(Parser(), chunks)
    assert items == [] and MIB8 * 0.99 < most < 1.5 * MIB8


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"], ids=["lf", "cr", "crlf"])
@pytest.mark.parametrize("size", [1460, 1 << 30], ids=["1460", "whole"])
def test_rule12_memory_for_many_data_lines(size: int, ending: bytes) -> None:
    stream = (b"data: " + b"x" * 79 + ending) * 100_000 + ending
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    (event,), most = peak(Parser(), chunks)
    assert isinstance(event, Event) and len(event.data) == 8_000_000 - 1
    assert most <= 2.5 * len(event.data)


@pytest.mark.parametrize(
    "line", [b": x\n", b"foo: bar\n", b"id: 1\n", b"event: e\n", b"retry: 5\n", b"\n", b"\r\n"]
)
def test_rule12_what_is_not_kept_takes_no_memory(line: bytes) -> None:
    parser = Parser()
    chunk = line * 100
    tracemalloc.start()
    try:
        parser.feed(chunk)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(300):
            parser.feed(chunk)
        assert tracemalloc.get_traced_memory()[0] - before < 2000
    finally:
        tracemalloc.stop()


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
def test_rule12_four_times_the_bytes_take_four_times_the_steps(name: str) -> None:
    """Counts what the pure parser executes: lines of its own, and calls of built-in functions."""
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

    # Were it to grow with the square, it would be sixteen times.
    assert count(2000) < 5 * count(500)


def test_rule13_parsers_share_nothing() -> None:
    # All streams at once, a byte of each in turn, each in a parser of its own.
    cases = list(CASES.values())
    parsers = [Parser() for _ in cases]
    items: list[list[Item]] = [[] for _ in cases]
    for offset in range(max(len(case.stream) for case in cases)):
        for case, parser, got in zip(cases, parsers, items, strict=True):
            got += parser.feed(case.stream[offset : offset + 1])
    for case, parser, got in zip(cases, parsers, items, strict=True):
        assert got == case.items
        check(parser, [], case._replace(items=[]))


def test_rule13_a_new_parser_resumes() -> None:
    old = Parser()
    old.feed(b"id: 7\ndata: a\n\nid: 8\ndata: cut")
    old.close()
    new = Parser(last_event_id=old.last_event_id)
    assert new.last_event_id == "7" and new.retry is None and not new.incomplete
    assert new.feed(b"ta: b\n\ndata: c\n\n") == [Event(data="c", id="7")]
    assert new.feed(b"id\ndata: d\n\n") == [Event(data="d")] and new.last_event_id == ""
    third = Parser(last_event_id="é 😀")
    assert third.feed(b"id: \0\ndata\n\n") == [Event(id="é 😀")]
