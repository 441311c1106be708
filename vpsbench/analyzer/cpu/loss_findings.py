"""What the CPU signs share: how much may be lost, how to say it, and what in the guest could explain it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vpsbench.analyzer import multiplicity, strength
from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.cpu.weighing import Weighed, weigh
from vpsbench.analyzer.statistics import sessions
from vpsbench.model import Alternative, Finding, Guest, Level, Metric, Plan, Profile, Record, Selected, Series
from vpsbench.monitors import cgroup
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import percent, span

if TYPE_CHECKING:
    from vpsbench.analyzer.cpu.accounting import LoopTimes

SERIES: Final = (
    loop.WALL,
    loop.GAP,
    loop.RUN_QUEUE_DELAY,
    loop.RUN_QUEUE_DELAY_IN_GAPS,
    loop.LONG_RUN_QUEUE_DELAY,
    loop.IRQ,
    loop.STEAL,
)
# Hitting a disclosed cap costs a little more than the cap itself: a quota of 50 % took 50.7 % in trials.
CAP_TOLERANCE: Final = 0.05
ACCUSING: Final = {Level.NOTICE, Level.STRONG}
CONTAINERS: Final = {"openvz", "lxc", "systemd-nspawn", "podman", "docker", "container"}
# Throttling for less than this part of the time explains nothing that would be accused.
QUOTA_FELT: Final = 0.002
ISOLATED_EVENT: Final = "isolated_event"  # the kind of alternative that only batches can exclude


def cap(plan: Plan | None) -> float | None:
    """The disclosed share of each vCPU, where the plan names one below the whole."""
    share = plan.cpu_share if plan else None
    return share if share is not None and 0 < share < 1 else None


def limit(plan: Plan | None, fault: float, already: float = 0.0) -> float:
    """The share of a busy vCPU's time that may be lost.

    Args:
        plan: may disclose a cap; what it withholds is no fault.
        fault: what may be lost where there is no cap.
        already: the part of the cap that another sign has seen.
    """
    share = cap(plan)
    if share is None:
        return fault
    return max(0.0, 1 - share - already) + share * max(fault, CAP_TOLERANCE)


@dataclass(frozen=True, slots=True)
class Loss:
    """A part of the vCPUs' time, weighed against what is allowed: of all of them, or of the worst one."""

    who: str
    table: LoopTimes
    weighed: Weighed
    allowed: float


def claims(profile: Profile, guest: Guest, plan: Plan | None) -> int:  # noqa: ARG001  one of many ``Claims``
    """All vCPUs together, and each by itself where there are several; at each look."""
    usable = len(guest.limits.vcpus_usable)
    return sessions.looks(profile.duration) * (1 + usable if usable > 1 else 1)


def heaviest(
    record: Record, part: accounting.Part, allowed: float, shortest: float = strength.SHORTEST_BATCH
) -> Loss:
    """All vCPUs together; or, where only that is proven, the single vCPU that lost most.

    Each vCPU is one more claim, as ``claims`` declares.
    """
    bar = multiplicity.bar(record)
    names = accounting.vcpus(record)
    tables = {"busy vCPUs": accounting.loaded(record)}
    if len(names) > 1:
        tables |= {f"vCPU {name}": accounting.loaded(record, vcpu=name) for name in names}
    found = [
        Loss(who, table, weigh(table, part, allowed, bar, shortest), allowed) for who, table in tables.items()
    ]
    proven = [loss for loss in found if loss.weighed.level in ACCUSING]
    if not proven or proven[0] is found[0]:
        return found[0]
    return max(proven, key=lambda loss: loss.weighed.share)


def finding(  # noqa: PLR0913  one place that fills the fields of a finding
    sign: str,
    record: Record,
    loss: Loss,
    *,
    promised: str,
    claim: str,
    beside: str,
    series: tuple[Metric | Selected, ...] = SERIES,
) -> Finding:
    """A loss as a finding; nobody is accused where a limit of our own explains it.

    Args:
        sign: its name.
        record: the run.
        loss: what was weighed.
        promised: how much was allowed, in words.
        claim: what is to be said.
        beside: the beginning of what is said instead, beside a limit of our own.
        series: that it rests on.
    """
    weighed, level = loss.weighed, loss.weighed.level
    ground, further = _answer(weighed)
    own = own_limit(record, weighed.since, weighed.until)
    if own and (level in ACCUSING or weighed.share > loss.allowed):
        level, ground = Level.NOT_MEASURABLE, own.ground
        claim, further = f"{beside}, but {own.said}.", own.further
    return Finding(
        sign=sign,
        level=level,
        claim=claim,
        further=further,
        ground=ground,
        promised=promised,
        measured=weighed.share,
        interval=weighed.interval,
        unit="1",
        since=weighed.since,
        until=weighed.until,
        series=series,
        alternatives=alternatives(record, loss.table, level),
        needed=None if own else weighed.needed,
    )


def _answer(weighed: Weighed) -> tuple[str, str]:
    """The ground, and what follows the claim."""
    if weighed.level in ACCUSING:
        return "exceeds", ""
    if weighed.needed is not None:
        return "unsettled", f"About {span(weighed.needed)} of measuring would be enough."
    return "within", f"{excluded(weighed)}."


