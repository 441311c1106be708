"""The loads that fio makes: how time and budget are shared out, and what its command line says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpsbench.probes.disk_file.layout import Target
from vpsbench.probes.fio.jobs import BURST, JOBS, JobName, arguments, budget_for, seconds_for

MIB = 1024**2
TARGET = Target(Path("/a:b/data"), 64 * MIB, direct=True)


def test_time_is_shared_out() -> None:
    jobs: list[JobName] = list(JOBS)
    assert len(jobs) == 11
    assert seconds_for(BURST, jobs, 161, 0, 0) == 50  # a third of the 150 that are left beside the overhead
    assert seconds_for("randread-qd1", jobs[1:], 110, 0, 0) == 10
    assert seconds_for("seqwrite", ["seqwrite"], 12.5, 0, 0) == 11


def test_time_asked_for_is_given_while_it_lasts() -> None:
    jobs: list[JobName] = ["burst", "seqread", "mix"]
    assert seconds_for("burst", jobs, 100, 0, 50) == 50
    assert seconds_for("seqread", jobs[1:], 49, 20, 50) == 20
    assert seconds_for("mix", jobs[2:], 10, 20, 50) == 9
    assert seconds_for("mix", jobs[2:], 1.5, 20, 50) == 0
    assert seconds_for("burst", list(JOBS), 6.0, 0, 0) == 1  # too little for all: the first ones run
    assert seconds_for("mix", jobs[2:], -5, 0, 0) == 0
    assert seconds_for("burst", jobs, 43, 10, 0) == 20  # 3 of overhead and 2 times 10 are not its own


def test_budget_is_shared_among_those_that_write() -> None:
    jobs: list[JobName] = ["seqread", "fdatasync", "mix"]
    assert budget_for("seqread", jobs, 100) == 0
    assert budget_for("fdatasync", jobs[1:], 100) == 50
    assert budget_for("mix", jobs[2:], 90) == 90


@pytest.mark.parametrize("name", list(JOBS))
def test_only_jobs_that_cannot_write_run_without_a_limit(name: JobName) -> None:
    line = arguments(name, TARGET, "libaio", 5, 100 * MIB)
    limits = [int(word.split("=")[1]) for word in line if word.startswith("--io_size=")]
    assert ("--time_based" in line) == (not limits) == (JOBS[name].writes == 0)
    assert all(limit * JOBS[name].writes < 100 * MIB for limit in limits)
    assert "--runtime=5" in line


def test_the_line_says_what_is_measured() -> None:
    line = arguments("mix", TARGET, "io_uring", 5, 100 * MIB)
    assert {
        "--rw=randrw",
        "--rwmixread=70",
        "--bs=4096",
        "--iodepth=32",
        "--direct=1",
        "--norandommap",
        r"--filename=/a\:b/data",
    } < set(line)
    assert "--fdatasync=1" in arguments("fdatasync", TARGET, "io_uring", 5, 100 * MIB)
