"""Held memory: what is held, left, timed and given back."""

from __future__ import annotations

import dataclasses
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from vpsbench.guest.files import Files
from vpsbench.probes import Request, Unavailable
from vpsbench.probes import memory as probe
from vpsbench.probes._held import BLOCK, PAGE, Held
from vpsbench.probes._pace import Pace
from vpsbench.probes._room import Room, room
from vpsbench.probes._touch import BOUNDS, Arms, Pass, histogram
from vpsbench.probes.memory import MIB, Options, limits, moments, run

GIB = 1024 * MIB


@dataclass
class Collected:
    """An ``Emit`` that keeps everything."""

    samples: dict[str, list[tuple[float, float | None, dict[str, str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    events: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sample(self, metric: str, value: float, at: float | None = None, **labels: str) -> None:
        self.samples[metric].append((value, at, labels))

    def course(self, metric: str, values: Sequence[float], at: Sequence[float], **labels: str) -> None:
        raise AssertionError((metric, values, at, labels))

    def event(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))

    def raw(self, name: str, text: str) -> None:
        raise AssertionError((name, text))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def surprises(self) -> list[tuple[str, str]]:
        """All events but the one that depends on who runs the tests."""
        return [event for event in self.events if event[0] != "memory.not_locked"]

    def values(self, metric: str) -> list[float]:
        return [value for value, _, _ in self.samples[metric]]


def request(seconds: float, options: Options, seed: int = 1) -> Request:
    return Request(seconds, options, 0, "", tuple(sorted(os.sched_getaffinity(0))), seed)


def write(root: Path, files: dict[str, str]) -> Files:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Files(root)


def meminfo(total: int, available: int) -> str:
    return (
        f"MemTotal: {total >> 10} kB\nMemFree: 1 kB\nMemAvailable: {available >> 10} kB\nHugePages_Total: 0\n"
    )


# --- how much may be taken ---------------------------------------------------------------------------


def test_room_of_a_machine_without_limits(tmp_path: Path) -> None:
    files = write(tmp_path, {"proc/meminfo": meminfo(4 * GIB, 3 * GIB)})
    assert room(files) == Room(4 * GIB, 3 * GIB)


def test_old_kernels_count_only_free_memory(tmp_path: Path) -> None:
    files = write(tmp_path, {"proc/meminfo": "MemTotal: 1000 kB\nMemFree: 300 kB\n"})
    assert room(files) == Room(1000 << 10, 300 << 10)


def test_unknown_room_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="/proc/meminfo"):
        room(Files(tmp_path))


def test_room_obeys_every_parent_cgroup_of_version_2(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            "proc/meminfo": meminfo(8 * GIB, 7 * GIB),
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.high": f"{3 * GIB}\n",
            "sys/fs/cgroup/a/b/memory.current": f"{GIB}\n",
            "sys/fs/cgroup/a/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/a/memory.current": f"{GIB + 512 * MIB}\n",
            "sys/fs/cgroup/a/memory.stat": f"anon 5\ninactive_file {256 * MIB}\n",
        },
    )
    assert room(files) == Room(2 * GIB, 768 * MIB)


def test_room_obeys_a_container_that_shows_only_its_own_cgroup_of_version_1(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            "proc/meminfo": meminfo(8 * GIB, 7 * GIB),
            "proc/self/cgroup": "4:cpu,memory:/docker/1234\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB + 1}\n",
        },
    )
    assert room(files) == Room(GIB, 0)


