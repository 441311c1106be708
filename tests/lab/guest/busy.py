"""Runs in a lab guest: other work of its owner, which nobody may be accused of.

spin N [DUTY]: N processes that compute, each for that share of its time. swap USED LIMIT:
a swap file of the guest's own, and a process that uses more MiB than its owner allows it. read N: N processes
that read the disk past the cache, one block after another. merge PAGES: the guest's own kernel merges equal
pages, and looks at so many of them each 20 ms.
"""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
import time
from pathlib import Path

MIB = 1024**2


def spin(duty: float) -> None:
    """Computes for that share of each 100 ms."""
    while True:
        until = time.perf_counter() + 0.1 * duty
        while time.perf_counter() < until:
            pass
        time.sleep(0.1 * (1 - duty))


def swap(used: int, limit: int) -> None:
    """Uses ``used`` MiB in a cgroup of the owner's that has ``limit`` MiB, and keeps touching all of it."""
    file = Path("/data/swapfile")
    with file.open("wb") as out:
        for _ in range(used + 32):
            out.write(bytes(MIB))
    file.chmod(0o600)
    subprocess.run(["mkswap", str(file)], check=True)
    subprocess.run(["swapon", str(file)], check=True)
    group = Path("/sys/fs/cgroup/swapping")
    (group.parent / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    (group / "memory.max").write_text(str(limit * MIB))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    held = [bytearray(os.urandom(MIB)) for _ in range(used)]
    while True:
        random.choice(held)[::4096] = bytes(256)  # noqa: S311  no secret
        time.sleep(0.05)


def read() -> None:
    """Reads random blocks of the disk under test."""
    disk = os.open("/dev/vdd", os.O_RDONLY | os.O_DIRECT)
    size = os.lseek(disk, 0, os.SEEK_END)
    buffer = mmap.mmap(-1, 4096)
    while True:
        os.preadv(disk, [buffer], random.randrange(size // 4096) * 4096)  # noqa: S311  no secret


def merge(pages: int) -> None:
    """Switches the guest's own KSM on."""
    for name, value in (("pages_to_scan", pages), ("run", 1)):
        Path(f"/sys/kernel/mm/ksm/{name}").write_text(str(value))


def main() -> None:
    """Starts what the arguments say, and lasts as long as the guest."""
    what, amount, *rest = sys.argv[1:]
    if what == "swap":
        swap(int(amount), int(rest[0]))
    if what == "merge":
        merge(int(amount))
        return
    for _ in range(int(amount)):
        if os.fork() == 0:
            spin(float(rest[0]) if rest else 1.0) if what == "spin" else read()
    os.wait()


main()
