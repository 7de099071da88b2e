"""iter_* and aiter_* give the same as a simple model, and close what they must.

The source may end with an error, or the iterator may be closed early. The async source is
interrupted where it waits, also where it is closed, as by a timeout: a source of its own goes on
after that, and an async generator ends.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator
from typing import Any, NamedTuple

from engine import fuzz, in_pieces, instrumented, read

with instrumented():
    from sse_stream import (
        DONE,
        Block,
        Event,
        IncompleteStreamError,
        Item,
        NotEventStreamError,
        Parser,
        aiter_events,
        aiter_items,
        iter_events,
        iter_items,
    )

BOM = b"\xef\xbb\xbf"
NAMES = (b"data", b"event", b"id", b"retry")
SIGNATURE = re.compile(
    rb"\x1f\x8b|\x78[\x01\x5e\x9c\xda]|\x28\xb5\x2f\xfd|\xff\xfe|\xfe\xff|[^\0]?\0", re.DOTALL
)


class Case(NamedTuple):
    """The chunks, the options, what the source does, and when the iterator is closed."""

    chunks: list[bytes]
    events: bool
    flush: bool
    require_done: bool
    until: bool
    drain: bool
    done: str | None
    blocks: bool
    error: bool
    # The number of items after which the iterator is closed; None: it is not.
    close_after: int | None
    interrupt: bool

    def parser(self) -> Parser:
        """Return a new parser."""
        return Parser(done=self.done, report_ignored=True, blocks=self.blocks)

    def options(self) -> dict[str, Any]:
        """Return the arguments of the call, with a new parser."""
        return {
            "flush": self.flush,
            "require_done": self.require_done,
            "drain": self.drain,
            "until": is_last if self.until else None,
            "parser": self.parser(),
        }


def is_last(event: Event | Block) -> bool:
    """Whether the event ends the answer, where ``until`` is used."""
    return event.event == "e" or event.data == "a"


class Outcome(NamedTuple):
    """The items, the error that ended them, and whether the iterator ended before its source."""

    items: list[Item]
    error: type[BaseException] | None
    left: bool = False


class Broken(Exception):
    """The source's own error."""


class Cancelled(BaseException):
    """What an event loop raises in a coroutine at its timeout."""


def end_of(stream: bytes) -> tuple[bool, bool, bytes]:
    """Return whether the stream ends in a line, whether it is recognised, and its ignored tail."""
    if len(stream) < len(BOM) and BOM.startswith(stream):
        return bool(stream), False, b""
    *lines, rest = re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM))
    recognised = False
    tail = b""
    for line in filter(None, lines):
        name = line.partition(b":")[0]
        if name in NAMES:
            recognised, tail = True, b""
        elif name:
            tail += line + b"\n"
        else:
            # After an ignored line a comment shows nothing.
            recognised = recognised or not tail
    name, colon, _ = rest.partition(b":")
    if colon and name in NAMES:
        return True, True, b""
    if name and (colon or not any(known.startswith(name) for known in NAMES)):
        tail += rest
    return bool(rest), recognised, tail


def expected(case: Case, stream: bytes, *, ended: bool, cut: bool) -> Outcome:
    """Return what any reader must give, from the whole stream; or from one that was cut."""
    if SIGNATURE.match(stream):
        return Outcome([], NotEventStreamError, True)
    parser = case.parser()
    items: list[Item] = []
    complete = False

    def take(given: list[Item]) -> bool:
        """Add what is yielded; return whether the answer has ended."""
        nonlocal complete
        for item in given:
            if item is DONE:
                complete = True
                if case.events:
                    return True
            if isinstance(item, (Event, Block)) or not case.events:
                items.append(item)
            if isinstance(item, (Event, Block)) and case.until and is_last(item):
                complete = True
                return True
        return False

    if take(parser.feed(stream)):
        return Outcome(items, None, True)
    if case.error and ended:
        return Outcome(items, Broken)
    in_line, recognised, tail = end_of(stream)
    before = len(items)
    at_end = parser.close(flush=case.flush and not cut)
    if case.require_done and in_line:
        at_end = [item for item in at_end if not isinstance(item, (Event, Block))]
    take(at_end)
    error: type[BaseException] | None = None
    if not complete:
        if tail and not recognised and not cut:
            error = NotEventStreamError
        elif cut or case.require_done or re.match(rb"\{|\[\{|<", tail):
            error = IncompleteStreamError
    return Outcome(items[:before] if error else items, error)


