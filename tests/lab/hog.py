"""A busy process of a neighbour: ``hog.py CORE [ON OFF SEED]``, stays on one core of this machine.

Computes all the time, or in a random rhythm: busy and quiet stretches of these mean lengths in s,
exponentially distributed, as of somebody who comes and goes without memory.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator


def rhythm(on: float, off: float, seed: int) -> Iterator[tuple[float, float]]:
    """Lengths of a quiet stretch and of the busy one after it, s, without end."""
    rng = random.Random(seed)  # noqa: S311  no secret
    while True:
        yield rng.expovariate(1 / off), rng.expovariate(1 / on)


def spin(seconds: float) -> None:
    """Computes for that long."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def main() -> None:
    """Lasts until it is killed."""
    core, *pace = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    if not pace:
        spin(float("inf"))
    for quiet, busy in rhythm(float(pace[0]), float(pace[1]), int(pace[2])):
        time.sleep(quiet)
        spin(busy)


if __name__ == "__main__":
    main()
