"""What the host swaps to: a plain file, a slow disk whose every read takes a set time, or memory (zram).

All of it is written to the journal before or as soon as it is there, so it goes again also after a kill.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Final, Literal

from tests.lab.errors import Skip
from tests.lab.host import Host
from tests.lab.journal import started

Device = Literal["file", "slow", "zram"]
_ZRAM: Final = Path("/sys/class/zram-control")
_PATIENCE: Final = 5.0  # s for a daemon to offer its disk


def switch_on(host: Host, device: Device, path: Path, size: int, latency: float) -> None:
    """Makes the host swap.

    Args:
        host: whose journal remembers it, and with whose stack it is undone.
        device: what to.
        path: of a file that does not exist yet; the slow disk uses others beside it.
        size: B.
        latency: s that each read of the slow disk takes.

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
        place = _slow(host, path, latency) if device == "slow" else path
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


def _slow(host: Host, file: Path, latency: float) -> Path:
    """The file behind QEMU's throttle, which serves one read each ``latency`` s; writes are free."""
    front = file.with_suffix(".slow")
    host.stack.enter_context(host.journal.undoing("mount", path=str(front)))
    front.touch()
    daemon = subprocess.Popen(
        [
            *("qemu-storage-daemon", "--object", f"throttle-group,id=slow,x-iops-read={round(1 / latency)}"),
            *("--blockdev", f"driver=file,node-name=file,filename={file},cache.direct=on"),
            *("--blockdev", "driver=throttle,node-name=disk,throttle-group=slow,file=file"),
            *("--export", f"type=fuse,id=disk,node-name=disk,mountpoint={front},writable=on"),
        ]
    )
    host.stack.callback(daemon.wait)
    host.stack.enter_context(host.journal.undoing("process", pid=daemon.pid, started=started(daemon.pid)))
    until = time.monotonic() + _PATIENCE
    while str(front) not in Path("/proc/self/mounts").read_text():
        if time.monotonic() > until or daemon.poll() is not None:
            raise Skip("qemu-storage-daemon cannot offer a disk by FUSE here")
        time.sleep(0.05)
    loop = _run("losetup", "--find", "--show", "--direct-io=on", str(front)).strip()
    host.stack.enter_context(host.journal.undoing("loop", path=loop))
    return Path(loop)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        raise Skip(f"this machine cannot swap so: {' '.join(command)}: {str(said).strip()}") from error
    return done.stdout
