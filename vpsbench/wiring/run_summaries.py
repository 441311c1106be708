"""Summaries of many runs: read from their databases, or made anew by several processes at once.

A run is judged when it ends, and what comparing needs is kept in its database. So the summary goes along
wherever the file is copied to. It counts only where this very program made it, and the run is as it was then.
Nothing else is remembered anywhere: reading a file does not change it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from pydantic import TypeAdapter

from vpsbench import build_id
from vpsbench.compare.summary import Summary, summary
from vpsbench.errors import VpsbenchError
from vpsbench.model import RunState
from vpsbench.store import summaries
from vpsbench.wiring.which_runs import Wanted

if TYPE_CHECKING:
    from vpsbench.store.summaries import Mark

_ROOM: Final = 512 * 1024**2  # B of free memory for each process: twice what judging a day takes
# All that a summary comes from; what only shows it, or measures, may change.
ROOMS: Final = (
    *("analyzer", "compare", "errors", "guest", "kernel_text", "metrics", "model", "monitors", "plugins"),
    *("probes", "store", "wording"),
)

Outcome = Summary | VpsbenchError


@cache
def _adapter() -> TypeAdapter[Summary]:
    return TypeAdapter(Summary)


def found(wanted: list[Wanted], *, anew: bool, keeps: bool) -> Iterator[tuple[Wanted, Outcome]]:
    """The summary of each run as it is ready, or why there is none.

    Args:
        wanted: the runs.
        anew: judge them all, whatever their databases hold.
        keeps: write the summaries of those that had to be judged to their databases.
    """
    left = []
    for one in wanted:
        known = None if anew else _known(one)
        if known is None:
            left.append(one)
        else:
            yield one, known
    for one, (outcome, made_of) in _judged(left):
        if keeps and isinstance(outcome, Summary):
            keep(one.path, made_of, outcome)
        yield one, outcome


def _known(one: Wanted) -> Outcome | None:
    try:
        text = summaries.kept(one.path, one.run, program())
    except VpsbenchError as error:
        return error
    try:
        return None if text is None else _adapter().validate_json(text)
    except ValueError:  # no summary of ours, whatever it says of itself
        return None


def keep(path: Path, made_of: Mark | None, outcome: Summary) -> None:
    """Keeps the summary of a run that has ended. Where that fails the user is told, and nothing else ends."""
    from vpsbench.wiring.measure import say

    if made_of is None or outcome.state is RunState.RUNNING:
        return
    try:
        summaries.keep(path, made_of, program(), _adapter().dump_json(outcome).decode())
    except VpsbenchError as error:
        say(f"{error.message} vpsbench compare will have to judge run {made_of.run} anew.")


def judged(one: Wanted) -> tuple[Outcome, Mark | None]:
    """Reads and judges one run; returns also the mark of what was judged."""
    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.store.reader import read

    try:
        made_of = summaries.mark(one.path, one.run)
        return summary(judge(read(one.path, made_of.run if made_of else one.run))), made_of
    except VpsbenchError as error:
        return error, None


def _judged(wanted: list[Wanted]) -> Iterator[tuple[Wanted, tuple[Outcome, Mark | None]]]:
    room = psutil.virtual_memory().available // _ROOM
    workers = min(len(wanted), len(os.sched_getaffinity(0)), room)
    if workers < 2:
        yield from ((one, judged(one)) for one in wanted)
        return
    # A fresh Python, as ours may have threads.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        running: dict[Future[tuple[Outcome, Mark | None]], Wanted] = {
            pool.submit(judged, one): one for one in wanted
        }
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def program() -> str:
    """A digest of the source that makes summaries: another version may judge otherwise."""
    return build_id.digest(ROOMS)
