"""The part of a report below the findings: the machine, the load, the settings, how to repeat it."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from vpsbench import metrics
from vpsbench.analyzer.verdict import declaration
from vpsbench.model import Guest, Judgement, Level, Plan, Profile, Record, Status, Turn
from vpsbench.probes.disk_file import metrics as disk_file
from vpsbench.probes.held_memory import metrics as held
from vpsbench.probes.score_suite import raw_outputs
from vpsbench.report.charts.load import in_words
from vpsbench.wording.figures import MIB, duration, moment, quantity, share
from vpsbench.wording.text import plain

EVENTS = 200  # shown; the database holds all of them
# What pyperf notes with each score of the code that the work runs in; OpenSSL's version says its own name.
_LIBRARIES = {
    "python_version": "Python ",
    "openssl_version": "",
    "sqlite_version": "SQLite ",
    "zlib_version": "zlib ",
    "perf_version": "pyperf ",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what is known under it, one line each."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the account; ``note`` says what it is about, or that there is nothing."""

    name: str
    title: str
    note: str
    facts: tuple[Fact, ...]


def sections(judgement: Judgement) -> tuple[Section, ...]:
    """All of the account, in the order of the page."""
    record = judgement.record
    return (
        _machine(record.run.guest),
        _unmeasured(judgement),
        _load(record),
        _events(record),
        _settings(record),
        _repeat(record),
    )


def _fact(name: str, *lines: str) -> Fact:
    return Fact(plain(name, 120), tuple(plain(line) for line in lines))


def _machine(guest: Guest) -> Section:
    limits, clock = guest.limits, guest.steal_clock
    steal = {True: "yes", False: "no", None: "cannot be known here"}[clock.value]
    caps = [
        f"{limits.cgroup_cpus:g} CPUs by cgroup quota"
        if limits.cgroup_cpus is not None
        else "no CPU quota visible",
        f"{quantity(limits.cgroup_memory, 'B')} of memory by cgroup"
        if limits.cgroup_memory is not None
        else "no memory limit visible",
    ]
    facts = [
        _fact("host name", guest.hostname),
        _fact("system", f"{guest.os}, kernel {guest.kernel}, {guest.arch}"),
        _fact("CPU model, as claimed by the machine", guest.cpu_model),
        _fact("vCPUs", f"{limits.vcpus_online} online, {len(limits.vcpus_usable)} usable by vpsbench"),
        _fact("memory", f"{quantity(limits.memory_total, 'B')} (MemTotal)"),
        _fact("limits", *caps),
        *(
            _fact(f"layer {k}, {'outermost' if k == 1 else 'inside it'}: {layer.kind}", *layer.evidence)
            for k, layer in enumerate(guest.layers, 1)
        ),
        _fact("does the host report steal?", f"{steal}: {clock.because}"),
        *(_fact(name, value) for name, value in sorted(guest.facts.items())),
    ]
    return Section(
        "machine",
        "The machine",
        "As found when the run began. Each line says what it rests on.",
        tuple(facts),
    )


def _unmeasured(judgement: Judgement) -> Section:
    record = judgement.record
    facts = [_fact(s.probe, s.reason) for s in judgement.skipped]
    facts += [
        _fact(c.name, c.because, *([f"What would help: {c.remedy}"] if c.remedy else []))
        for c in record.run.guest.capabilities
        if not c.available
    ]
    facts += [
        _fact(f"{t.probe}, the turn at {duration(t.started)}", f"{t.status.replace('_', ' ')}: {t.detail}")
        for t in record.turns
        if t.status not in {Status.OK, Status.SKIPPED}
    ]
    note = "What is missing here is neither good nor bad. Nothing is known about it."
    if not facts:
        note = "Every probe and every source that this profile asks for was there."
    if any(f.level == Level.NOT_MEASURABLE for f in judgement.findings):
        note += " Checks that could not be made stand among the findings, as not measurable."
    return Section("unmeasured", "What was not measured, and why", note, tuple(facts))


def _load(record: Record) -> Section:
    turns: dict[str, list[Turn]] = defaultdict(list)
    for turn in record.turns:
        if turn.elapsed > 0:
            turns[turn.probe].append(turn)
    said = in_words(record)
    facts = [_fact("CPU load", *said)] if said else []
    facts += [
        _fact(f"{probe} probe", _spent(all_, record.run.elapsed)) for probe, all_ in sorted(turns.items())
    ]
    written = sum(float(s.values.sum()) for s in record.named(disk_file.WRITTEN))
    if record.named(disk_file.WRITTEN):
        facts.append(_fact("written to disk by fio", quantity(written, "B")))
    most = [float(s.values.max()) for s in record.named(held.HELD) if len(s.values)]
    if most:
        facts.append(_fact("memory held at most", quantity(max(most), "B")))
    ticks = [s for s in record.named(metrics.TICK_COST) if len(s.values)]
    if ticks and record.run.elapsed > 0:
        cost = sum(float(s.values.sum()) for s in ticks)
        facts.append(
            _fact(
                "the monitors' own cost",
                f"{duration(cost)} of CPU time, {100 * cost / record.run.elapsed:.2g} % of one vCPU",
            )
        )
    note = "Some sellers restrict long full load. This is all the load that vpsbench put on the machine."
    return Section("load", "The load that was applied", note, tuple(facts))


