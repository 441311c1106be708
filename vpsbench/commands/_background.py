"""Starts this very command once more, where the end of the login does not reach it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from vpsbench.commands._measure import DETACHED, say
from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.runner import lock

UNIT: Final = "vpsbench-run"
_BEGIN_SECONDS: Final = 60.0  # a slow machine imports, looks around, and checks its database


def start(db: Path) -> int:
    """Starts it and waits until it measures; says where to look.

    Raises:
        VpsbenchError: it ended before that; the end of its log is shown.
    """
    log = db.with_name(f"{db.stem}.log").absolute()
    log.parent.mkdir(parents=True, exist_ok=True)
    at = log.stat().st_size if log.exists() else 0
    before = lock.told()
    process = _by_systemd(log) if _has_systemd() else _by_session(log)
    until = time.monotonic() + _BEGIN_SECONDS
    while not _begun(before, log):
        if time.monotonic() > until or process.poll():
            raise VpsbenchError(f"It did not begin:\n{_new(log, at)}", f"All of it is in {log}.", FAILED)
        time.sleep(0.1)
    told, pid = lock.told(), lock.holder()
    say(
        f"run {told.run if told else '?'} goes on in the background (process {pid}); log: {log}\n"
        "  vpsbench status   how far it is\n"
        "  vpsbench attach   watch it (Ctrl-C leaves it running)\n"
        "  vpsbench stop     end it; what was measured is kept"
    )
    return 0


def _begun(before: lock.Told | None, log: Path) -> bool:
    told = lock.told()
    return lock.holder() is not None and told is not None and told.log == str(log) and told != before


def _new(log: Path, at: int) -> str:
    with log.open("rb") as file:
        file.seek(at)
        return file.read().decode(errors="replace").strip() or "it said nothing"


def _has_systemd() -> bool:
    """Whether systemd runs this machine (sd_booted(3)), and we may ask it for a unit of the system's."""
    return os.geteuid() == 0 and Path("/run/systemd/system").is_dir() and bool(shutil.which("systemd-run"))


def _by_systemd(log: Path) -> subprocess.Popen[bytes]:
    """A unit of its own: no login's end, and no cleaning up after one, reaches it."""
    passed = [f"--setenv={name}={value}" for name, value in _environment(log).items()]
    command = ["systemd-run", f"--unit={UNIT}", "--collect", "--quiet", "--same-dir", *passed]
    command += ["--property=KillMode=mixed", "--property=TimeoutStopSec=60"]  # its probe is its own to end
    command += [f"--property=StandardOutput=append:{log}", f"--property=StandardError=append:{log}"]
    return subprocess.Popen([*command, *again()])


def _by_session(log: Path) -> subprocess.Popen[bytes]:
    """A session of its own, without a terminal: nothing sends it SIGHUP."""
    with log.open("ab") as out:
        return subprocess.Popen(
            again(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | _environment(log),
        )


def again() -> list[str]:
    """This command line once more."""
    return [sys.executable, "-m", "vpsbench", *sys.argv[1:]]


def _environment(log: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH", "TMPDIR") if name in os.environ}
    if lock.FOLDER_VARIABLE in os.environ:
        kept[lock.FOLDER_VARIABLE] = os.environ[lock.FOLDER_VARIABLE]
    return kept | {DETACHED: str(log)}
