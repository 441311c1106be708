"""``python -m tests.lab.boot [TRIAL …]``: what runs survive on machines that systemd has booted."""

from __future__ import annotations

import argparse
import compileall
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.lab import places
from tests.lab.boot.guest import BootedGuest
from tests.lab.boot.image import BootImage, boot_image
from tests.lab.boot.run import PROFILES, verified
from tests.lab.boot.trials import TRIALS, Row, Trial
from tests.lab.errors import LabError, status
from tests.lab.journal import Journal

_HEAD: Final = "| what was done | what was seen | ticks lost | longest gap |\n|---|---|---|---|\n"
_HERE: Final = Path(__file__).parent


def main() -> int:
    """Tries all, or those that are named; returns 1 where one showed a fault."""
    names = [trial.__name__ for trial in TRIALS]
    parser = argparse.ArgumentParser(prog="python -m tests.lab.boot", description=__doc__)
    parser.add_argument("trials", nargs="*", choices=[*names, []], help="default: all", metavar="TRIAL")
    parser.add_argument("--out", type=Path, default=places.REPORTS / "boot", help="where the results go")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was made is undone
    chosen = [trial for trial in TRIALS if trial.__name__ in (args.trials or names)]
    journal = Journal(places.cache())
    try:
        journal.undo_all()
        image = boot_image(say)
        tried = [_tried(trial, image, args.out, journal) for trial in chosen]
        return int(not all(tried))
    finally:
        journal.undo_all()
        journal.close()


def say(text: str) -> None:
    """Tells how far it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tried(trial: Trial, image: BootImage, out: Path, journal: Journal) -> bool:
    """One trial in a guest of its own; its table is written as it goes. False: it showed a fault."""
    folder = out / trial.__name__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began, fault = time.monotonic(), ""
    with (folder / "table.md").open("w") as table:
        table.write(_HEAD)
        try:
            with _guest(image, folder, journal) as guest:
                for row in trial(guest):
                    line = _line(row)
                    table.write(f"{line}\n")
                    say(f"{trial.__name__}, {time.monotonic() - began:.0f} s: {line}")
                _verify(guest, folder)
        except (LabError, OSError, subprocess.SubprocessError) as error:
            fault = str(error)
            table.write(f"\nFAULT: {fault}\n")
    say(f"{trial.__name__}: {fault or 'done'} in {time.monotonic() - began:.0f} s")
    return not fault


@contextmanager
def _guest(image: BootImage, folder: Path, journal: Journal) -> Iterator[BootedGuest]:
    """A guest with this tree's vpsbench; what is in it is fetched out at the end, also after a fault."""
    tree = folder / "src"
    for name in ("vpsbench", "profiles"):
        shutil.copytree(places.TREE / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(tree, quiet=1)
    for name, text in PROFILES.items():
        (tree / name).write_text(text)
    for helper in ("inside.py", "ntp.py"):
        shutil.copy(_HERE / helper, tree)
    with BootedGuest(image, folder / "guest", journal) as guest:
        guest.send(tree, "/opt/vpsbench")
        shutil.rmtree(tree)
        try:
            yield guest
        finally:
            for home in ("/root", "/home"):
                with suppress(
                    subprocess.SubprocessError
                ):  # of a guest that no longer answers: its fault counts
                    guest.fetch(home, folder / home.strip("/"))


def _verify(guest: BootedGuest, folder: Path) -> None:
    """Bundles each run that a trial made, and verifies the bundle."""
    for home in ("/root", "/home"):
        shutil.rmtree(folder / home.strip("/"), ignore_errors=True)
        guest.fetch(home, folder / home.strip("/"))
    for db in sorted(folder.rglob("*.db")):
        say(f"{db.relative_to(folder)}: {' / '.join(verified(db).splitlines()[-2:])}")


def _line(row: Row) -> str:
    gone = "" if row.lost is None else f"{row.lost}" + (f" (of {row.over:.0f} s)" if row.lost else "")
    return f"| {row.what} | {row.seen} | {gone} | {'' if row.gap is None else f'{row.gap:.0f} s'} |"


if __name__ == "__main__":
    sys.exit(status(main))
