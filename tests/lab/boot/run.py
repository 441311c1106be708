"""A run of vpsbench in a booted guest, as its renter begins it, looks at it, and gets it back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from tests.lab import places
from tests.lab.boot.guest import BootedGuest, until
from tests.lab.errors import LabError

_PROFILE: Final = """\
description = "light, and long enough to be disturbed"
duration = "60 min"
turns = [{ probe = "%s", duration = "%d s", every = "%d s" }]
"""
PROFILES: Final = {"cpu.toml": _PROFILE % ("cpu", 5, 40), "memory.toml": _PROFILE % ("memory", 60, 80)}
_GOES_ON_SECONDS: Final = 400.0  # until a boot's services have taken a run up again


@dataclass(frozen=True, slots=True)
class Held:
    """What a database holds."""

    ticks: list[float]  # s since the run began
    events: list[tuple[float, str, str]]
    turns: list[tuple[str, str, str]]
    runs: list[str]
    sound: str

    def details(self, kind: str) -> list[str]:
        """What was told of the events of a kind."""
        return [detail for _, found, detail in self.events if found == kind]

    def gap(self) -> float:
        """The longest time without a tick, s."""
        return max((b - a for a, b in zip(self.ticks, self.ticks[1:], strict=False)), default=0.0)


@dataclass(frozen=True, slots=True)
class GuestRun:
    """One of a user.

    Args:
        guest: where.
        user: whose.
        db: its database there.
    """

    guest: BootedGuest
    user: str
    db: str

    def begin(self, probe: str = "cpu") -> subprocess.CompletedProcess[str]:
        """Logs in, hands a run with turns of a probe to the background, and logs out."""
        profile = f"--profile /opt/vpsbench/{probe}.toml"
        return self.command("run", profile, "--db", self.db, "--no-html", "--background")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of vpsbench in a login of its own."""
        return self.guest.login(self.user, f"vpsbench {' '.join(words)}")

    def must(self, *words: str) -> str:
        """Likewise; what it said."""
        done = self.command(*words)
        if done.returncode:
            raise LabError(f"vpsbench {' '.join(words)} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def process(self) -> int | None:
        """The process that measures now, as ``vpsbench status`` has it."""
        return cast("int | None", json.loads(self.must("status", "--db", self.db, "--json"))["process"])

    def held(self) -> Held:
        """What is committed."""
        told: dict[str, Any] = json.loads(self.guest.ask(f"python3 /opt/vpsbench/inside.py {self.db}"))
        return Held(**(told | {"events": [tuple(one) for one in told["events"]]}))

    def measures_on(self, after: float) -> None:
        """Waits until ticks are committed that are later than ``after`` (s since the run began)."""

        def later() -> bool:
            ticks = self.held().ticks
            return bool(ticks) and ticks[-1] > after

        until(later, f"{self.db} to go on after {after:.0f} s", _GOES_ON_SECONDS)

    def lasts(self, seconds: float) -> Held:
        """Lets it measure for a while."""
        self.measures_on(0.0)
        time.sleep(seconds)
        return self.held()


def lost(before: Held, after: Held) -> tuple[int, float]:
    """Ticks committed before that are not there afterwards: how many, and over how many seconds."""
    there = set(after.ticks)
    gone = [tick for tick in before.ticks if tick not in there]
    return len(gone), before.ticks[-1] - gone[0] if gone else 0.0


def verified(db: Path) -> str:
    """Bundles a run that was fetched out, and verifies the bundle: what ``verify`` said of it."""
    bundle = db.with_suffix(".zip")
    _here("evidence", "--db", str(db), "-o", str(bundle))
    return _here("verify", str(bundle))


def _here(*words: str) -> str:
    command = [sys.executable, "-m", "vpsbench", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=places.TREE, check=False)
    if done.returncode:
        raise LabError(f"vpsbench {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
