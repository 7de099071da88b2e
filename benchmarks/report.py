"""Write RESULTS.md and the pictures from what was measured.

python benchmarks/report.py MEASURED OUTPUT
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from contenders import FEED, OURS, PEERS, ours, peers

# The same figures give the same file: without this, the names inside would be random.
plt.rcParams["svg.hashsalt"] = "sse-stream"
NODE = "eventsource-parser"
FASTEST = "fastest other Python parser"
# Milliseconds; a curve ends at the first point above this.
SLOW = 1000
COLOURS = {"compiled": "#1f6f54", "pure": "#57b894", NODE: "#c9a227"}


def load(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def passes(folder: Path, name: str) -> list[Any]:
    """Return what each pass measured; the best of all passes counts."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob(f"{name}-*.json"))]


class Rates:
    """Bytes a second by load and parser; ``notes`` tells where a rate cannot be compared."""

    def __init__(self, folder: Path) -> None:
        self.of: dict[str, dict[str, float]] = {}
        self.notes: dict[tuple[str, str], str] = {}
        self.node = ""
        for measured in passes(folder, "throughput"):
            for bench in measured["benchmarks"]:
                name, stream = bench["params"]["name"], bench["params"]["stream"]
                facts = bench["extra_info"]
                self.add(stream, name, facts["bytes"] / bench["stats"]["min"])
                if facts.get("quadratic"):
                    self.notes[stream, name] = "quadratic"
                elif facts["events"] != facts["expected"]:
                    self.notes[stream, name] = f"{facts['events']} of {facts['expected']} events"
        for node in passes(folder, "node"):
            self.node = f"{NODE} {node['version']} on Node {node['node']}"
            for stream, rate in node["rates"].items():
                self.add(stream, NODE, rate)

    def add(self, stream: str, name: str, rate: float) -> None:
        rates = self.of.setdefault(stream, {})
        rates[name] = max(rate, rates.get(name, 0))

    def fastest_peer(self, stream: str) -> str:
        """Return the fastest other Python parser whose rate can be compared."""
        names = [name for name in PEERS if (stream, name) not in self.notes]
        return max(names, key=lambda name: self.of[stream].get(name, 0))

    def ratios(self, name: str) -> dict[str, float]:
        """Return the speed relative to the fastest other Python parser, for each load."""
        return {
            stream: rates[name] / rates[self.fastest_peer(stream)]
            for stream, rates in self.of.items()
            if name in rates
        }

    def to_node(self, name: str) -> dict[str, float]:
        """Return the speed relative to the parser on Node, for each load."""
        return {
            stream: rates[name] / rates[NODE]
            for stream, rates in self.of.items()
            if name in rates and NODE in rates
        }


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def throughput(rates: Rates) -> str:
    every = [*OURS, *FEED.values(), *PEERS, NODE]
    names = [name for name in every if any(name in found for found in rates.of.values())]
    rows = []
    for stream, found in rates.of.items():
        cells = []
        for name in names:
            note = rates.notes.get((stream, name), "")
            rate = megabytes(found[name])
            cells.append(f"{rate} ({note})" if note else rate)
        rows.append([stream, *cells])
    return table(["MB per second", *names], rows)


def ratios(rates: Rates) -> str:
    columns = {f"{name} / {FASTEST}": rates.ratios(name) for name in [*OURS, *FEED.values()]} | {
        f"{name} / {NODE}": rates.to_node(name) for name in FEED.values() if rates.node
    }
    rows = [
        [stream, *(f"{column[stream]:.2f}" for column in columns.values())] for stream in rates.of
    ]
    for name, function in (("geometric mean", geometric_mean), ("minimum", min)):
        rows.append([name, *(f"{function(column.values()):.2f}" for column in columns.values())])
    return table(["relative speed", *columns], rows)


def megabytes(rate: float) -> str:
    return f"{rate / 1e6:.0f}" if rate >= 1e7 else f"{rate / 1e6:.1f}"


def in_short(rates: Rates) -> str:
    """Return our rates, that of the fastest other Python parser with its name, and Node's."""
    rows = []
    for stream, found in rates.of.items():
        fastest = rates.fastest_peer(stream)
        mine = [megabytes(found[name]) for name in OURS]
        node = megabytes(found[NODE]) if NODE in found else ""
        rows.append([stream, *mine, f"{megabytes(found[fastest])} ({fastest})", node])
    return table(["MB per second", *OURS, FASTEST, NODE], rows)


