from __future__ import annotations

from typing import Final

import pytest

from tests.lab import document
from tests.lab.accuracy import Window
from tests.lab.errors import LabError
from tests.lab.matrix import Row, RunResult
from tests.places import DOCS
from tests.tools import documents

FACTS: Final = {"date": "2026-12-01", "commit": "abc1234"}
HIT: Final = Row("mine", 1, "hidden_steal", "accuse", "notice", "hit", 0.5, (0.4, 0.6), 0.49, "1")
WINDOW: Final = Window("lost", "all 0", 0.0, 30.0, 0.5, 0.49)
LAB: Final = (DOCS / "lab.md").read_text(encoding="utf-8")


def run(*windows: Window) -> RunResult:
    return RunResult("mine", 1, "ran", "", 60.0, (HIT,), windows=windows)


def marked(*names: str) -> str:
    return "".join(f"{documents.BEGIN.format(name=name)}\nold {name}\n\n{documents.END}" for name in names)


def test_the_tables_of_the_scenarios_that_ran_are_replaced() -> None:
    text = document.written(marked("mine-windows", "mine-signs"), "mine", [run(WINDOW)], FACTS)
    assert "old" not in text
    assert text.count("2026-12-01, commit abc1234. Runs: 1.") == 2
    assert "1 hit." in text
    assert "| mine | hidden_steal | accuse | notice | hit | 50.00 % | 49.00 % | +1.00 % |" in text
    assert "| mine | lost | 1 of 30 s | 49.0 to 49.0 % | 1.00 pp | 1.00 pp | all 0" in text


def test_a_table_without_results_and_those_of_other_scenarios_stay() -> None:
    text = document.written(marked("mine-windows", "mine-signs", "other-signs"), "mine", [run()], FACTS)
    assert "old mine-windows" in text
    assert "old other-signs" in text
    assert "old mine-signs" not in text


def test_scenarios_that_the_document_does_not_know_are_told() -> None:
    with pytest.raises(LabError, match="yours-signs"):
        document.written(marked("mine-signs"), "yours", [run()], FACTS)


@pytest.mark.parametrize("name", documents.NAMES.findall(LAB))
def test_every_table_that_is_marked_can_be_written(name: str) -> None:
    book = name.rpartition("-")[0]
    assert (DOCS.parent / "tests" / "lab" / f"{book}.toml").exists()
