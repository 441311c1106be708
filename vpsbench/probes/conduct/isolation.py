"""Keeps a measuring process apart from what would disturb it, and others safe from it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vpsbench.probes import Emit


@contextmanager
def first_to_be_killed(emit: Emit) -> Iterator[None]:
    """If memory runs out all the same, the kernel ends this process and no other."""
    score = Path("/proc/self/oom_score_adj")
    before = score.read_text(encoding="ascii")
    try:
        score.write_text("1000", encoding="ascii")
    except OSError as error:
        emit.event("memory.oom_score", f"the probe could not make itself the first to be killed: {error}")
        yield
        return
    try:
        yield
    finally:
        score.write_text(before, encoding="ascii")


@contextmanager
def pinned(vcpu: int) -> Iterator[None]:
    """Runs on one vCPU only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {vcpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def no_collection() -> Iterator[None]:
    """Runs without Python's garbage collection, whose pauses look like gaps."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
