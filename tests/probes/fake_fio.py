"""A fio that does what a test says, first in PATH."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.places import FIXTURES
from vpsbench.probes import Request
from vpsbench.probes.disk import Options

MIB = 1024**2
CAPTURED = FIXTURES / "fio"


def request(
    folder: Path, seconds: float, options: Options, budget: int = 256 * MIB, duty: float = 1.0
) -> Request:
    return Request(seconds, options, budget, str(folder), (0,), 1, duty)


FAKE = """#!/bin/sh
case "$*" in
  *--name=engine*--ioengine=io_uring*) {io_uring};;
  *--name=engine*) cat {good};;
  *--name=burst*) {burst};;
  *--name=randread-qd1*) cat {good}; echo '1000, 7, 0, 0, 0' > randread-qd1_iops.1.log;;
  *) {other};;
esac
"""


TWO = Options(jobs=("burst", "randread-qd1"), file_size=16 * MIB)


def fake(
    folder: Path, monkeypatch: pytest.MonkeyPatch, burst: str, io_uring: str = "", other: str = "exit 9"
) -> None:
    """A fio whose burst job does something else; its other one succeeds with 7 I/Os."""
    report = json.loads((CAPTURED / "3.33/mix.out").read_text().partition("\n}\n")[0] + "}")
    good = folder / "good.json"
    job = report["jobs"][0]
    job["write"] |= {"io_bytes": 0, "runtime": 0, "clat_ns": {"N": 0, "mean": 0.0}}
    job["read"] |= {
        "io_bytes": 28672,
        "runtime": 1000,
        "clat_ns": {"N": 7, "mean": 9000.0, "bins": {"9000": 7}},
    }
    good.write_text(json.dumps(report, indent=1) + "\n")
    path = folder / "bin/fio"
    path.parent.mkdir()
    path.write_text(FAKE.format(good=good, burst=burst, io_uring=io_uring or f"cat {good}", other=other))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