def _spent(turns: list[Turn], elapsed: float) -> str:
    total = sum(t.elapsed for t in turns)
    count = "1 turn" if len(turns) == 1 else f"{len(turns)} turns"
    part = f", {100 * total / elapsed:.3g} % of the run" if elapsed > 0 else ""
    return f"{count}, {duration(total)} in all{part}"


def _events(record: Record) -> Section:
    events = [e for e in record.events if e.kind != declaration.DECLARED]  # that is a setting
    shown = [
        _fact(
            f"{duration(e.t)} into the run ({moment(record.run.started + e.t)})",
            f"{e.kind.replace('_', ' ')}: {e.said}",
        )
        for e in events[:EVENTS]
    ]
    note = (
        "Gaps, pauses, clock steps, probes that died." if shown else "None: no gap, no pause, no clock step."
    )
    if (rest := len(events) - EVENTS) > 0:
        note += f" The first {EVENTS}; {rest} more are in the database."
    return Section("events", "What happened to the run", note, tuple(shown))


def _settings(record: Record) -> Section:
    profile = record.run.profile
    facts = [
        _fact("profile", f"{profile.name}: {profile.description}"),
        _fact("planned duration", duration(profile.duration)),
        _fact("monitors read every", duration(profile.tick)),
        _fact("may write to disk", f"{quantity(profile.write_budget, 'B')} in all"),
        _fact("may load the machine for", f"{share(profile.duty)} of a turn's time"),
        *_turn_facts(profile),
        _claims(record),
        *_plan_facts(record.run.plan),
    ]
    return Section("settings", "Settings: how it was measured, and what was promised", "", tuple(facts))


def _claims(record: Record) -> Fact:
    """How many claims may be made, which is what evidence is held to."""
    claims = record.claims or {}
    when = (
        "before the run" if declaration.is_stored(record) else "by this version: the run itself declared none"
    )
    each = ", ".join(f"{plain(sign, 80).replace('_', ' ')} {count}" for sign, count in claims.items())
    return _fact("claims that may be made", f"{sum(claims.values())}, declared {when}: {each}")


def _turn_facts(profile: Profile) -> list[Fact]:
    lines: dict[str, list[str]] = defaultdict(list)
    for turn in profile.turns:
        again = f"every {duration(turn.every)}" if turn.every is not None else "once"
        again += f", first at {duration(turn.start)}" if turn.start else ""
        options = "".join(f", {k} = {_option(v)}" for k, v in turn.options.items())
        lines[turn.probe].append(f"{duration(turn.duration)}, {again}{options}")
    return [_fact(f"{probe} probe", *all_) for probe, all_ in lines.items()]


def _option(value: Any) -> str:  # noqa: ANN401  as a TOML file can say it
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if isinstance(value, int) and value >= MIB and value % MIB == 0:  # only sizes are so large and round
        return quantity(value, "B")
    return str(value)


def _plan_facts(plan: Plan | None) -> list[Fact]:
    if plan is None:
        return [_fact("plan", "none given")]
    names = {
        "name": "plan",
        "source": "where the promise stands",
        "vcpus": "vCPUs",
        "cpu": "CPU",
        "disk_iops": "disk IOPS",
    }
    facts = []
    for field in plan.__dataclass_fields__:
        value = getattr(plan, field)
        if value is not None:
            facts.append(
                _fact(f"promised: {names.get(field, field.replace('_', ' '))}", _promised(field, value))
            )
    return facts


def _promised(field: str, value: Any) -> str:  # noqa: ANN401  a plan's fields have several types
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field in {"memory", "disk"}:
        return quantity(value, "B")
    if field == "disk_bandwidth":
        return quantity(value, "B/s")
    if field == "cpu_share":
        return share(value)
    return quantity(value, "1") if isinstance(value, int | float) else str(value)


def _scores(turns: tuple[Turn, ...]) -> list[Fact]:
    """The versions behind the scores; old runs noted fewer of them."""
    found = raw_outputs.versions(turns, _LIBRARIES)
    note = "scores are strictly comparable only where these versions are the same"
    return [_fact("scores made with", *found, note)] if found else []


def _repeat(record: Record) -> Section:
    run = record.run
    plan = ["--plan", "PLAN.toml"] if run.plan is not None else []
    duty = ["--duty", f"{100 * run.profile.duty:g}"] if run.profile.duty < 1 else []
    command = shlex.join(
        ["vpsbench", "run", "--profile", plain(run.profile.name), *plan, *duty, "--seed", str(run.seed)]
    )
    facts = (
        _fact("command", command),
        _fact("vpsbench", f"version {run.guest.vpsbench}, Python {run.guest.python}"),
        *_scores(record.turns),
        _fact("thresholds", "published with their sources and error rates in docs/method of this version"),
        _fact("run", f"number {run.id} in its database, {run.state}"),
    )
    note = (
        "Anyone with access to the machine can repeat the measurement with the settings above. Figures "
        "differ a little from run to run. A verdict that holds shows again. `vpsbench evidence` makes "
        "a bundle in which anyone can check that no reading was changed since it was stored. The bundle "
        "cannot show whether a reading was true when it was taken. A reading is what this machine's kernel "
        "and clocks said, and whoever is root on it could have altered that. Repeating would show it."
    )
    if plan:
        note += " PLAN.toml is a file with the promises that are listed among the settings."
    return Section("repeat", "How to reproduce this", note, facts)
