"""The period of a quota: found under every simulated quota, and never in honest contention."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import host_scheduler
from tests.builders.host_scheduler import Quota
from vpsbench.analyzer.cpu import alternation, quota_period
from vpsbench.analyzer.cpu.duty_sweep import Sweep, under_quota
from vpsbench.analyzer.cpu.quota_period import QuotaPeriod

SECONDS = 60.0
QUOTAS = {
    "5 % of 100 ms": Quota(share=0.05, period=0.1, tick=0.001),
    "5 % of 1 s": Quota(share=0.05, period=1.0),
    "20 % of 5 ms": Quota(share=0.2, period=0.005, tick=0.001, delay=0.0002),
    "60 % of 10 ms, late ticks": Quota(share=0.6, period=0.01, delay=0.0001),
    "30 % of 20 ms, late wake-ups": Quota(share=0.3, period=0.02, tick=0.001, delay=0.002),
    "50 % of 100 ms, late wake-ups": Quota(share=0.5, period=0.1, delay=0.003),
    "50 % of 100 ms, few ticks": Quota(share=0.5, period=0.1, tick=0.01),
    "80 % of 100 ms, 5 % contention": Quota(share=0.8, period=0.1, delay=0.0005, contention=0.05),
    "80 % of 1 s, 5 % contention": Quota(share=0.8, period=1.0, delay=0.0005, contention=0.05),
    "70 % of 50 ms, every 20th disturbed": Quota(share=0.7, period=0.05, contention=0.003),
    "95 % of 250 ms": Quota(share=0.95, period=0.25, tick=0.001, contention=0.0005),
    "25 % of 100 ms": Quota(share=0.25, period=0.1, delay=0.0003),
    "50 % of 50 ms": Quota(share=0.5, period=0.05, delay=0.0003),
    "one of two vCPUs": Quota(share=1.0, period=0.1, vcpus=2, delay=0.0005),
    "1.5 of two vCPUs": Quota(share=1.5, period=0.05, vcpus=2, tick=0.001, delay=0.0005, contention=0.002),
}


def quota(
    starts: host_scheduler.Floats, ends: host_scheduler.Floats, seconds: float = SECONDS
) -> QuotaPeriod | None:
    """The quota period, where nobody's taking of turns would look the same."""
    found = quota_period.find(starts, ends, 0.0, seconds)
    return None if found is None or found.like_alternation else found


@pytest.mark.parametrize("name", QUOTAS)
def test_a_quota_is_found_with_its_period_and_share(name: str) -> None:
    true = QUOTAS[name]
    random = np.random.default_rng(17)
    shares = []
    for starts, ends in true.gaps(random, SECONDS, skew=2e-4):
        found = quota(starts, ends)
        assert found is not None
        assert found.period == pytest.approx(true.period, rel=0.01)
        assert found.taken == pytest.approx(found.lost, abs=0.03)
        shares.append(1 - found.lost)
    assert sum(shares) == pytest.approx(true.share, abs=0.02 * true.vcpus)


def test_a_periods_loss_is_a_mean_as_it_jumps_by_the_hosts_tick() -> None:
    # Used up 2 or 4 ms after each refill, as the host looks every 2 ms.
    ends = 0.010 * np.arange(1.0, 6001.0)
    lengths = np.resize(np.array([0.006, 0.008, 0.006]), ends.size)
    found = quota_period.find(ends - lengths, ends, 0.0, SECONDS)
    assert found is not None
    assert found.taken == pytest.approx(2 / 3, abs=0.005)


@pytest.mark.parametrize("seconds", [15.0, SECONDS])
@pytest.mark.parametrize("make", host_scheduler.HONEST, ids=lambda f: f.__name__)
def test_contention_has_no_period(make: host_scheduler.Make, seconds: float) -> None:
    for seed in range(12):
        assert quota(*make(np.random.default_rng([31, seed]), seconds), seconds) is None, seed


def half(seconds: float = SECONDS) -> host_scheduler.Gaps:
    (gaps,) = Quota(share=0.5, period=0.1).gaps(np.random.default_rng(5), seconds)
    return gaps


def test_the_stretch_may_begin_at_any_time() -> None:
    starts, ends = half()
    here, there = (quota_period.find(starts + t, ends + t, t, t + SECONDS) for t in (0.0, 12345.678))
    assert here is not None
    assert there is not None
    assert there.period == pytest.approx(here.period, rel=1e-6)


