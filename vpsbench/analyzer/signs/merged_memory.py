"""Equal pages of this guest that the host keeps only once: merged memory.

The first write to a merged page makes the host copy it. So pages in equal pairs are compared with unique
ones that lay between them, were written beside them and left alone for as long. Whatever else makes a first
write slow (host swap, migration, snapshots, cold caches) meets both. The control: a second write to the same
pages shows no difference.

Merging takes nothing away by itself, and a host that merges may have plenty of memory. So this is a notice at
most. A host that does not merge today may do so when it runs short, so a negative clears nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb, isinf, log2
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer import multiplicity
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.statistics.proportions import share_difference
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.probes import merge
from vpsbench.wording.figures import percent, span

if TYPE_CHECKING:
    from vpsbench.model import Floats

# Of the unique pages at most that share may be slow; and of the duplicates, so many more at a second write.
# Not 0.1 %: on a busy host 4 of 4096 writes meet an interruption of 10 to 30 µs, far beyond a merge's cost.
MOST: Final = 0.005
LEAST: Final = 0.2  # of the duplicates must be slow
FEWEST: Final = 1000  # pages an arm
Z: Final = 3.66  # one side at 0.00013, as in vanishing_memory
STEPS: Final = 4  # bins an octave
BINS: Final = 160  # up to 2^40 ns
ARMS: Final = ("duplicate", "unique")  # those that are compared; zeros are told of only, see _nothing
SERIES: Final = (merge.WRITE, merge.AGE)


@dataclass(frozen=True, slots=True)
class Age:
    """Pages of one age: histograms of each arm's first and second writes, over quarter octaves of ns."""

    t: float  # s since the run began
    age: float  # s
    own: bool  # the guest's own kernel merged pages then
    first: dict[str, Floats]
    second: dict[str, Floats]

    @property
    def border(self) -> int:
        """The first bin that is slow: the least beyond which at most ``MOST`` of the unique pages lie."""
        unique = np.cumsum(self.first["unique"])
        return int(np.searchsorted(unique, (1 - MOST) * unique[-1])) + 1

    def slow(self, arm: str, writes: dict[str, Floats] | None = None) -> float:
        """The share of an arm's writes, by default the first ones, that were slow."""
        counts = (writes or self.first)[arm]
        return float(counts[self.border :].sum() / counts.sum())

    @property
    def excess(self) -> float:
        """How many more of the duplicates were slow at their first write."""
        return self.slow("duplicate") - self.slow("unique")

    def stands(self, bar: float) -> bool:
        """Whether this age shows merging beyond doubt: arms dealt at random would with less than ``bar``."""
        calm = self.slow("duplicate", self.second) - self.slow("unique", self.second) <= MOST
        return calm and self.slow("duplicate") >= LEAST and self.chance() < bar

    def chance(self) -> float:
        """The permutation test, exactly: how often pages dealt to two arms at random differ as much.

        Many duplicates may lie beyond what only ``MOST`` of the unique pages are beyond. Then the slowest of
        all pages hold few unique ones. How many they hold is hypergeometric.
        """
        duplicate, unique = (round(self.first[arm].sum()) for arm in ARMS)
        few = int(MOST * unique)
        slowest = round(self.slow("duplicate") * duplicate) + few
        deals = sum(comb(unique, k) * comb(duplicate, slowest - k) for k in range(few + 1))
        return float(Fraction(deals, comb(duplicate + unique, slowest)))

    def median(self, arm: str) -> str:
        """What half of an arm's first writes took at most, in words."""
        counts = np.cumsum(self.first[arm])
        return f"{2 ** (np.searchsorted(counts, counts[-1] / 2) / STEPS) / 1000:.1f} µs"


def look(record: Record) -> list[Finding]:
    """One finding: the age that shows most, or what was looked at in vain."""
    full = [one for one in ages(record) if min(one.first[arm].sum() for arm in ARMS) >= FEWEST]
    usable = [one for one in full if not one.own]
    if not usable:
        return [_unknown(record, len(full))]
    bar = multiplicity.bar(record).chance / len(usable)
    standing = [one for one in usable if one.stands(bar)]
    return [_found(usable, standing) if standing else _nothing(usable)]


def ages(record: Record) -> list[Age]:
    """All ages in the order of time; each is told by when its pages were written to."""
    found = [
        (t, float(age)) for s in record.named(merge.AGE) for t, age in zip(s.times, s.values, strict=True)
    ]
    own = {float(t) for s in record.named(merge.OWN_KSM) for t in s.times[s.values > 0]}
    return [
        Age(float(t), age, float(t) in own, _histograms(record, t, "first"), _histograms(record, t, "second"))
        for t, age in sorted(found)
    ]


