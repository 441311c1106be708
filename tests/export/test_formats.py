"""What ``vpsbench export`` writes is read back by the tools that it is meant for."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import example_run
from tests.export.test_pyperf import command, refused
from tests.places import TREE
from tests.tools import day
from vpsbench.export.csv import write_csv
from vpsbench.export.parquet import write_parquet
from vpsbench.export.plain_tables.queries import QUERIES
from vpsbench.model import Kind, Metric, Run, RunState
from vpsbench.monitors import cpu_times
from vpsbench.monitors import memory as meminfo
from vpsbench.store.reader import Stream, read, stream
from vpsbench.store.writer import Collector

ROOT = TREE
NASTY = 'a,"b"\n=cmd();--'


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "a.db"
    day.write(path, 1, 1200)
    return path


@pytest.fixture(scope="module")
def plain(measured: Path) -> Path:
    path = measured.with_name("plain.db")
    command("--db", measured, "--sqlite", path)
    return path


def small(path: Path) -> Path:
    """Readings that fail, come twice, come late; and names that are no plain words."""
    with Collector(path) as collector:
        example_run.begin(collector)
        boot = example_run.BOOT
        collector.add([example_run.free(1.5), example_run.free(2.5), example_run.steal(0.25)], at=boot)
        collector.gap("memory.free", (), at=boot + 1)
        collector.add([example_run.free(0.1, at=boot + 0.5)], at=boot + 2)
        collector.event("gap", NASTY, boot + 1)
        collector.finish(RunState.FINISHED, 2.0)
    return path


def test_csv_holds_every_reading_and_nothing_for_a_failed_one(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    command("--db", small(tmp_path / "a.db"), "--csv", out)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    free = [(row["t"], row["value"]) for row in rows if row["metric"] == "memory.free"]
    assert free == [("0.0", "1.5"), ("0.0", "2.5"), ("1.0", ""), ("0.5", "0.1")]
    assert [row["labels"] for row in rows if row["metric"] == "cpu.time"] == ["state=steal vcpu=0"]


def test_csv_goes_to_standard_output_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("--db", small(tmp_path / "a.db"), "--csv", "-")
    assert capsys.readouterr().out.splitlines()[0] == "t,metric,labels,unit,value"


def test_parquet_holds_the_same_as_the_record(tmp_path: Path, measured: Path) -> None:
    out = tmp_path / "a.parquet"
    command("--db", measured, "--parquet", out)
    rows = pq.read_table(out)
    series = read(measured).named(meminfo.FREE)[0]
    here = np.array([name == "memory.free" for name in rows["metric"].to_pylist()])
    assert rows["t"].to_numpy()[here].tolist() == series.times.tolist()
    assert rows["value"].to_numpy()[here].tolist() == series.values.tolist()


def test_a_failed_reading_is_null_in_parquet_and_in_sql(tmp_path: Path) -> None:
    db = small(tmp_path / "a.db")
    command("--db", db, "--parquet", tmp_path / "a.parquet", "--sqlite", tmp_path / "b.db")
    assert pq.read_table(tmp_path / "a.parquet")["value"].null_count == 1
    with closing(sqlite3.connect(tmp_path / "b.db")) as plain:
        free = plain.execute("SELECT t, value FROM readings WHERE metric = 'memory.free' ORDER BY t")
        assert free.fetchall() == [(0.0, 2.5), (0.5, 0.1), (1.0, None)]
        assert plain.execute("SELECT detail FROM events WHERE kind = 'gap'").fetchone() == (NASTY,)


def a_long_run(batches: int, ticks: int = 500) -> Stream:
    """A stream as a long run makes it, without one."""
    heads = tuple((Metric(f"m{k}", "1", Kind.GAUGE, "neither", ""), {"k": str(k)}) for k in range(60))
    places = np.tile(np.arange(60), ticks)
    found = ((np.full(places.size, float(n)), np.full(places.size, 0.1), places) for n in range(batches))
    return Stream(Run(1, RunState.FINISHED, 0, 0, 0, None, None, None), heads, found)  # type: ignore[arg-type]  # not looked at


def test_a_long_run_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    peaks = []
    for batches in (2, 12):
        tracemalloc.start()
        with (tmp_path / "a.csv").open("w", encoding="utf-8") as file:
            write_csv(a_long_run(batches, 50), file)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    write_parquet(a_long_run(40), tmp_path / "a.parquet")
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (1_200_000, 3)


def test_prometheus_reads_the_last_readings_and_the_verdict(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("--db", measured, "--prometheus", "-")
    found = {family.name: family for family in text_string_to_metric_families(capsys.readouterr().out)}
    record = read(measured)
    cpu = found["vpsbench_cpu_time_seconds"]
    assert cpu.type == "counter"
    (steal,) = [s.value for s in cpu.samples if s.labels == {"state": "steal", "vcpu": "0"}]
    assert steal == record.named(cpu_times.TIME, state="steal", vcpu="0")[0].values[-1]
    assert sum(sample.value for sample in found["vpsbench_verdict"].samples) == 1.0


def test_prometheus_is_not_told_of_a_series_whose_last_reading_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        collector.add([example_run.free(1.0), example_run.steal(2.0)], at=example_run.BOOT)
        collector.gap("memory.free", (), at=example_run.BOOT + 1)
        collector.finish(RunState.FINISHED, 2.0)
    command("--db", tmp_path / "a.db", "--prometheus", "-")
    found = {family.name: family for family in text_string_to_metric_families(capsys.readouterr().out)}
    assert found["vpsbench_memory_free_bytes"].samples == []
    assert [s.value for s in found["vpsbench_cpu_time_seconds"].samples] == [2.0]


def test_each_question_of_the_page_is_answered(plain: Path) -> None:
    page = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    asked = re.findall(r"## ([^\n]+)\n\n```sql\n(.*?)\n```", page, re.DOTALL)
    assert asked == [(one.title, one.sql) for one in QUERIES]
    with closing(sqlite3.connect(plain)) as db:
        answers = [db.execute(sql).fetchall() for _, sql in asked]
    assert len(answers) == 5
    assert all(answers)
    assert all(value is not None for rows in answers for row in rows for value in row)


def test_the_answers_are_those_of_the_record(plain: Path, measured: Path) -> None:
    answers = {query.name: query.sql for query in QUERIES}
    record = read(measured)
    with closing(sqlite3.connect(plain)) as db:
        steal = db.execute(answers["steal-by-hour"]).fetchall()
        memory = db.execute(answers["memory-by-hour"]).fetchall()
    for (_, labels, per_cent), series in zip(steal, record.named(cpu_times.TIME, state="steal"), strict=True):
        assert labels.endswith(series.labels["vcpu"])
        grown, passed = np.ptp(series.values), np.ptp(series.times)
        assert per_cent == pytest.approx(100 * grown / passed, abs=0.01)
    assert memory[0][1] == round(record.named(meminfo.AVAILABLE)[0].values.min() / 2**20)


def test_a_counter_that_ran_backwards_has_no_rate(tmp_path: Path) -> None:
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        for n, value in enumerate((1.0, 3.0, 0.5, 1.0)):
            collector.add([example_run.steal(value)], at=example_run.BOOT + n)
        collector.finish(RunState.FINISHED, 4.0)
    command("--db", tmp_path / "a.db", "--sqlite", tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db")) as db:
        assert [rate for (rate,) in db.execute("SELECT rate FROM rates ORDER BY t")] == [2.0, None, 0.5]


def test_metadata_names_only_what_is_there(plain: Path, measured: Path) -> None:
    out = plain.with_name("metadata.json")
    command("--db", measured, "--sqlite", plain, "--datasette", out)
    (database,) = json.loads(out.read_text(encoding="utf-8"))["databases"].items()
    name, said = database
    assert name == "plain"
    with closing(sqlite3.connect(plain)) as db:
        there = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'view')"))
        columns = {
            t: {row[0] for row in db.execute("SELECT name FROM pragma_table_info(?)", (t,))} for t in there
        }
    assert said["tables"].keys() <= there.keys()
    for table, about in said["tables"].items():
        named = {*about.get("facets", ()), *about.get("columns", ()), *filter(None, [about.get("sort")])}
        assert named <= columns[table]


def test_nothing_to_export_and_streams_that_cannot_be_are_refused(tmp_path: Path) -> None:
    assert "Nothing to export" in refused("--db", tmp_path / "a.db").message
    for name in ("--sqlite", "--parquet"):
        assert "standard output" in refused(name, "-").message


def test_an_older_export_is_replaced_as_a_whole_and_a_failed_one_leaves_it(tmp_path: Path) -> None:
    out = tmp_path / "a.db"
    out.write_text("old", encoding="utf-8")
    refused("--db", tmp_path / "none.db", "--sqlite", out)
    assert out.read_text(encoding="utf-8") == "old"
    command("--db", small(tmp_path / "b.db"), "--sqlite", out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.db", "b.db"]


@pytest.mark.parametrize("name", ["csv", "sqlite", "parquet"])
def test_the_database_itself_is_never_overwritten(tmp_path: Path, name: str) -> None:
    db = small(tmp_path / "a.db")
    before = db.read_bytes()
    assert "is the database" in refused("--db", db, f"--{name}", tmp_path / "." / "a.db").message
    assert db.read_bytes() == before


def test_a_stream_tells_the_run_that_was_asked_for(tmp_path: Path) -> None:
    small(tmp_path / "a.db")
    with stream(small(tmp_path / "a.db"), 1) as found:
        assert found.run.id == 1
        assert sum(times.size for times, _, _ in found.readings) == 5
