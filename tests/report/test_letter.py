"""The letter says what the findings say; where nothing is broken there is none."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import bundles, report_values
from vpsbench.commands.letter import COMMAND
from vpsbench.model import Judgement, Level, Plan, Word
from vpsbench.report.letter import letter

STRONG = next(f for f in report_values.FINDINGS if f.level is Level.STRONG)


def _broken() -> Judgement:
    found = report_values.a_judgement()
    promises = tuple(
        replace(p, because=STRONG.said, grounds=(STRONG,)) if p.word is Word.BROKEN else p
        for p in found.verdict.promises
    )
    return replace(found, verdict=replace(found.verdict, promises=promises))


def test_letter_has_the_broken_promise_its_figures_and_how_to_repeat_it() -> None:
    text = letter(_broken())
    flat = " ".join(text.split())
    for part in (
        "Promised: 2 shared vCPUs.", STRONG.claim, "Measured: 10.2 % (interval: 9.1 % to 11.3 %).",
        "Seen from 2026-11-18 11:07:10 UTC to 2026-11-18 11:15:20 UTC.", "was ruled out",
        "A cap that was sold as such, could not be decided from within", "wall clock ran 0.4 s away",
        "vpsbench run --profile", "--seed 42", "Kind regards",
    ):  # fmt: skip
        assert part in flat
    for absent in ("2 GiB of memory", "40 GB of disk", "too short to see a bucket", "None"):
        assert absent not in flat
    assert all(len(line) <= 76 or line.startswith(("Subject:", "    vpsbench")) for line in text.splitlines())


def test_only_what_is_broken_makes_a_letter() -> None:
    found = _broken()
    for word in (Word.SUSPECT, Word.INCONCLUSIVE, Word.KEPT):
        promises = tuple(replace(p, word=word) for p in found.verdict.promises)
        assert letter(replace(found, verdict=replace(found.verdict, word=word, promises=promises))) == ""


def test_names_from_outside_cannot_mislead_the_eye() -> None:
    text = letter(report_values.a_nasty_judgement())
    assert "\\u202e" in text
    assert "".join(text.split("\n")).isprintable()


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    parser = ArgumentParser()
    COMMAND.configure(parser)
    status = COMMAND.run(parser.parse_args(words))
    return status, *capsys.readouterr()


@pytest.mark.parametrize(
    ("plan", "said"),
    [(None, "was given no plan"), (Plan(name="VPS 1"), "shows no broken promise (its verdict: ")],
)
def test_nothing_to_write_is_said_and_is_a_status(
    plan: Plan | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundles.database(tmp_path, plan)
    status, out, errors = _said(capsys, "--db", str(tmp_path / "runs.db"))
    assert (status, out) == (1, "")
    assert said in errors


def test_suspicion_is_no_letter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = report_values.a_judgement()
    promises = tuple(replace(p, word=Word.SUSPECT) for p in found.verdict.promises)
    suspect = replace(found, verdict=replace(found.verdict, word=Word.SUSPECT, promises=promises))
    monkeypatch.setattr("vpsbench.analyzer.verdict.judge.judge", lambda _: suspect)
    bundles.database(tmp_path)
    status, out, errors = _said(capsys, "--db", str(tmp_path / "runs.db"))
    assert (status, out) == (1, "")
    assert "no proof" in errors
