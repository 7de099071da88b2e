"""Bytes a second of each contender on each load.

    python -m pytest benchmarks/test_throughput.py

SEED in the environment chooses the loads.
"""

from __future__ import annotations

import os
import time

import pytest
from contenders import Counter, ours, peers
from loads import Load, build
from pytest_benchmark.fixture import BenchmarkFixture

SEED = int(os.environ.get("SEED", "1"))
LOADS = {load.name: load for load in build(SEED, float(os.environ.get("SCALE", "1")))}
PEERS = peers()
NAMES = [*ours(), *PEERS]
# Seconds; a load that takes longer is read once.
SLOW = 1.0


def quadratic(read: Counter, load: Load) -> bool:
    """Whether twice the bytes take much more than twice the time, for a load of one event."""
    times = []
    for part in (16, 8):
        chunks = load.chunks[: len(load.chunks) // part]
        rounds = []
        for _ in range(2):
            start = time.perf_counter()
            read(chunks)
            rounds.append(time.perf_counter() - start)
        times.append(min(rounds))
    # Linear gives 2, quadratic 4.
    return times[1] > 2.8 * times[0] and times[1] > 0.05


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", LOADS)
def test_throughput(benchmark: BenchmarkFixture, stream: str, name: str) -> None:
    load = LOADS[stream]
    read = (PEERS | ours(comments=load.comments > 0))[name]
    chunks = load.chunks
    if load.events == 1 and quadratic(read, load):
        # The whole load would take minutes, and its rate would be lower.
        chunks = chunks[: len(chunks) // 8]
        benchmark.extra_info["quadratic"] = True
    start = time.perf_counter()
    events = read(chunks)
    took = time.perf_counter() - start
    rounds = 1 if took > SLOW else max(3, min(15, int(SLOW / took)))
    benchmark.pedantic(read, (chunks,), rounds=rounds)
    benchmark.extra_info["bytes"] = sum(map(len, chunks))
    benchmark.extra_info["events"] = events
    benchmark.extra_info["expected"] = load.events
