"""The tables of a calibration, for a terminal and for docs/calibration.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.calibration.honest import GAPS
from tests.calibration.noise import BEYOND
from tests.calibration.oversold import CASES, LOADS
from tests.calibration.tally import ANY, Tally, together, upper

Tallies = Mapping[str, Mapping[str, Tally]]


@dataclass(frozen=True, slots=True)
class Results:
    """What was simulated: tallies by sign and condition; (tool, course, found) one by one; whole days."""

    honest: Tallies
    oversold: Tallies
    others: Sequence[tuple[str, str, bool]]
    whole: Sequence[bool]


ABOUT = """# Calibration: how often vpsbench accuses wrongly, and how soon rightly

Written by `make calibrate`; `make calibrate SIGNS="hidden_steal disk_burst"` prints the tables of some
signs. All days are simulated as the signs see them (`tests/calibration/`), with fixed seeds. A day is one
run of `standard`, or, one day in four, of `quick`, on two vCPUs; each draws whether the plan says shared or
dedicated, and whether a steal clock shows what is taken.

**Honest** is a host that keeps every promise, if only just:

- On average it takes exactly what it may of the CPU time: 5 % shown on a shared plan, 1 % shown on a
  dedicated one, 1 % unseen.
- It takes a fifth of the disk's speed, and a tenth of what a plan says of it. One single read in a hundred
  is slow.
- 0.5 % of the held pages is gone in a round at the most. Held pages are up to four times as slow as the
  control anyway.
- vCPUs do 75 to 105 % together of the work that they do alone.

Real hosts that take less are accused less often. Noise is
lognormal (its logarithm has a standard deviation of 1), with the autocorrelation named from second to
second.
"""
FALSE = """## False accusations

Bounds are one-sided, 95 %, Clopper and Pearson's. “Could judge”: days on which the sign said more than that
it cannot tell (merged_memory clears nobody where it finds nothing). “Any of them” is the whole report,
without cpu_quota. Long visits (next table) are not counted.
"""
CONDITIONS = """
### By condition, any sign

Long visits: six times what is allowed, for ten minutes, a sixth of the time. In a run that meets one, much
really was lost; only a repeat hours later makes that strong. Single gaps: event by event, as a host's
scheduler makes them; only cpu_quota reads those.
"""
POWER = """
## Power

Of 100 days: accused, and (strong). “15 min” to “60 min” are loads of that length on all vCPUs without a
pause, with as many claims declared as `standard` has. `quick` has 165 s of load. `standard` has 75 min, and
10 min more two and a half hours later. """
OTHERS = """
## Why tools that look for change points find them here, and accuse nobody

75 minutes of load that lose 1 %, as 450 values of 10 s: of 100 series, in how many something was found.
Only the last row has a change. vpsbench asks another question: whether more than 1 % is lost on the
average, which is so only in the last row; there a change of level counts as memory, so it takes a longer
run to prove that.
"""


def document(found: Results) -> str:
    """docs/calibration.md."""
    return f"{ABOUT}\n{summary(found)}\n"


def summary(found: Results) -> str:
    """All tables."""
    return "\n".join([
        *_false(found.honest),
        *_conditions(found.honest),
        *(_power(found.oversold) if found.oversold else ()),
        *(_others(found.others) if found.others else ()),
        *(_whole(found.whole) if found.whole else ()),
    ])  # fmt: skip


def _false(honest: Tallies) -> Iterator[str]:
    yield FALSE
    yield from _table(
        ("sign", "honest days", "could judge", "notice or worse", "rate at most", "strong", "rate at most"),
        ((name, *_false_row(name, together(_honest_parts(parts)))) for name, parts in honest.items()),
    )


def _honest_parts(parts: Mapping[str, Tally]) -> list[Tally]:
    return [tally for condition, tally in parts.items() if condition not in BEYOND]


def _false_row(name: str, tally: Tally) -> tuple[str, ...]:
    n = tally.days
    if not tally.judged and name not in {case.sign for case in CASES}:
        return ("not simulated: it compares facts", *(["-"] * 5))
    return (
        f"{n}",
        f"{tally.judged}",
        f"{tally.accused}",
        f"{upper(tally.accused, n):.2%}",
        f"{tally.strong}",
        f"{upper(tally.strong, n):.3%}",
    )


def _conditions(honest: Tallies) -> Iterator[str]:
    yield CONDITIONS
    rows = list(honest.get(ANY, {}).items())
    rows += [item for parts in honest.values() for item in parts.items() if item[0].startswith(GAPS)]
    yield from _table(
        ("condition", "days", "notice or worse", "strong"),
        ((name, f"{t.days}", f"{t.accused}", f"{t.strong}") for name, t in rows),
    )


def _power(oversold: Tallies) -> Iterator[str]:
    each = max((tally.days for parts in oversold.values() for tally in parts.values()), default=0)
    yield f"{POWER}Simulated {each} times each."
    for sign, parts in oversold.items():
        yield f"\n### {sign}\n"
        effects = list(dict.fromkeys(condition.partition("|")[0] for condition in parts))
        lengths = [name for name in LOADS if any(c.endswith(f"|{name}") for c in parts)]
        yield from _table(
            ("what the host does", *lengths),
            ((effect, *(_share(parts[f"{effect}|{name}"]) for name in lengths)) for effect in effects),
        )


def _share(tally: Tally) -> str:
    strong = f" ({100 * tally.strong / tally.days:.0f})" if tally.strong else ""
    return f"{100 * tally.accused / tally.days:.0f}{strong}"


def _others(said: Sequence[tuple[str, str, bool]]) -> Iterator[str]:
    yield OTHERS
    courses = list(dict.fromkeys(course for _, course, _ in said))
    tools = list(dict.fromkeys(tool for tool, _, _ in said))
    hits: dict[tuple[str, str], list[bool]] = {}
    for tool, course, hit in said:
        hits.setdefault((tool, course), []).append(hit)
    yield from _table(
        ("course", *tools),
        (
            (course, *(f"{100 * sum(hits[tool, course]) / len(hits[tool, course]):.0f}" for tool in tools))
            for course in courses
        ),
    )


def _whole(whole: Sequence[bool]) -> Iterator[str]:
    yield "\n## Through the whole program\n"
    yield f"{sum(whole)} of {len(whole)} days said the same, word by word, after the real store had"
    yield "written them and they had been read back from SQLite.\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
