"""pyperf's outputs put together: one benchmark for each kind of work on one vCPU, and on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyperf

from vpsbench.probes.score_suite import raw_outputs
from vpsbench.probes.score_suite.benchmarks import ARMS
from vpsbench.probes.score_suite.raw_outputs import Output


def put_together(raws: Iterable[Mapping[str, str]]) -> pyperf.BenchmarkSuite | None:
    """The scores of some turns, under names that are the same on every machine; None: there are none.

    pyperf keeps its metadata with each run of a benchmark, so the vCPU of each stays known.

    Args:
        raws: what each turn kept; outputs of other tools are passed over.

    Raises:
        ValueError: Python or the machine changed in between; pyperf says what.
    """
    found = [_renamed(output) for raw in raws for output in raw_outputs.of(raw)]
    if not found:
        return None
    suite = pyperf.BenchmarkSuite(found[:1])
    for benchmark in found[1:]:
        suite.add_runs(benchmark)
    return suite


def _renamed(output: Output) -> pyperf.Benchmark:
    """The benchmark of one output, named after its work and its arm."""
    benchmark = pyperf.Benchmark.loads(output.text)
    benchmark.update_metadata({"name": f"{output.work} on {ARMS[output.arm]}"})
    return benchmark
