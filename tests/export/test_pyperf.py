"""``vpsbench export``: pyperf itself reads what is written, and knows the same names on every machine."""

from __future__ import annotations

import io
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pyperf
import pytest

from tests.builders import example_run
from vpsbench.commands.export import COMMAND
from vpsbench.errors import VpsbenchError
from vpsbench.model import RunState, Status, Turn
from vpsbench.store.writer import Collector


def command(*arguments: str | Path) -> int:
    parser = ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args([str(a) for a in arguments]))


def output(work: str, times: list[float], **metadata: Any) -> str:  # noqa: ANN401  as pyperf takes them
    """What pyperf writes of one process that measured these times, s."""
    metadata = {"name": work, "unit": "second", "loops": 64, "hostname": "guest-1"} | metadata
    run = pyperf.Run(times, metadata=metadata, collect_metadata=False)
    out = io.StringIO()
    pyperf.Benchmark([run]).dump(out)
    return out.getvalue()


def turn(started: float, raw: dict[str, str], status: Status = Status.OK, detail: str = "") -> Turn:
    return Turn("score", started, 20.0, status, detail, {}, raw)


def scored(slower: float = 1.0) -> list[Turn]:
    """Two turns on two vCPUs, hours apart, and a turn of another probe."""
    raws = [
        {
            "pyperf check": "All benchmarks seem to be stable\n",
            "pyperf-json-single-0": output("json", [at + 0.010, at + 0.011], cpu_affinity="0"),
            "pyperf-json-all-0": output("json", [at + 0.020 * slower], cpu_affinity="0"),
            "pyperf-json-all-1": output("json", [at + 0.022 * slower], cpu_affinity="1"),
        }
        for at in (0.0, 0.001)
    ]
    return [turn(10.0, raws[0]), example_run.TURN, turn(9000.0, raws[1])]


def database(path: Path, *turns: Turn) -> Path:
    with Collector(path) as collector:
        example_run.begin(collector)
        for one in turns:
            collector.turn(one)
        collector.finish(RunState.FINISHED, 600.0)
    return path


def refused(*arguments: str | Path) -> VpsbenchError:
    with pytest.raises(VpsbenchError) as error:
        command(*arguments)
    return error.value


def test_vcpus_and_turns_become_one_benchmark_and_keep_their_metadata(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "a.json"
    assert command("--pyperf", out, "--db", database(tmp_path / "a.db", *scored())) == 0
    assert capsys.readouterr().out == f"pyperf: {out}\n"
    suite = pyperf.BenchmarkSuite.load(str(out))
    assert sorted(suite.get_benchmark_names()) == ["json on all vCPUs", "json on one vCPU"]
    both = suite.get_benchmark("json on all vCPUs")
    assert sorted(both.get_values()) == pytest.approx([0.020, 0.021, 0.022, 0.023])
    assert [run.get_metadata()["cpu_affinity"] for run in both.get_runs()] == ["0", "1", "0", "1"]
    assert suite.get_metadata()["hostname"] == "guest-1"


def test_pyperf_compares_two_runs(tmp_path: Path) -> None:
    files = []
    for name, slower in (("here", 1.0), ("there", 2.0)):
        files.append(tmp_path / f"{name}.json")
        command("--pyperf", files[-1], "--db", database(tmp_path / f"{name}.db", *scored(slower)))
    line = [sys.executable, "-m", "pyperf", "compare_to", *map(str, files)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert "json on all vCPUs: Mean +- std dev: [here]" in done.stdout
    assert "1.98x slower" in done.stdout
    assert "not significant (1): json on one vCPU" in done.stdout


def test_standard_output_holds_the_file_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--pyperf", "-", "1", "--db", database(tmp_path / "a.db", *scored())) == 0
    assert len(pyperf.BenchmarkSuite.loads(capsys.readouterr().out)) == 2


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    out.write_text("old", encoding="utf-8")
    command("--pyperf", out, "--db", database(tmp_path / "a.db", *scored()))
    assert len(pyperf.BenchmarkSuite.load(str(out))) == 2


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([], "profile had no score probe"),
        ([turn(0.0, {}, Status.FAILED, "pyperf ended with status 1")], "failed: pyperf ended with status 1"),
        ([turn(0.0, {"stderr": "a warning"})], "the score probe ran, but gave no score"),
    ],
)
def test_a_run_without_scores_is_refused_and_says_why(tmp_path: Path, turns: list[Turn], why: str) -> None:
    out = tmp_path / "a.json"
    assert why in refused("--pyperf", out, "--db", database(tmp_path / "a.db", *turns)).message
    assert not out.exists()


def test_scores_of_two_pythons_do_not_become_one(tmp_path: Path) -> None:
    turns = [
        turn(at, {"pyperf-json-single-0": output("json", [0.01], python_version=version)})
        for at, version in ((0.0, "3.11.2"), (9000.0, "3.13.0"))
    ]
    error = refused("--pyperf", tmp_path / "a.json", "--db", database(tmp_path / "a.db", *turns))
    assert "python_version" in error.message


@pytest.mark.parametrize("name", ["", "a.json.gz"])
def test_a_target_that_would_not_do_is_refused_before_the_database_is_read(tmp_path: Path, name: str) -> None:
    error = refused("--pyperf", tmp_path / name, "--db", tmp_path / "none.db")
    assert str(tmp_path) in error.message
    assert "none.db" not in error.message
