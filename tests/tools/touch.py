"""How fast the memory probe touches and verifies pages, beside a plain C loop that copies and compares them.

``python -m tests.tools.touch [--mib MIB] [--rounds N]``: both in turn, on the same vCPU, each round all
pages in a new random order; in CPU time, as neither ever waits. Needs a C compiler.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vpsbench.probes.conduct.isolation import no_collection, pinned
from vpsbench.probes.held_memory.held import BATCH, BLOCK, PAGE, Held

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = Path(__file__).with_suffix(".c")


def plain(program: Path, pages: int) -> float:
    """CPU seconds of the second of two rounds of the C loop."""
    done = subprocess.run([program, str(pages), "2"], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[1])


def probe(held: Held, order: NDArray[np.int64]) -> float:
    """CPU seconds of one round as the probe makes it: timed touches, then the same pages verified."""
    began = time.process_time()
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        held.touch(batch)
        if held.changed(batch).size:
            raise SystemExit("a page changed")
    return time.process_time() - began


def compare(size: int, rounds: int) -> list[tuple[float, float]]:
    """(C loop, probe): ns a page, round by round."""
    rng = np.random.default_rng(1)
    pages = size // PAGE
    with tempfile.TemporaryDirectory() as folder, no_collection(), pinned(max(os.sched_getaffinity(0))):
        program = Path(folder, "touch")
        subprocess.run(["cc", "-O2", "-o", program, SOURCE], check=True)
        held = Held(size, 20, rng)
        held.grow(size)
        probe(held, rng.permutation(pages))
        seconds = [(plain(program, pages), probe(held, rng.permutation(pages))) for _ in range(rounds)]
        held.give_back()
    return [(1e9 * one / pages, 1e9 * other / pages) for one, other in seconds]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    found = compare(args.mib * 1024**2 // BLOCK * BLOCK, args.rounds)
    sys.stdout.write(f"{args.mib} MiB, {args.rounds} rounds, ns a page\n")
    for name, of in (("best", min), ("median", statistics.median)):
        one, other = (of(column) for column in zip(*found, strict=True))
        sys.stdout.write(
            f"{name:>7}: C loop {one:4.0f}, probe {other:4.0f}: {one / other:.0%} of its speed\n"
        )


if __name__ == "__main__":
    main()
