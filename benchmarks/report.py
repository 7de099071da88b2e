"""Write RESULTS.md and the pictures from what was measured.

python benchmarks/report.py MEASURED OUTPUT
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from contenders import FED, OURS, PEERS, available

# Else each picture would have other names inside, drawn from the same figures.
plt.rcParams["svg.hashsalt"] = "sse-stream"
NODE = "eventsource-parser"
# Milliseconds; a curve that has come so far is not followed.
SLOW = 1000
COLOURS = {"compiled": "#1f6f54", "pure": "#57b894", NODE: "#c9a227"}


def load(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def passes(folder: Path, name: str) -> list[Any]:
    """Return what each pass measured: of them, the best counts."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob(f"{name}-*.json"))]


def mean(ratios: Iterable[float]) -> float:
    """Return the geometric mean."""
    logs = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logs) / len(logs))


class Rates:
    """Bytes a second by load and contender, and which of them are not to be compared."""

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
        return max(PEERS, key=lambda name: self.of[stream].get(name, 0))

    def ratios(self, name: str) -> dict[str, float]:
        """Return how many times the fastest Python peer it is, for each load."""
        return {
            stream: rates[name] / rates[self.fastest_peer(stream)]
            for stream, rates in self.of.items()
            if name in rates
        }

    def to_node(self, ours: str) -> dict[str, float]:
        return {
            stream: rates[ours] / rates[NODE]
            for stream, rates in self.of.items()
            if ours in rates and NODE in rates
        }


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def throughput(rates: Rates) -> str:
    every = [*OURS, FED, *PEERS, NODE]
    names = [name for name in every if any(name in found for found in rates.of.values())]
    columns = [*(rates.ratios(name) for name in OURS), rates.to_node(FED)]
    rows = []
    for stream, found in rates.of.items():
        cells = []
        for name in names:
            note = rates.notes.get((stream, name), "")
            rate = megabytes(found[name])
            cells.append(f"{rate} ({note})" if note else rate)
        for ratios in columns:
            cells.append(f"{ratios[stream]:.2f}" if stream in ratios else "")
        rows.append([stream, *cells])
    head = ["load", *names, "compiled / fastest Python peer", "pure / fastest Python peer"]
    return table([*head, "compiled, fed / Node"], rows)


def megabytes(rate: float) -> str:
    return f"{rate / 1e6:.0f}" if rate >= 1e7 else f"{rate / 1e6:.1f}"


def in_short(rates: Rates) -> str:
    """Return ours beside the fastest Python peer, by name, and Node."""
    rows = []
    for stream, found in rates.of.items():
        fastest = rates.fastest_peer(stream)
        ours = [megabytes(found[name]) if name in found else "" for name in OURS]
        node = megabytes(found[NODE]) if NODE in found else ""
        rows.append([stream, *ours, f"{megabytes(found[fastest])} ({fastest})", node])
    return table(["MB a second", *OURS, "the fastest Python peer", NODE], rows)


def summary(rates: Rates) -> str:
    """Return a line for each comparison: by how much, and the loads on the rarer side."""
    lines = []
    for ours, whom, ratios in (
        ("compiled", "the fastest Python peer of each load", rates.ratios("compiled")),
        ("pure", "the fastest Python peer of each load", rates.ratios("pure")),
        ("compiled", NODE, rates.to_node("compiled")),
        (FED, NODE, rates.to_node(FED)),
        ("pure", NODE, rates.to_node("pure")),
    ):
        if not ratios:
            continue
        ahead = [f"{stream} ({ratio:.2f})" for stream, ratio in ratios.items() if ratio >= 1]
        behind = [f"{stream} ({ratio:.2f})" for stream, ratio in ratios.items() if ratio < 1]
        if len(behind) <= len(ahead):
            side = f"behind on {'; '.join(behind)}" if behind else "behind on none"
        else:
            side = f"ahead only on {'; '.join(ahead)}" if ahead else "ahead on none"
        lines.append(
            f"- {ours} against {whom}: {mean(ratios.values()):.2f} times as fast in the geometric "
            f"mean; {side}."
        )
    return "\n".join(lines)


