"""What the host swaps to: a file, a slow disk (so many reads a second at most), or memory (zram).

All of it is written to the journal before or as soon as it is there, so it goes again also after a kill.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final, Literal

from tests.lab.errors import Skip
from tests.lab.host import Host

Device = Literal["file", "slow", "zram"]
_ZRAM: Final = Path("/sys/class/zram-control")


def switch_on(host: Host, device: Device, path: Path, size: int, rate: int) -> None:
    """Makes the host swap.

    Args:
        host: whose journal remembers it, and with whose stack it is undone.
        device: what to.
        path: of a file that does not exist yet.
        size: B.
        rate: reads a second from a slow disk.

    Raises:
        Skip: this machine cannot.
    """
    if device != "file" and len(Path("/proc/swaps").read_text().splitlines()) > 1:
        raise Skip("this machine swaps to something else already, which would be used first")
    if device == "zram":
        place = _compressed(host, size)
    else:
        host.stack.enter_context(host.journal.undoing("swap", path=str(path)))
        _run("fallocate", "-l", str(size), str(path))
        path.chmod(0o600)
        place = _slow(host, path, rate) if device == "slow" else path
    if place != path:
        host.stack.enter_context(host.journal.undoing("swap", path=str(place)))
    for command in ("mkswap", "swapon"):
        _run(command, str(place))


def _compressed(host: Host, size: int) -> Path:
    """A disk in memory; pages that do not compress are copied as they are."""
    try:
        number = int((_ZRAM / "hot_add").read_text())
    except OSError as error:
        raise Skip(f"this machine has no zram: {error}") from error
    host.stack.enter_context(host.journal.undoing("zram", number=number))
    Path(f"/sys/block/zram{number}/disksize").write_text(str(size))
    return Path(f"/dev/zram{number}")


def _slow(host: Host, file: Path, rate: int) -> Path:
    """The file behind a loop device, from which the guest's cgroup may read so often: a cheap cloud disk."""
    loop = Path(_run("losetup", "--find", "--show", "--direct-io=on", str(file)).strip())
    host.stack.enter_context(host.journal.undoing("loop", path=str(loop)))
    numbers = Path("/sys/class/block", loop.name, "dev").read_text().strip()
    host.limits("io").limit_reads(numbers, rate)
    return loop


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        raise Skip(f"this machine cannot swap so: {' '.join(command)}: {str(said).strip()}") from error
    return done.stdout
