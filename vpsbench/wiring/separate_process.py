"""Does work in a process of its own, so that a run of days does not keep its first libraries in memory."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import TypeVar, cast

from vpsbench.errors import FAILED, VpsbenchError

T = TypeVar("T")


def apart(work: Callable[[], T]) -> T:
    """What ``work`` returns, or raises, in a fork of this process.

    Raises:
        VpsbenchError: the fork died.
    """
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(_outcome(work), pipe)
        finally:
            os._exit(0)  # nothing of the parent's is flushed or closed twice
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)  # and no other: a probe may be running
    if not data:
        raise VpsbenchError("A process that looks around died.", "Is memory short?", FAILED)
    value, error = pickle.loads(data)  # noqa: S301  written by our own fork, a moment ago
    if error:
        raise error
    return cast("T", value)


def _outcome(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001  all of them belong to the parent
        return None, error