def single_events(folder: Path) -> str:
    cost: dict[str, dict[str, float]] = {}
    for measured in passes(folder, "single_events"):
        for bench in measured["benchmarks"]:
            name, events = bench["params"], bench["extra_info"]["events"]
            took, ways = bench["stats"]["min"] / events * 1e6, cost.setdefault(name["kind"], {})
            ways[name["way"]] = min(took, ways.get(name["way"], math.inf))
    rows = []
    for kind, ways in cost.items():
        feed, source = ways["Parser.feed"], ways["the async source alone"]
        for way, adapted in (
            ("Parser.feed", feed),
            ("iter_events", ways["iter_events"]),
            ("aiter_events", ways["aiter_events"] - source),
        ):
            share = f"{max(0.0, 1 - feed / adapted):.0%}" if way != "Parser.feed" else ""
            rows.append([f"{kind}, {way}", f"{adapted:.2f}", share])
    return table(["one event a chunk", "µs an event", "the adapter's share"], rows)


def imports_and_memory(folder: Path) -> str:
    found = load(folder, "imports_and_memory")
    imports, memory, versions = found["imports"], found["memory"], found["versions"]
    rows = []
    for name, took in sorted(imports.items(), key=lambda pair: pair[1]):
        kinds = list(OURS) if name == "sse-stream" else [name]
        peaks = ", ".join(f"{memory[kind]:.1f}" for kind in kinds if kind in memory)
        if name == "nothing":
            name = f"a bare interpreter ({took:.0f} ms)"
        rows.append([name, versions.get(name, ""), f"{took - imports['nothing']:.1f}", peaks])
    head = ["package", "version", "import, ms", "peak memory for an 8 MiB event, times its size"]
    return table(head, rows)


def draw_throughput(rates: Rates, file: Path) -> None:
    """Draw the ratios to the fastest Python peer, on a scale of doublings."""
    streams = list(rates.of)[::-1]
    figure, axes = plt.subplots(figsize=(9, 5.6))
    height = 0.26
    for shift, name in enumerate([NODE, "pure", "compiled"]):
        ratios = rates.ratios(name)
        values = [ratios.get(stream, math.nan) for stream in streams]
        places = [place + (shift - 1) * height for place in range(len(streams))]
        label = rates.node if name == NODE else f"sse-stream, {name}"
        if name != NODE or rates.node:
            bars = axes.barh(places, values, height, label=label, color=COLOURS[name])
            axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=7)
    axes.axvline(1, color="#444", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_yticks(range(len(streams)), streams, fontsize=8)
    ticks = [0.5, 1, 2, 4, 8, 16, 32]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("times as fast as the fastest Python peer on that load (the line at 1)")
    axes.legend(fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def draw_linear(file: Path) -> None:
    """Draw the time of one event of many data lines, against their number."""
    readers = available()
    names = ["compiled", "pure", "httpx-sse", "launchdarkly-eventsource"]
    counts = [6_250, 12_500, 25_000, 50_000, 100_000, 200_000]
    figure, axes = plt.subplots(figsize=(7, 4.2))
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
        ours = name in OURS
        label = f"sse-stream, {name}" if ours else name
        axes.plot(counts[: len(times)], times, marker="o", label=label, color=COLOURS.get(name))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("data lines in one event (67 bytes each)")
    axes.set_ylabel("milliseconds")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


PAGE = """# Results

{short}

{summary}

Measured in one run by `python benchmarks/run.py`, seed {seed}, {date}: Python {python},
{system}, {processor}. {node}

![throughput](throughput.svg)

## Throughput

Megabytes a second, from bytes to events; the best round of each, of several passes over all, so
that what else the machine did at one moment does not count. Higher is better. Compare the
ratios: another machine gives other rates. *quadratic*: measured on an eighth of the load, since
the time grows with the square of the size. langgraph-sdk decodes the JSON as well. *compiled*
and *pure* are read through `iter_events`, as the peers are through their iterators; *compiled,
fed* through `Parser.feed` alone, as eventsource-parser is.

{throughput}

## One event alone

{single}

## Import and memory

The import is what it adds to the start of a bare interpreter. Of sse-stream, the memory is given
for the compiled and the pure parser.

{imports}

## Cost against size

One event of many data lines. The whole proof is `python benchmarks/linear.py --large`.

![cost against size](linear.svg)
"""


def main() -> None:
    measured, output = Path(sys.argv[1]), Path(sys.argv[2])
    rates = Rates(measured)
    page = PAGE.format(
        **load(measured, "facts"),
        node=f"{rates.node}." if rates.node else "Node was not there.",
        throughput=throughput(rates),
        short=in_short(rates),
        summary=summary(rates),
        single=single_events(measured),
        imports=imports_and_memory(measured),
    )
    (output / "RESULTS.md").write_text(page, encoding="utf-8")
    draw_throughput(rates, output / "throughput.svg")
    draw_linear(output / "linear.svg")
    print(summary(rates))


if __name__ == "__main__":
    main()
