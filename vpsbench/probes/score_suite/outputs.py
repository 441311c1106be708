"""pyperf's outputs put together: one benchmark for each kind of work on one vCPU, and on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import pyperf

ARMS: Final = {"single": "one vCPU", "all": "all vCPUs"}
_RAW: Final = "pyperf"


def raw_name(benchmark: str, arm: str, vcpu: int) -> str:
    """Under which name a turn keeps an output of pyperf."""
    return f"{_RAW}-{benchmark}-{arm}-{vcpu}"


def put_together(raws: Iterable[Mapping[str, str]]) -> pyperf.BenchmarkSuite | None:
    """The scores of some turns, under names that are the same on every machine; None: there are none.

    pyperf keeps its metadata with each run of a benchmark, so the vCPU of each stays known.

    Args:
        raws: what each turn kept; outputs of other tools are passed over.

    Raises:
        ValueError: Python or the machine changed in between; pyperf says what.
    """
    found = [
        _renamed(name, text) for raw in raws for name, text in raw.items() if name.startswith(f"{_RAW}-")
    ]
    if not found:
        return None
    suite = pyperf.BenchmarkSuite(found[:1])
    for benchmark in found[1:]:
        suite.add_runs(benchmark)
    return suite


def _renamed(name: str, text: str) -> pyperf.Benchmark:
    """The benchmark of one output, named after its work and its arm."""
    _, work, arm, _ = name.split("-")
    benchmark = pyperf.Benchmark.loads(text)
    benchmark.update_metadata({"name": f"{work} on {ARMS[arm]}"})
    return benchmark
