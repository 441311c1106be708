"""What a comparison says, in words and numbers a reader knows, for the terminal and the HTML page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vpsbench.compare.contest import ALPHA, Caveat, Cell, Comparison, Row, Standing
from vpsbench.compare.figures import Figure
from vpsbench.compare.summary import Summary
from vpsbench.model import Level, Word
from vpsbench.wording.figures import duration, number, quantity, share
from vpsbench.wording.text import listed, plain

# The figures that stand in the first table, in its order; all of them stand below it.
KEY: Final = (
    "score.single", "score.all", "cpu.work", "cpu.lost", "memory.bandwidth", "memory.latency",
    "disk.randread-qd1.iops", "disk.randread-qd32.iops", "disk.seqread.bandwidth", "disk.randwrite-qd1.iops",
    "disk.fdatasync.p99",
)  # fmt: skip
STANDINGS: Final = {
    Standing.BEST: "best value",
    Standing.LEVEL: "level with the best",
    Standing.BEHIND: "behind",
    Standing.UNKNOWN: "not told",
}
SHORT: Final = {Standing.BEST: "★", Standing.LEVEL: "≈", Standing.BEHIND: "▼", Standing.UNKNOWN: "?"}
HOW_TO_READ: Final = (
    "★ best value   ≈ level with it: the difference may be noise   ▼ behind for real   ? not told: too few "
    "readings, or readings that depend on each other for too long"
)
FIELDS: Final = {
    "spread": "spread (p10 to p90)",
    "worst": "worst hour",
    "price": "for the price, and to the best",
}
_LARGE: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Shown:
    """One figure of one run, in words; empty where there is nothing to say."""

    value: str
    interval: str
    ratio: str
    standing: str
    mark: str
    spread: str
    worst: str
    price: str
    readings: str


def amount(value: float, unit: str) -> str:
    """A value short enough for a table: ``25.3 M/s``, ``1.58 GB/s``, ``98.8 µs``, ``1.2 %``."""
    if unit == "1/s":
        size, letter = next((s for s in _LARGE if abs(value) >= s[0]), (1.0, ""))
        return f"{number(value / size)} {letter}/s" if letter else f"{number(value)}/s"
    return share(value) if unit == "1" else quantity(value, unit)


def shown(cell: Cell) -> Shown:
    """A cell in words."""
    figure, found = cell.figure, cell.figure.found
    interval = found.interval()
    return Shown(
        value=amount(found.value, figure.unit),
        interval="" if interval is None else _between(interval, figure.unit),
        ratio="" if cell.ratio is None or figure.unit == "1" else times(cell.ratio),
        standing=STANDINGS[cell.standing],
        mark=SHORT[cell.standing],
        spread=_spread(figure),
        worst=_worst(figure),
        price=_price(cell),
        readings=f"{found.readings:,}",
    )


def _price(cell: Cell) -> str:
    if cell.per_price is None:
        return ""
    ratio = "" if cell.price_ratio is None else f", {times(cell.price_ratio)}"
    return f"{amount(cell.per_price, cell.figure.unit)} for 1 {cell.currency} a month{ratio}"


def times(ratio: float) -> str:
    """A ratio to the best: ``83 %``, ``4.6 times``."""
    return f"{100 * ratio:.0f} %" if ratio < 2 else f"{number(ratio)} times"


def _between(interval: tuple[float, float], unit: str) -> str:
    low, high = interval
    if unit in {"1", "s"} or unit.endswith("/s"):  # none of them can be below nothing
        low = max(low, 0.0)
    return f"{amount(low, unit)} to {amount(high, unit)}"


def _spread(figure: Figure) -> str:
    found = figure.found
    if found.spread is None:
        return ""
    if figure.unit == "1":
        return f"{number(100 * found.spread)} points" if found.spread >= 1e-4 else "under 0.01 points"
    return f"{number(100 * found.spread / found.value)} %" if found.value else ""


def _worst(figure: Figure) -> str:
    worst = figure.found.worst
    return "" if worst is None else f"{amount(worst.value, figure.unit)} (hour {worst.since / 3600 + 1:.0f})"


def kept(run: Summary) -> str:
    """The promises: ``2 of 4 kept; broken: cpu; inconclusive: disk size, memory``."""
    if not run.promises:
        return "none to judge"
    good = sum(p.word is Word.KEPT for p in run.promises)
    bad = [
        f"{word}: {', '.join(p.item.replace('_', ' ') for p in run.promises if p.word is word)}"
        for word in (Word.BROKEN, Word.SUSPECT, Word.INCONCLUSIVE)
        if any(p.word is word for p in run.promises)
    ]
    return plain("; ".join([f"{good} of {len(run.promises)} kept", *bad]))


def told(run: Summary) -> str:
    """The findings, the weightiest first: ``strong: hidden_steal; doubt: clock``."""
    parts = []
    for level in (Level.STRONG, Level.NOTICE, Level.DOUBT):
        names = sorted({t.sign for t in run.told if t.level is level})
        if names:
            parts.append(f"{level}: {', '.join(names)}")
    return plain("; ".join(parts)) or "none"


def facts(run: Summary) -> str:
    """Length, profile and plan."""
    plan = [] if run.plan is None else [plain(run.plan, 60)]
    cost = [] if not run.price else [plain(run.price, 40)]
    return " · ".join([duration(run.elapsed), plain(run.conditions.get("profile", ""), 40), *plan, *cost])


def labels(comparison: Comparison) -> tuple[str, ...]:
    """The runs' names as they may be shown."""
    return tuple(plain(label, 60) for label in comparison.labels)


