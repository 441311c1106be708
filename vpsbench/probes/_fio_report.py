"""Hands over what one fio job found: samples with their true times, events, and the raw output."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vpsbench.probes import Emit
from vpsbench.probes._fio import Left
from vpsbench.probes._fio_output import Second, Totals, mean, quantiles, seconds, totals

LOGS: Final = ("iops", "bw", "clat")
_SLACK: Final = 1.0  # s by which a second's time may miss the job's own, as clocks are read one by one
_SHORTEST: Final = 0.05  # s; a job that made I/O for less has no rate worth the name


@dataclass(frozen=True, slots=True)
class Ended:
    """A job whose process has ended, one way or another.

    Args:
        job: its name.
        flush: whether its flushes are what was timed.
        folder: where its logs are.
        left: what its process left behind.
        started: CLOCK_BOOTTIME in s.
        wall_offset: wall time minus CLOCK_BOOTTIME when it started, as fio logs wall time.
    """

    job: str
    flush: bool
    folder: Path
    left: Left
    started: float
    wall_offset: float


def report(ended: Ended, emit: Emit) -> Totals | None:
    """Emit all that a job found; None where fio did not say what it did."""
    logs = {kind: _log(ended, kind) for kind in LOGS}
    _keep_raw(ended, logs, emit)
    try:
        whole = totals(ended.left.out)
        lines = seconds(*(logs[kind] for kind in LOGS))
    except ValueError as error:
        emit.event("disk.failed", f"{ended.job}: {error}; {_end_of(ended.left)}")
        return None
    if whole.error or (ended.left.code and not ended.left.stopped):
        emit.event("disk.failed", f"{ended.job}: fio's error {whole.error}; {_end_of(ended.left)}")
    if whole.ios:
        _emit_seconds(ended, whole, lines, emit)
        _emit_quantiles(ended, whole, emit)
    return whole


def _log(ended: Ended, kind: str) -> str:
    """A log that fio did not write is empty."""
    path = ended.folder / f"{ended.job}_{kind}.1.log"
    return path.read_text(encoding="ascii", errors="replace") if path.exists() else ""


def _keep_raw(ended: Ended, logs: dict[str, str], emit: Emit) -> None:
    texts = {"json": ended.left.out, "stderr": ended.left.complaints}
    texts |= {f"{kind}.log": text for kind, text in logs.items()}
    for kind, text in texts.items():
        if text:
            emit.raw(f"{ended.job}.{kind}", text)


def _end_of(left: Left) -> str:
    """How a process ended, and its last words."""
    words = left.complaints.strip().splitlines()[-1:] or ["it complained of nothing"]
    if left.code is None:
        return f"it could not be ended: {words[0]}"
    how = f"signal {-left.code}" if left.code < 0 else f"exit status {left.code}"
    return f"{how}{' after we stopped it' if left.stopped else ''}: {words[0]}"


def _emit_seconds(ended: Ended, whole: Totals, lines: list[Second], emit: Emit) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    timed = [(line.end / 1000 - ended.wall_offset, line) for line in lines]
    good = [(at, line) for at, line in timed if ended.started - _SLACK <= at <= now + _SLACK]
    if len(good) < len(timed):
        emit.event("disk.times", f"{ended.job}: {len(timed) - len(good)} s were logged at impossible times")
    if len(lines) < int(whole.seconds) - 1:
        emit.event(
            "disk.silent", f"{ended.job}: I/O was logged in {len(lines)} of {whole.seconds:.0f} s only"
        )
    if not lines and whole.seconds >= _SHORTEST:  # over before its first second: its mean is what there is
        good = [(now, _as_one(whole))]
    for at, line in good:
        emit.sample("disk.fio.iops", line.iops, at, job=ended.job)
        if line.bandwidth is not None:
            emit.sample("disk.fio.bandwidth", line.bandwidth, at, job=ended.job)
        if line.latency is not None and not ended.flush:
            emit.sample("disk.fio.latency", line.latency, at, job=ended.job)


def _as_one(whole: Totals) -> Second:
    latency = mean(whole.latencies)
    return Second(
        end=0,
        iops=whole.ios / whole.seconds,
        bandwidth=whole.moved / whole.seconds,
        latency=None if latency is None else latency / 1e9,
    )


def _emit_quantiles(ended: Ended, whole: Totals, emit: Emit) -> None:
    for q, latency in quantiles(whole.syncs if ended.flush else whole.latencies).items():
        emit.sample("disk.fio.latency_quantile", latency / 1e9, job=ended.job, q=q)
