"""What follows a run: its judgement, shown and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vpsbench.wiring import systemd

if TYPE_CHECKING:
    from vpsbench.model import Judgement
    from vpsbench.wiring.measure import RunOrder


def conclude(order: RunOrder, number: int, json_file: str | None, fail_on: str | None = None) -> int:
    """Judges a run that has ended, shows it, keeps what comparing needs; returns the exit status.

    Not while the machine goes down: a report would keep it up, and the run may go on afterwards.
    """
    if systemd.goes_down():
        return 0
    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.compare.summary import summary
    from vpsbench.store import summaries
    from vpsbench.store.reader import read
    from vpsbench.wiring import run_summaries

    made_of = summaries.mark(order.db, number)
    judgement = judge(read(order.db, number))
    _show(judgement, order.html, json_file)
    run_summaries.keep(order.db, made_of, summary(judgement))
    return _status(judgement, fail_on)


def _show(judgement: Judgement, html: Path | None, json_file: str | None) -> None:
    """The verdict in the terminal (or the JSON in its place), and the report."""
    from rich.console import Console

    from vpsbench.files import replace
    from vpsbench.report import json, text
    from vpsbench.wiring.measure import say

    if html:
        from vpsbench.report import html as page

        page.write(judgement, html)
    if json_file == "-":
        print(json.render(judgement), end="")
    else:
        text.show(judgement, Console())
    if json_file and json_file != "-":
        with replace.replacing(Path(json_file)) as file:
            file.write(json.render(judgement))
    if html:
        say(f"the report: {html}")


def _status(judgement: Judgement, fail_on: str | None) -> int:
    from vpsbench.model import Level

    failing = {"notice": {Level.NOTICE, Level.STRONG}, "strong": {Level.STRONG}}.get(fail_on or "", set())
    return int(any(finding.level in failing for finding in judgement.findings))
