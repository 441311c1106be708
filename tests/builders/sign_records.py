"""Builds a Record from a small description: the fixtures of the signs, and the analyzer's tests.

A description is JSON: plain series, and generators with a seed for what a probe would emit (``loops``,
``rates``, ``rounds``, ``merges``). See tests/fixtures/signs for examples of each key.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.builders import gap_records, sparse_records
from vpsbench import metrics
from vpsbench.analyzer.verdict.judge import completed
from vpsbench.model import (
    Answer,
    Event,
    Guest,
    Layer,
    Limits,
    Metric,
    Plan,
    Profile,
    Record,
    Run,
    RunState,
    Series,
    Status,
    Turn,
    TurnSpec,
)

Floats = NDArray[np.float64]
Description = dict[str, Any]
STARTED = 1.8e9  # 08:00 UTC


def build(case: Description) -> Record:
    """The record that a description stands for, as the judge hands it to signs."""
    series = [
        *_plain(case),
        *_loops(case),
        *_hosts(case),
        *_rates(case),
        *_rounds(case),
        *_sparse(case),
        *_merges(case),
    ]
    turns = [
        Turn(
            probe=t["probe"],
            started=t["started"],
            elapsed=t["elapsed"],
            status=Status(t.get("status", "ok")),
            detail=t.get("detail", ""),
            options={},
            raw=t.get("raw", {}),
        )
        for t in case.get("turns", [])
    ]
    events = [
        Event(e.get("t", 0.0), e["kind"], e["detail"], e.get("source", "")) for e in case.get("events", [])
    ]
    return completed(Record(_run(case), tuple(series), tuple(turns), tuple(events)))


def _run(case: Description) -> Run:
    guest, run = case.get("guest", {}), case.get("run", {})
    limits = Limits(
        vcpus_online=guest.get("vcpus", 2),
        vcpus_usable=tuple(range(guest.get("vcpus", 2))),
        memory_total=guest.get("memory_total", 2_000_000_000),
        cgroup_cpus=guest.get("cgroup_cpus"),
        cgroup_memory=guest.get("cgroup_memory"),
    )
    made = Guest(
        hostname="guest",
        kernel="6.1.0",
        arch="x86_64",
        os="Debian 12",
        cpu_model="a CPU",
        python="3.11.2",
        vpsbench="0",
        root=True,
        layers=tuple(Layer(kind, ("/proc: a fixture",)) for kind in guest.get("layers", ["kvm"])),
        steal_clock=Answer(guest.get("steal_clock", True), guest.get("because", "a fixture says so")),
        limits=limits,
        capabilities=(),
        facts=guest.get("facts", {}),
    )
    turns = tuple(TurnSpec(probe=probe, duration=60.0) for probe in run.get("probes", ()))
    profile = Profile(
        name="fixture",
        description="",
        duration=run.get("duration", 14_400.0),  # as the profile "standard": long enough for two sessions
        turns=turns,
        duty=run.get("duty", 1.0),
    )
    plan = Plan(name="a plan", **case["plan"]) if "plan" in case else None
    state = RunState(run.get("state", "finished"))
    return Run(1, state, STARTED, run.get("elapsed", 600.0), 1, profile, plan, made)


@cache
def _known() -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics.owners()}


def series(metric: str, times: ArrayLike, values: ArrayLike, **labels: str) -> Series:
    """A series of a metric of vpsbench, by its name."""
    return Series(
        _known()[metric],
        labels,
        np.asarray(times, dtype=np.float64),
        np.asarray(values, dtype=np.float64),
    )


def _plain(case: Description) -> Iterator[Series]:
    """Values every so many seconds; ``[value, count]`` stands for so many equal ones."""
    for one in case.get("series", []):
        values = [
            v for item in one["values"] for v in ([item[0]] * item[1] if isinstance(item, list) else [item])
        ]
        times = one.get("times") or np.arange(len(values)) * one.get("every", 1.0) + one.get("start", 0.0)
        yield series(one["metric"], times, values, **one.get("labels", {}))


def wander(random: np.random.Generator, count: int, memory: float) -> Floats:
    """Gaussian noise of variance 1 with an autocorrelation of ``memory`` from one value to the next."""
    fresh = random.normal(size=count)
    found = np.empty(count)
    found[0] = fresh[0]
    scale = np.sqrt(1 - memory**2)
    for place in range(1, count):
        found[place] = memory * found[place - 1] + scale * fresh[place]
    return found


def _loops(case: Description) -> Iterator[Series]:
    """What the CPU probe's loops emit, for one arm or a list of arms.

    ``lost``: a share, one for each vCPU, or ``[[seconds, share], …]``; ``only``: the vCPUs of a "single" arm;
    ``rate``: turns of the loop a second, one for each vCPU or for all; ``courses``: a ``lost`` for each turn.
    """
    loops = case.get("loops", [])
    for arm in loops if isinstance(loops, list) else [loops]:
        for vcpu in arm.get("only", range(arm.get("vcpus", 1))):
            yield from _loop(arm, vcpu)


def _loop(loops: Description, vcpu: int) -> Iterator[Series]:
    random = np.random.default_rng([loops.get("seed", 1), vcpu])
    courses = loops.get("courses") or [loops["lost"]] * len(loops["turns"])
    turns = zip(loops["turns"], courses, strict=True)
    bins = np.concatenate(
        [_turn({**loops, "lost": lost}, vcpu, turn[0], turn[1], random) for turn, lost in turns], axis=1
    )
    labels = {"vcpu": str(vcpu), "arm": loops.get("arm", "all"), "duty": f"{loops.get('duty', 1.0):g}"}
    names = ("wall", "gap", "own_wait", "own_wait_in_gaps", "irq", "steal")
    for name, values in zip(names, bins[1:], strict=True):
        yield series(f"cpu.loop.{name}", bins[0], values, **labels)
    if loops.get("duty", 1.0) < 1:
        yield series("cpu.loop.wanted", bins[0], bins[1] * loops["duty"], **labels)
    if rates := loops.get("rate"):
        rate = rates[vcpu] if isinstance(rates, list) else rates
        ran = (bins[1] * loops.get("duty", 1.0) - bins[2]) * np.exp(0.01 * random.normal(size=bins[0].size))
        yield series("cpu.loop.iterations", bins[0], ran * rate, **labels)


def _hosts(case: Description) -> Iterator[Series]:
    for host in case.get("hosts", []):
        for metric, times, values, labels in gap_records.columns(host):
            yield series(metric, times, values, **labels)


def _turn(loops: Description, vcpu: int, start: float, length: float, random: np.random.Generator) -> Floats:
    count = round(length / 0.5)
    wall = np.full(count, 0.5)
    wanted = wall * loops.get("duty", 1.0)
    own = np.clip(loops.get("own", 0.0) * (1 + 0.2 * random.normal(size=count)), 0, 0.95) * wanted
    mean = _course(loops["lost"], vcpu, count)
    mean = mean + loops.get("by_hour", [0.0] * 24)[int((STARTED + start) // 3600) % 24]
    spread = loops.get("spread", 0.05)
    noise = np.exp(spread * wander(random, count, loops.get("memory", 0.0)) - spread**2 / 2)
    taken = np.minimum(mean * noise, 1) * (wanted - own)
    for at, seconds in loops.get("stalls", []):
        place = int((at - start) / 0.5)
        if 0 <= place < count:
            wall[place] += seconds
            taken[place] += seconds
    shown = np.cumsum(taken * wanted / (wanted - own) * loops.get("reported", 0.0))
    steal = np.diff(np.floor(shown * 100) / 100, prepend=0.0)
    return np.vstack([start + np.cumsum(wall), wall, taken + own, own, own, np.zeros(count), steal])


def _course(lost: float | list[float] | list[list[float]], vcpu: int, count: int) -> Floats:
    if isinstance(lost, list) and isinstance(lost[0], list):
        return np.concatenate([np.full(round(seconds / 0.5), share) for seconds, share in lost])[:count]
    return np.full(count, lost[vcpu] if isinstance(lost, list) else lost)


def _rates(case: Description) -> Iterator[Series]:
    """Rates second by second: ``parts`` [seconds, from, to], ``noise`` as a share, ``swing`` [share, s]."""
    for one in case.get("rates", []):
        random = np.random.default_rng(one.get("seed", 1))
        means = np.concatenate([np.linspace(a, b, int(n)) for n, a, b in one["parts"]])
        noise = 1 + one.get("noise", 0.02) * wander(random, means.size, one.get("memory", 0.0))
        times = one.get("start", 0.0) + 1.0 + np.arange(means.size)
        share, period = one.get("swing", [0.0, 1.0])
        values = means * np.maximum(noise, 0) * (1 + share * np.sin(2 * np.pi * times / period))
        yield series(one["metric"], times, values, **one.get("labels", {}))


def _sparse(case: Description) -> Iterator[Series]:
    """The disk's sparse reads; see there."""
    for metric, times, values, labels in sparse_records.columns(case.get("sparse", {})):
        yield series(metric, times, values, **labels)


