"""The arithmetic of the loop on a clock of our own, and a real loop on this machine."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.probes.collected import Collected
from vpsbench.probes import Request, cpu
from vpsbench.probes.conduct import rest_doses
from vpsbench.probes.cpu_loop import loop as _loop
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.probes.cpu_loop.loop import HAND_OVER_NS, WORK, Bin, Loop, interruptions
from vpsbench.probes.cpu_loop.processes import between

MS = 1_000_000
HAND_OVER = HAND_OVER_NS / 1e9


@dataclass
class Story:
    """A clock that jumps where told, and counters that explain some of the jumps."""

    jumps: dict[int, tuple[int, int]]  # at which reading -> (length of the gap, run-queue delay in it), ns
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

    def run_queue_delay(self) -> int:
        return self.waited

    def ticks(self) -> tuple[int | None, int | None]:
        return 0, self.stolen[-1]

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


def seen(story: Story, seconds: float = 0.1, duty: float = 1.0) -> list[Bin]:
    found: list[Bin] = []
    loop = Loop(story, duty, story.clock, story.sleep)  # type: ignore[arg-type]
    loop.watch(seconds, 0.05, found.extend)
    return found


def test_an_undisturbed_loop_loses_nothing() -> None:
    bins = seen(Story({}))
    assert sum(b.gap + b.short_gap for b in bins) == 0
    assert sum(b.iterations for b in bins) > 9_000
    assert sum(b.wall for b in bins) == pytest.approx(100 * MS, rel=0.01)
    assert all(b.demanded == pytest.approx(b.wall, rel=0.001) for b in bins)


@pytest.mark.parametrize(
    ("name", "work"), [("hpet\n", WORK), ("acpi_pm\n", WORK), ("tsc\n", range(0)), ("kvm-clock\n", range(0))]
)
def test_a_clock_with_a_lock_is_read_less_often(tmp_path: Path, name: str, work: range) -> None:
    source = tmp_path / "current_clocksource"
    assert between(source) == range(0)
    source.write_text(name)
    assert between(source) == work


def test_a_gap_of_the_hosts_is_counted_whole_and_our_run_queue_delay_is_told_apart() -> None:
    bins = seen(Story({100: (20 * MS, 0), 300: (8 * MS, 8 * MS), 500: (6 * MS, 2 * MS)}))
    assert sum(b.gap for b in bins) == pytest.approx(26 * MS, rel=0.01)
    assert sum(b.run_queue_delay_in_gaps for b in bins) == 2 * MS
    assert sum(b.run_queue_delay for b in bins) == 10 * MS
    assert max(b.gap_max for b in bins) == pytest.approx(20 * MS, rel=0.01)


def test_a_switch_between_our_own_processes_that_takes_a_little_longer_is_no_loss() -> None:
    bins = seen(Story({100 * n: (8 * MS, 8 * MS - 290_000) for n in range(1, 5)}))
    assert sum(b.gap for b in bins) == 0
    assert sum(b.short_gap for b in bins) == pytest.approx(4 * 300_000, rel=0.01)


@pytest.mark.parametrize(("own", "lost"), [(8 * MS - 400_000, 4 * MS), (0, 12 * MS - 200_000)])
def test_what_coming_back_usually_costs_is_no_part_of_a_gap(own: int, lost: int) -> None:
    # A switch costs 0.4 ms: all of it beside an run-queue delay, half of it where only we came back.
    switches = {20 * n: (8 * MS, 8 * MS - 390_000) for n in range(1, 41)}
    bins = seen(Story(switches | {900: (12 * MS, own)}), seconds=0.5)
    assert sum(b.gap - b.run_queue_delay_in_gaps for b in bins) == pytest.approx(lost, rel=0.005)


def test_while_bins_are_handed_over_no_gap_would_be_seen_and_that_is_told() -> None:
    story, found = Story({}), []

    def slowly(bins: list[Bin]) -> None:
        found.extend(bins)
        story.now += 12 * MS

    Loop(story, 1.0, story.clock, story.sleep).watch(2.5 * HAND_OVER, 0.5, slowly)  # type: ignore[arg-type]
    assert [length for b in found for _, length in b.waits] == pytest.approx([12 * MS] * 2, rel=0.01)


def test_a_gap_while_another_is_accounted_for_is_seen_as_well() -> None:
    bins = seen(Story({100: (20 * MS, 0), 200: (20 * MS, 0), 201: (30 * MS, 0)}))
    assert sum(b.gap for b in bins) == pytest.approx(70 * MS, rel=0.01)


@pytest.mark.parametrize(("own", "lost"), [(8, 0), (0, 4 * 8.8)])
def test_accounting_takes_longer_after_others_of_the_guest_ran(own: int, lost: float) -> None:
    # Its reading of the clock takes 0.8 ms after each of four gaps, and 10 µs after the first one, of 2 ms.
    gaps = {100 * n: (8 * MS, own * MS) for n in range(1, 5)}
    slow = {at + 1: (800_000, 0) for at in gaps}
    bins = seen(Story({50: (2 * MS, 0)} | gaps | slow))
    assert sum(b.gap for b in bins) == pytest.approx((2 + lost) * MS, rel=0.02)


def test_others_of_the_guest_may_run_while_a_gap_is_accounted_for() -> None:
    # For 8 ms before and for 4 ms before the counter was read.
    bins = seen(Story({100: (8 * MS, 12 * MS), 101: (4 * MS, 0)}))
    assert sum(b.gap for b in bins) == 0
    assert sum(b.run_queue_delay for b in bins) == 12 * MS


def test_others_of_the_guest_may_run_while_a_bin_ends() -> None:
    class Interrupted(Story):
        def run_queue_delay(self) -> int:
            if self.now > 120 * MS and not self.waited:  # at the end of the third bin
                self.waited, self.now = 4 * MS, self.now + 4 * MS
            return super().run_queue_delay()

    bins = seen(Interrupted({}), 0.3)
    assert sum(b.gap for b in bins) == 0
    assert [b.run_queue_delay for b in bins if b.run_queue_delay] == [4 * MS]


def test_short_gaps_have_a_band_of_their_own_and_their_waits_do_not_excuse_long_ones() -> None:
    bins = seen(Story({100: (400_000, 200_000), 200: (5 * MS, 0)}))
    assert sum(b.short_gap for b in bins) == pytest.approx(210_000, rel=0.01)
    assert sum(b.run_queue_delay_in_gaps for b in bins) == 0
    assert sum(b.run_queue_delay for b in bins) == 200_000


def test_each_gap_is_kept_with_its_end() -> None:
    bins = seen(Story({100: (20 * MS, 0), 1000: (5 * MS, 1 * MS)}))
    (first, one), (second, other) = [gap for b in bins for gap in b.gaps]
    assert one == pytest.approx(20 * MS, rel=0.01)
    assert other == pytest.approx(4 * MS, rel=0.01)
    assert second - first == pytest.approx(900 * 10_000 + 4 * MS, rel=0.01)  # its run-queue delay follows it
    assert first < bins[0].end


def test_gaps_are_kept_by_themselves_at_both_ends_of_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop, "LOGGED_NS", 100 * MS)
    bins = seen(Story({2000 * n: (5 * MS, 0) for n in range(1, 100)}), 0.5)
    kept = [bool(b.gaps) for b in bins]
    assert all(b.gap for b in bins)
    assert all(kept[:2] + kept[-2:])
    assert not any(kept[3:-3])


def test_run_queue_delays_are_kept_too_beside_a_gap_or_without() -> None:
    bins = seen(Story({100: (8 * MS, 8 * MS), 500: (20 * MS, 0), 1000: (5 * MS, 2 * MS)}))
    assert [length for b in bins for _, length in b.waits] == [8 * MS, 2 * MS]


def test_run_queue_delays_that_could_hold_a_usual_gap_are_long() -> None:
    bins = seen(Story({100: (30 * MS, 0), 500: (8 * MS, 8 * MS), 1000: (20 * MS, 20 * MS)}), 0.2)
    assert sum(b.run_queue_delay for b in bins) == 28 * MS
    assert sum(b.long_run_queue_delay for b in bins) == 20 * MS


@pytest.mark.parametrize(("waited", "long"), [(15 * MS, 15 * MS), (5 * MS, 0)])
def test_an_run_queue_delay_while_bins_are_handed_over_may_be_long_too(waited: int, long: int) -> None:
    story, found = Story({100: (20 * MS, 0)}), list[Bin]()

    def hand_over(bins: list[Bin]) -> None:  # who takes them runs on this vCPU
        found.extend(bins)
        story.waited += waited
        story.now += waited

    Loop(story, 1.0, story.clock, story.sleep).watch(1.5 * HAND_OVER, 0.05, hand_over)  # type: ignore[arg-type]
    assert sum(b.run_queue_delay for b in found) == waited
    assert sum(b.long_run_queue_delay for b in found) == long


def test_what_the_loop_does_between_its_bins_is_no_gap_but_a_throttle_there_is() -> None:
    usual = seen(Slow({}), 0.4)
    assert sum(b.gap for b in usual) == 0
    assert sum(b.wall for b in usual) == pytest.approx(400 * MS, rel=0.05)
    throttled = seen(Slow({}, stuck=3), 0.4)
    assert sum(b.gap for b in throttled) == pytest.approx((60 - 2 * 2) * MS, rel=0.05)


@dataclass
class Slow(Story):
    """Reading a counter takes 1 ms, and once, 60 ms more."""

    stuck: int = -1
    read: int = 0

    def run_queue_delay(self) -> int:
        self.read += 1
        self.now += MS + (60 * MS if self.read == 2 * self.stuck + 1 else 0)
        return super().run_queue_delay()


def test_at_a_duty_cycle_only_the_wanted_time_counts() -> None:
    bins = seen(Story({}), 0.4, duty=0.3)
    assert sum(b.wall for b in bins) == pytest.approx(400 * MS, rel=0.05)
    assert sum(b.demanded for b in bins) == pytest.approx(120 * MS, rel=0.1)
    assert sum(b.gap + b.short_gap for b in bins) == 0
    assert sum(b.iterations for b in bins) == pytest.approx(12_000, rel=0.1)


@pytest.mark.parametrize(("gap", "lost"), [(3 * MS, 3 * MS), (10 * MS, 6 * MS), (40 * MS, 12 * MS)])
def test_a_gap_at_a_duty_cycle_counts_as_far_as_the_loop_wanted_to_run(gap: int, lost: int) -> None:
    # It begins as soon as the loop runs: 6 ms are demanded in each 20.
    bins = seen(Story({4: (gap, 0)}), 0.2, duty=0.3)
    assert sum(b.gap for b in bins) == pytest.approx(lost, rel=0.05)


def test_a_late_wake_up_is_a_gap() -> None:
    class Late(Story):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds + 0.002)

    bins = seen(Late({}), 0.2, duty=0.3)
    assert sum(b.gap for b in bins) == pytest.approx(2 * MS * 9, rel=0.15)


def test_ticks_of_old_and_new_kernels() -> None:
    text = "cpu  9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7\ncpu12 1 2 3 4\n"
    assert interruptions(text, 0) == (13, 8)
    assert interruptions(text, 1) == (13, None)
    assert interruptions(text, 12) == (None, None)
    with pytest.raises(ValueError, match="no line for vCPU 3"):
        interruptions(text, 3)


@pytest.mark.parametrize(
    "kwargs", [{"bin": 0}, {"bin": 100}, {"arm": "both"}, {"rest": 0.1}, {"rest": 5, "arm": "single"}]
)
def test_impossible_options_are_refused(kwargs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        cpu.Options(**kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("arm", cpu.ARMS)
def test_a_real_turn_accounts_for_its_wall_time(arm: str) -> None:
    vcpus = tuple(sorted(os.sched_getaffinity(0)))[:2]
    emit = Collected()
    cpu.run(Request(4.0, cpu.Options(bin=0.25, arm=arm), 0, "/", vcpus, 1), emit)
    assert not emit.events
    assert {one.labels["vcpu"] for one in emit.kept(loop.WALL)} == {str(v) for v in vcpus}
    walls = sum(emit.values(loop.WALL))
    gaps = sum(emit.values(loop.GAP))
    waits = sum(emit.values(loop.RUN_QUEUE_DELAY_IN_GAPS))
    part = 1 / len(vcpus) if arm == "single" else 1
    assert walls == pytest.approx(4.0 * len(vcpus) * part, rel=0.2)
    low = {float(one.labels["duty"]) for one in emit.kept(loop.DEMANDED)}
    assert low == ({0.1, 0.3, 0.6} if arm == "sweep" else set())
    assert 0 <= waits <= gaps < walls
    assert emit.told() <= set(cpu.PROBE.metrics)


def test_the_runs_duty_cycle_caps_every_arm() -> None:
    options = [cpu.Options(arm=arm) for arm in cpu.ARMS]
    asked = [Request(30.0, one, 0, "/", (0, 1), 1, duty=0.5) for one in options]
    assert [[step.duty for step in cpu.steps(one)] for one in asked] == [[0.5], [0.5, 0.5], [0.1, 0.3, 0.5]]


def test_rests_and_reloads_fit_into_the_turn() -> None:
    (main,) = cpu.steps(Request(200.0, cpu.Options(rest=4), 0, "/", (0,), 1))
    assert main.seconds == pytest.approx(200 - 4 * 7 - 4 * 7 * 1.5)
    (main,) = cpu.steps(Request(60.0, cpu.Options(rest=20), 0, "/", (0,), 1))
    assert main.seconds == pytest.approx(30)


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [([1.0] * 40, False), ([1.0] * 30 + [0.3] * 10, True), ([0.5] * 40, False), ([], False)],
)
def test_a_fall_is_a_reason_to_rest(delivered: list[float], expected: bool) -> None:  # noqa: FBT001  an outcome
    assert rest_doses.fell(delivered) is expected
