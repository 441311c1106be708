"""Puts runs side by side: which is best at what, which differences are real, what is not comparable."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.compare import price
from vpsbench.compare.estimate import student
from vpsbench.compare.figures import Figure, Subject, rank
from vpsbench.compare.summary import Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

ALPHA: Final = 0.05  # the chance that any two equal runs of the whole comparison are said to differ
_ALL: Final = tuple(Subject)
_COMPUTED: Final = (Subject.SCORE, Subject.WORK)
# What ought to be the same, and of which subjects the figures are touched where it is not.
CONDITIONS: Final[dict[str, tuple[Subject, ...]]] = {
    "profile": _ALL,
    "planned duration": _ALL,
    "duty": _ALL,
    "monitors' interval": (Subject.WORK, Subject.LOSS),
    "vpsbench": _ALL,
    "Python": _COMPUTED,
    "architecture": _COMPUTED,
    "memory area": (Subject.SPEED,),
    "score libraries": (Subject.SCORE,),
    "score suite": (Subject.SCORE,),
    "fio": (Subject.DISK,),
    "fio engine": (Subject.DISK,),
    "fio file": (Subject.DISK,),
    "disk cache": (Subject.DISK,),
}


class Standing(StrEnum):
    """How a run's figure stands to the best one."""

    BEST = "best"
    LEVEL = "level"  # not told apart from the best: the difference may be noise
    BEHIND = "behind"  # for real
    UNKNOWN = "unknown"  # too few readings, on this side or on that of the best


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one run.

    Args:
        figure: as measured.
        ratio: to the best value of all runs; None: there is none to divide by.
        standing: against the best.
        per_price: for each unit of currency a month; None: no price, or no rate.
        currency: of the price.
        price_ratio: ``per_price`` to the best of the same currency.
    """

    figure: Figure
    ratio: float | None
    standing: Standing
    per_price: float | None = None
    currency: str | None = None
    price_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in all runs; ``cells`` are as many as the runs, None where a run has none."""

    name: str
    title: str
    subject: Subject
    unit: str
    better: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something that was not the same in all runs.

    Args:
        what: a name of ``CONDITIONS``.
        values: what it was, and in which runs (their places).
        touches: the subjects whose figures are not strictly comparable.
    """

    what: str
    values: tuple[tuple[str, tuple[int, ...]], ...]
    touches: tuple[Subject, ...]

    @property
    def touches_all(self) -> bool:
        """Whether no figure is spared."""
        return self.touches == _ALL

    def spoils(self, row: Row) -> bool:
        """Whether a figure's differences may come from this."""
        return row.subject in self.touches


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs side by side; ``labels`` name them, and ``comparisons`` is how many tests were made."""

    labels: tuple[str, ...]
    runs: tuple[Summary, ...]
    rows: tuple[Row, ...]
    caveats: tuple[Caveat, ...]
    comparisons: int
    unpriced: tuple[int, ...]  # places of the runs whose price is there, but was not understood


def contest(labels: list[str], runs: list[Summary]) -> Comparison:
    """Compares runs, each by its own label.

    A run is behind where any other one exceeds it by more than chance allows. As the data themselves choose
    which pair that is, all pairs count (Bonferroni): in all of a comparison the chance that two runs which
    are equal at something are said to differ is at most ``ALPHA``. Comparing with the best alone would need
    fewer, but then protects only the run that is truly best (Hsu, Annals of Statistics 12, 1984), and calls
    equal ones different: 3 times in 10 among 20 equal runs with five figures each.
    """
    named: dict[str, list[Figure | None]] = defaultdict(lambda: [None] * len(runs))
    for place, run in enumerate(runs):
        for figure in run.figures:
            named[figure.name][place] = figure
    tests = sum(_pairs(found) for found in named.values())
    prices = [price.parse(run.price) if run.price else None for run in runs]
    rows = [_row(found, ALPHA / max(tests, 1), prices) for found in named.values()]
    return Comparison(
        labels=tuple(labels),
        runs=tuple(runs),
        rows=tuple(sorted(rows, key=lambda row: rank(row.subject))),
        caveats=tuple(_caveats(runs)),
        comparisons=tests,
        unpriced=tuple(k for k, run in enumerate(runs) if run.price and prices[k] is None),
    )


def _pairs(found: list[Figure | None]) -> int:
    known = sum(figure is not None and figure.found.error is not None for figure in found)
    return known * (known - 1) // 2


def _row(all_: list[Figure | None], alpha: float, prices: list[price.Price | None]) -> Row:
    found = [figure for figure in all_ if figure is not None]
    head = found[0]
    values = [figure.found.value for figure in found]
    best = max(values) if head.better == "higher" else min(values)
    standings = iter(_standings(found, best, alpha))
    cells = [
        None if figure is None else Cell(figure, _ratio(figure.found.value, best), next(standings))
        for figure in all_
    ]
    return Row(head.name, head.title, head.subject, head.unit, head.better, tuple(_priced(cells, prices)))


def _ratio(value: float, best: float) -> float | None:
    return value / best if best else None


def _standings(found: list[Figure], best: float, alpha: float) -> list[Standing]:
    known = [figure for figure in found if figure.found.error is not None]
    behind = {id(one) for one, real in zip(known, _behind(known, alpha).tolist(), strict=True) if real}
    told = any(one.found.value == best for one in known)

    def standing(figure: Figure) -> Standing:
        if figure.found.value == best:
            return Standing.BEST
        if id(figure) in behind:
            return Standing.BEHIND
        return Standing.LEVEL if told and figure.found.error is not None else Standing.UNKNOWN

    return [standing(figure) for figure in found]


def _behind(known: list[Figure], alpha: float) -> NDArray[np.bool_]:
    """Which figures some other one exceeds for real: Welch tests, each run against every other.

    The degrees of freedom are the smaller of the two, which is never too bold. Two figures without any
    scatter (fio's quantiles come in steps) are not told apart: nothing says how far a step is noise.
    """
    sign = 1.0 if known and known[0].better == "higher" else -1.0
    values = sign * _column(known, "value")
    errors, freedom = _column(known, "error"), _column(known, "batches") - 1
    quantiles = {n: student(alpha, n) for n in set(freedom.tolist())}
    ahead = values[None, :] - values[:, None]
    doubt = np.hypot(errors[None, :], errors[:, None])
    fewer = np.minimum(freedom[None, :], freedom[:, None])
    bar = np.vectorize(quantiles.get, otypes=[np.float64])(fewer) if known else np.zeros((0, 0))
    return np.asarray(((ahead > bar * doubt) & (doubt > 0)).any(axis=1))


def _column(known: list[Figure], name: str) -> Floats:
    return np.array([getattr(figure.found, name) for figure in known], dtype=np.float64)


def _priced(cells: list[Cell | None], prices: list[price.Price | None]) -> list[Cell | None]:
    """The cells with what each gives for the money, in its own currency."""
    worth = [
        cell.figure.found.value / cost.amount if cell and cost and cell.figure.rate else None
        for cell, cost in zip(cells, prices, strict=True)
    ]
    best: dict[str, float] = {}
    for value, cost in zip(worth, prices, strict=True):
        if value is not None and cost is not None:
            best[cost.currency] = max(value, best.get(cost.currency, 0.0))
    return [
        Cell(cell.figure, cell.ratio, cell.standing, value, cost.currency, _ratio(value, best[cost.currency]))
        if cell and cost and value is not None
        else cell
        for cell, value, cost in zip(cells, worth, prices, strict=True)
    ]


def _caveats(runs: list[Summary]) -> list[Caveat]:
    found = []
    for what, touches in CONDITIONS.items():
        values: dict[str, list[int]] = defaultdict(list)
        for place, run in enumerate(runs):
            if what in run.conditions:
                values[run.conditions[what]].append(place)
        if len(values) > 1:
            found.append(Caveat(what, tuple((v, tuple(places)) for v, places in values.items()), touches))
    return found
