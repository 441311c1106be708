"""Remembers on disk what the lab changes on this machine, before it changes it, so that all of it is undone.

Undone at the end of a scenario, after Ctrl-C, and, where a lab was killed, by the next lab that starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.lab.errors import LabError

Entry = dict[str, Any]
_PATIENCE: Final = 10  # s for a killed process to be gone


class Journal:
    """The list of what is to be undone. One lab at a time: swap and KSM belong to the whole machine.

    Args:
        folder: where the journal and its lock lie.

    Raises:
        LabError: another lab is running.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "journal.json"
        self._guard = threading.RLock()
        self._lock = (folder / "lock").open("w")  # held, and so locked, until this process ends
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise LabError(f"another lab is running (it holds {folder / 'lock'})") from error
        self._entries: list[Entry] = json.loads(self._file.read_text()) if self._file.exists() else []

    @contextmanager
    def undoing(self, kind: str, **what: Any) -> Iterator[None]:  # noqa: ANN401  whatever JSON can hold
        """Notes something that is about to be made, and undoes it at the end."""
        entry = self.note(kind, **what)
        try:
            yield
        finally:
            self.undo(entry)

    def note(self, kind: str, **what: Any) -> Entry:  # noqa: ANN401  likewise
        """Writes down what is about to be made."""
        entry = {"kind": kind, **what}
        with self._guard:
            self._entries.append(entry)
            self._save()
        return entry

    def undo(self, entry: Entry) -> None:
        """Undoes one thing, and forgets it when that worked."""
        UNDO[entry["kind"]](entry)
        with self._guard:
            self._entries.remove(entry)
            self._save()

    def undo_all(self) -> list[Entry]:
        """Undoes everything that is noted, the latest first; one that fails does not keep the others."""
        done = list(reversed(self._entries))
        with ExitStack() as stack:
            for entry in reversed(done):
                stack.callback(self.undo, entry)
        return done

    def close(self) -> None:
        """Gives the lock free."""
        self._lock.close()

    def _save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._entries))
        new.replace(self._file)


def started(pid: int) -> int | None:
    """A process's start time in clock ticks since boot, which with its id names it for good; None: gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _end_process(entry: Entry) -> None:
    """Kills a process, but not another one that got its number meanwhile."""
    if started(entry["pid"]) == entry["started"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(entry["pid"], signal.SIGKILL)
        _until(lambda: started(entry["pid"]) != entry["started"], f"process {entry['pid']} does not end")


def _remove_cgroup(entry: Entry) -> None:
    """Kills what still runs in a cgroup, and removes it."""
    folder = Path(entry["path"])

    def gone() -> bool:
        if not folder.exists():
            return True
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):  # busy as long as a process is ending in it
            folder.rmdir()
        return not folder.exists()

    _until(gone, f"{folder} cannot be removed")


def _remove_swap(entry: Entry) -> None:
    path = Path(entry["path"])
    if any(line.split()[0] == str(path) for line in Path("/proc/swaps").read_text().splitlines()):
        subprocess.run(["swapoff", path], check=True)
    if path.is_file():  # not a device's node
        path.unlink()


def _remove_zram(entry: Entry) -> None:
    if Path(f"/sys/block/zram{entry['number']}").exists():
        Path("/sys/class/zram-control/hot_remove").write_text(str(entry["number"]))


def _remove_loop(entry: Entry) -> None:
    if Path("/sys/class/block", Path(entry["path"]).name, "loop").exists():
        subprocess.run(["losetup", "--detach", entry["path"]], check=True)


def _restore_setting(entry: Entry) -> None:
    Path(entry["path"]).write_text(entry["value"])


def _remove_folder(entry: Entry) -> None:
    shutil.rmtree(entry["path"], ignore_errors=not Path(entry["path"]).exists())


def _until(true: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise LabError(complaint)
        time.sleep(0.05)


UNDO: Final[dict[str, Callable[[Entry], None]]] = {
    "process": _end_process,
    "cgroup": _remove_cgroup,
    "swap": _remove_swap,
    "zram": _remove_zram,
    "loop": _remove_loop,
    "setting": _restore_setting,
    "folder": _remove_folder,
}
