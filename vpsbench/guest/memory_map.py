"""How much memory the machine was given, before its kernel took a part of it.

MemTotal leaves out the kernel's image, its page tables and what it keeps for a crash kernel; these do not:

- /proc/iomem (proc(5)), which shows zeros to all but root.
- /sys/firmware/memmap (Documentation/ABI/testing/sysfs-firmware-memmap).
- The line "Memory:" of the boot log (mm/mm_init.c).
- DMI's memory devices, type 17 (SMBIOS 3.7, section 7.18): what the host says that it put in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vpsbench.guest.files import Files

_RAM: Final = re.compile(r"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) : System RAM", re.MULTILINE)
_BOOT_LOG: Final = "/var/log/dmesg"  # /dev/kmsg would wait for more
_BOOTED: Final = re.compile(r"Memory: \d+k/(?P<all>\d+)k available \((?P<parts>.*)\)", re.IGNORECASE)
_ABSENT: Final = re.compile(r"(\d+)k absent", re.IGNORECASE)  # kernels before 3.9 counted holes, too
_DEVICES: Final = "/sys/firmware/dmi/entries/17-*/raw"
_MEGABYTES: Final = 1024**2


def given(files: Files) -> dict[str, str]:
    """Memory by each source that could be read, as text in kB; and what is kept for a crash kernel."""
    crash = files.text("/sys/kernel/kexec_crash_size") or ""
    found = {
        "memory.map": sum(_iomem(files)),
        "memory.firmware": sum(_firmware(files)),
        "memory.boot_log": _boot_log(files),
        "memory.dmi": sum(_devices(files)),
    }
    kept = {"memory.crash_kernel": f"{int(crash) // 1024} kB"} if crash.isdigit() else {}
    return {name: f"{size // 1024} kB" for name, size in found.items() if size} | kept


def _iomem(files: Files) -> Iterator[int]:
    """Top-level ranges; what is indented lies within one of them."""
    for match in _RAM.finditer(files.text("/proc/iomem") or ""):
        if end := int(match["end"], 16):
            yield end - int(match["start"], 16) + 1


def _firmware(files: Files) -> Iterator[int]:
    for name in files.matching("/sys/firmware/memmap/*/type"):
        if files.text(name) == "System RAM":
            ends = [files.text(name.removesuffix("type") + which) or "0" for which in ("start", "end")]
            yield int(ends[1], 16) - int(ends[0], 16) + 1


def _boot_log(files: Files) -> int:
    found = _BOOTED.search(files.text(_BOOT_LOG) or "")
    if not found:
        return 0
    absent = _ABSENT.search(found["parts"])
    return (int(found["all"]) - int(absent[1] if absent else 0)) * 1024


def _devices(files: Files) -> Iterator[int]:
    for name in files.matching(_DEVICES):
        word = int.from_bytes(files.data(name, 0x0C, 2) or b"", "little")
        if word == 0x7FFF:  # too large for the word: MiB in a longer field
            yield int.from_bytes(files.data(name, 0x1C, 4) or b"", "little") * _MEGABYTES
        elif word != 0xFFFF:  # that would be "unknown"; the highest bit chooses KiB
            yield (word & 0x7FFF) * (1024 if word & 0x8000 else _MEGABYTES)
