"""The report for the terminal: colours and width where there is one, plain lines where it is piped."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from vpsbench.model import Judgement, Level, Word
from vpsbench.report.page import Claim, build

_STYLES: Final[dict[str, str]] = {
    Word.BROKEN: "bold red",
    Word.SUSPECT: "bold yellow",
    Word.KEPT: "bold green",
    Word.INCONCLUSIVE: "bold",
    Level.STRONG: "bold red",
    Level.NOTICE: "bold yellow",
    Level.DOUBT: "bold magenta",
    Level.NOT_MEASURABLE: "bold",
    Level.CLEAN: "green",
}


def show(judgement: Judgement, console: Console) -> None:
    """Print what a run has shown: verdict, promises, findings in the order of weight, what was left out.

    Everything goes out as ``Text``, which rich takes literally: a name like ``[red]`` stays a name.
    """
    page = build(judgement)
    _line(console, Text(f"VERDICT: {page.word}", _STYLES.get(page.word, "bold")))
    _line(console, Text(page.headline, "bold"))
    _line(console, Text(page.subtitle, "dim"))
    _line(console, Text(page.lead))
    if page.promises:
        _heading(console, "Promise by promise")
    for p in page.promises:
        found = f"  {p.promised}: {p.found} {p.more}"
        _line(console, Text.assemble((p.word, _STYLES.get(p.word, "")), found.rstrip()))
    if page.untold:
        _heading(console, "What this run could not tell")
    for line in page.untold:
        _line(console, Text(line), "- ")
    _heading(console, "Findings, the weightiest first")
    for claim in page.claims:
        _finding(console, claim)
    unmeasured = page.section("unmeasured")
    _heading(console, unmeasured.title)
    _line(console, Text(unmeasured.note))
    for fact in unmeasured.facts:
        _line(console, Text(f"{fact.name}: {'; '.join(fact.lines)}"), "- ")


def _heading(console: Console, text: str) -> None:
    console.print()
    _line(console, Text(text, "bold underline"))


def _finding(console: Console, claim: Claim) -> None:
    _line(console, Text.assemble((claim.label, _STYLES.get(claim.level, "")), f"  {claim.sign}"))
    _line(console, Text(claim.claim), "  ")
    details = {"promised": claim.promised, "measured": claim.measured, "when": claim.period}
    for name, value in details.items():
        if value:
            _line(console, Text(f"{name}: {value}", "dim"), "    ")
    for cause in claim.causes:
        _line(console, Text(f"{cause.cause} ({cause.answer}): {cause.because}", "dim"), "    ")


def _line(console: Console, text: Text, lead: str = "") -> None:
    """One paragraph, wrapped and indented by hand: rich's tables would pad every line with blanks."""
    for k, line in enumerate(text.wrap(console, max(console.width - len(lead), 20))):
        line.rstrip()
        console.print(Text(lead if k == 0 else " " * len(lead)) + line, soft_wrap=True)
