"""Runs made by hand, for the tests of the report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpsbench.analyzer.verdict.judge import completed
from vpsbench.model import (
    Alternative,
    Answer,
    Capability,
    Event,
    Finding,
    Guest,
    Judgement,
    Kind,
    Layer,
    Level,
    Limits,
    Metric,
    Plan,
    Profile,
    PromiseVerdict,
    Record,
    Run,
    RunState,
    Selected,
    Series,
    Skipped,
    Status,
    Turn,
    TurnSpec,
    Verdict,
    Word,
)
from vpsbench.monitors import memory as meminfo
from vpsbench.probes.cpu_loop.metrics import GAP, STEAL

if TYPE_CHECKING:
    from vpsbench.model import Floats

    Gaps = tuple[tuple[float, float], ...]

GIB = 1024**3


def series(
    what: tuple[str, str], times: Floats | list[float], values: Floats | list[float],
    gaps: Gaps = (), **labels: str,
) -> Series:  # fmt: skip
    """A gauge; ``what`` is (name, unit)."""
    metric = Metric(*what, Kind.GAUGE, "neither", "made by hand")
    return Series(metric, labels, np.asarray(times, float), np.asarray(values, float), gaps)


def counter(what: tuple[str, str], times: Floats, rates: Floats, gaps: Gaps = (), **labels: str) -> Series:
    steps = np.diff(times, prepend=times[0])
    grown = series(what, times, np.cumsum(rates * steps), gaps, **labels)
    return replace(grown, metric=replace(grown.metric, kind=Kind.COUNTER))


def loop(vcpu: int, times: Floats, wall: float, shares: tuple[float, float, float]) -> list[Series]:
    """One vCPU's bins, with these shares lost, reported and waited for our own processes."""
    lost, steal, own = shares
    parts = {
        "wall": 1.0, "gap": lost + own, "own_wait": own, "own_wait_in_gaps": own, "irq": 0.0, "steal": steal,
        "short_gap": 0.001, "long_own_wait": 0.0, "iterations": 5e6 * (1 - lost - own),
    }  # fmt: skip
    wave = 1 + 0.5 * np.sin(times / 7)
    return [
        series(
            (f"cpu.loop.{n}", "s"), times, wall * share * (np.ones(len(times)) if n == "wall" else wave),
            vcpu=str(vcpu), arm="all",
        )
        for n, share in parts.items()
    ]  # fmt: skip


def stretches(begins: list[float], length: float, step: float) -> Floats:
    return np.concatenate([np.arange(b + step, b + length, step) for b in begins])