@pytest.mark.parametrize("part", [0.4, 0.7])
def test_a_quota_for_a_part_of_the_time_is_not_called_one(part: float) -> None:
    starts, ends = half()
    early = ends < part * SECONDS
    assert quota_period.find(starts[early], ends[early], 0.0, SECONDS) is None
    assert quota_period.find(starts[early], ends[early], 0.0, part * SECONDS) is not None


def test_little_says_nothing() -> None:
    starts, ends = half(9.0)
    assert quota_period.find(starts, ends, 0.0, 9.0) is None
    assert quota_period.find(starts[:0], ends[:0], 0.0, SECONDS) is None
    starts, ends = half()
    assert quota_period.find(starts[::60], ends[::60], 0.0, SECONDS) is None
    few = np.append(np.arange(1.0, 20.0), 55.0)
    assert quota_period.find(few - 0.1, few, 0.0, SECONDS) is None
    assert quota_period.find(ends - 0.0006, ends, 0.0, SECONDS) is None  # a regular loss below the least


def test_two_busy_threads_in_lockstep_are_no_quota_but_a_tick_off_them_is() -> None:
    ends = np.arange(0.02, SECONDS, 0.02)
    assert quota(ends - 0.008, ends) is None
    assert quota(ends - 0.0083, ends) is not None


@pytest.mark.parametrize(
    ("period", "share", "duty", "lost"),
    [
        (0.1, 0.5, 1.0, 0.5),
        (0.1, 0.5, 0.3, 0.0),
        (0.1, 0.5, 0.6, 1 - 0.5 / 0.6),
        (1.0, 0.2, 0.3, 1 - 0.2 / 0.3),
        (0.02, 0.3, 0.3, 0.0),
        (
            0.005,
            0.5,
            0.6,
            0.403,
        ),  # 12 ms in one go: 3 parts in 5 of the phases get 7 ms of them, the others 7.417
    ],
)
def test_what_a_quota_takes_at_a_duty_cycle(period: float, share: float, duty: float, lost: float) -> None:
    assert under_quota(period, share, duty) == pytest.approx(lost, abs=0.01)


def test_the_sweep_tells_a_cap_from_contention() -> None:
    demanded = {0.1: 1.5, 0.3: 4.5, 0.6: 9.0, 1.0: 15.0}
    capped = Sweep({0.1: 0.0, 0.3: 0.0, 0.6: 1 / 6, 1.0: 0.5}, demanded)
    shared = Sweep(dict.fromkeys(demanded, 0.5), demanded)
    assert capped.excess(0.1, 0.5) == pytest.approx(0.0, abs=0.01)
    assert shared.excess(0.1, 0.5) == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("period", "alike"), [(0.02, True), (0.1, False)])
def test_vcpus_that_take_turns_by_the_hypervisors_tick_are_no_quota(period: float, *, alike: bool) -> None:
    # As two vCPUs on one core of Xen did: 10.2 ms each, on a grid that held. Half of 100 ms is a quota.
    random = np.random.default_rng(1)
    ends = np.arange(period, 60, period) + random.normal(0, 0.0003, round(60 / period) - 1)
    starts = ends - period / 2 - random.normal(0.0002, 0.0003, ends.size)
    assert (quota(starts, ends) is None) is alike


def test_a_period_with_own_waits_is_not_known() -> None:
    # Every third gap of a quota hit another process of the guest: the loop saw a wait instead.
    ends = np.arange(0.1, 60, 0.1)
    starts, waited = ends - 0.0604, np.arange(ends.size) % 3 == 0
    assert quota_period.find(starts[~waited], ends[~waited], 0.0, 60.0) is None
    found = quota_period.find(starts[~waited], ends[~waited], 0.0, 60.0, (starts[waited], ends[waited]))
    assert found is not None
    assert found.period == pytest.approx(0.1, rel=0.001)


def test_vcpus_of_one_quota_are_stopped_together_and_those_of_one_core_never() -> None:
    one, other = Quota(share=1.0, period=0.02, vcpus=2).gaps(np.random.default_rng(3), SECONDS)
    assert alternation.together(one, other) > 0.5
    ends = np.arange(0.02, SECONDS, 0.02)
    assert alternation.together((ends - 0.01, ends), (ends - 0.02, ends - 0.01)) == pytest.approx(
        0.0, abs=1e-9
    )
    assert alternation.together((ends[:0], ends[:0]), one) == 0
