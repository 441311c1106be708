"""systemd, where it runs this machine: the manager that starts our units, and what it ends with a login."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vpsbench.errors import FAILED, VpsbenchError

_LINGER: Final = Path("/var/lib/systemd/linger")
_LOGIND: Final = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
_KILLS: Final = ("KillUserProcesses", "KillExcludeUsers", "KillOnlyUsers")


@dataclass(frozen=True, slots=True)
class Manager:
    """What starts units: the machine's systemd for root, for others their own, where it outlives a login."""

    words: tuple[str, ...]  # that reach it
    folder: Path  # of its units
    after: str  # what a unit waits for at boot
    target: str  # what starts a unit at boot

    def ask(self, tool: str, *words: str) -> None:
        """Has one of systemd's tools do something.

        Raises:
            VpsbenchError: it refused.
        """
        done = self._done(tool, *words)
        if done.returncode:
            raise VpsbenchError(f"{tool} {' '.join(words)}: {done.stderr.strip()}", "", FAILED)

    def active(self, unit: str) -> bool:
        """Whether a unit runs, or is about to."""
        return self._done("systemctl", "is-active", unit).stdout.strip() in {"active", "activating"}

    def _done(self, tool: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Finds the user's own manager also after ``su``."""
        where = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"} if self.words else {}
        return subprocess.run(
            [tool, *self.words, *words], check=False, capture_output=True, text=True, env=os.environ | where
        )


def booted() -> bool:
    """Whether systemd runs this machine: sd_booted(3)."""
    return Path("/run/systemd/system").is_dir() and bool(shutil.which("systemd-run"))


def goes_down() -> bool:
    """Whether the machine is being switched off, or booted anew."""
    if not booted():
        return False
    asked = subprocess.run(["systemctl", "is-system-running"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() == "stopping"


def manager() -> Manager | None:
    """The one that we may ask for units which no login's end reaches; None: there is none."""
    if not booted():
        return None
    if os.geteuid() == 0:
        return system()
    if not _lingers():
        return None
    return Manager(("--user",), Path.home() / ".config" / "systemd" / "user", "", "default.target")


def system() -> Manager:
    """The machine's own."""
    after = "After=local-fs.target time-sync.target\n"
    return Manager((), Path("/etc/systemd/system"), after, "multi-user.target")


def user() -> str:
    """The name that systemd knows us by."""
    return pwd.getpwuid(os.geteuid()).pw_name


def _lingers() -> bool:
    """Whether our own manager runs from boot to shutdown, whether we are logged in or not: loginctl(1)."""
    return (_LINGER / user()).exists()


def login_ends_all() -> bool:
    """Whether what we start ends with this login, in whatever session of its own it is."""
    if not booted():
        return False
    asked = subprocess.run(
        ["busctl", "get-property", *_LOGIND, *_KILLS], capture_output=True, text=True, check=False
    )
    return ends_with_login(Path("/proc/self/cgroup").read_text(encoding="utf-8"), user(), asked.stdout)


def ends_with_login(cgroup: str, name: str, told: str) -> bool:
    """The same, from what the kernel and logind say.

    Args:
        cgroup: /proc/self/cgroup.
        name: the user's.
        told: the three settings as busctl prints them, a line each; empty where logind did not answer.
            https://www.freedesktop.org/software/systemd/man/logind.conf.html#KillUserProcesses=
    """
    if "/user@" in cgroup:  # of the user's own manager, which ends with the user's last login
        return True
    if "/session-" not in cgroup or not told:
        return False
    kills, spared, only = (shlex.split(line) for line in told.splitlines())
    return kills[-1] == "true" and name not in spared[2:] and (name in only[2:] or not only[2:])
