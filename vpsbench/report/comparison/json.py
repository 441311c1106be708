"""The comparison as JSON, version 1: every key is documented in docs/compare.md."""

from __future__ import annotations

import json
from typing import Any, Final

from vpsbench.compare.contest import ALPHA, Cell, Comparison
from vpsbench.compare.summary import Summary
from vpsbench.report.json import finite

SCHEMA: Final = 1


def document(comparison: Comparison, left_out: dict[str, str]) -> dict[str, Any]:
    """The contract as plain values; ``left_out``: the runs that could not be read, and why."""
    names = comparison.labels
    found: dict[str, Any] = finite({
        "schema": SCHEMA,
        "kind": "comparison",
        "alpha": ALPHA,
        "comparisons": comparison.comparisons,
        "runs": [_run(*one) for one in zip(names, comparison.runs, strict=True)],
        "figures": [
            {
                "name": row.name, "title": row.title, "unit": row.unit, "better": row.better,
                "runs": [_cell(name, c) for name, c in zip(names, row.cells, strict=True) if c is not None],
                "not_strictly_comparable": [c.what for c in comparison.caveats if c.spoils(row)],
            }
            for row in comparison.rows
        ],
        "differences": [
            {"what": c.what, "values": {v: [names[k] for k in places] for v, places in c.values}}
            for c in comparison.caveats
        ],
        "prices_not_understood": [names[k] for k in comparison.unpriced],
        "left_out": [{"label": label, "reason": reason} for label, reason in left_out.items()],
    })  # fmt: skip
    return found


def render(comparison: Comparison, left_out: dict[str, str]) -> str:
    """The contract as ASCII text, without NaN."""
    return json.dumps(document(comparison, left_out), indent=2, allow_nan=False) + "\n"


def _run(label: str, run: Summary) -> dict[str, Any]:
    return {
        "label": label, "id": run.run, "state": run.state, "hostname": run.hostname, "started": run.started,
        "elapsed": run.elapsed, "plan": run.plan, "price": run.price, "verdict": run.word,
        "promises": [{"item": p.item, "promise": p.promise, "word": p.word} for p in run.promises],
        "findings": [{"sign": t.sign, "level": t.level, "claim": t.claim} for t in run.told],
        "conditions": run.conditions,
    }  # fmt: skip


def _cell(label: str, cell: Cell) -> dict[str, Any]:
    found, worst = cell.figure.found, cell.figure.found.worst
    return {
        "run": label, "value": found.value, "interval": found.interval(), "error": found.error,
        "batches": found.batches, "readings": found.readings, "ratio": cell.ratio, "standing": cell.standing,
        "spread": found.spread,
        "worst_hour": None if worst is None else {"from": worst.since, "value": worst.value},
        "per_price": cell.per_price, "currency": cell.currency, "price_ratio": cell.price_ratio,
    }  # fmt: skip
