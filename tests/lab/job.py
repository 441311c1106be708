"""What goes into a guest and comes out again: vpsbench with profile and plan in, its database out."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.lab import places
from tests.lab.errors import LabError
from tests.lab.machine import OwnLimits

_RUN: Final = (
    "python3 -m vpsbench run --profile profile.toml --db /job/out/run.db --dir /data --no-html"
    " --json /job/out/findings.json"
)
_RESULTS: Final = 256 * 1024**2  # B, sparse: room for what comes out


def toml_text(table: Mapping[str, Any]) -> str:
    """A table as TOML, nested ones inline; strings are written as JSON's, which TOML reads."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:  # noqa: ANN401  whatever TOML can hold
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def script(*, planned: bool, seed: int, beside: tuple[str, ...], own_limits: OwnLimits | None) -> str:
    """The job: other work of the guest's owner beside it, then vpsbench as a user would run it."""
    plan = "--plan plan.toml " if planned else ""
    return "\n".join(
        [
            "export PYTHONPATH=/job/src:/opt/packages PYTHONDONTWRITEBYTECODE=1",
            'say() { echo "LAB $1 $(cut -d" " -f1 /proc/uptime)" > "${LAB_CONSOLE:-/dev/console}"; }',
            *(f"( {line} ) >> /job/out/beside.txt 2>&1 &" for line in beside),
            "say run",
            *_own_cgroup(own_limits),
            f"{_RUN} {plan}--seed {seed}",
            "status=$?",
            "dmesg 2> /dev/null | tail -n 40 > /job/out/dmesg.txt",
            "exit $status",
            "",
        ]
    )


def _own_cgroup(limits: OwnLimits | None) -> list[str]:
    """Puts the job's shell, and so vpsbench, into a cgroup of the guest's own."""
    if limits is None:
        return []
    lines = ["echo '+cpu +memory' > /sys/fs/cgroup/cgroup.subtree_control", "mkdir /sys/fs/cgroup/own"]
    if limits.cpus:
        lines.append(f"echo '{round(limits.cpus * 100_000)} 100000' > /sys/fs/cgroup/own/cpu.max")
    if limits.memory:
        lines.append(f"echo {limits.memory} > /sys/fs/cgroup/own/memory.max")
    return [*lines, "echo $$ > /sys/fs/cgroup/own/cgroup.procs"]


def write(folder: Path, profile: Mapping[str, Any], plan: Mapping[str, Any], text: str) -> Path:
    """Lays a job's folder out; the sources are compiled here where this Python is the guest's."""
    job = folder / "job"
    shutil.copytree(
        places.TREE / "vpsbench", job / "src" / "vpsbench", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(places.TREE / "profiles", job / "src" / "profiles")
    compileall.compile_dir(job / "src", quiet=1)
    for helper in (places.LAB / "guest").glob("*.py"):
        shutil.copy(helper, job)
    (job / "out").mkdir()
    (job / "profile.toml").write_text(toml_text(profile))
    if plan:
        (job / "plan.toml").write_text(toml_text(plan))
    (job / "job.sh").write_text(text)
    return job


def disks(folder: Path, job: Path, size: int) -> None:
    """The disks of a virtual guest: the job, room for results, and an empty file system of ``size`` B."""
    with tarfile.open(folder / "job.tar", "w") as tar:
        tar.add(job, arcname=".")
    for name, length in (("results.tar", _RESULTS), ("data.img", size), ("neighbour.img", size)):
        with (folder / name).open("wb") as file:
            file.truncate(length)
    made = subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", folder / "data.img"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LabError(f"mke2fs failed: {made.stderr.strip()}")


def results(folder: Path, out: Path) -> None:
    """Unpacks what a virtual guest left; ``LabError`` where it left nothing."""
    try:
        with tarfile.open(folder / "results.tar") as tar:
            tar.extractall(out, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise LabError(f"the guest gave no results: {error}") from error
