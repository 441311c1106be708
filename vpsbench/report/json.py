"""The JSON contract, version 1: every key is documented in docs/json.md."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any, Final

from vpsbench.model import Event, Finding, Judgement, PromiseVerdict, Run, Turn

SCHEMA: Final = 1


def document(judgement: Judgement) -> dict[str, Any]:
    """The contract as plain values, in the order in which it is written down."""
    record, verdict = judgement.record, judgement.verdict
    found: dict[str, Any] = finite({
        "schema": SCHEMA,
        "run": _run(record.run) | {
            "turns": [_turn(t) for t in record.turns],
            "events": [_event(e) for e in record.events],
        },
        "guest": asdict(record.run.guest),
        "plan": None if record.run.plan is None else asdict(record.run.plan),
        "verdict": verdict.word,
        "because": verdict.because,
        "promises": [_promise(p) for p in verdict.promises],
        "findings": [_finding(f) for f in judgement.findings],
        "skipped": [asdict(s) for s in judgement.skipped],
    })  # fmt: skip
    return found


def render(judgement: Judgement) -> str:
    """The contract as text: ASCII, so that no reader stumbles over an encoding; no NaN, as JSON has none."""
    return json.dumps(document(judgement), indent=2, allow_nan=False) + "\n"


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id, "state": run.state, "started": run.started, "elapsed": run.elapsed,
        "seed": run.seed, "profile": asdict(run.profile),
    }  # fmt: skip


def _turn(turn: Turn) -> dict[str, Any]:
    """Without the tools' raw output, which is in the database."""
    return {
        "probe": turn.probe, "from": turn.started, "to": turn.started + turn.elapsed,
        "status": turn.status, "detail": turn.detail, "options": turn.options,
    }  # fmt: skip


def _event(event: Event) -> dict[str, Any]:
    return {"at": event.t, "kind": event.kind, "detail": event.said}


def _promise(promise: PromiseVerdict) -> dict[str, Any]:
    return {
        "promise": promise.promise, "text": promise.text, "word": promise.word, "because": promise.because,
        "item": promise.item, "settle": promise.settle,
    }  # fmt: skip


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "sign": finding.sign, "level": finding.level, "claim": finding.said,
        "promised": finding.promised, "measured": finding.measured, "interval": finding.interval,
        "unit": finding.unit, "from": finding.since, "to": finding.until,
        "series": [str(one) for one in finding.series],
        "alternatives": [
            {"cause": a.cause, "ruled_out": a.ruled_out, "because": a.because} for a in finding.alternatives
        ],
    }  # fmt: skip


def finite(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """A copy in which what JSON cannot say (an unbounded or undefined number) is null."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