def spoilt(comparison: Comparison, row: Row) -> bool:
    """Whether something that was not the same touches this figure, and not all of them alike."""
    return any(not one.touches_all and one.spoils(row) for one in comparison.caveats)


def caveat(one: Caveat, names: Sequence[str]) -> str:
    """``duty: 50 % in a and b, 100 % in c; touches all figures``."""
    values = "; ".join(
        f"{plain(value, 160)} in {_some([names[k] for k in places])}" for value, places in one.values
    )
    what = "all figures" if one.touches_all else f"figures of {listed(list(one.touches))}"
    return f"{one.what}: {values}. Touches {what}."


def _some(names: list[str], most: int = 6) -> str:
    more = len(names) - most
    return listed(names) if more <= 1 else f"{', '.join(names[:most])} and {more} more"


def method(comparison: Comparison) -> str:
    """What "for real" means here."""
    if not comparison.comparisons:
        return "No run has enough readings to tell a difference from noise. Measure for longer."
    return (
        "A run is behind only where another exceeds it by more than chance allows. Pairs compared: "
        f"{comparison.comparisons:,}. The chance that any two equal runs are said to differ is at most "
        f"{share(ALPHA)}. Errors come from batches of readings, as readings close in time depend on each "
        "other. Each interval is of 95 %. All this holds for the time that was measured, and not for other "
        "days."
    )


def outcome(comparison: Comparison) -> str:
    """How many figures differ for real, how many do not, and how many could not be told."""
    rows = [row for row in comparison.rows if sum(cell is not None for cell in row.cells) > 1]
    apart = [row for row in rows if any(c and c.standing is Standing.BEHIND for c in row.cells)]
    level = [
        row for row in rows if row not in apart and any(c and c.standing is Standing.LEVEL for c in row.cells)
    ]
    left = len(rows) - len(apart) - len(level)
    parts = [
        f"{len(apart)} differ for real",
        f"{len(level)} do not differ by more than noise",
        *([f"at {left} there were too few readings to tell"] if left else []),
    ]
    return f"Of {len(rows)} figures that more than one run has, {listed(parts)}."


def behind(comparison: Comparison, place: int) -> str:
    """At what a run is behind for real."""
    titles = [
        row.title for row in comparison.rows if (c := row.cells[place]) and c.standing is Standing.BEHIND
    ]
    return "; ".join(titles) or "nothing"
