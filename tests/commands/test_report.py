"""``vpsbench report``: from the database alone."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from tests.builders import example_run
from tests.places import TREE
from vpsbench.commands.report import COMMAND
from vpsbench.errors import VpsbenchError
from vpsbench.model import RunState
from vpsbench.store.writer import Collector

MEMORY = 260 * 1024**2  # B; a guest of 512 MB has no more to spare


def command(*arguments: str | Path) -> int:
    parser = ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args([str(a) for a in arguments]))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    with Collector(path) as collector:
        example_run.fill(collector)
        collector.finish(RunState.FINISHED, 200.0)
        example_run.begin(collector, plan=None)
    return path


def test_text_is_what_one_gets_by_default(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("1", "--db", database) == 0
    said = capsys.readouterr().out
    assert said.startswith("VERDICT: ")
    assert "[bold]ACME[/bold]" in said
    assert "machine guest-1" in said


def test_the_latest_run_is_meant_where_none_is_named(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, expected in ((["1"], 1), ([], 2)):
        assert command(*arguments, "--db", database, "--json", "-") == 0
        assert json.loads(capsys.readouterr().out)["run"]["id"] == expected


def test_files_are_written_and_quiet_says_nothing(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, findings = tmp_path / "a" / "report.html", tmp_path / "report.json"
    assert command("1", "--db", database, "--html", page, "--json", findings, "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert json.loads(findings.read_text())["schema"] == 1


def test_a_target_that_cannot_be_written_is_refused_before_the_database_is_read(tmp_path: Path) -> None:
    with pytest.raises(VpsbenchError) as error:
        command("--db", tmp_path / "none.db", "--html", tmp_path)
    assert str(tmp_path) in error.value.message
    assert "none.db" not in error.value.message


def test_an_unknown_run_is_refused_and_leaves_no_file(database: Path, tmp_path: Path) -> None:
    with pytest.raises(VpsbenchError):
        command("77", "--db", database, "--html", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_writing_a_report_fits_into_a_small_guest(tmp_path: Path) -> None:
    code = (
        "import re, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from tests.builders import report_values; from vpsbench.report import html\n"
        "html.write(report_values.a_judgement(), Path(sys.argv[2]))\n"
        # Not ru_maxrss: a child begins with what its parent, the whole test run, had.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    arguments = [sys.executable, "-c", code, str(TREE), str(tmp_path / "report.html")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < MEMORY
