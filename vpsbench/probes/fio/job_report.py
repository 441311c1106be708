"""Hands over what one fio job finds, while it runs: samples, events, and in the end the raw output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vpsbench.probes import Emit
from vpsbench.probes.disk_file.metrics import WRITTEN
from vpsbench.probes.fio import metrics
from vpsbench.probes.fio.output import Rates, Totals, between, quantiles, totals
from vpsbench.probes.fio.process import Left

LOGS: Final = ("iops", "bw", "clat")
_SHORTEST: Final = 0.5  # s; the end of a job is too short for a rate worth the name
_SHORTEST_JOB: Final = 0.05  # s; and so is a job that made I/O for less
_SILENT: Final = 3.0  # s without a report, though one is due each second
_MESSAGE: Final = re.compile(r"fio: .*|note: .*|\s*")  # what fio says beside its reports, in good health


class JobReport:
    """Hands one job over.

    Args:
        job: its name.
        flush: whether its flushes are what is timed.
        to: the metrics to tell: ``DIRECT`` or ``CACHED``.
        emit: where it goes.
    """

    def __init__(self, job: str, *, flush: bool, to: metrics.RateMetrics, emit: Emit) -> None:
        self._job, self._flush, self._to, self._emit = job, flush, to, emit
        self.rates: list[float] = []  # I/Os a second, one a report
        self.written = 0  # B, as far as fio said
        self.whole = False  # whether fio lived to say all
        self._seen, self._last = Totals(), Totals()
        self._garbage = ""

    def hear(self, text: str) -> None:
        """A report came: hand over the rates since the one before."""
        try:
            found = totals(text)
        except ValueError as error:
            self._garbage = self._garbage or str(error)
            return
        if found.written is not None and found.written > self.written:
            self._emit.sample(WRITTEN, found.written - self.written, job=self._job)
            self.written = found.written
        self._last = found
        rates = between(self._seen, found)
        if rates is None or rates.seconds < (_SHORTEST if self._seen.seconds else _SHORTEST_JOB):
            return
        self._seen = found
        self._emit_rates(rates)

    def _emit_rates(self, rates: Rates) -> None:
        if rates.seconds > _SILENT:
            self._emit.event(
                "disk.silent",
                f"{self._job}: fio reported nothing for {rates.seconds:.1f} s: "
                "it, the guest or the disk stood still",
            )
        self.rates.append(rates.iops)
        self._emit.sample(self._to.iops, rates.iops, job=self._job)
        self._emit.sample(self._to.bandwidth, rates.bandwidth, job=self._job)
        if rates.latency is not None and not self._flush:
            self._emit.sample(self._to.latency, rates.latency, job=self._job)

    def end(self, left: Left, folder: Path) -> Totals | None:
        """The job's process has ended, one way or another.

        Returns:
            What fio said at last; None where it did not say what it did.
        """
        self._keep_raw(left, folder)
        if not left.report:
            self._garbage = "there is no whole JSON report in fio's output"
        elif strange := [line for line in left.noise.splitlines() if not _MESSAGE.fullmatch(line)]:
            self._emit.event("disk.garbage", f"{self._job}: fio also said {strange[0][:200]!r}")
        if self._garbage:
            self._emit.event("disk.failed", f"{self._job}: {self._garbage}; {_end_of(left)}")
            return None
        self.whole = self._last.written is not None and left.code is not None and left.code >= 0
        if self._last.error or (left.code and not left.stopped):
            self._emit.event("disk.failed", f"{self._job}: fio's error {self._last.error}; {_end_of(left)}")
        if self._last.cpu is not None and self._last.seconds >= _SHORTEST:
            self._emit.sample(metrics.CPU, self._last.cpu, job=self._job)
        for q, latency in quantiles(self._last.syncs if self._flush else self._last.latencies).items():
            self._emit.sample(self._to.quantile, latency / 1e9, job=self._job, q=q)
        return self._last

    def _keep_raw(self, left: Left, folder: Path) -> None:
        texts = {"json": left.report, "stdout": left.noise, "stderr": left.complaints}
        texts |= {f"{kind}.log": _log(folder, self._job, kind) for kind in LOGS}
        for kind, text in texts.items():
            if text.strip():
                self._emit.raw(f"{self._job}.{kind}", text)


def _log(folder: Path, job: str, kind: str) -> str:
    """A log that fio did not write is empty."""
    path = folder / f"{job}_{kind}.1.log"
    return path.read_text(encoding="ascii", errors="replace") if path.exists() else ""


def _end_of(left: Left) -> str:
    """How a process ended, and its last words."""
    words = left.complaints.strip().splitlines()[-1:] or ["it complained of nothing"]
    if left.code is None:
        return f"it could not be ended: {words[0]}"
    how = f"signal {-left.code}" if left.code < 0 else f"exit status {left.code}"
    return f"{how}{' after we stopped it' if left.stopped else ''}: {words[0]}"
