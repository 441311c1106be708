"""Runs in a lab guest: tells the lab which page frames are in the largest mapping of the largest process.

Waits until that process has stopped growing, reads its pagemap, and writes a bitmap of its frames behind
the results, where the lab looks for it; again when another has grown larger. Only with this can the lab know
what the host did to held pages.
"""

from __future__ import annotations

import array
import os
import re
import struct
import time
from pathlib import Path

DISK, AT, PAGE = "/dev/vdc", 128 * 1024**2, 4096
SHARE = 0.1  # of all memory; whoever holds more is the one


def largest() -> tuple[int, int]:
    """(B resident, process id) of the largest process."""
    found = [(0, 0)]
    for file in Path("/proc").glob("[0-9]*/statm"):
        try:
            found.append((int(file.read_text().split()[1]) * PAGE, int(file.parent.name)))
        except OSError:
            continue  # it ended meanwhile
    return max(found)


def largest_mapping(maps: str) -> tuple[int, int]:
    """First and last + 1 page of the largest private mapping without a file."""
    found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw.. \S+ 00:00 0\s*$", maps, re.MULTILINE)
    ends = [(int(start, 16) // PAGE, int(end, 16) // PAGE) for start, end in found]
    return max(ends, key=lambda pair: pair[1] - pair[0])


def frames(pid: int) -> bytes:
    """A bitmap of the page frames of a process's largest mapping."""
    bits = bytearray()
    start, end = largest_mapping(Path(f"/proc/{pid}/maps").read_text())
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as pagemap:
        pagemap.seek(start * 8)
        for entry in array.array("Q", pagemap.read((end - start) * 8)):
            frame = entry & ((1 << 55) - 1)
            if entry >> 63 and frame:
                if frame >> 3 >= len(bits):
                    bits.extend(bytes((frame >> 3) + 4096 - len(bits)))
                bits[frame >> 3] |= 1 << (frame & 7)
    return bytes(bits)


def main() -> None:
    """Waits for a process to hold more memory than any before and to stop growing; tells of each such."""
    told, before = SHARE * os.sysconf("SC_PHYS_PAGES") * PAGE, 0
    while True:
        time.sleep(3)
        size, pid = largest()
        if size > told and size == before:
            tell(frames(pid))
            told = size
        before = size


def tell(bits: bytes) -> None:
    """Writes them where the lab looks."""
    with Path(DISK).open("r+b", buffering=0) as disk:
        disk.seek(AT)
        text = struct.pack("<8sQ", b"LABHELD1", len(bits)) + bits
        disk.write(text + bytes(-len(text) % 512))
        os.fsync(disk.fileno())


main()