def _rounds(case: Description) -> Iterator[Series]:
    """Rounds of touching held memory: shares of slow pages a round, and the guest's own doings.

    ``warm_slow``: of 40,000 reads of hot pages between two rounds; ``age``: of the pages at each round, s.
    """
    rounds = case.get("rounds")
    if not rounds:
        return
    random = np.random.default_rng(rounds.get("seed", 1))
    times, slow = rounds["times"], rounds["slow"]
    for arm, touches, shares in (
        ("held", rounds.get("touches", 20_000), slow),
        ("hot", rounds.get("hot", 4_000), rounds.get("hot_slow", [0.0] * len(times))),
        *([("warm", 40_000, rounds["warm_slow"])] if "warm_slow" in rounds else []),
    ):
        counts: dict[str, list[tuple[float, float]]] = {}
        for t, share in zip(times, shares, strict=True):
            for bound, count in _histogram(random, touches, share, rounds).items():
                counts.setdefault(bound, []).append((t, count))
        for bound, found in counts.items():
            yield series("memory.touch.count", *zip(*found, strict=True), arm=arm, le=bound)
        yield series("memory.touch.total", times, [touches] * len(times), arm=arm)
    for name in ("majflt", "minflt", "swap", "steal", "own_wait"):
        yield series(f"memory.touch.{name}", times, rounds.get(name, [0] * len(times)))
    for arm, pages in rounds.get("pages", {}).items():
        yield series("memory.touch.pages", times, [pages] * len(times), arm=arm)
    for name in ("age", "preempted"):
        yield series(f"memory.touch.{name}", *((times, rounds[name]) if name in rounds else ([], [])))