def a_record(span: float = 600, tick: float = 1, vcpus: int = 2, rounds: int = 3) -> Record:
    """A run with all probes in turns, a gap, and a host that takes from vCPU 1."""
    noise = np.random.default_rng(7)
    gap = (span * 0.5, span * 0.55)
    ticks = np.arange(tick, span, tick)
    ticks = ticks[(ticks < gap[0]) | (ticks >= gap[1])]
    gaps = (gap,)
    every = span / rounds
    begins = [every * k for k in range(rounds)]
    length = min(every / 5, 600.0)
    at_cpu = stretches([b + every * 0.05 for b in begins], length, 0.5 if length < 200 else 5.0)
    at_disk = stretches([b + every * 0.6 for b in begins], length, 1.0 if length < 200 else 10.0)
    found: list[Series] = []
    for vcpu in range(vcpus):
        found += loop(vcpu, at_cpu, 0.5, (0.02 + 0.15 * (vcpu % 2), 0.015 + 0.05 * (vcpu % 2), 0.03))
        for state, rate in {"user": 0.4, "system": 0.05, "idle": 0.5, "steal": 0.05, "iowait": 0.02}.items():
            rates = rate * noise.uniform(0.6, 1.4, len(ticks))
            found.append(counter(("cpu.time", "s"), ticks, rates, gaps, vcpu=str(vcpu), state=state))
    size = np.full(len(ticks), 2.0 * GIB)
    found += [
        series(("memory.total", "B"), ticks, size, gaps=gaps),
        series(("memory.available", "B"), ticks, size * noise.uniform(0.6, 0.9, len(ticks)), gaps=gaps),
        series(("memory.held", "B"), at_cpu + every * 0.3, np.full(len(at_cpu), 0.9 * GIB)),
        counter(("vm.pgmajfault", "1"), ticks, noise.poisson(0.3, len(ticks)).astype(float), gaps),
        *(
            counter((f"vm.{n}", "1"), ticks, np.zeros(len(ticks)), gaps)
            for n in ("balloon_inflate", "pswpin", "pswpout")
        ),
        *(
            counter(("pressure.some", "s"), ticks, noise.uniform(0, 0.3, len(ticks)), gaps, resource=r)
            for r in ("cpu", "io")
        ),
        series(("instrument.tick_cost", "s"), ticks, np.full(len(ticks), 0.004)),
        series(("disk.fio.written", "B"), [span * 0.9], [1.5 * GIB], job="randwrite-qd32"),
    ]
    names = ["randread-qd1", "randread-qd32", "randwrite-qd1", "randwrite-qd32", "seqread", "fdatasync"]
    for k, part in enumerate(np.array_split(at_disk, len(names))):
        iops = 10 ** (2 + k / 2) * noise.uniform(0.8, 1.2, len(part))
        found.append(series(("disk.fio.iops", "1/s"), part, iops, job=names[k]))
        found.append(series(("disk.fio.latency", "s"), part, 1 / iops, job=names[k]))
    bounds = np.geomspace(50, 1e8, 60)
    for arm, middle in (("hot", 150), ("held", 180)):
        weights = 1e5 * np.exp(-((np.log(bounds / middle)) ** 2) / 0.3)
        if arm == "held":
            weights += 900 * np.exp(-((np.log(bounds / 60_000)) ** 2) / 0.4)
        found += [
            series(("memory.touch.count", "1"), [span * 0.7], [round(w)], arm=arm, le=str(round(b)))
            for b, w in zip(bounds, weights, strict=True)
            if round(w)
        ]
    turns = [
        Turn(p, b + every * at, length, Status.OK, "", {"bin": 0.5}, {})
        for b in begins
        for p, at in (("cpu", 0.05), ("memory", 0.3), ("disk", 0.6))
    ]
    turns.append(Turn("score", span * 0.96, span * 0.02, Status.TIMED_OUT, "it took 40 s", {}, {}))
    events = (Event(gap[0], "gap", "the monitors were not run for a while"),)
    return completed(Record(a_run(span), tuple(found), tuple(turns), events))


def a_run(span: float = 600) -> Run:
    turn = TurnSpec(probe="cpu", duration=60, every=300, options={"bin": 0.5})
    profile = Profile(name="quick", description="Ten minutes.", duration=span, turns=(turn,))
    plan = Plan(
        name="Cloud S", seller="Example Hosting", source="https://example.com/s", price="4.99 EUR a month",
        vcpus=2, cpu="shared", memory=2 * GIB, disk=40 * 10**9, virtualization="kvm",
    )  # fmt: skip
    return Run(7, RunState.FINISHED, 1_795_000_000.0, span, 42, profile, plan, a_guest())


def a_guest() -> Guest:
    return Guest(
        hostname="vps-1", kernel="6.12.0-cloud-amd64", arch="x86_64", os="Debian GNU/Linux 13 (trixie)",
        cpu_model="Intel Xeon Processor (Skylake, IBRS)", python="3.13.1", vpsbench="0.1.0", root=False,
        layers=(Layer("kvm", ("/sys/class/dmi/id/sys_vendor: QEMU", "CPUID: KVMKVMKVM")),),
        steal_clock=Answer(value=True, because="the kernel's log says that it uses the host's steal clock"),
        limits=Limits(2, (0, 1), 2 * GIB - 90 * 1024**2, None, None),
        capabilities=(
            Capability("fio", available=True, because="/usr/bin/fio"),
            Capability("mlock", available=False, because="RLIMIT_MEMLOCK is 8 MiB", remedy="run as root"),
        ),
        facts={"clocksource": "kvm-clock", "page size": "4096 B"},
    )  # fmt: skip


