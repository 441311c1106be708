"""Starts this very command once more, where the end of the login does not reach it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.runner import lock
from vpsbench.wiring import systemd
from vpsbench.wiring.measure import DETACHED, say
from vpsbench.wiring.systemd import Manager

_UNIT: Final = "vpsbench-run"  # our process id follows: an earlier one may still be writing its report
_BEGIN_SECONDS: Final = 180.0  # an oversold machine imports, looks around, and checks its database
_LOOK_SECONDS: Final = 0.5


def start(db: Path) -> int:
    """Starts it and waits until it measures; says where to look.

    Raises:
        VpsbenchError: this login's end would end it, or it ended by itself; the end of its log is shown.
    """
    manager = systemd.manager()
    if manager is None:
        _require_a_lasting_session()
    log = db.with_name(f"{db.stem}.log").absolute()
    log.parent.mkdir(parents=True, exist_ok=True)
    at = log.stat().st_size if log.exists() else 0
    before = lock.latest_run()
    ended = _by_systemd(manager, log) if manager else _by_session(log)
    until = time.monotonic() + _BEGIN_SECONDS
    while not _begun(before, log):
        if time.monotonic() > until or ended():
            raise VpsbenchError(f"It did not begin:\n{_new(log, at)}", f"All of it is in {log}.", FAILED)
        time.sleep(_LOOK_SECONDS)
    told, pid = lock.latest_run(), lock.holder()
    say(
        f"run {told.run if told else '?'} goes on in the background (process {pid}); log: {log}\n"
        "  vpsbench status   how far it is\n"
        "  vpsbench attach   watch it (Ctrl-C leaves it running)\n"
        "  vpsbench stop     end it; what was measured is kept"
    )
    return 0


def _begun(before: lock.LatestRun | None, log: Path) -> bool:
    told = lock.latest_run()
    return lock.holder() is not None and told is not None and told.log == str(log) and told != before


def _new(log: Path, at: int) -> str:
    with log.open("rb") as file:
        file.seek(at)
        return file.read().decode(errors="replace").strip() or "it said nothing"


def _require_a_lasting_session() -> None:
    if systemd.login_ends_all():
        raise VpsbenchError(
            "This machine's systemd ends all that a login began with that login: the run would end, too.",
            f"sudo loginctl enable-linger {systemd.user()} lets it go on; or run it as root, or without"
            " --background in a login that lasts.",
        )


def _by_systemd(manager: Manager, log: Path) -> Callable[[], bool]:
    """A unit of its own: no login's end, and no cleaning up after one, reaches it. Tells whether it ended."""
    unit = f"{_UNIT}-{os.getpid()}"
    options = [f"--setenv={name}={value}" for name, value in _environment(log).items()]
    options += ["--property=KillMode=mixed", "--property=TimeoutStopSec=60"]  # its probe is its own to end
    options += ["--property=OOMPolicy=continue"]  # likewise: a probe is the first that the kernel would kill
    options += [f"--property=StandardOutput=append:{log}", f"--property=StandardError=append:{log}"]
    manager.ask("systemd-run", f"--unit={unit}", "--collect", "--quiet", "--same-dir", *options, *again())
    return lambda: not manager.active(unit)


def _by_session(log: Path) -> Callable[[], bool]:
    """A session of its own, without a terminal: nothing sends it SIGHUP. Tells whether it ended."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            again(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | _environment(log),
        )
    return lambda: process.poll() is not None


def again() -> list[str]:
    """This command line once more."""
    return [sys.executable, "-m", "vpsbench", *sys.argv[1:]]


def _environment(log: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH", "TMPDIR") if name in os.environ}
    if lock.FOLDER_VARIABLE in os.environ:
        kept[lock.FOLDER_VARIABLE] = os.environ[lock.FOLDER_VARIABLE]
    return kept | {DETACHED: str(log)}
