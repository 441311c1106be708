"""Runs in a lab guest: other work of its owner, which nobody may be accused of.

spin N [DUTY]: N processes that compute, each for that share of its time. swap USED LIMIT:
a swap file of the guest's own, and a process that uses more MiB than its owner allows it. read N: N processes
that read the disk past the cache, one block after another. merge PAGES: the guest's own kernel merges equal
pages, and looks at so many of them each 20 ms.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import resource
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


def swap_on(size: int) -> None:
    """A swap file of so many MiB."""
    file = Path("/data/swapfile")
    with file.open("wb") as out:
        for _ in range(size):
            out.write(bytes(MIB))
    file.chmod(0o600)
    subprocess.run(["mkswap", str(file)], check=True)
    subprocess.run(["swapon", str(file)], check=True)


def swap(used: int, limit: int) -> None:
    """Uses ``used`` MiB in a cgroup of the owner's that has ``limit`` MiB, and keeps touching all of it."""
    swap_on(used + 32)
    group = Path("/sys/fs/cgroup/swapping")
    (group.parent / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    (group / "memory.max").write_text(str(limit * MIB))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    held = [bytearray(os.urandom(MIB)) for _ in range(used)]
    while True:
        random.choice(held)[::4096] = bytes(256)  # noqa: S311  no secret
        time.sleep(0.05)


def serve(used: int) -> None:
    """Touches ``used`` MiB in turn, all of it every 10 s or so, and writes down what happened to them."""
    swap_on(256)
    held = [bytearray(os.urandom(MIB)) for _ in range(used)]
    slowest, before, began = 0.0, major_faults(), time.monotonic()
    while True:
        for part in held:
            touched = time.monotonic()
            part[::4096] = bytes(256)
            slowest = max(slowest, time.monotonic() - touched)
            time.sleep(0.05)
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        told = {
            "seconds": time.monotonic() - began,
            "swapped": int(status["VmSwap"].split()[0]) * 1024,
            "major_faults": major_faults() - before,
            "slowest": slowest,
        }
        Path("/job/out/service.new").write_text(json.dumps(told))
        Path("/job/out/service.new").rename("/job/out/service.json")


def major_faults() -> int:
    """So far, of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def eat(used: int, after: int) -> None:
    """Wants ``used`` MiB, 4 at a time, and keeps touching them."""
    swap_on(256)
    time.sleep(after)
    held: list[bytearray] = []
    while True:
        if len(held) < used // 4:
            held.append(bytearray(os.urandom(4 * MIB)))
        random.choice(held)[::4096] = bytes(1024)  # noqa: S311  no secret
        time.sleep(0.1)


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


def disturb() -> None:
    """What may happen to a machine in the course of a long run, one after the other."""
    online = "/sys/devices/system/cpu/cpu1/online"
    for seconds, command in (
        (40, "date -s '+1 hour'"),
        (10, "date -s '-2 hours'"),
        (15, f"echo 0 > {online}"),
        (15, f"echo 1 > {online}"),
    ):
        time.sleep(seconds)
        subprocess.run(["sh", "-xc", command], check=False)  # what fails is told in beside.txt


def main() -> None:
    """Starts what the arguments say, and lasts as long as the guest."""
    what, amount, *rest = sys.argv[1:]
    if what == "disturb":
        disturb()
        return
    if what == "swap":
        swap(int(amount), int(rest[0]))
    if what == "serve":
        serve(int(amount))
    if what == "eat":
        eat(int(amount), int(rest[0]))
    if what == "merge":
        merge(int(amount))
        return
    for _ in range(int(amount)):
        if os.fork() == 0:
            spin(float(rest[0]) if rest else 1.0) if what == "spin" else read()
    os.wait()


main()
