"""What docs/metrics.md says: every metric, by the probe or monitor that owns it. ``make docs`` writes it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from tests.places import TREE
from vpsbench.metrics import Owner, owners
from vpsbench.model import Metric

PAGE = TREE / "docs" / "metrics.md"
HEAD = """\
# Metrics

All that a run can measure, by what measures it. Units are SI base units; `1` is a plain number or a share.
A gauge is a value by itself. Of a counter only the growth means something.
"Better" says which way is better for you; a dash means that neither is by itself.

`vpsbench export` writes all of it, and [sql.md](sql.md) tells how to ask for it.
A program writes this page from the code: `make docs`.
"""
KINDS = {
    "probe": "Probes\n\nThey load the machine for a while, turn by turn.",
    "monitor": "Monitors\n\nThey read what the guest's kernel tells, once a tick, all along.",
    "runner": "The runner\n\nWhat vpsbench knows of itself.",
}


def page() -> str:
    """The page as it has to be."""
    return HEAD + "".join(f"\n{block}" for block in _blocks())


def _blocks() -> Iterator[str]:
    metrics = owners()
    for kind, words in KINDS.items():
        yield f"## {words}\n"
        for owner in dict.fromkeys(one for found in metrics.values() for one in found if one.kind == kind):
            if kind != "runner":
                yield f"### {owner.name}\n\n{_about(owner)}\n"
            rows = [_row(metric, owner, all_) for metric, all_ in metrics.items() if owner in all_]
            yield "| metric | unit | kind | better | meaning |\n|---|---|---|---|---|\n" + "".join(rows)


def _about(owner: Owner) -> str:
    """The first sentence of its module."""
    module = importlib.import_module(f"vpsbench.{owner.kind}s.{owner.name}")
    return (module.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _row(metric: Metric, owner: Owner, all_: tuple[Owner, ...]) -> str:
    others = [f"`{one.name}`" for one in all_ if one != owner]
    also = f" Also told by {', '.join(others)}." if others else ""
    better = "-" if metric.better == "neither" else metric.better
    meaning = f"{metric.help[0].upper()}{metric.help[1:].rstrip('.')}.{also}".replace("|", "\\|")
    return f"| `{metric.name}` | {metric.unit} | {metric.kind} | {better} | {meaning} |\n"
