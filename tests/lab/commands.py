"""Programs of this machine that the lab calls."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.errors import LabError


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """A command's output; ``LabError`` with its last lines when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise LabError(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{tail}")
    return done.stdout
