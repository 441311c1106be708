"""Memory that does not keep what was written to it.

A changed page is a fact. Every page that the memory probe touches is compared with what was written, and in
the end as many of all pages as there is time for. What vpsbench compares with is itself checked before a page
is blamed.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.signs import Sign, one_claim
from vpsbench.model import Alternative, Finding, Level, Metric, Record
from vpsbench.probes.held_memory import metrics as held

SERIES: Final = (held.ERRORS, held.BITS, held.VERIFIED)
UPSET: Final = 1  # bit, in all of the run: a particle can flip one wherever memory has no error correction


def look(record: Record) -> list[Finding]:
    """Clean, or how many pages had changed. What a second look shows as written was read wrongly once."""
    errors, bits, pages = (_sum(record, metric) for metric in SERIES)
    if not errors:
        claim = f"{pages:,.0f} pages of held memory were verified, word by word: none had changed."
        return [_finding(record, Level.CLEAN, "unchanged", claim, errors)]
    differ = "1 bit differs" if bits == 1 else f"{bits:,.0f} bits differ"
    again = differ if bits else "all as written at a second look"
    what = f"{errors:,.0f} page{'' if errors == 1 else 's'} of held memory had changed"
    claim = f"{what}, of {pages:,.0f} verified ({again}): the memory does not keep what is written to it."
    ground = "changed" if bits else "read_wrong_once"
    grave = bits > UPSET and not _swapped(record)
    level = Level.STRONG if grave else Level.NOTICE
    return [_finding(record, level, ground, claim, errors, _alternatives(record, bits))]


def _sum(record: Record, metric: Metric) -> float:
    return float(sum(s.values.sum() for s in record.named(metric)))


def _swapped(record: Record) -> bool:
    """Whether held pages may have gone through the guest's own swap."""
    unlocked = any(event.kind == "memory.not_locked" for event in record.events)
    return unlocked and any(s.values.any() for s in record.named(held.SWAP))


def _alternatives(record: Record, bits: float) -> tuple[Alternative, ...]:
    swapped = _swapped(record)
    return (
        Alternative(
            "the guest's own swap device returned something else",
            ruled_out=None if swapped else True,
            because="the guest swapped meanwhile, and held pages were not locked"
            if swapped
            else "held pages were locked in memory, or the guest swapped nothing",
        ),
        Alternative(
            "a particle flipped a bit, where memory has no error correction",
            ruled_out=None if bits <= UPSET else True,
            because="one bit at most is not enough to exclude it"
            if bits <= UPSET
            else f"{bits:,.0f} bits within one run",
        ),
        Alternative(
            "what the pages are compared with had changed",
            ruled_out=True,
            because="it was checked against a checksum taken before, when each page was looked at again",
        ),
    )


def _finding(  # noqa: PLR0913, PLR0917  what its findings differ by
    record: Record,
    level: Level,
    ground: str,
    claim: str,
    errors: float,
    alternatives: tuple[Alternative, ...] = (),
) -> Finding:
    seen = [float(t) for s in record.named(SERIES[0]) for t in s.times[s.values > 0]]
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        ground=ground,
        promised="memory that keeps what is written to it",
        measured=errors,
        unit="1",
        since=min(seen, default=None),
        until=max(seen, default=None),
        series=SERIES,
        alternatives=alternatives,
    )


SIGN: Final = Sign(
    name="memory_corrupt",
    question="Does the memory keep what is written to it?",
    promise="memory",
    needs=(held.VERIFIED, held.ERRORS),
    look=look,
    claims=one_claim,
)