class Source:
    """An iterable whose iterator must be closed too; sync and async."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.taken: list[bytes] = []
        self.opened = ["source"]
        self.closed: list[str] = []
        self.ended = False
        self.cut = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks, then raise the error if there is to be one."""
        for chunk in self.case.chunks:
            self.taken.append(chunk)
            yield chunk
        self.ended = True
        if self.case.error:
            raise Broken

    def __iter__(self) -> Iterator[bytes]:
        return Chunks(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncChunks(self)

    def close(self) -> None:
        self.closed.append("source")

    async def aclose(self) -> None:
        self.close()
        await Waiting()


class Chunks:
    """The iterator over it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.chunks = source.chunks()
        source.opened.insert(0, "iterator")

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.chunks)

    def close(self) -> None:
        self.source.closed.append("iterator")


class AsyncChunks(Chunks):
    """The async iterator; before each chunk it waits once."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await Waiting()
        for chunk in self.chunks:
            return chunk
        raise StopAsyncIteration


class AGenerator(Source):
    """The same, but an interruption ends its iterator, which is an async generator."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.generator()

    async def generator(self) -> AsyncGenerator[bytes, None]:
        self.opened.insert(0, "iterator")
        try:
            for chunk in self.chunks():
                await Waiting()
                yield chunk
        except Cancelled:
            # What it was about to yield is lost.
            self.taken.pop()
            self.cut = True
            raise
        finally:
            self.closed.append("iterator")


class Waiting:
    """An awaitable that suspends once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def step(awaitable: Awaitable[Any], *, interrupt: bool) -> Any:
    """Run an awaitable to its end, or interrupt it where it waits."""
    running = awaitable.__await__()
    try:
        next(running)
        while not interrupt:
            next(running)
        running.throw(Cancelled)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("an interruption did not pass through")


def run_sync(case: Case, source: Source) -> Outcome:
    """Run iter_events() or iter_items()."""
    items: list[Item] = []
    iterator: Iterator[Item] = (iter_events if case.events else iter_items)(
        source, **case.options()
    )
    try:
        while len(items) != case.close_after:
            items.append(next(iterator))
        iterator.close()  # type: ignore[attr-defined]
    except StopIteration:
        return Outcome(items, None)
    except Exception as error:
        return Outcome(items, type(error))
    return Outcome(items, None, True)


def run_async(case: Case, source: Source) -> Outcome:
    """Run the async form, interrupted at every other place where it waits if the case says so."""
    items: list[Item] = []
    iterator = (aiter_events if case.events else aiter_items)(source, **case.options())
    interrupt = case.interrupt
    try:
        while len(items) != case.close_after:
            try:
                items.append(step(iterator.__anext__(), interrupt=interrupt))
            except Cancelled:
                interrupt = False
            else:
                interrupt = case.interrupt
        step(iterator.aclose(), interrupt=False)
    except StopAsyncIteration:
        return Outcome(items, None)
    except Exception as error:
        return Outcome(items, type(error))
    return Outcome(items, None, True)


def check_run(case: Case, source: Source, got: Outcome) -> None:
    """Compare one run with the model, and look at what was read and closed."""
    stream = b"".join(source.taken)
    wanted = expected(case, stream, ended=source.ended, cut=source.cut)
    own = ["iterator"] if isinstance(source, AGenerator) and "iterator" in source.opened else []
    if got.left:
        # It was closed early.
        assert got.items == wanted.items[: case.close_after], (got, wanted)
        assert source.closed in (source.opened, own)
        assert source.closed == source.opened or source.ended
        return
    assert got[:2] == wanted[:2], (got, wanted)
    if wanted.left:
        assert source.ended or not case.drain or source.cut or wanted.error is not None
    else:
        # The source was read to its end, and never looks complete without its final item.
        assert source.ended or source.cut
    # A source that was read to its end is left open; its generator has ended by itself.
    drained = case.drain and wanted.error is None
    left_open = source.ended and not (case.error or source.cut) and (drained or not wanted.left)
    assert source.closed == (own if left_open else source.opened), (source.closed, wanted)


def check(data: bytes) -> None:
    """Run each form over each kind of source."""
    given = read(data)
    in_pieces(given.options)
    more = given.limit - 1
    events = bool(given.options & 1)
    case = Case(
        given.chunks,
        events=events,
        flush=bool(given.options & 2),
        require_done=bool(given.options & 4),
        until=bool(given.options & 8),
        drain=bool(given.options & 16),
        done=None if given.options & 32 else "[DONE]",
        blocks=bool(more & 8) and not events,
        error=bool(more & 1),
        close_after=more >> 4 if more & 2 else None,
        interrupt=bool(more & 4),
    )
    source = Source(case)
    check_run(case, source, run_sync(case, source))
    for kind in (Source, AGenerator):
        source = kind(case)
        check_run(case, source, run_async(case, source))

    # A truncated stream never looks complete: its items are those of the complete stream.
    if case.require_done and not case.flush and not case.error and case.close_after is None:
        truncated = case._replace(chunks=case.chunks[:-1])
        got = run_sync(truncated, Source(truncated))
        parser = Parser(done=case.done)
        parser.feed(b"".join(truncated.chunks))
        if got.error is None and not parser.close():
            whole = run_sync(case, Source(case))
            assert whole.items[: len(got.items)] == got.items
            assert not case.events or (whole.error is None and whole.items == got.items)


if __name__ == "__main__":
    fuzz(check)
