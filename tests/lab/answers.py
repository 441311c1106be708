"""The right answers: what each sign ought to have measured, worked out from the truth. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tests.lab.scenario import Scenario
from tests.lab.truth import Floats, Truth
from vpsbench.analyzer.cpu import accounting, quota_period
from vpsbench.analyzer.signs import disk_burst
from vpsbench.model import Finding, Record
from vpsbench.monitors import clocks
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.probes.held_memory import metrics as held

Answer = Callable[[Scenario, Truth, Record, Finding], float | None]


def answer(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    """The true value of what a finding measured, in its unit; None where there is none to compare with."""
    known = ANSWERS.get(finding.sign)
    return known(scenario, truth, record, finding) if known and "run" in truth.marks else None


def boot_time(record: Record) -> float:
    """The guest's uptime when its run began, s."""
    (series,) = record.named(clocks.UPTIME)
    return float(np.median(series.values - series.times))


class Stretch(NamedTuple):
    """A stretch of one vCPU's loop without a break, on the lab's clock, s."""

    vcpu: int
    since: float
    until: float


def loops(
    record: Record, truth: Truth, arms: set[str] = accounting.TOGETHER, **labels: str
) -> Iterator[Stretch]:
    """All stretches of the CPU probe's loops in these arms; where there is none of them, in any."""
    boot, every = boot_time(record), record.named(loop.WALL, **labels)
    for series in [one for one in every if one.labels["arm"] in arms] or every:
        starts, ends = series.times - series.values, series.times
        cuts = np.flatnonzero(starts[1:] - ends[:-1] > 1.0)
        firsts, lasts = starts[[0, *(cuts + 1)]], ends[[*cuts, -1]]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            yield Stretch(int(series.labels["vcpu"]), truth.at(boot + first), truth.at(boot + last))


def loss(truth: Truth, stretches: list[Stretch]) -> float | None:
    """Of the time in which vCPUs' threads demanded to run, the share in which they did not.

    For a vCPU that is busy all the time this is 1 - run time / wall time. Where the guest itself lets it
    halt, as in a cgroup limit of its own, or while it is stopped, only this tells what the host took.
    """
    ran = [truth.growth(f"vcpu.{one.vcpu}.run", one.since, one.until) for one in stretches]
    waited = [truth.growth(f"vcpu.{one.vcpu}.wait", one.since, one.until) for one in stretches]
    known = [(a, b) for a, b in zip(ran, waited, strict=True) if a is not None and b is not None]
    demanded = sum(a + b for a, b in known)
    return sum(b for _, b in known) / demanded if demanded else None


def _lost(scenario: Scenario, truth: Truth, record: Record) -> float | None:
    """All that was lost; of a Xen guest, by its cores, as each of QEMU's threads is one."""
    stretches = list(loops(record, truth))
    if scenario.guest.platform == "xen":
        cores = scenario.guest.cores or scenario.guest.vcpus
        stretches = [one._replace(vcpu=core) for one in stretches[:1] for core in range(cores)]
    return loss(truth, stretches)


def xen_share(scenario: Scenario) -> float:
    """How much of its vCPUs' time Xen can give when all are busy."""
    return min(1.0, (scenario.guest.cores or scenario.guest.vcpus) / scenario.guest.vcpus)