FINDINGS = (
    Finding(
        sign="missing_memory", level=Level.CLEAN, claim="The guest has the memory that was promised.",
        promised="2 GiB", measured=1.91 * GIB, unit="B", series=(meminfo.TOTAL,),
    ),
    Finding(
        sign="hidden_steal", level=Level.STRONG,
        claim="vCPU 1 lost at least 9.1 % of its time to the outside without the kernel being told.",
        promised="at most 1 % unreported", measured=0.102, interval=(0.091, 0.113), unit="1",
        since=30.0, until=520.0, series=tuple(Selected(metric, (("vcpu", "1"),)) for metric in (GAP, STEAL)),
        alternatives=(
            Alternative("Other processes of this guest", ruled_out=True, because="their wait was subtracted"),
            Alternative("A cap that was sold as such", ruled_out=None, because="the plan does not say"),
        ),
    ),
    Finding(
        sign="disk_burst", level=Level.NOT_MEASURABLE,
        claim="No bucket smaller than 300,000 operations was found; larger ones cannot be excluded in 3 min.",
        measured=300_000, interval=(300_000, math.inf), unit="1",
    ),
    Finding(
        sign="clock", level=Level.DOUBT,
        claim="The wall clock ran 0.4 s away from the boot clock within the run.", measured=0.4, unit="s",
    ),
)  # fmt: skip


def a_judgement(record: Record | None = None) -> Judgement:
    promises = (
        PromiseVerdict(
            "cpu", "2 shared vCPUs", Word.BROKEN,
            "hidden loss of 9.1 % to 11.3 % on vCPU 1, in 2 sessions hours apart",
        ),
        PromiseVerdict("memory", "2 GiB of memory", Word.KEPT, "MemTotal is 1.91 GiB"),
        PromiseVerdict("disk", "40 GB of disk", Word.INCONCLUSIVE, "3 min are too short to see a bucket"),
        PromiseVerdict("virtualization", "kvm", Word.KEPT, "the machine shows kvm"),
    )  # fmt: skip
    verdict = Verdict(Word.BROKEN, "The CPU promise is broken: hidden_steal is strong.", promises)
    skipped = (Skipped("merge", "not part of this profile"),)
    return Judgement(record or a_record(), verdict, FINDINGS, skipped)


NASTY = "<script>alert(1)</script>\"'&{{7*7}}[red]]>\u202eevil\u2066\x1b[31m\udcff"


def a_nasty_judgement() -> Judgement:
    """Every name from outside is an attack, and one is very long."""
    good = a_judgement()
    run = good.record.run
    assert run.plan is not None
    guest = replace(
        run.guest, hostname=NASTY, kernel=NASTY, os=NASTY, cpu_model=NASTY * 400, facts={NASTY: NASTY},
        layers=(Layer(NASTY, (NASTY,)),), steal_clock=Answer(value=None, because=NASTY),
        capabilities=(Capability(NASTY, available=False, because=NASTY, remedy=NASTY),),
    )  # fmt: skip
    plan = replace(run.plan, name=NASTY, seller=NASTY, source=NASTY, price=NASTY)
    profile = replace(
        run.profile, name=NASTY, description=NASTY,
        turns=(TurnSpec(probe=NASTY, duration=1, options={NASTY: NASTY}),),
    )  # fmt: skip
    renamed = tuple(
        replace(s, labels=dict.fromkeys(s.labels, NASTY)) if s.labels.keys() & {"job", "resource"} else s
        for s in good.record.series
    )
    loops = tuple(
        replace(s, labels=s.labels | {"vcpu": NASTY})
        for s in loop(9, np.arange(1.0, 60.0), 1, (0.1, 0.1, 0.1))
    )
    record = Record(
        replace(run, guest=guest, plan=plan, profile=profile),
        renamed + loops,
        tuple(replace(t, probe=NASTY, detail=NASTY) for t in good.record.turns),
        (Event(1.0, NASTY, NASTY),),
    )
    finding = Finding(
        sign=NASTY, level=Level.STRONG, claim=NASTY, promised=NASTY, measured=1.0, unit=NASTY,
        series=(Selected(Metric(NASTY, NASTY, Kind.GAUGE, "neither", NASTY), ((NASTY, NASTY),)),),
        alternatives=(Alternative(NASTY, None, NASTY),),
    )  # fmt: skip
    verdict = Verdict(Word.BROKEN, NASTY, (PromiseVerdict(NASTY, NASTY, Word.BROKEN, NASTY),))
    return Judgement(completed(record), verdict, (finding,), (Skipped(NASTY, NASTY),))
