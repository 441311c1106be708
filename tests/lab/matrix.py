"""The matrix: scenario by sign, what was expected and found, the estimate beside the truth. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from tests.lab import cpu_tables
from tests.lab.accuracy import Window
from tests.lab.answers import answer
from tests.lab.figures import Figure
from tests.lab.scenario import BUILT, Scenario
from tests.lab.truth import Truth
from vpsbench.model import Finding, Judgement, Level

Expected = Literal["accuse", "doubt", "silent", "either"]
Outcome = Literal[
    "hit", "miss", "silent", "false accusation", "true beyond plan", "either", "no such sign", "no run"
]
State = Literal["ran", "skipped", "hung", "failed"]
_ORDER: Final = [Level.NOT_MEASURABLE, Level.CLEAN, Level.DOUBT, Level.NOTICE, Level.STRONG]
_ACCUSING: Final = {Level.NOTICE, Level.STRONG}
# An undisturbed guest on a busy lab machine loses time, too; whoever says so is right.
_TRULY: Final = {"hidden_steal": 0.01, "vanishing_memory": 0.005}


@dataclass(frozen=True, slots=True)
class Row:
    """One sign on one run. ``found`` is a level of the contract; None where run or sign was missing."""

    scenario: str
    repetition: int
    sign: str
    expected: Expected
    found: str | None
    outcome: Outcome
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    truth: float | None = None
    unit: str | None = None
    claim: str = ""

    @property
    def error(self) -> float | None:
        """Estimate less truth, in the unit."""
        return None if self.estimate is None or self.truth is None else self.estimate - self.truth


@dataclass(frozen=True, slots=True)
class RunResult:
    """How one run of a scenario went."""

    scenario: str
    repetition: int
    state: State
    reason: str
    seconds: float
    rows: tuple[Row, ...]
    verdict: str | None = None
    windows: tuple[Window, ...] = ()  # the CPU's, beside the truth
    figures: tuple[Figure, ...] = ()


def rows(scenario: Scenario, repetition: int, judgement: Judgement, truth: Truth) -> tuple[Row, ...]:
    """All signs of one run: those that accuse, those that the scenario names, and doubts that were raised."""
    worst: dict[str, Finding] = {}
    for one in sorted(judgement.findings, key=lambda one: _ORDER.index(one.level)):
        worst[one.sign] = one
    doubts = [name for name, one in worst.items() if one.level is Level.DOUBT]
    signs = dict.fromkeys((*BUILT, *scenario.expect, *scenario.doubt, *doubts))
    return tuple(
        _row(scenario, repetition, worst[sign], answer(scenario, truth, judgement.record, worst[sign]))
        if sign in worst
        else Row(scenario.name, repetition, sign, expected(scenario, sign), None, "no such sign")
        for sign in signs
    )


def _row(scenario: Scenario, repetition: int, finding: Finding, real: float | None) -> Row:
    wanted = expected(scenario, finding.sign)
    limit = None if "cpu_share" in scenario.plan else _TRULY.get(finding.sign)
    return Row(
        scenario.name,
        repetition,
        finding.sign,
        wanted,
        str(finding.level),
        outcome(wanted, finding.level, real, limit),
        finding.measured,
        finding.interval,
        real,
        finding.unit,
        finding.claim,
    )


def expected(scenario: Scenario, sign: str) -> Expected:
    """What a scenario says of a sign."""
    if sign in scenario.expect:
        return "accuse"
    if sign in scenario.doubt:
        return "doubt"
    return "silent" if sign in scenario.must_be_silent() else "either"


def outcome(wanted: Expected, found: Level, real: float | None, limit: float | None) -> Outcome:
    """Whether a sign was right. A true value beyond ``limit`` makes an accusation true, expected or not."""
    accused = found in _ACCUSING
    if wanted == "accuse":
        return "hit" if accused else "miss"
    if wanted == "doubt":
        return "hit" if found is Level.DOUBT else "miss"
    if wanted == "either":
        return "either"
    if accused and limit is not None and real is not None and real > limit:
        return "true beyond plan"
    return "false accusation" if accused else "silent"


def absent(scenario: Scenario, repetition: int) -> tuple[Row, ...]:
    """The rows of a run that gave nothing: what it was to show stays unshown."""
    named = (*scenario.expect, *scenario.doubt)
    return tuple(Row(scenario.name, repetition, s, expected(scenario, s), None, "no run") for s in named)


def tally(results: Iterable[RunResult]) -> Counter[str]:
    """How often each outcome came."""
    return Counter(row.outcome for result in results for row in result.rows)


def as_json(results: list[RunResult], facts: dict[str, Any]) -> str:
    """matrix.json."""
    runs = [
        {
            **asdict(result),
            **{name: _with_errors(getattr(result, name)) for name in ("rows", "windows", "figures")},
        }
        for result in results
    ]
    return json.dumps({"schema": 1, **facts, "tally": tally(results), "runs": runs}, indent=1) + "\n"


def _with_errors(values: Iterable[Row | Window | Figure]) -> list[dict[str, Any]]:
    return [{**asdict(one), "error": one.error} for one in values]


def as_markdown(results: list[RunResult], facts: dict[str, Any]) -> str:
    """matrix.md: what went wrong first, then all that was expected or found, then how the runs went."""
    lines = ["# The lab's matrix", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    lines += [f"- {name}: {count}" for name, count in sorted(tally(results).items())]
    wrong = [row for result in results for row in result.rows if row.outcome in ("miss", "false accusation")]
    lines += ["", "## Misses and false accusations", ""]
    lines += [
        f"- {row.scenario} #{row.repetition}, {row.sign}: {row.outcome}. {row.claim}" for row in wrong
    ] or ["None."]
    lines += ["", "## Scenario by sign", "", *by_sign(results), ""]
    for title, head, table in cpu_errors(results):
        lines += [f"## {title}", "", *cpu_tables.markdown(head, table), ""]
    lines += ["## Runs", "", *_runs(results), ""]
    return "\n".join(lines)


def cpu_errors(results: list[RunResult]) -> list[tuple[str, cpu_tables.Cells, list[cpu_tables.Cells]]]:
    """How far the CPU figures lie from the truth: title, head and rows of each table."""
    windows = cpu_tables.windows((one.scenario, window) for one in results for window in one.windows)
    figures = cpu_tables.figures((label(one), figure) for one in results for figure in one.figures)
    return [
        ("CPU errors, by windows", cpu_tables.WINDOWS, windows),
        ("Errors, by figures", cpu_tables.FIGURES, figures),
    ]


def notable(row: Row) -> bool:
    """Whether a row was expected to say something, or did."""
    return row.expected != "silent" or row.outcome != "silent"


def telling(row: Row) -> bool:
    """Whether a row is notable, or measured something beside a known truth."""
    return notable(row) or row.error is not None


def by_sign(results: list[RunResult]) -> Iterator[str]:
    """The table of scenarios and signs, as Markdown."""
    yield "| scenario | sign | expected | found | outcome | estimate | truth | error |"
    yield "|---|---|---|---|---|---:|---:|---:|"
    for result in results:
        yield from (f"| {' | '.join(cells(row))} |" for row in result.rows if telling(row))


def cells(row: Row) -> tuple[str, ...]:
    """A row for people to read."""
    return (
        label(row),
        row.sign,
        row.expected,
        row.found or "-",
        row.outcome,
        figure(row.estimate, row.unit),
        figure(row.truth, row.unit),
        figure(row.error, row.unit, sign="+"),
    )


def label(row: Row | RunResult) -> str:
    """Scenario and repetition."""
    return row.scenario if row.repetition == 1 else f"{row.scenario} #{row.repetition}"


def _runs(results: list[RunResult]) -> Iterator[str]:
    yield "| scenario | run | state | verdict | s | reason |"
    yield "|---|---|---|---|---:|---|"
    for one in results:
        reason = one.reason.replace("\n", " ").replace("|", "/")
        parts = (one.scenario, one.repetition, one.state, one.verdict or "-", f"{one.seconds:.0f}", reason)
        yield f"| {' | '.join(map(str, parts))} |"


def figure(value: float | None, unit: str | None, sign: str = "") -> str:
    """A value for a table: B as MiB, shares in %, the rest as it is."""
    if value is None:
        return "-"
    if unit == "B":
        return f"{value / 2**20:{sign}.1f} MiB"
    if unit == "1" and abs(value) <= 1:  # beyond that it is a count
        return f"{100 * value:{sign}.2f} %"
    return f"{value:{sign}.4g} {unit or ''}".strip()