def load(record: Record) -> str:
    """How much the vCPUs were loaded, in words."""
    duty = record.run.profile.duty
    return "full load" if duty >= 1 else f"load for {percent(duty)} of the time"


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """A CPU limit that was at work and that is set inside this guest: it hides what the host does.

    Args:
        ground: for ``Finding.ground``.
        said: what was seen, in words that follow "but".
        further: what that means, in sentences.
    """

    ground: str
    said: str
    further: str


def own_limit(record: Record, since: float, until: float) -> OwnLimit | None:
    """A limit of our own cgroup or its parents that was at work; None where there was none."""
    plan, guest = record.run.plan, record.run.guest
    seen = _own_quota(record) or _own_throttling(record, since, until)
    if seen is None:
        return None
    ground, said = seen
    kinds = {layer.kind for layer in guest.layers} & CONTAINERS
    further = "That explains it, so nothing can be said about the host."
    if kinds and plan is not None:
        ground = "container_limit"
        names = ", ".join(sorted(kinds))
        further += f" This is a container ({names}): ask who set that limit, as the plan names none."
    return OwnLimit(ground, said, further)


def _own_quota(record: Record) -> tuple[str, str] | None:
    allowed, usable = record.run.guest.limits.cgroup_cpus, len(record.run.guest.limits.vcpus_usable)
    if allowed is None or allowed >= usable:
        return None
    return (
        "own_quota",
        f"a CPU quota of {percent(allowed)} of one vCPU is set on a cgroup that is visible from in here",
    )


def _own_throttling(record: Record, since: float, until: float) -> tuple[str, str] | None:
    throttled = max((_growth(s, since, until) for s in record.named(cgroup.CPU_THROTTLED_TIME)), default=0.0)
    if throttled <= QUOTA_FELT * (until - since):
        return None
    return (
        "own_throttling",
        f"a cgroup that is visible from in here was throttled for {throttled:.1f} s",
    )


def _growth(series: Series, since: float, until: float) -> float:
    """How much a counter grew, with a few seconds around for the monitors' slower tick."""
    during = series.values[(series.times >= since - 5) & (series.times <= until + 5)]
    return float(during[-1] - during[0]) if during.size else 0.0


def unsettled(weighed: Weighed, allowed: float) -> str:
    """The end of a claim that cannot be made: what was seen, and why that is not enough."""
    return (
        f"{percent(weighed.worst)} in the worst tenth of it: too short or too uneven to judge against "
        f"{percent(allowed)}."
    )


def excluded(weighed: Weighed) -> str:
    """What follows a clean claim: what the measurement leaves possible, if it goes on as measured."""
    if weighed.interval is None:
        return "It was too uneven to say what loss is possible over a longer time"
    if weighed.interval[1] >= 1:
        return "Too little was measured to exclude any loss over a longer time"
    return (
        f"If it goes on as in the {span(weighed.seconds)} measured, a mean loss above "
        f"{percent(weighed.interval[1])} over a longer time is excluded"
    )


def alternatives(record: Record, table: LoopTimes, level: Level) -> tuple[Alternative, ...]:
    """What else could have taken the time, and whether it did; nothing for a finding that accuses nobody."""
    if level not in ACCUSING:
        return ()
    return (*_inside(table), _disclosed(record.run.plan), _isolated_event(), _busy_hour(level))


def _inside(table: LoopTimes) -> tuple[Alternative, ...]:
    """Causes inside this guest; and the hypervisor's work for it."""
    return (
        Alternative(
            "other processes of this guest",
            ruled_out=True,
            because=f"their {percent(table.run_queue_share)} of the time is known from the run queue",
        ),
        Alternative(
            "interrupts of this guest", ruled_out=True, because="their time is measured and taken out"
        ),
        Alternative(
            "the hypervisor's usual work for this guest, and this program's own pauses",
            ruled_out=True,
            because="gaps under 0.5 ms are not counted, and what the program does besides its loop is known",
        ),
        Alternative(
            "a CPU quota of our own cgroup", ruled_out=True, because="none that was at work is visible"
        ),
    )


def _disclosed(plan: Plan | None) -> Alternative:
    capped = cap(plan)
    named = (
        f"the plan discloses {percent(capped)} of each vCPU, which is allowed for"
        if capped
        else "the plan names none"
    )
    return Alternative(
        "a cap that was sold as such",
        ruled_out=True if plan else None,
        because=named if plan else "no plan was given",
    )


def _isolated_event() -> Alternative:
    return Alternative(
        "one isolated event, such as a live migration",
        ruled_out=True,
        because="the evidence holds even without its largest batch of readings and the larger one beside it",
        kind=ISOLATED_EVENT,
    )


def _busy_hour(level: Level) -> Alternative:
    repeated = level is Level.STRONG
    return Alternative(
        "a neighbour's busy hour, and not the rule",
        ruled_out=True if repeated else None,
        because="it was there in two sessions hours apart"
        if repeated
        else "only measuring again hours later would tell",
    )
