"""Print the speed relative to the fastest other Python parser, in about a minute.

    python benchmarks/ratios.py [--load TEXT] [--seconds N] [--scale N] [--seed N]

For each load: Parser.feed and iter_events, pure and compiled, all in this process and in turns.
Type, data and ID of every event are read. Then what aiter_events adds when each chunk holds one
event. Nothing is written; run.py measures for the page of results.
"""

from __future__ import annotations

import argparse
import gc
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import geometric_mean

from allocator import REUSE, run_with
from both_forms import FORMS
from contenders import FEED, OURS, Counter, ours, peers
from loads import Load, build
from rich.console import Console
from rich.table import Table
from test_single_events import CHUNKS, WAYS

# Peers that are this many times slower than the fastest in a trial are not timed further.
MUCH_SLOWER = 1.5
NAMES = [*FEED.values(), *OURS]


def best_times(calls: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Return the shortest time of each call; they take turns for that many seconds."""
    best = dict.fromkeys(calls, math.inf)
    end = time.perf_counter() + seconds
    rounds = 0
    gc.collect()
    gc.disable()
    while rounds < 3 or time.perf_counter() < end:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
        rounds += 1
    gc.enable()
    return best


def candidates(load: Load, counters: dict[str, Counter]) -> dict[str, Counter]:
    """Return the peers that may be the fastest, after a trial on an eighth of the load."""
    part = load.chunks[: max(1, len(load.chunks) // 8)]
    times = best_times({name: partial(count, part) for name, count in counters.items()}, 0)
    bound = MUCH_SLOWER * min(times.values())
    return {name: counters[name] for name, took in times.items() if took <= bound}


def measure(load: Load, counters: dict[str, Counter], seconds: float) -> tuple[str, list[float]]:
    """Return the fastest peer with its rate, and our ratios to it."""
    others = {
        name: count
        for name, count in candidates(load, counters).items()
        if count(load.chunks) == load.events
    }
    mine = ours(comments=load.comments > 0)
    for name, count in mine.items():
        if (found := count(load.chunks)) != load.events:
            raise RuntimeError(f"{name} found {found} events in {load.name}, not {load.events}")
    calls = {name: partial(count, load.chunks) for name, count in (others | mine).items()}
    times = best_times(calls, seconds)
    fastest = min(others, key=times.__getitem__)
    rate = f"{load.size / times[fastest] / 1e6:.0f} {fastest}"
    return rate, [times[fastest] / times[name] for name in NAMES]


def ratios(loads: list[Load], seconds: float) -> Table:
    counters = peers()
    columns: list[list[float]] = []
    table = Table("load", "fastest other Python parser, MB/s", title="relative speed")
    for name in NAMES:
        table.add_column(name if name in FEED.values() else f"{name}, iter_events")
    for load in loads:
        rate, found = measure(load, counters, seconds)
        columns.append(found)
        table.add_row(load.name, rate, *(f"{ratio:.2f}" for ratio in found))
    by_name = list(zip(*columns, strict=True))
    table.add_section()
    table.add_row("geometric mean", "", *(f"{geometric_mean(found):.2f}" for found in by_name))
    table.add_row("minimum", "", *(f"{min(found):.2f}" for found in by_name))
    return table


def single_events(seconds: float) -> Table:
    calls = {f"{form}, {way}": partial(WAYS[way], FORMS[form]) for form in FORMS for way in WAYS}
    times = {name: took / len(CHUNKS) * 1e6 for name, took in best_times(calls, seconds).items()}
    table = Table("", title="one event a chunk, µs an event")
    columns = ["Parser.feed", "iter_events", "aiter_events", "the async source alone"]
    for column in [*columns, "aiter_events - feed", "aiter_events - source - feed"]:
        table.add_column(column)
    for form in FORMS:
        feed, sync, asynchronous, source = (times[f"{form}, {way}"] for way in columns)
        cells = [feed, sync, asynchronous, source, asynchronous - feed]
        table.add_row(form, *(f"{cell:.2f}" for cell in [*cells, asynchronous - source - feed]))
    return table


def main() -> None:
    options = argparse.ArgumentParser(description="Print relative speeds in about a minute.")
    options.add_argument("--load", default="", help="only the loads that have this in their name")
    options.add_argument("--seconds", type=float, default=2, help="time for each load (2)")
    options.add_argument("--scale", type=float, default=0.25, help="size of the loads (0.25)")
    options.add_argument("--seed", type=int, default=1, help="of the loads (1)")
    given = options.parse_args()
    loads = [load for load in build(given.seed, given.scale) if given.load in load.name]
    if not loads:
        options.error(f"no load has {given.load!r} in its name")
    run_with(REUSE)
    console = Console(width=150)
    console.print(ratios(loads, given.seconds))
    console.print(single_events(2 * given.seconds))


if __name__ == "__main__":
    main()
