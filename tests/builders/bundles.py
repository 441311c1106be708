"""A bundle to look at and to tamper with: every kind of thing in it, and all names that a run could tell."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.builders import example_run
from vpsbench.evidence.bundle import BundleRequest, make
from vpsbench.integrity import keys
from vpsbench.integrity.seals import Sealer
from vpsbench.model import Plan, RunState, Status
from vpsbench.store import database as database_file
from vpsbench.store.formats import shipped
from vpsbench.store.writer import Collector

HOST = "web7.example.org"
NAMES = {HOST: "host name", "web7": "host name", "mallory": "user name", "QM00001": "serial number"}
SURROUNDINGS = {"fio": "fio-3.33", "boot_id": "5c9d1a4e"}
SECRETS = (HOST, "web7", "mallory", "QM00001", "192.0.2.77", "2001:db8::7", "52:54:00:12:34:56")


def key(folder: Path, name: str = "key.pem") -> keys.Key:
    return keys.Key.load(folder / name)


def begin(collector: Collector, plan: Plan | None = example_run.PLAN) -> int:
    return collector.begin(
        profile=example_run.PROFILE,
        plan=plan,
        guest=replace(example_run.GUEST, hostname=HOST),
        seed=42,
        metrics=example_run.METRICS,
        wall=example_run.WALL,
        boot=example_run.BOOT,
        surroundings=SURROUNDINGS,
        names=NAMES,
    )


def measure(collector: Collector, ticks: int = 20, plan: Plan | None = example_run.PLAN) -> int:
    """A run with a turn and two events that tell names."""
    number = begin(collector, plan)
    for n in range(ticks):
        at = example_run.BOOT + n
        collector.add([example_run.free(1e9 / (n + 3)), *(example_run.steal(n / 7, v) for v in range(3))], at)
        if n == ticks // 2:
            collector.turn(
                replace(
                    example_run.TURN,
                    status=Status.OK,
                    detail=f"{HOST}: /home/mallory/disk on QM00001",
                    raw={"fio.json": '{"hostname" : "web7"}\nfrom 192.0.2.77', "stderr": "\udcff\0"},
                )
            )
            collector.event("gap", "at 2001:db8::7, 52:54:00:12:34:56", at)
            collector.event("pause", "it slept", at)
        collector.commit(n)
    collector.finish(RunState.FINISHED, ticks)
    return number


def database(folder: Path, plan: Plan | None = example_run.PLAN) -> Path:
    """A database of two runs, of which the second is the one to be shown."""
    path = folder / "runs.db"
    with Collector(path, sealer=Sealer(key(folder))) as collector:
        example_run.fill(collector, ticks=3)
        measure(collector, plan=plan)
    return path


def old_run(path: Path) -> None:
    """A database of the format before there were chains, with a run that was killed after a tick."""
    new = path.with_name("new.db")
    with Collector(new) as collector:
        begin(collector)
    with (
        closing(sqlite3.connect(new)) as source,
        closing(database_file.writable(path, shipped()[:1])) as old,
    ):
        [run] = source.execute("SELECT * FROM runs")
        old.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(run))})", run)  # noqa: S608  question marks
        old.execute("INSERT INTO ticks VALUES (1, 1, 0.5, ?)", (zlib.compress(b""),))
    new.unlink()


def bundle(folder: Path, *, redact: bool = False, name: str = "bundle.zip") -> Path:
    """A bundle of that run, with something attached."""
    path = folder / "runs.db"
    if not path.exists():
        database(folder)
    order = folder / "order 7.pdf"
    order.write_bytes(b"%PDF-1.4 two vCPUs for 5 EUR")
    make(BundleRequest(database=path, run=2, attached=[order], redact=redact), key(folder), folder / name)
    return folder / name
