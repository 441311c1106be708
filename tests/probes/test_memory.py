"""Held memory: what is held, left, timed and given back."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from vpsbench.guest.files import Files
from vpsbench.probes import Request, Unavailable
from vpsbench.probes import memory as probe
from vpsbench.probes.conduct.duty_cycle import Pace, moments
from vpsbench.probes.conduct.memory_guard import Guard, NeededElsewhere
from vpsbench.probes.conduct.memory_headroom import Room, room
from vpsbench.probes.held_memory.held import BATCH, BLOCK, PAGE, WORDS, Change, Held
from vpsbench.probes.held_memory.touch import BOUNDS, Arms, histogram, read
from vpsbench.probes.memory import MIB, Options, limits, run

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
            "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
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
            "proc/self/mountinfo": (
                "31 30 0:27 /docker/1234 /sys/fs/cgroup/memory ro - cgroup cgroup rw,cpu,memory\n"
            ),
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
    assert 10e9 < BOUNDS[-1] < 11e9  # 10 s
    assert all(1.15 < high / low < 1.23 for low, high in pairwise(BOUNDS))


def test_histogram_by_hand() -> None:
    found = histogram(np.array([0, 64, 65, 76, 77, 128, 2**31, 2**34]))
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


def test_words_are_read_in_their_order_and_each_is_timed() -> None:
    words = memoryview(np.arange(5000, dtype=np.uint64).tobytes()).cast("Q")
    began = time.perf_counter_ns()
    latencies = read(words, list(range(5000)))
    assert len(latencies) == 5000
    assert (latencies > 0).all()
    assert latencies.sum() < time.perf_counter_ns() - began
    assert len(read(words, [])) == 0
    with pytest.raises(IndexError):
        read(words, [0, 5000])


# --- holding -----------------------------------------------------------------------------------------


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def filled(blocks: int) -> Held:
    held = Held(blocks * BLOCK, 8, np.random.default_rng(3))
    held.grow(blocks * BLOCK)
    return held


def batches(pages: int) -> Iterator[NDArray[np.int64]]:
    return (np.arange(first, first + BATCH) for first in range(0, pages, BATCH))


def test_pages_are_unique_verified_and_given_back() -> None:
    before = resident()
    held = Held(8 * BLOCK, 8, np.random.default_rng(3))
    assert 0 < held.grow(4 * BLOCK) < 1
    held.grow(4 * BLOCK)
    assert resident() - before > 7 * BLOCK
    pages = 8 * BLOCK // PAGE
    assert len(np.unique(held.pages[:, ::64])) == pages * WORDS // 64
    assert len(zlib.compress(held.pages[17].tobytes())) > PAGE
    assert not any(held.changed(batch).size for batch in batches(pages))
    assert len(held.touch(np.arange(100))) == 100
    assert [len(times) for times in held.keep_warm()] == [pages // 8] * 2
    held.give_back()
    assert resident() - before < 3 * BLOCK


@pytest.mark.parametrize("word", [0, 1, WORDS - 1])
def test_one_bit_anywhere_in_a_page_is_found_and_described(word: int) -> None:
    held = filled(1)
    held.pages[70, word] ^= np.uint64(1 << 40)
    found = [page for batch in batches(BLOCK // PAGE) for page in held.changed(batch).tolist()]
    assert found == [70]
    assert held.look_again(70) == Change(70, words=1, bits=1)
    held.pages[70, word] ^= np.uint64(1 << 40)
    assert held.look_again(70) == Change(70, words=0, bits=0)
    held.give_back()


def test_pages_that_are_zeroed_or_changed_places_are_found() -> None:
    held = filled(1)
    held.pages[3] = 0
    held.pages[[5, 6]] = held.pages[[6, 5]]
    assert held.changed(np.arange(BATCH)).tolist() == [3, 5, 6]
    assert held.look_again(3).words == WORDS
    held.give_back()


def test_no_page_is_blamed_for_a_pattern_that_changed_itself() -> None:
    held = filled(1)
    held.pattern[4] ^= np.uint64(1)
    with pytest.raises(RuntimeError, match="pattern"):
        held.look_again(3)
    held.give_back()


# --- the rest of the guest ---------------------------------------------------------------------------


def vmstat(swapped: int, scanned: int) -> str:
    return f"pswpin 0\npswpout {swapped}\npgscan_kswapd {scanned}\npgscan_direct 0\n"


def guarded(tmp_path: Path, available: int = 2 * GIB) -> Guard:
    files = write(tmp_path, {"proc/meminfo": meminfo(4 * GIB, available), "proc/vmstat": vmstat(1000, 500)})
    return Guard(files, GIB)


def test_a_calm_guest_leaves_room(tmp_path: Path) -> None:
    pressure = (
        "some avg10=6.90 avg60=50.00 avg300=9.00 total=1\nfull avg10=2.90 avg60=0.00 avg300=0.00 total=1\n"
    )
    write(tmp_path, {"proc/pressure/memory": pressure})
    assert guarded(tmp_path).available() == 2 * GIB


def test_the_floor_is_kept(tmp_path: Path) -> None:
    with pytest.raises(
        NeededElsewhere, match="only 512 MiB were left available, under the floor of 1024 MiB"
    ):
        guarded(tmp_path, GIB // 2).available()


@pytest.mark.parametrize(
    ("line", "says"), [("some avg10=7.10", "some task"), ("some avg10=1.00\nfull avg10=3.10", "all tasks")]
)
def test_tasks_that_wait_for_memory_get_it(tmp_path: Path, line: str, says: str) -> None:
    write(tmp_path, {"proc/pressure/memory": line.replace("\n", " avg60=0.00\n") + " avg60=0.00 total=1\n"})
    with pytest.raises(NeededElsewhere, match=says):
        guarded(tmp_path).available()


def test_swapping_of_the_whole_guest_is_a_reason_and_a_cgroups_own_is_none(tmp_path: Path) -> None:
    guard = guarded(tmp_path)
    write(tmp_path, {"proc/vmstat": vmstat(9000, 500)})
    assert guard.available() == 2 * GIB
    write(tmp_path, {"proc/vmstat": vmstat(1300, 501)})
    with pytest.raises(NeededElsewhere, match="swapped 300 pages out"):
        guard.available()
    guard.calm_down()
    assert guard.available() == 2 * GIB


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
    run(request(4.0, options), emit, Pretended())
    assert max(emit.values("memory.held")) == 32 * MIB
    assert emit.values("memory.held")[-1] == 0
    assert len(emit.samples["memory.first_touch"]) == 8
    assert all(value > 0 for value in emit.values("memory.first_touch"))
    assert emit.values("memory.verify.errors") == [0, 0, 0, 0]
    assert emit.values("memory.verify.pages")[1] == 2482  # the first round's are more: the code is warmed up
    assert 0 <= emit.values("memory.verify.pages")[-1] <= 32 * MIB / PAGE  # as many as there is time for
    assert emit.values("memory.touch.age") == sorted(emit.values("memory.touch.age"))
    assert emit.values("memory.touch.majflt") == [0, 0, 0]
    totals = {(at, labels["arm"]): value for value, at, labels in emit.samples["memory.touch.total"]}
    assert len(totals) == 12
    assert {value for (_, arm), value in totals.items() if arm == "held"} == {2000}
    assert {value for (_, arm), value in totals.items() if arm == "hot"} == {482}
    pages = {labels["arm"]: value for value, _, labels in emit.samples["memory.touch.pages"]}
    assert pages == {"hot": 482, "held": 8192 - 482}
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
    run(dataclasses.replace(request(3, options), duty=0.1), emit, Pretended())
    assert sum(emit.values("memory.touch.total")) > 6000
    assert len(slept) > 8 + 6000 / BATCH  # filling has eight chunks
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
    # After the two looks before and six more 40 MiB are left; 4 less would be under 1.5 times the floor.
    run(request(1.5, Options(share=0.5, rounds=1, floor=0)), emit, Pretended(late=40 * MIB, after=8))
    assert max(emit.values("memory.held")) == 6 * BLOCK
    assert not emit.surprises()


@dataclass(frozen=True)
class Strained(Pretended):
    """Tasks wait for memory, from so many looks at it on."""

    since: int = 0

    def text(self, name: str) -> str | None:
        if name != "/proc/pressure/memory":
            return super().text(name)
        share = 30 if len(self.calls) > self.since else 0
        return f"some avg10={share}.00 avg60=0.00 avg300=0.00 total=1\n"


def test_a_guest_whose_tasks_wait_for_memory_already_is_left_alone() -> None:
    with pytest.raises(Unavailable, match="needs its memory itself: some task of the guest waited"):
        run(request(1, Options(share=0.16, floor=0)), Collected(), Strained())


def test_a_guest_that_strains_keeps_the_probe_from_taking_more_and_gets_all_if_it_goes_on() -> None:
    emit = Collected()
    run(request(30, Options(share=0.3, rest=1.0, floor=0)), emit, Strained(since=9))
    assert [kind for kind, _ in emit.surprises()] == ["memory.not_filled", "memory.given_back"]
    assert max(emit.values("memory.held")) == 7 * BLOCK
    assert emit.values("memory.held")[-1] == 0


def test_a_probe_whose_runner_is_gone_before_it_could_ask_to_end_with_it_ends() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    asked = dataclasses.asdict(request(30, Options()))
    command = [sys.executable, "-m", "vpsbench.probes", "memory"]
    done = subprocess.run(
        command, input=json.dumps(asked).encode(), stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (143, b"")


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
    assert moments(4, 100.0) == pytest.approx([50.0, 50 + 50 / 2.25, 50 + 100 / 2.25, 100.0])
    assert moments(2, 100.0) == [50.0, 100.0]
    assert moments(1, 100.0) == [50.0]
    assert moments(3, 100.0, 8.0) == [8.0, 16.0, 18.0]
    assert moments(1, 100.0, 8.0) == [8.0]
