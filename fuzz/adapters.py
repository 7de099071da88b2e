"""The sync and the async adapters give the same as a simple model, and close every source.

The source may end with an error, or the iterator may be closed early. The async source is
interrupted before some of its chunks, as by a timeout: a source of its own goes on after that, and
an async generator ends.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator
from typing import Any, NamedTuple

from engine import fuzz, in_pieces, instrumented, read

with instrumented():
    from sse_stream import (
        DONE,
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
BEGINNINGS = (b":", b"data:", b"event:", b"id:", b"retry:")
NAMES = (b"", b"data", b"event", b"id", b"retry")


class Case(NamedTuple):
    """The chunks, the options, what the source does, and when the iterator is closed."""

    chunks: list[bytes]
    events: bool
    flush: bool
    require_done: bool
    until: bool
    drain: bool
    done: str | None
    error: bool
    # The number of items after which the iterator is closed; None: it is not.
    close_after: int | None
    interrupt: bool

    def options(self) -> dict[str, Any]:
        """Return the arguments of the adapter, with a new parser."""
        options: dict[str, Any] = {"flush": self.flush, "require_done": self.require_done}
        options["parser"] = Parser(done=self.done, report_ignored=True)
        if self.events:
            options |= {"drain": self.drain, "until": is_last if self.until else None}
        return options


def is_last(event: Event) -> bool:
    """Whether the event ends the answer, where ``until`` is used."""
    return event.event == "e" or event.data == "a"


class Outcome(NamedTuple):
    """The items, the error that ended them, and whether the answer was complete."""

    items: list[Item]
    error: type[BaseException] | None
    complete: bool = False


class Broken(Exception):
    """The source's own error."""


class Cancelled(BaseException):
    """What an event loop raises in a coroutine at its timeout."""


def expected(case: Case, stream: bytes, *, ended: bool = True, cut: bool = False) -> Outcome:
    """Return what any adapter must give, from the whole stream; or one that a timeout cut."""
    parser = Parser(done=case.done, report_ignored=True)
    batches = [parser.feed(stream)]
    ignored = parser.ignored
    error: type[BaseException] | None = Broken if case.error and ended else None
    if error is None:
        # Fewer bytes than a byte order mark may be the beginning of one.
        unsure = len(stream) < len(BOM) and BOM.startswith(stream)
        body = b"" if unsure else stream.removeprefix(BOM)
        *lines, rest = re.split(rb"\r\n|\r|\n", body)
        at_end = parser.close(flush=case.flush)
        known = any(line and line.partition(b":")[0] in NAMES for line in lines)
        known = known or rest.startswith(BEGINNINGS)
        known = known or (case.flush and rest in NAMES[1:])
        cannot_be_field = not any(beginning.startswith(rest) for beginning in BEGINNINGS)
        if not known and (ignored or cannot_be_field):
            error = NotEventStreamError
        else:
            if case.require_done and (rest or cut):
                at_end = [item for item in at_end if not isinstance(item, Event)]
            batches.append(at_end)
    items: list[Item] = []
    done = False
    for item in [item for batch in batches for item in batch]:
        if not case.events:
            items.append(item)
            done = done or item is DONE
        elif item is DONE:
            return Outcome(items, None, True)
        elif isinstance(item, Event):
            items.append(item)
            if case.until and is_last(item):
                return Outcome(items, None, True)
    if error is None and case.require_done and not done:
        error = IncompleteStreamError
    return Outcome(items, error)


class Source:
    """An iterable whose iterator must be closed too; sync and async."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.taken: list[bytes] = []
        self.opened = ["source"]
        self.closed: list[str] = []
        self.ended = False

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
    """Run the sync adapter."""
    items: list[Item] = []
    iterator = (iter_events if case.events else iter_items)(source, **case.options())
    try:
        while len(items) != case.close_after:
            items.append(next(iterator))
        iterator.close()
    except StopIteration:
        return Outcome(items, None)
    except Exception as error:
        return Outcome(items, type(error))
    return Outcome(items, None)


def run_async(case: Case, source: Source) -> Outcome:
    """Run the async adapter, interrupted before every other chunk if the case says so."""
    items: list[Item] = []
    iterator = (aiter_events if case.events else aiter_items)(source, **case.options())
    interrupt = case.interrupt
    try:
        while len(items) != case.close_after:
            try:
                items.append(step(iterator.__anext__(), interrupt=interrupt))
            except Cancelled:
                assert not source.closed or isinstance(source, AGenerator)
                interrupt = False
            else:
                interrupt = case.interrupt
        step(iterator.aclose(), interrupt=False)
    except StopAsyncIteration:
        return Outcome(items, None)
    except Exception as error:
        return Outcome(items, type(error))
    return Outcome(items, None)


def check_run(case: Case, source: Source, got: Outcome) -> None:
    """Compare one run with the model, and look at what was read and closed."""
    assert source.closed == source.opened, (source.closed, source.opened)
    cut = isinstance(source, AGenerator) and case.interrupt
    # What a generator had read when it was interrupted was not yielded.
    stream = b"".join(source.taken[:-1] if cut and not source.ended else source.taken)
    if case.close_after is not None and len(got.items) == case.close_after:
        whole = expected(case, b"".join(case.chunks))
        assert got.error is None and got.items == whole.items[: case.close_after]
        return
    wanted = expected(case, stream, ended=source.ended)
    if case.interrupt and got != wanted._replace(complete=False):
        # It ended right after an interruption, which may have cut it.
        wanted = expected(case, stream, ended=source.ended, cut=True)
    assert got == wanted._replace(complete=False), (got, wanted)
    if wanted.complete:
        assert source.ended or not case.drain or cut
        return
    # The source was read to its end, and never looks complete without its final item.
    assert source.ended or cut
    if case.require_done and got.error is None:
        assert not case.events and DONE in got.items


def check(data: bytes) -> None:
    """Run each adapter over each kind of source."""
    given = read(data)
    in_pieces(given.options)
    more = given.limit - 1
    case = Case(
        given.chunks,
        events=bool(given.options & 1),
        flush=bool(given.options & 2),
        require_done=bool(given.options & 4),
        until=bool(given.options & 8),
        drain=bool(given.options & 16),
        done=None if given.options & 32 else "[DONE]",
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
        cut = case._replace(chunks=case.chunks[:-1])
        got = run_sync(cut, Source(cut))
        parser = Parser(done=case.done)
        parser.feed(b"".join(cut.chunks))
        if got.error is None and not parser.close():
            whole = run_sync(case, Source(case))
            assert whole.items[: len(got.items)] == got.items
            assert not case.events or (whole.error is None and whole.items == got.items)


if __name__ == "__main__":
    fuzz(check)