def summary(rates: Rates) -> str:
    """Return a line for each comparison: mean, minimum, and the loads on the smaller side."""
    lines = []
    names = [*OURS, *FEED.values()]
    comparisons = [(name, FASTEST, rates.ratios(name)) for name in names]
    comparisons += [(name, NODE, rates.to_node(name)) for name in names]
    for name, other, found in comparisons:
        if not found:
            continue
        faster = [f"{stream} ({ratio:.2f})" for stream, ratio in found.items() if ratio >= 1]
        slower = [f"{stream} ({ratio:.2f})" for stream, ratio in found.items() if ratio < 1]
        if len(slower) <= len(faster):
            side = f"It is slower on: {'; '.join(slower)}" if slower else "It is never slower"
        else:
            side = f"It is faster on: {'; '.join(faster)}" if faster else "It is never faster"
        lines.append(
            f"- {name}, compared with the {other}: {geometric_mean(found.values()):.2f} times its "
            f"speed on average (geometric mean), {min(found.values()):.2f} times in the worst "
            f"case. {side}."
        )
    return "\n".join(lines).replace(f"the {NODE}", NODE)


def single_events(folder: Path) -> str:
    cost: dict[str, dict[str, float]] = {}
    for measured in passes(folder, "single_events"):
        for bench in measured["benchmarks"]:
            name, events = bench["params"], bench["extra_info"]["events"]
            took, ways = bench["stats"]["min"] / events * 1e6, cost.setdefault(name["form"], {})
            ways[name["way"]] = min(took, ways.get(name["way"], math.inf))
    rows = []
    for form, ways in cost.items():
        feed, source = ways["Parser.feed"], ways["the async source alone"]
        for way, took in (
            ("Parser.feed", feed),
            ("iter_events", ways["iter_events"]),
            ("aiter_events", ways["aiter_events"] - source),
        ):
            more = "" if way == "Parser.feed" else f"{max(0.0, took - feed):.2f}"
            rows.append([f"{form}, {way}", f"{took:.2f}", more])
    return table(["one event a chunk", "µs an event", "more than feed, µs"], rows)


def imports_and_memory(folder: Path) -> str:
    found = load(folder, "imports_and_memory")
    imports, memory, versions = found["imports"], found["memory"], found["versions"]
    rows = []
    for name, took in sorted(imports.items(), key=lambda pair: pair[1]):
        kinds = list(OURS) if name == "sse-stream" else [name]
        peaks = ", ".join(f"{memory[kind]:.1f}" for kind in kinds if kind in memory)
        if name == "nothing":
            name = f"an interpreter without imports ({took:.0f} ms)"
        rows.append([name, versions.get(name, ""), f"{took - imports['nothing']:.1f}", peaks])
    head = ["package", "version", "import, ms", "peak memory of an 8 MiB event, times its size"]
    return table(head, rows)


def draw_throughput(rates: Rates, file: Path) -> None:
    """Draw the relative speeds; every bar starts at the fastest other Python parser."""
    streams = list(rates.of)
    names = [*OURS, NODE] if rates.node else OURS
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(streams) + 1.2))
    height = 0.8 / len(names)
    largest = max(max(rates.ratios(name).values()) for name in names)
    for position, name in enumerate(names):
        values = list(rates.ratios(name).values())
        places = [
            place + (position - (len(names) - 1) / 2) * height for place in range(len(streams))
        ]
        label = f"{NODE} (Node)" if name == NODE else f"sse-stream, {name}"
        widths = [value - 1 for value in values]
        axes.barh(places, widths, height, left=1, label=label, color=COLOURS[name])
        for place, value in zip(places, values, strict=True):
            axes.annotate(
                f"{value:.1f}" if value >= 1 else f"{value:.2f}",
                (value, place),
                xytext=(2 if value >= 1 else -2, 0),
                textcoords="offset points",
                ha="left" if value >= 1 else "right",
                va="center",
                fontsize=7,
            )
    axes.axvline(1, color="#444", linewidth=1)
    axes.set_xscale("log", base=2)
    ticks = [0.125, 0.25, 0.5, *(2**power for power in range(math.ceil(math.log2(largest)) + 1))]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    smallest = min(min(rates.ratios(name).values()) for name in names)
    axes.set_xlim(min(0.5, smallest / 1.5), largest * 1.5)
    # From top to bottom as in the tables; the legend has the same order as the bars.
    axes.set_ylim(len(streams) - 0.5, -0.6)
    axes.set_yticks(
        range(len(streams)),
        [
            f"{stream}\n1 = {rates.fastest_peer(stream)}, "
            f"{megabytes(rates.of[stream][rates.fastest_peer(stream)])} MB/s"
            for stream in streams
        ],
        fontsize=7,
    )
    axes.set_xlabel("relative speed (logarithmic scale: each step doubles)")
    axes.text(1, -0.75, f"← slower   {FASTEST} = 1   faster →", ha="center", fontsize=8)
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1.01))
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def draw_linear(file: Path) -> None:
    """Draw the time of one event against the number of its data lines."""
    readers = ours() | peers()
    names = ["compiled", "pure", "httpx-sse", "launchdarkly-eventsource"]
    counts = [6_250, 12_500, 25_000, 50_000, 100_000, 200_000]
    figure, axes = plt.subplots(figsize=(7, 4.2))
    curves: list[tuple[float, Any]] = []
    for name in names:
        if name not in readers:
            continue
        times: list[float] = []
        for count in counts:
            if times and times[-1] > SLOW:
                break
            stream = b"data: %060d\n" % 0 * count + b"\n"
            chunks = [stream[at : at + 65536] for at in range(0, len(stream), 65536)]
            best = math.inf
            for _ in range(9 if not times or times[-1] < SLOW / 10 else 2):
                start = time.perf_counter()
                readers[name](chunks)
                best = min(best, time.perf_counter() - start)
            times.append(best * 1000)
        label = f"sse-stream, {name}" if name in OURS else name
        colour = COLOURS.get(name)
        [curve] = axes.plot(counts[: len(times)], times, marker="o", label=label, color=colour)
        curves.append((times[-1] / counts[len(times) - 1], curve))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("data lines in one event (67 bytes each), logarithmic scale")
    axes.set_ylabel("milliseconds, logarithmic scale")
    # The legend has the same order as the curves, the slowest at the top.
    curves.sort(key=lambda pair: pair[0], reverse=True)
    axes.legend(handles=[curve for _, curve in curves], fontsize=8)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