def _hidden(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del finding
    lost = _lost(scenario, truth, record)
    if lost is None or scenario.guest.platform != "xen":
        return lost
    return lost * xen_share(scenario)  # Xen does not know that its cores lose time, and cannot report it


def _reported(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    """Xen reports what its scheduler took; without a steal clock the sign tells all that was lost."""
    if scenario.guest.platform == "xen":
        return 1 - xen_share(scenario)
    return _hidden(scenario, truth, record, finding)


def fraction(truth: Truth, record: Record) -> float | None:
    """What each vCPU was given of what it demanded, in the first minute of each full load of all of them."""
    loads = loops(record, truth, {"all", "sweep"}, duty="1")
    lost = loss(truth, [one._replace(until=min(one.until, one.since + quota_period.LOGGED)) for one in loads])
    return None if lost is None else 1 - lost


def _fraction(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del finding
    return fraction(truth, record) if scenario.guest.platform == "kvm" else None


def _vcpus(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    """The vCPUs that are there; where there are as many as sold, what they were given together."""
    del finding
    sold, there = scenario.plan.get("vcpus", 0), scenario.guest.vcpus
    lost = _lost(scenario, truth, record) if sold <= there > 1 else None
    return there * xen_share(scenario) * (1 - lost) if lost is not None else float(there)


@dataclass(frozen=True, slots=True)
class Fall:
    """The longest load of all vCPUs, and when in it they were throttled, on the lab's clock, s."""

    loops: tuple[Stretch, ...]
    at: float


def fall(truth: Truth, record: Record) -> Fall | None:
    """The first throttling that began within that load; None where none did."""
    loads = list(loops(record, truth, {"all"}))
    longest = max(loads, key=lambda one: one.until - one.since, default=None)
    if longest is None:
        return None
    within = [at for at in throttlings(truth) if longest.since < at < longest.until]
    together = tuple(one for one in loads if one.since < longest.until and one.until > longest.since)
    return Fall(together, min(within)) if within else None


def throttlings(truth: Truth) -> list[float]:
    """When a quota began in the middle of a run, and when a bucket ran dry, on the lab's clock, s."""
    began = [one["began"] for one in truth.faults if one["kind"] == "quota" and one["start"] > 0]
    times, throttled = truth.course("credit.throttled")
    return [*(at for at in began if at is not None), *times[1:][np.diff(throttled) > 0].tolist()]


def _low_rate(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    """Delivered CPU after the fall; of the whole load, where there was none."""
    del finding
    found = fall(truth, record)
    after = [one._replace(since=found.at) for one in found.loops] if found else loops(record, truth, {"all"})
    lost = loss(truth, list(after)) if scenario.guest.platform == "kvm" else None
    return None if lost is None else 1 - lost


def _disk_rate(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del truth, record, finding
    if any(one.kind == "neighbour" for one in scenario.fault):
        return None  # what is left by a neighbour is not configured
    throttle = next((one for one in scenario.fault if one.kind == "disk_throttle"), None)
    if throttle is None:
        return None
    return float(throttle.iops) if throttle.iops else (throttle.bps or 0) / disk_burst.BLOCK


def _memory(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del truth, record, finding
    return float(scenario.guest.memory_limit or scenario.guest.memory)


def _ballooned(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del record, finding
    guest = scenario.guest
    if guest.platform == "xen":  # QEMU knows only of Xen's own memory, not of its guest's
        targets = [one.target for one in scenario.fault if one.kind == "xen_balloon"]
        return float(max(guest.memory, guest.maximum or 0) - min([guest.memory, *targets]))
    _, actual = truth.course("balloon.actual")
    return float(scenario.guest.memory - actual.min()) if actual.size else None


def _guaranteed(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    """What OpenVZ guarantees, or the container's own cgroup allows."""
    del truth, record, finding
    guest = scenario.guest
    amounts = [amount for amount in (guest.guarantee, guest.memory_limit) if amount]
    return float(min(amounts)) if amounts else None


def _vanished(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    """The share of held pages that the host did not have when each round began, median over the finding's."""
    del scenario
    times, lacking = missing(truth)
    boot = boot_time(record)
    told = [begin for begin, end in rounds(record) if finding.since is None or end >= finding.since]
    begins = [truth.at(boot + begin) for begin in told]
    watched = [begin for begin in begins if times.size and times[0] <= begin <= times[-1]]
    if not watched:
        return None
    places = np.searchsorted(times, watched, side="right") - 1
    return float(np.median(lacking[places]))


def missing(truth: Truth) -> tuple[Floats, Floats]:
    """When the host was asked, s, and the share of held pages that were not in its RAM."""
    times, absent = truth.course("held.missing")
    _, pages = truth.course("held.pages")
    return times, absent / pages


def rounds(record: Record) -> list[tuple[float, float]]:
    """Begin and end of each round of touching: it lasts as long as its touches; s since the run began."""
    spent: dict[float, float] = {}
    for series in (
        *record.named(held.COUNT, arm="held"),
        *record.named(held.COUNT, arm="hot"),
    ):
        bound = float(series.labels["le"])
        for time, count in zip(series.times.tolist(), series.values.tolist(), strict=True):
            spent[time] = spent.get(time, 0.0) + (count * bound * 1e-9 if np.isfinite(bound) else 0.0)
    return [(end - length, end) for end, length in sorted(spent.items())]


def _changed(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del truth, record, finding
    return float(sum(one.pages for one in scenario.fault if one.kind == "corrupt"))


def _stood_still(scenario: Scenario, truth: Truth, record: Record, finding: Finding) -> float | None:
    del scenario, record, finding
    pauses = [one for one in truth.faults if one["kind"] == "pause" and one["ended"]]
    return float(sum(one["ended"] - one["began"] for one in pauses))


ANSWERS: Final[dict[str, Answer]] = {
    "hidden_steal": _hidden,
    "reported_steal": _reported,
    "cpu_burst": _low_rate,
    "cpu_quota": _fraction,
    "missing_vcpu": _vcpus,
    "disk_burst": _disk_rate,
    "disk_below_plan": _disk_rate,
    "missing_memory": _memory,
    "ballooned_memory": _ballooned,
    "memory_guarantee": _guaranteed,
    "vanishing_memory": _vanished,
    "memory_corrupt": _changed,
    "clock": _stood_still,
}
