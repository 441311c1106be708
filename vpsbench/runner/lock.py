"""One run at a time on a machine: two would measure each other.

A record lock (fcntl) on one file that all users of the machine share. The kernel drops it when its process
ends, however it ends. No child inherits it. It names the holder's process id, so nothing in the file has to
be believed before a signal is sent.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from vpsbench.errors import FAILED, VpsbenchError

FOLDER_VARIABLE: Final = "VPSBENCH_LOCK_DIR"  # where none of the folders below will do, and for tests
# The first that is open to all is the same for every user.
_FOLDERS: Final = ("/run/lock", "/dev/shm", "/tmp")  # noqa: S108  opened without following links
_NAME: Final = "vpsbench.lock"
_FLOCK: Final = struct.Struct("@hhqqi")  # struct flock of <fcntl.h>: type, whence, start, length, pid


@dataclass(frozen=True, slots=True)
class LatestRun:
    """What the latest run said about itself."""

    db: str
    run: int
    pid: int  # to tell two processes of one run apart; a signal goes to the lock's holder instead
    log: str = ""  # of a run in the background


def path() -> Path:
    """The file, on this machine."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen) / _NAME
    return next((Path(f) for f in _FOLDERS if _open_to_all(f)), Path(_FOLDERS[-1])) / _NAME


def _open_to_all(folder: str) -> bool:
    with suppress(OSError):
        return Path(folder).stat().st_mode & 0o1777 == 0o1777
    return False


def holder() -> int | None:
    """The process that runs now; None: none does. 0: one in another container's process namespace."""
    try:
        file = os.open(path(), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked)[: _FLOCK.size])
    finally:
        os.close(file)
    return None if kind == fcntl.F_UNLCK else max(0, pid)


def latest_run() -> LatestRun | None:
    """What the latest run said about itself, also when it has ended; None: nothing that can be read."""
    try:
        return LatestRun(**json.loads(path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Lock:
    """Held from its making to its closing, or to the end of this process.

    Raises:
        VpsbenchError: another run holds it, or the file cannot be opened.
    """

    def __init__(self) -> None:
        self._file = _opened(path())
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise _busy() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def tell(self, what: LatestRun) -> None:
        """Writes down which run this is, for ``vpsbench status`` in any terminal."""
        data = json.dumps(asdict(what)).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)


def _opened(file: Path) -> int:
    """Never follows a link: others may write to the folder. Whoever runs next may be another user."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with suppress(FileExistsError):
            made = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(made, 0o666)  # whatever the umask
            return made
        found = os.open(file, flags)
    except OSError as error:
        hint = f"Name a folder of your own by the environment variable {FOLDER_VARIABLE}."
        raise VpsbenchError(f"Cannot open {file}: {error.strerror}.", hint, FAILED) from error
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise VpsbenchError(f"{file} is no file.", "Remove it.", FAILED)
    return found


def _busy() -> VpsbenchError:
    other, about = holder(), latest_run()
    who = f"process {other}" if other else "a process of another container"
    which = f", run {about.run} in {about.db}" if about else ""
    return VpsbenchError(
        f"Another run goes on here ({who}{which}): two would measure each other.",
        "vpsbench status tells how far it is, vpsbench stop ends it.",
        FAILED,
    )
