"""The process of a probe: how it ends, and what is left of those of dead runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vpsbench.runner.child import remove_leftovers, worker


def test_folders_of_dead_runs_are_removed_and_of_living_ones_kept(tmp_path: Path) -> None:
    """After a reboot a dead run's process id may be that of another program, or of this one."""
    waits = "import sys; sys.stdin.read()"
    gone = 4_194_305  # above the kernel's highest process id
    with (
        subprocess.Popen([sys.executable, "-c", waits, "vpsbench"], stdin=subprocess.PIPE) as run,
        subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE) as other,
    ):
        dead = [f"vpsbench-turn-{pid}-x" for pid in (gone, other.pid, os.getpid())]
        for name in (*dead, f"vpsbench-turn-{run.pid}-x", "vpsbench-turn-mine", "other"):
            (tmp_path / name).mkdir()
        assert sorted(remove_leftovers(tmp_path)) == sorted(dead)
        run.communicate()
        other.communicate()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(("name", "status"), [("cpu", "ok"), ("nonesuch", "failed")])
def test_the_real_worker_ends_with_its_outcome(tmp_path: Path, name: str, status: str) -> None:
    vcpu = min(os.sched_getaffinity(0))
    request = {
        "seconds": 1,
        "options": {},
        "write_budget": 0,
        "folder": str(tmp_path),
        "vcpus": [vcpu],
        "seed": 1,
    }
    done = subprocess.run(worker(name), input=json.dumps(request), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[-1]["kind"], lines[-1]["status"]) == ("done", status)
    assert any(line["kind"] == ("series" if status == "ok" else "raw") for line in lines)
