"""``python -m tests.calibration [SIGN …]``: simulates honest and oversold days; writes docs/calibration.md.

Without signs: all that can accuse, and the document is written; with some, only their tables are printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from tests.calibration import honest, others, oversold, page
from tests.calibration.page import Results
from tests.calibration.tally import Said, accusing, tallies
from tests.calibration.whole import judged
from tests.places import DOCS
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.model import Judgement, Level

T = TypeVar("T")
DOCUMENT = DOCS / "calibration.md"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__)
    parser.add_argument("signs", nargs="*", metavar="SIGN", help="default: all that can accuse")
    parser.add_argument("--days", type=int, default=3380, help="days that are mostly honest (default: 3380)")
    parser.add_argument(
        "--each", type=int, default=20, help="days for each fault, size and length (default: 20)"
    )
    parser.add_argument(
        "--whole", type=int, default=26, help="days through collector and database (default: 26)"
    )
    return parser.parse_args()


def main() -> int:
    """See the module. Returns 2 for a sign that there is not."""
    args, known = arguments(), accusing()
    if unknown := set(args.signs) - known.keys():
        sys.stderr.write(f"no such sign: {', '.join(sorted(unknown))}; there are {', '.join(known)}\n")
        return 2
    names = args.signs or list(known)
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        found = Results(
            honest=tallies(_honest(pool, names, args.days)),
            oversold=tallies(_oversold(pool, names, args.each)),
            others=[] if args.signs else list(_many(pool, others.compare, args.each * 2)),
            whole=[] if args.signs else list(_each(pool, whole_day, args.whole)),
        )
    sys.stdout.write(page.summary(found))
    if not args.signs:
        DOCUMENT.write_text(page.document(found), encoding="utf-8")
        sys.stdout.write(f"\n{DOCUMENT} written\n")
    return 0


def _honest(pool: ProcessPoolExecutor, names: Sequence[str], days: int) -> Iterator[Said]:
    others = [name for name in names if name != honest.READS_GAPS]
    if others:
        yield from _many(pool, partial(honest.day, names=others), days)
    if honest.READS_GAPS in names:
        yield from _each(pool, honest.gaps_day, days)


def _oversold(pool: ProcessPoolExecutor, names: Sequence[str], each: int) -> Iterator[Said]:
    for case in oversold.of(names):
        yield from _many(pool, partial(oversold.days, case), each)


def whole_day(number: int) -> bool:
    """Whether a day says the same after its way through collector and database."""
    record = honest.run(number, list(honest.CONDITIONS)[number % len(honest.CONDITIONS)])
    with tempfile.TemporaryDirectory(prefix="vpsbench-calibrate-") as folder:
        found = judged(record, Path(folder))
    return _told(found) == _told(judge(record))


def _told(judgement: Judgement) -> list[tuple[str, Level, str]]:
    return [(finding.sign, finding.level, finding.claim) for finding in judgement.findings]


def _each(pool: ProcessPoolExecutor, day: Callable[[int], T], count: int) -> Iterator[T]:
    yield from pool.map(day, range(count), chunksize=4)


def _many(pool: ProcessPoolExecutor, day: Callable[[int], Iterable[T]], count: int) -> Iterator[T]:
    yield from chain.from_iterable(pool.map(partial(_list, day), range(count), chunksize=4))


def _list(day: Callable[[int], Iterable[T]], number: int) -> list[T]:
    return list(day(number))


if __name__ == "__main__":
    sys.exit(main())
