"""A judged run, brought down to what a comparison needs of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from vpsbench.compare.figures import Figure, figures
from vpsbench.model import Judgement, Level, Record, RunState, Word
from vpsbench.probes import bandwidth, score
from vpsbench.probes.score_suite import raw_outputs
from vpsbench.wording.figures import quantity, size

TOLD: Final = (Level.STRONG, Level.NOTICE, Level.DOUBT)
# pyperf's notes, and what goes before each: OpenSSL and the suite say their own names.
_LIBRARIES: Final = {
    "openssl_version": "", "sqlite_version": "SQLite ", "zlib_version": "zlib ", "perf_version": "pyperf ",
    "description": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that is more than "clean": its sign, its level and its claim."""

    sign: str
    level: Level
    claim: str


@dataclass(frozen=True, slots=True)
class Promised:
    """A line of what was promised, the part of the machine that it is about, and whether it was kept."""

    item: str
    promise: str
    word: Word


@dataclass(frozen=True, slots=True)
class Summary:
    """One run.

    ``conditions``: how it was measured, in words, by the names of ``contest.CONDITIONS``; what is not known
    of it is not there.
    """

    run: int
    state: RunState
    hostname: str
    started: float  # Unix time, s
    elapsed: float  # s
    plan: str | None
    price: str | None
    word: Word
    promises: tuple[Promised, ...]
    told: tuple[Told, ...]
    conditions: dict[str, str]
    figures: tuple[Figure, ...]


def summary(judgement: Judgement) -> Summary:
    """Brings a run down."""
    record, verdict = judgement.record, judgement.verdict
    run, plan = record.run, record.run.plan
    return Summary(
        run=run.id,
        state=run.state,
        hostname=run.guest.hostname,
        started=run.started,
        elapsed=run.elapsed,
        plan=None if plan is None else plan.name,
        price=None if plan is None else plan.price,
        word=verdict.word,
        promises=tuple(Promised(p.item, p.promise, p.word) for p in verdict.promises),
        told=tuple(Told(f.sign, f.level, f.said) for f in judgement.findings if f.level in TOLD),
        conditions=conditions(record),
        figures=figures(record),
    )


def conditions(record: Record) -> dict[str, str]:
    """How a run was measured, as far as it sets figures apart that should be compared."""
    guest, profile = record.run.guest, record.run.profile
    return {
        "profile": profile.name,
        "planned duration": f"{profile.duration:g} s",  # exact: equal words mean equal conditions
        "duty": f"{profile.duty:.0%}",
        "monitors' interval": f"{profile.tick:g} s",
        "vpsbench": guest.vpsbench,
        "Python": guest.python,
        "architecture": guest.arch,
        **_memory_conditions(record),
        **_score_conditions(record),
        **_fio_conditions(record),
    }


def _memory_conditions(record: Record) -> dict[str, str]:
    """How much memory was gone over: a smaller area fits better into caches."""
    areas = {size(value) for s in record.named(bandwidth.AREA) for value in s.values.tolist()}
    return {"memory area": " or ".join(sorted(areas))} if areas else {}


def _score_conditions(record: Record) -> dict[str, str]:
    """The libraries that the suite's work runs in, from pyperf's own notes, and what the suite was."""
    found = raw_outputs.versions(record.turns, _LIBRARIES)
    suite = sorted({s.labels["benchmark"] for s in record.named(score.TIME)})
    said = {"score libraries": " or ".join(sorted(found))} if found else {}
    return said | ({"score suite": ", ".join(suite)} if suite else {})


def _fio_conditions(record: Record) -> dict[str, str]:
    """Fio's version, engine, and whether it went around the guest's cache, from its own JSON."""
    outputs = [
        _json_of(text)
        for turn in record.turns
        if turn.probe == "disk"
        for name, text in turn.raw.items()
        if name.endswith(".json")
    ]
    options = [job.get("job options", {}) for one in outputs for job in one.get("jobs", ())]
    cached = any(event.kind == "disk.cached" for event in record.events)
    found = {
        "fio": {str(one["fio version"]) for one in outputs if "fio version" in one},
        "fio engine": {str(o["ioengine"]) for o in options if "ioengine" in o},
        "fio file": {quantity(int(o["size"]), "B") for o in options if str(o.get("size", "")).isdigit()},
        "disk cache": {_cache(str(o["direct"]), cached=cached) for o in options if "direct" in o},
    }
    return {name: " or ".join(sorted(values)) for name, values in found.items() if values}


def _cache(direct: str, *, cached: bool) -> str:
    return "in use" if direct == "0" else "direct, but zfs may cache" if cached else "direct"


def _json_of(text: str) -> dict[str, Any]:
    """Fio's JSON, after whatever it said before; nothing where it is cut off."""
    try:
        found, _ = json.JSONDecoder().raw_decode(text, max(text.find("{"), 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
