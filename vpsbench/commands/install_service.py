"""``vpsbench install-service``: a unit that goes on with a run at boot, and its removal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from vpsbench.commands import Command, _standing
from vpsbench.errors import FAILED, VpsbenchError

_NAME: Final = "vpsbench-resume.service"
_FOLDER: Final = Path("/etc/systemd/system")
_UNIT: Final = """\
[Unit]
Description=vpsbench: goes on with a run that was cut off
After=local-fs.target time-sync.target

[Service]
Type=exec
WorkingDirectory={folder}
Environment={environment}
ExecStart={command}
# Only the run itself is told to stop: it ends its probe, and keeps what was measured.
KillMode=mixed
TimeoutStopSec=60
# A run that was killed goes on; one that ended, or was stopped, does not.
Restart=on-abnormal
RestartSec=10
StandardOutput=append:{log}
StandardError=append:{log}

[Install]
WantedBy=multi-user.target
"""


def unit(db: Path, folder: Path) -> str:
    """The unit's text. Systemd takes ``%`` and ``$`` in it for its own, and words apart at spaces."""
    from vpsbench.commands._measure import DETACHED

    log = db.with_name(f"{db.stem}.log")
    command = [sys.executable, "-m", "vpsbench", "resume", "--if-any", "--db", str(db)]
    return _UNIT.format(
        folder=str(folder).replace("%", "%%"),
        environment=_quoted(f"{DETACHED}={log}"),
        command=" ".join(_quoted(word).replace("$", "$$") for word in command),
        log=str(log).replace("%", "%%"),
    )


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _configure(parser: ArgumentParser) -> None:
    _standing.add_db(parser)
    parser.add_argument("--remove", action="store_true", help="take it away again")
    parser.add_argument("--print", action="store_true", help="show the unit, and change nothing")


def _run(arguments: Namespace) -> int:
    db = _standing.where(arguments.db).absolute()
    if arguments.print:
        print(unit(db, Path.cwd()), end="")
        return 0
    _require_systemd(db)
    file = _FOLDER / _NAME
    if arguments.remove:
        if not file.exists():
            raise VpsbenchError(f"{file} is not there.", "There is nothing to remove.")
        _systemctl("disable", _NAME)
        file.unlink()
        _systemctl("daemon-reload")
        print(f"removed {file}")
        return 0
    file.write_text(unit(db, Path.cwd()), encoding="utf-8")
    _systemctl("daemon-reload")
    _systemctl("enable", _NAME)
    print(f"{file}: a run in {db} that is cut off goes on at boot; --remove takes it away again")
    return 0


def _require_systemd(db: Path) -> None:
    if not Path("/run/systemd/system").is_dir() or not shutil.which("systemctl"):
        line = (
            f"@reboot cd {Path.cwd()} && {sys.executable} -m vpsbench resume --if-any --background --db {db}"
        )
        raise VpsbenchError(
            "This machine is not run by systemd.", f"A line for crontab -e does it too:\n  {line}"
        )
    if os.geteuid() != 0:
        raise VpsbenchError(
            "Only root may install a unit.", "sudo vpsbench install-service; or --print shows it."
        )


def _systemctl(*words: str) -> None:
    try:
        subprocess.run(["systemctl", *words], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise VpsbenchError(f"systemctl {' '.join(words)}: {error.stderr.strip()}", "", FAILED) from error


COMMAND = Command(
    name="install_service",
    help="a systemd unit that goes on with a run at boot; --remove takes it away",
    examples="""\
sudo vpsbench install-service
sudo vpsbench install-service --remove
vpsbench install-service --print""",
    configure=_configure,
    run=_run,
)
