"""Scores that can be compared between providers: a fixed suite under pyperf, on one vCPU and on all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from vpsbench.model import Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.score_suite.benchmarks import ARMS, BENCHMARKS
from vpsbench.probes.score_suite.raw_outputs import raw_name

if TYPE_CHECKING:
    import pyperf

TIME: Final = Metric(
    "score.time", "s", Kind.GAUGE, "lower",
    "median time of one execution of a benchmark's work",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """How much pyperf measures; more processes and values give narrower scores and take longer."""

    benchmarks: tuple[str, ...] = BENCHMARKS
    processes: int = 2
    values: int = 3

    def __post_init__(self) -> None:
        if unknown := set(self.benchmarks) - set(BENCHMARKS):
            raise ValueError(
                f"benchmarks: {', '.join(sorted(unknown))} unknown, expected {', '.join(BENCHMARKS)}"
            )
        if not (1 <= self.processes <= 100 and 1 <= self.values <= 100):
            raise ValueError("processes and values: expected 1 to 100")


def command(benchmark: str, options: Options, vcpu: int, out: Path) -> list[str]:
    """The pyperf program for one benchmark on one vCPU."""
    return [
        *(sys.executable, "-m", "vpsbench.probes.score_suite.suite", "--benchmark", benchmark, "--quiet"),
        *("--processes", str(options.processes), "--values", str(options.values), "--warmups", "1"),
        *("--affinity", str(vcpu), "--copy-env", "--output", str(out)),
    ]


def times(text: str) -> list[float]:
    """The values of a pyperf JSON file, s for one execution of the work.

    Raises:
        KeyError, ValueError: not pyperf's format.
    """
    data: dict[str, Any] = json.loads(text)
    return [
        float(value) for one in data["benchmarks"] for run in one["runs"] for value in run.get("values", ())
    ]


def _measure(benchmark: str, arm: str, request: Request, ends: float, emit: Emit) -> dict[str, str]:
    """One benchmark on the first vCPU, or on all of them at the same time; returns pyperf's outputs."""
    measured: dict[str, str] = {}
    vcpus = request.vcpus[:1] if arm == "single" else request.vcpus
    files = [Path(request.folder) / f"{benchmark}-{arm}-{vcpu}.json" for vcpu in vcpus]
    running: list[subprocess.Popen[str]] = []
    try:
        for vcpu, file in zip(vcpus, files, strict=True):
            line = command(benchmark, request.options, vcpu, file)
            running.append(
                subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            )
        for vcpu, process, file in zip(vcpus, running, files, strict=True):
            _, errors = process.communicate(timeout=max(0.1, ends - time.monotonic()))
            if process.returncode:
                raise RuntimeError(f"pyperf ended with status {process.returncode}: {errors.strip()[-500:]}")
            text = file.read_text(encoding="utf-8")
            measured[raw_name(benchmark, arm, vcpu)] = text
            emit.raw(raw_name(benchmark, arm, vcpu), text)
            emit.sample(TIME, median(times(text)), benchmark=benchmark, arm=arm, vcpu=str(vcpu))
    except subprocess.TimeoutExpired:
        emit.event("score_cut", f"{benchmark} ({arm}) did not end within the turn")
    finally:
        for process in running:
            process.kill()  # pyperf's own workers end when their pipe to it closes
            process.communicate()
    return measured


def _check(scores: pyperf.BenchmarkSuite, folder: str) -> str:
    """What pyperf itself has to say against the scores of a turn, put together as they are exported."""
    file = Path(folder) / "scores.json"
    scores.dump(str(file))
    line = [sys.executable, "-m", "pyperf", "check", str(file)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pyperf check ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def run(request: Request, emit: Emit) -> None:
    """Benchmark after benchmark until the turn's time is up; what did not fit is an event."""
    options: Options = request.options
    ends = time.monotonic() + request.seconds
    plan = [(benchmark, arm) for benchmark in options.benchmarks for arm in ARMS]
    duty = DutyCycle(request.duty, request.seconds)
    longest, measured = 0.0, dict[str, str]()
    while plan and time.monotonic() + longest < ends:
        benchmark, arm = plan.pop(0)
        emit.note(f"{benchmark} on {ARMS[arm]}")
        began = time.monotonic()
        measured |= _measure(benchmark, arm, request, ends, emit)
        longest = max(longest, time.monotonic() - began)
        duty.rest()
    if plan:
        left = ", ".join(f"{benchmark} ({arm})" for benchmark, arm in plan)
        emit.event("score_cut", f"no time was left for {left}")
    # pyperf takes 30 ms to load: only a turn needs it, and not who asks for the probe's metrics.
    from vpsbench.probes.score_suite.outputs import put_together  # noqa: PLC0415

    if scores := put_together([measured]):
        emit.raw("pyperf check", _check(scores, request.folder))


def missing(guest: Guest) -> str | None:
    """Never: the suite needs nothing but Python."""
    del guest
    return None


PROBE = Probe(
    name="score",
    metrics=(TIME,),
    options=Options,
    missing=missing,
    run=run,
)