def _histograms(record: Record, t: float, write: str) -> dict[str, Floats]:
    """One histogram for each arm."""
    found = {arm: np.zeros(BINS) for arm in (*ARMS, "zero")}
    for series in record.named(merge.WRITE, write=write):
        bound = float(series.labels["le"])
        column = BINS - 1 if isinf(bound) else min(round(STEPS * log2(bound)), BINS - 1)
        found[series.labels["arm"]][column] += series.values[series.times == t].sum()
    return found


def _unknown(record: Record, ages: int) -> Finding:
    given = [event.detail for event in record.events if event.kind == "merge.given_back"]
    ground, why = "too_few_pages", "no age had enough pages"
    if ages:
        ground, why = "own_kernel_merges", "the guest's own kernel merged pages meanwhile"
    elif given:
        ground, why = "given_back", "; ".join(given)
    return Finding(
        sign=SIGN.name,
        level=Level.NOT_MEASURABLE,
        claim="Whether the host merges equal pages cannot be told.",
        further=f"{why[0].upper()}{why[1:]}.",
        ground=ground,
        series=SERIES,
    )


def _found(usable: list[Age], standing: list[Age]) -> Finding:
    """What the age tells that shows most."""
    worst = max(standing, key=lambda one: one.excess)
    slow, unique = worst.slow("duplicate"), worst.slow("unique")
    counts = [float(worst.first[arm].sum()) for arm in ARMS]
    return Finding(
        sign=SIGN.name,
        level=Level.NOTICE,
        claim=(
            f"The host keeps equal pages of this guest's memory only once: after {span(worst.age)} "
            f"{percent(slow)} of the duplicate pages were slow at their first write, and "
            f"{percent(unique)} of the unique pages beside them."
        ),
        further=(
            f"The medians were {worst.median('duplicate')} and {worst.median('unique')}. At a second write "
            f"{percent(worst.slow('duplicate', worst.second))} of the duplicate pages were slow."
        ),
        ground="merged",
        promised="memory of this guest's own",
        measured=worst.excess,
        interval=share_difference(slow * counts[0], counts[0], unique * counts[1], counts[1], Z),
        unit="1",
        since=standing[0].t,
        until=standing[-1].t,
        series=SERIES,
        alternatives=_alternatives(usable, standing, worst),
    )


def _alternatives(usable: list[Age], standing: list[Age], worst: Age) -> tuple[Alternative, ...]:
    return (
        Alternative(
            "the guest's own kernel merges pages", ruled_out=True, because="its KSM was off at each age"
        ),
        Alternative(
            "memory that the host had swapped out, or write-protected for a migration or a snapshot",
            ruled_out=True,
            because="that slows unique pages as well, which lay between the others",
        ),
        Alternative(
            "chance",
            ruled_out=True,
            because=f"pages dealt at random to the two groups differ as much with p = {worst.chance():.1g}; "
            f"{len(standing)} of {len(usable)} ages show the difference",
        ),
        Alternative(
            "merging that costs nobody anything",
            ruled_out=None,
            because="the host may merge without being short of memory; only vanishing memory shows that",
        ),
    )


def _nothing(usable: list[Age]) -> Finding:
    """Nobody is cleared by it."""
    most = max(usable, key=lambda one: one.excess)
    return Finding(
        sign=SIGN.name,
        level=Level.NOT_MEASURABLE,
        claim=(
            f"No merged pages were seen in memory left alone for up to {span(max(a.age for a in usable))}: "
            f"{percent(most.slow('duplicate'))} of duplicate pages and "
            f"{percent(most.slow('unique'))} of unique pages were slow at their first write."
        ),
        further=(
            "That does not clear the host. A large host needs hours to scan its memory, and many merge only "
            "when they run short of memory."
        ),
        ground="none_seen",
        measured=most.excess,
        unit="1",
        since=usable[0].t,
        until=usable[-1].t,
        series=SERIES,
    )


SIGN = Sign(
    name="merged_memory",
    question="Does the host keep equal pages only once?",
    promise="memory",
    needs=(merge.HELD,),  # told from the first page on
    look=look,
    claims=lambda profile, _guest, _plan: int(any(turn.probe == "merge" for turn in profile.turns)),
)
