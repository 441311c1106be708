"""From a run's folder to its row of the matrix: reads the database that came out of the guest."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab import accuracy, figures, matrix, plot
from tests.lab.errors import LabError, Skip
from tests.lab.matrix import RunResult
from tests.lab.scenario import Scenario
from tests.lab.truth import Truth
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.errors import VpsbenchError
from vpsbench.store.reader import read


def judged(scenario: Scenario, repetition: int, out: Path) -> RunResult:
    """The result of a run whose files lie in ``out``.

    Raises:
        LabError: vpsbench failed in the guest, or harmed a service of its owner's.
    """
    database, log_file = out / "run.db", out / "log.txt"
    if not log_file.exists():
        raise Skip("it was not run")
    log = log_file.read_text(errors="replace")[-400:]
    if not database.exists():
        raise LabError(f"vpsbench left no database; its last words: {log}")
    try:
        judgement = judge(read(database))
    except VpsbenchError as error:
        raise LabError(f"{database}: {error.message}; the guest's last words: {log}") from error
    truth = Truth.read((out / "truth.json").read_text())
    if complaint := _complaint(out / "service.json"):
        raise LabError(complaint)
    if shown := plot.panels(truth, judgement.record):
        plot.draw(shown, f"{scenario.name}: {scenario.about}", out / "truth.svg")
    last = max(course[-1][0] for course in truth.series.values())
    seconds = truth.facts["boot"] + last - truth.marks["run"][0]
    rows = matrix.rows(scenario, repetition, judgement, truth)
    return RunResult(
        scenario.name,
        repetition,
        "ran",
        "",
        seconds,
        rows,
        str(judgement.verdict.word),
        tuple(accuracy.windows(scenario, truth, judgement.record)),
        tuple(figures.figures(scenario, truth, judgement)),
    )


def _complaint(file: Path) -> str:
    """What the owner's service (guest/busy.py) suffered; empty where it fared well, or there was none."""
    if not file.exists():
        return ""
    told = json.loads(file.read_text())
    hurt = {name: told[name] for name in ("swapped", "major_faults") if told[name]}
    return f"the owner's service suffered: {hurt}" if hurt else ""