def test_limits_leave_the_floor() -> None:
    plain = limits(Room(4 * GIB, 2 * GIB), Options(share=0.5))
    assert plain.size == GIB
    assert plain.floor == 4 * GIB // 10
    assert plain.stride == -(-GIB // PAGE // 4000)
    tight = limits(Room(512 * MIB, 300 * MIB), Options(share=0.8))
    assert tight.floor == 64 * MIB
    assert tight.size == (300 - 96) * MIB
    assert limits(Room(512 * MIB, 60 * MIB), Options()).size == 0


@pytest.mark.parametrize(
    "wrong", [{"share": 0.04}, {"share": 0.81}, {"rounds": 0}, {"touches": 0}, {"hot": 0}, {"rest": -1}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose


# --- the histogram -----------------------------------------------------------------------------------


def test_bins_are_quarters_of_octaves() -> None:
    assert BOUNDS[:6] == (64, 76, 91, 108, 128, 152)
    assert BOUNDS[-1] == 2**31
    assert all(1.15 < high / low < 1.23 for low, high in pairwise(BOUNDS))


def test_histogram_by_hand() -> None:
    found = histogram(np.array([0, 64, 65, 76, 77, 128, 2**31, 2**31 + 1]))
    assert found == {"64": 2, "76": 2, "91": 1, "128": 1, str(2**31): 1, "inf": 1}
    assert histogram(np.array([], dtype=np.int64)) == {}


def test_arms_share_the_pages() -> None:
    arms = Arms(100, 8)
    order = arms.order(1000, np.random.default_rng(1))
    assert sorted(order) == list(range(100))
    assert arms.hot().tolist() == [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96]
    assert arms.is_hot(arms.hot()).all()
    assert arms.is_hot(order).sum() == 13


def test_a_sample_is_fresh_and_mixed() -> None:
    arms, rng = Arms(10_000, 10), np.random.default_rng(1)
    first, second = arms.order(500, rng), arms.order(500, rng)
    assert len(set(first)) == len(first) == 1500
    held = [{page for page in order if page % 10} for order in (first, second)]
    assert len(held[0] & held[1]) < 100
    assert 300 < arms.is_hot(first[:750]).sum() < 700


def test_a_walk_stops_in_time() -> None:
    walk = Pass(np.arange(5))
    walk.walk(memoryview(bytes(80)).cast("Q"), until=0)
    assert (walk.done, walk.seen.tolist(), len(walk.latencies)) == (1, [0], 1)


def test_a_walk_in_batches_is_one_walk() -> None:
    words = memoryview(np.arange(10, dtype=np.uint64).tobytes()).cast("Q")
    walk = Pass(np.arange(10)[::-1])
    assert [walk.walk(words, 2**62, count=4) for _ in range(3)] == [True, True, False]
    assert walk.seen.tolist() == list(range(10))[::-1]
    assert (walk.latencies > 0).all()


# --- holding -----------------------------------------------------------------------------------------


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_pages_are_unique_verified_and_given_back() -> None:
    before = resident()
    held = Held(8 * BLOCK, 8, np.random.default_rng(3))
    assert 0 < held.grow(4 * BLOCK) < 1
    held.grow(4 * BLOCK)
    assert resident() - before > 7 * BLOCK
    pages = np.arange(8 * BLOCK // PAGE)
    walk = held.prepare(pages)
    held.touch(walk, 2**62)
    assert len(set(walk.seen.tolist())) == len(pages)
    assert held.damaged(pages, walk.seen) == 0
    wrong = walk.seen.copy()
    wrong[17] ^= np.uint64(1)
    assert held.damaged(pages, wrong) == 1
    held.give_back()
    assert resident() - before < 3 * BLOCK


@dataclass(frozen=True)
class Pretended(Files):
    """This machine, but for its memory; what is available falls to ``late`` after ``calls`` looks."""

    early: int = 200 * MIB
    late: int = 200 * MIB
    calls: list[str] = field(default_factory=list)
    after: int = 0

    def text(self, name: str) -> str | None:
        if name == "/proc/self/cgroup":
            return ""
        if name != "/proc/meminfo":
            return super().text(name)
        self.calls.append(name)
        return meminfo(256 * MIB, self.late if len(self.calls) > self.after else self.early)


def test_a_turn_measures_both_arms_in_every_round() -> None:
    emit, options = Collected(), Options(share=0.16, rounds=3, touches=2000, hot=500, floor=0)
    state = (Path("/proc/self/oom_score_adj").read_text(), os.sched_getaffinity(0), resident())
    run(request(2.4, options), emit, Pretended())
    assert max(emit.values("memory.held")) == 32 * MIB
    assert emit.values("memory.held")[-1] == 0
    assert len(emit.samples["memory.first_touch"]) == 8
    assert all(value > 0 for value in emit.values("memory.first_touch"))
    assert emit.values("memory.verify.errors") == [0, 0, 0]
    assert emit.values("memory.touch.majflt") == [0, 0, 0]
    totals = {(at, labels["arm"]): value for value, at, labels in emit.samples["memory.touch.total"]}
    assert len(totals) == 6
    assert {value for (_, arm), value in totals.items() if arm == "held"} == {2000}
    counted: dict[tuple[float | None, str], float] = defaultdict(float)
    for value, at, labels in emit.samples["memory.touch.count"]:
        assert labels["le"] == "inf" or int(labels["le"]) in BOUNDS
        counted[at, labels["arm"]] += value
    assert counted == totals
    assert emit.samples.keys() <= {metric.name for metric in probe.PROBE.metrics}
    after = (Path("/proc/self/oom_score_adj").read_text(), os.sched_getaffinity(0), resident())
    assert after[:2] == state[:2]
    assert after[2] - state[2] < 16 * MIB


def test_a_duty_means_rests_that_no_touch_is_timed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(0.02)

    monkeypatch.setattr(probe, "Pace", lambda duty, seconds: Pace(duty, seconds, sleep=sleep))
    emit, options = Collected(), Options(share=0.16, rounds=1, touches=6000, hot=500, floor=0)
    run(dataclasses.replace(request(4, options), duty=0.1), emit, Pretended())
    assert sum(emit.values("memory.touch.total")) > 6000
    assert len(slept) > 8 + 6000 / probe.BATCH  # filling has eight chunks
    long = [v for v, _, labels in emit.samples["memory.touch.count"] if float(labels["le"]) > 20e6]
    assert sum(long) < 6  # all of them would be twelve; a busy machine may add one of its own


def test_memory_is_given_back_when_the_guest_needs_it() -> None:
    emit = Collected()
    files = Pretended(late=20 * MIB, after=12)  # after the look before, eight while filling, and three rests
    run(request(30, Options(share=0.16, rest=1.0, floor=0)), emit, files)
    ((kind, detail),) = emit.surprises()
    assert kind == "memory.given_back"
    assert "only 20 MiB were left available, under the floor of 25 MiB" in detail
    assert emit.values("memory.held")[-2:] == [32 * MIB, 0]


def test_filling_stops_above_the_reserve() -> None:
    emit = Collected()
    # After seven looks 40 MiB are left; 4 more taken would leave less than 1.5 times the floor of 25.6.
    run(request(1.5, Options(share=0.5, rounds=1, floor=0)), emit, Pretended(late=40 * MIB, after=7))
    assert max(emit.values("memory.held")) == 6 * BLOCK
    assert not emit.surprises()


def test_too_little_memory_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="8 MiB could be held"):
        run(request(1, Options(share=0.05, floor=0)), Collected(), Pretended())


def test_memory_that_may_not_be_locked_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_held: Held, _name: str, _start: int, _size: int) -> int:
        return -1

    monkeypatch.setattr(Held, "_call", refuse)
    emit = Collected()
    run(request(1.5, Options(share=0.16, rounds=1, floor=0)), emit, Pretended())
    assert [kind for kind, _ in emit.events] == ["memory.not_locked"]


def test_most_rounds_come_after_a_long_rest() -> None:
    assert moments(3, 100.0) == [50.0, 75.0, 100.0]
    assert moments(1, 100.0) == [50.0]
    assert moments(3, 100.0, 7.0) == [7.0, 14.0, 21.0]
