"""A real short run, watched from outside: between its turns the CPU probe has no process, and so costs 0."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.lab import answers
from tests.lab.clock import now
from vpsbench.store.reader import read

PROFILE = """
name = "two turns"
description = "and rests between"
duration = "10 s"
turns = [{ probe = "cpu", start = "2 s", duration = "1 s", every = "4 s" }]
"""
MARK = "VPSBENCH_TEST_OFF_TURN"
ENDING = 1.0  # s that an interpreter may take to end after its last word


def probes_of(mark: str) -> bool:
    """Whether a run has a process of a probe, whoever started it; the run's environment carries the mark."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"vpsbench.probes" in words and mark.encode() in (folder / "environ").read_bytes():
                return True
        except OSError:
            continue  # it has just ended
    return False


def test_off_turn_no_process_of_the_cpu_probe_is_there(tmp_path: Path) -> None:
    profile, database, mark = tmp_path / "profile.toml", tmp_path / "run.db", f"{MARK}={os.getpid()}"
    profile.write_text(PROFILE)
    command = [sys.executable, "-m", "vpsbench", "run", "--no-html"]
    command += ["--profile", str(profile), "--db", str(database)]
    looks: list[tuple[float, bool]] = []
    with subprocess.Popen(
        command,
        env={**os.environ, MARK: str(os.getpid())},
        stdout=subprocess.DEVNULL,
    ) as run:
        while run.poll() is None:
            looks.append((now(), probes_of(mark)))
            time.sleep(0.05)
    assert run.returncode == 0
    record = read(database)
    boot = answers.boot_time(record)
    turns = [(boot + one.started, boot + one.started + one.elapsed) for one in record.turns]
    assert len(turns) == 2
    for since, until in turns:
        assert any(there for at, there in looks if since <= at <= until)
    off = [there for at, there in looks if not any(a - 0.05 <= at <= b + ENDING for a, b in turns)]
    assert len(off) >= 5
    assert not any(off)
