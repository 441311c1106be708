"""``vpsbench install-service``: installs, or removes, a unit that continues a run at boot."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path
from typing import Final

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.files.replace import replacing
from vpsbench.wiring import run_status, stored_run, systemd
from vpsbench.wiring.systemd import Manager

_NAME: Final = "vpsbench-resume.service"
_UNIT: Final = """\
[Unit]
Description=vpsbench: continues a run that was cut off
{after}
[Service]
Type=exec
WorkingDirectory={folder}
Environment={environment}
ExecStart={command}
# Only the run itself is told to stop: it ends its probe, and keeps what was measured.
KillMode=mixed
TimeoutStopSec=60
# A probe is the first that the kernel kills where memory is short; the run outlives it.
OOMPolicy=continue
# A run that was killed goes on; one that ended, or was stopped, does not.
Restart=on-abnormal
RestartSec=10
StandardOutput=append:{log}
StandardError=append:{log}

[Install]
WantedBy={target}
"""


def unit(db: Path, folder: Path, manager: Manager) -> str:
    """The unit's text. Systemd gives ``%`` and ``$`` a meaning of its own and splits words at spaces."""
    from vpsbench.wiring.measure import DETACHED

    log = db.with_name(f"{db.stem}.log")
    command = [sys.executable, "-m", "vpsbench", "resume", "--if-any", "--db", str(db)]
    return _UNIT.format(
        after=manager.after,
        folder=str(folder).replace("%", "%%"),
        environment=_quoted(f"{DETACHED}={log}"),
        command=" ".join(_quoted(word).replace("$", "$$") for word in command),
        log=str(log).replace("%", "%%"),
        target=manager.target,
    )


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_db(parser, of_latest=True)
    parser.add_argument("--remove", action="store_true", help="take it away again")
    parser.add_argument("--print", action="store_true", help="show the unit, and change nothing")


def _run(arguments: Namespace) -> int:
    db = run_status.where(arguments.db).absolute()
    manager = systemd.manager()
    if arguments.print:
        print(unit(db, Path.cwd(), manager or systemd.system()), end="")
    elif manager is None:
        raise _no_manager(db)
    elif arguments.remove:
        _remove(manager)
    else:
        _install(manager, db)
    return 0


def _install(manager: Manager, db: Path) -> None:
    file = manager.folder / _NAME
    with replacing(file) as text:
        text.write(unit(db, Path.cwd(), manager))
    manager.ask("systemctl", "daemon-reload")
    manager.ask("systemctl", "enable", _NAME)
    print(f"{file}: at boot it continues a run in {db} that was cut off; --remove takes it away again")


def _remove(manager: Manager) -> None:
    file = manager.folder / _NAME
    if not file.exists():
        raise VpsbenchError(f"{file} is not there.", "There is nothing to remove.")
    manager.ask("systemctl", "disable", _NAME)
    file.unlink()
    if manager.words:  # ~/.config/systemd/user, which may have been made for it
        with suppress(OSError):  # something else is in there
            for folder in file.parents[:3]:
                folder.rmdir()
    manager.ask("systemctl", "daemon-reload")
    print(f"removed {file}")


def _no_manager(db: Path) -> VpsbenchError:
    if systemd.booted():
        return VpsbenchError(
            "Only root, or a user who may run programs without being logged in, can install a unit.",
            f"sudo loginctl enable-linger {systemd.user()} allows it. Or --print shows the unit for root.",
        )
    line = f"@reboot cd {Path.cwd()} && {sys.executable} -m vpsbench resume --if-any --background --db {db}"
    return VpsbenchError(
        "This machine is not run by systemd.", f"A line for crontab -e does it too:\n  {line}"
    )


COMMAND = Command(
    name="install_service",
    help="install a systemd unit that continues a run at boot; --remove takes it away",
    examples="""\
vpsbench install-service
vpsbench install-service --remove
vpsbench install-service --print""",
    configure=_configure,
    run=_run,
)
