"""A provider's CPU credit: a bucket that fills slowly, is drained by what runs, and throttles when empty."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from tests.lab.clock import now
from tests.lab.truth import Truth

_STEP: Final = 0.03  # s from one look to the next
_NOTED: Final = 0.25  # s between two notes of the credit
_PRIORITY: Final = -15  # a host's scheduler does not wait for its guests
# s of filling after which the quota is lifted. Within one of its periods (0.1 s) a guest under load uses
# its share at once and then saves for the rest: that must not look like a rest.
LIFTED_AFTER: Final = 0.3


@dataclass(frozen=True, slots=True)
class Bucket:
    """The state of a credit bucket.

    Args:
        capacity: vCPU-seconds that it holds.
        low: vCPU-seconds a second that fill it, and that are left when it is empty.
        credit: vCPU-seconds in it.
        throttled: whether the guest is held at ``low``.
    """

    capacity: float
    low: float
    credit: float
    throttled: bool = False

    def after(self, seconds: float, used: float) -> Bucket:
        """The bucket that much later, when ``used`` vCPU-seconds have run meanwhile."""
        credit = min(self.capacity, max(0.0, self.credit + self.low * seconds - used))
        throttled = credit < self.low * LIFTED_AFTER if self.throttled else credit == 0
        return replace(self, credit=credit, throttled=throttled)


class Controller:
    """Keeps a guest's bucket until it is stopped.

    Args:
        bucket: as it is now.
        used: vCPU-seconds that have run so far; None once the guest has ended.
        limit: holds the guest at that many vCPU-seconds a second; None: lets it go.
        truth: the series ``credit.left`` and ``credit.throttled`` go there.
    """

    def __init__(
        self,
        bucket: Bucket,
        used: Callable[[], float | None],
        limit: Callable[[float | None], None],
        truth: Truth,
    ) -> None:
        self._bucket, self._used, self._limit, self._truth = bucket, used, limit, truth
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._watching = self._pool.submit(self._watch)

    def _watch(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _PRIORITY)
        at, used, noted = now(), self._used(), 0.0
        while used is not None and not self._stop.wait(_STEP):
            later, more = now(), self._used()
            if more is None:
                break
            before, self._bucket = self._bucket, self._bucket.after(later - at, more - used)
            at, used = later, more
            if turned := self._bucket.throttled is not before.throttled:
                self._limit(self._bucket.low if self._bucket.throttled else None)
            if turned or at >= noted + _NOTED:
                noted = at
                self._truth.add("credit.left", self._bucket.credit, at)
                self._truth.add("credit.throttled", self._bucket.throttled, at)

    def stop(self) -> None:
        """Ends it, and lets the guest go; raises what had gone wrong."""
        self._stop.set()
        self._pool.shutdown()
        self._limit(None)
        self._watching.result()