def _merges(case: Description) -> Iterator[Series]:
    """First and second writes to pages of three arms: ``slow`` and ``second`` shares by arm and age."""
    merges = case.get("merges")
    if not merges:
        return
    random = np.random.default_rng(merges.get("seed", 1))
    times = [60.0 * (n + 1) for n in range(len(merges["ages"]))]
    yield series("merge.held", [0.0], [1.0])
    yield series("merge.age", times, merges["ages"])
    yield series("merge.own_ksm", times, merges.get("own", [0.0] * len(times)))
    for write, slow in (("first", merges["slow"]), ("second", merges.get("second", {}))):
        for arm in ("duplicate", "unique", "zero"):
            for time, share in zip(times, slow.get(arm, [0.0] * len(times)), strict=True):
                for bound, count in _histogram(random, merges.get("pages", 4096), share, merges).items():
                    yield series("merge.write", [time], [count], arm=arm, write=write, le=bound)


def _histogram(
    random: np.random.Generator, touches: int, share: float, rounds: Description
) -> dict[str, float]:
    """Two modes of latencies, ns, in quarter octaves from 64 ns."""
    slow = random.random(touches) < share
    fast_ns, slow_ns = rounds.get("fast_ns", 1500), rounds.get("slow_ns", 50_000)
    latencies = np.where(slow, slow_ns, fast_ns) * np.exp(0.3 * random.normal(size=touches))
    bounds = [round(64 * 2 ** (quarter / 4)) for quarter in range(110)]
    places = np.searchsorted(bounds, latencies, side="left")
    found, counts = np.unique(places, return_counts=True)
    return {str(bounds[p]): float(c) for p, c in zip(found, counts, strict=True)}