PAGE = """# Results

{short}

{summary}

Measured in one run by `python benchmarks/run.py`, seed {seed}, {date}: Python {python},
{system}, {processor}. {node}

![speed relative to the fastest other Python parser](throughput.svg)

## Throughput

Megabytes per second, from bytes to events; higher is better. Each parser is called in the way that
its users call it, and type, data and ID of every event are read. The figure is the best round
of several passes over all loads. Another machine gives other rates: compare the ratios.

- *compiled* and *pure* are the two forms of sse-stream, read through `iter_events`.
- *compiled, feed* and *pure, feed* call `Parser.feed` alone, as eventsource-parser is called.
  It returns comments too: on the load with comments they are left out with `isinstance`.
- *quadratic*: the time grows with the square of the size. Measured on an eighth of the load.
- langgraph-sdk also decodes the JSON of each event.
- glibc's allocator keeps freed memory in the process during this measurement, for all parsers.
  With its default settings the rate for one large event depends on what was measured before.

{throughput}

{ratios}

## End to end

What a user pays for one event of a chat of about 370 bytes: CPU time of the process, user and
system, in microseconds, with the client, the parser and the decoding of the JSON. The data is only
read, or decoded by `event.json()` (or by json.loads where there is no event), or by orjson. Over
loopback a server in another process sends the whole body, an event in each transfer chunk; a new
connection is opened for every {events} events. The mock transport gives an event a chunk. The
loops over lines are those that people write who use no parser. The openai SDK decodes JSON itself
and makes a model of each event.

{end_to_end}

{end_to_end_summary}

## One event in each chunk

The time for one event. The time of the asynchronous source is subtracted from `aiter_events`.

{single}

## Import and memory

The import time is what the package adds to the start of an interpreter. The memory of sse-stream
is given for both forms: {forms}.

{imports}

## Memory at the limit

The worst inputs, of the size that `max_event_size` just allows, in chunks of 64 KiB. *open* is
what the parser holds before the event is complete, *peak* the most that was in use, with the
item that is returned at the end, both by tracemalloc; *resident* is by how much the resident
memory of the process grows up to its peak. In multiples of `max_event_size`, here {limit}.
*emoji* is the same input with one emoji at its end: Python then stores four bytes for each
character of the text.

{limits}

## Time against size

One event of many data lines. `python benchmarks/linear.py --large` measures more inputs.

![time against the number of data lines](linear.svg)
"""


def main() -> None:
    measured, output = Path(sys.argv[1]), Path(sys.argv[2])
    rates = Rates(measured)
    limits = load(measured, "memory_limit")
    end_to_end = load(measured, "end_to_end")
    page = PAGE.format(
        **load(measured, "facts"),
        node=f"{rates.node}." if rates.node else "Node was not installed.",
        throughput=throughput(rates),
        ratios=ratios(rates),
        short=in_short(rates),
        summary=summary(rates),
        single=single_events(measured),
        events=end_to_end["events"],
        end_to_end=table(end_to_end["head"], end_to_end["rows"]),
        end_to_end_summary="\n".join(f"- {each}" for each in end_to_end["summary"]),
        imports=imports_and_memory(measured),
        forms=", ".join(OURS),
        limit=f"{limits['limit'] / (1 << 20):g} MiB",
        limits=table(limits["head"], limits["rows"]),
    )
    (output / "RESULTS.md").write_text(page, encoding="utf-8")
    draw_throughput(rates, output / "throughput.svg")
    draw_linear(output / "linear.svg")
    print(summary(rates))


if __name__ == "__main__":
    main()
