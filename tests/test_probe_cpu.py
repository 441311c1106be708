"""The arithmetic of the loop on a clock of our own, and a real loop on this machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from vpsbench.probes import Request, cpu
from vpsbench.probes.cpu import Bin, parse_ticks, watch

MS = 1_000_000


@dataclass
class Story:
    """A clock that jumps where told, and counters that explain some of the jumps."""

    jumps: dict[int, tuple[int, int]]  # at which reading -> (length of the gap, own wait in it), ns
    now: int = 0
    readings: int = 0
    waited: int = 0
    stolen: list[int] = field(default_factory=lambda: [0])

    def clock(self) -> int:
        self.readings += 1
        gap, wait = self.jumps.get(self.readings, (0, 0))
        self.waited += wait
        self.now += 10_000 + gap
        return self.now

    def own_wait(self) -> int:
        return self.waited

    def ticks(self) -> tuple[int | None, int | None]:
        return 0, self.stolen[-1]


def seen(story: Story, seconds: float = 0.1) -> list[Bin]:
    found: list[Bin] = []
    watch(round(seconds * 1e9), 0.05, story, found.append, story.clock)  # type: ignore[arg-type]
    return found


def test_an_undisturbed_loop_loses_nothing() -> None:
    bins = seen(Story({}))
    assert sum(b.gap + b.short_gap for b in bins) == 0
    assert sum(b.turns for b in bins) > 9_000
    assert sum(b.wall for b in bins) == pytest.approx(100 * MS, rel=0.01)


def test_a_gap_of_the_hosts_is_counted_whole_and_our_own_wait_is_told_apart() -> None:
    bins = seen(Story({100: (20 * MS, 0), 300: (8 * MS, 8 * MS), 500: (6 * MS, 2 * MS)}))
    assert sum(b.gap for b in bins) == pytest.approx(34 * MS, rel=0.01)
    assert sum(b.own_wait_in_gaps for b in bins) == 10 * MS
    assert max(b.gap_max for b in bins) == pytest.approx(20 * MS, rel=0.01)


def test_short_gaps_have_a_band_of_their_own_and_their_waits_do_not_excuse_long_ones() -> None:
    bins = seen(Story({100: (300_000, 300_000), 200: (5 * MS, 0)}))
    assert sum(b.short_gap for b in bins) == pytest.approx(310_000, rel=0.01)
    assert sum(b.own_wait_in_gaps for b in bins) == 0
    assert sum(b.own_wait for b in bins) == 300_000


def test_ticks_of_old_and_new_kernels() -> None:
    text = b"cpu  9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7\ncpu12 1 2 3 4\n"
    assert parse_ticks(text, 0) == (13, 8)
    assert parse_ticks(text, 1) == (13, None)
    assert parse_ticks(text, 12) == (None, None)
    with pytest.raises(ValueError, match="no line for vCPU 3"):
        parse_ticks(text, 3)


@pytest.mark.parametrize("kwargs", [{"bin": 0}, {"bin": 100}, {"arm": "both"}])
def test_impossible_options_are_refused(kwargs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        cpu.Options(**kwargs)  # type: ignore[arg-type]


class Collected:
    """An ``Emit`` that keeps everything."""

    def __init__(self) -> None:
        self.samples: list[tuple[str, float, dict[str, str]]] = []
        self.events: list[tuple[str, str]] = []

    def sample(self, metric: str, value: float, at: float | None = None, **labels: str) -> None:
        del at
        self.samples.append((metric, value, labels))

    def event(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))

    def raw(self, name: str, text: str) -> None:
        raise AssertionError((name, text))

    def note(self, text: str) -> None:
        assert text

    def named(self, metric: str) -> Iterator[tuple[float, dict[str, str]]]:
        return ((value, labels) for name, value, labels in self.samples if name == metric)


@pytest.mark.parametrize("arm", ["all", "single"])
def test_a_real_turn_accounts_for_its_wall_time(arm: str) -> None:
    vcpus = tuple(sorted(os.sched_getaffinity(0)))[:2]
    emit = Collected()
    cpu.run(Request(2.0, cpu.Options(bin=0.25, arm=arm), 0, "/", vcpus, 1), emit)
    assert not emit.events
    assert {labels["vcpu"] for _, labels in emit.named("cpu.loop.wall")} == {str(v) for v in vcpus}
    walls = sum(value for value, _ in emit.named("cpu.loop.wall"))
    gaps = sum(value for value, _ in emit.named("cpu.loop.gap"))
    waits = sum(value for value, _ in emit.named("cpu.loop.own_wait_in_gaps"))
    warm_up = 0.2 * len(vcpus)
    assert walls == pytest.approx(2.0 * (len(vcpus) if arm == "all" else 1) - warm_up, rel=0.1)
    assert 0 <= waits <= gaps < walls
    assert {metric.name for metric in cpu.PROBE.metrics} >= {name for name, _, _ in emit.samples}
