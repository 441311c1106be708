"""Summaries of many runs: judged side by side in processes of their own, and remembered.

Judging a day takes about two seconds, so what came of it is kept in the user's own cache, never beside the
databases. It is used again only where nothing has changed: the file (its place, inode, size and times, its
-wal's likewise) and every line of this program. What was changed in the last seconds, and a run that still
goes on, is judged each time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import psutil
from pydantic import TypeAdapter

from vpsbench.commands._which_runs import Wanted
from vpsbench.compare.summary import Summary, summary
from vpsbench.errors import VpsbenchError
from vpsbench.model import RunState

_ROOM: Final = 512 * 1024**2  # B of free memory for each process: twice what judging a day takes
_SETTLED: Final = 2.0  # s after which a file's time is sure to change with it: some count whole seconds
_MOST: Final = 20_000  # summaries kept, 20 kB each

Outcome = Summary | VpsbenchError


@cache
def _adapter() -> TypeAdapter[Summary]:
    return TypeAdapter(Summary)


def summaries(wanted: list[Wanted], *, remember: bool) -> Iterator[tuple[Wanted, Outcome]]:
    """The summary of each run as it is ready, or why there is none."""
    program = _program() if remember else ""
    keys = {one: _key(one, program) if remember else None for one in wanted}
    left = []
    for one in wanted:
        known = _recall(keys[one])
        if known is None:
            left.append(one)
        else:
            yield one, known
    for one, outcome in _judged(left):
        if isinstance(outcome, Summary) and outcome.state is not RunState.RUNNING:
            _keep(keys[one], outcome)
        yield one, outcome


def judged(one: Wanted) -> Outcome:
    """Reads and judges one run."""
    from vpsbench.analyzer.judge import judge
    from vpsbench.records import read

    try:
        return summary(judge(read(one.path, one.run)))
    except VpsbenchError as error:
        return error


def _judged(wanted: list[Wanted]) -> Iterator[tuple[Wanted, Outcome]]:
    room = psutil.virtual_memory().available // _ROOM
    workers = min(len(wanted), len(os.sched_getaffinity(0)), room)
    if workers < 2:
        yield from ((one, judged(one)) for one in wanted)
        return
    # A fresh Python, as ours may have threads.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        running: dict[Future[Outcome], Wanted] = {pool.submit(judged, one): one for one in wanted}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


# --- what is remembered ----------------------------------------------------------------------------


def folder() -> Path:
    """Where summaries are kept: the user's own cache folder (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "vpsbench" / "summaries"


def _program() -> str:
    """A digest of the program's own text: another version may judge otherwise."""
    import vpsbench

    here = Path(vpsbench.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(here.rglob("*.py")):
        digest.update(f"{path.relative_to(here)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _key(one: Wanted, program: str) -> Path | None:
    """Where the summary of a run would be; None: its file is gone, or too fresh to be told by its times."""
    path = one.path.resolve()
    states: list[tuple[int, ...]] = []
    for part in (path, path.with_name(f"{path.name}-wal")):
        try:
            found = part.stat()
        except OSError:
            states.append(())
            continue
        if time.time() - found.st_mtime < _SETTLED:
            return None
        states.append((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    if not states[0]:
        return None
    name = hashlib.sha256(repr((program, str(path), one.run, states)).encode()).hexdigest()
    return folder() / f"{name}.json"


def _recall(key: Path | None) -> Summary | None:
    if key is None:
        return None
    try:
        found = _adapter().validate_json(key.read_bytes())
        os.utime(key)  # the longest unused go first
    except (OSError, ValueError):  # not there, or cut off: it is judged again
        return None
    return found


def _keep(key: Path | None, found: Summary) -> None:
    """A cache that cannot be written is no reason to fail: the next time takes longer."""
    if key is None:
        return
    with suppress(OSError):
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = key.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(_adapter().dump_json(found))
        temporary.replace(key)


def forget_oldest() -> None:
    """Keeps the cache bounded."""
    with suppress(OSError):
        _drop(sorted(folder().iterdir(), key=lambda path: path.stat().st_mtime)[:-_MOST])


def _drop(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
