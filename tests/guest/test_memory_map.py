"""What a machine was given, by the maps of several kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import FIXTURES
from vpsbench.guest.files import Files
from vpsbench.guest.memory_map import given

# Written as the kernels print them: 6.1 on BIOS with a crash kernel, 5.14 with UEFI, and who is not root.
BIOS = """\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000f0000-000fffff : System ROM
00100000-3ffdbfff : System RAM
  1e000000-25ffffff : Crash kernel
  2e000000-2f000fff : Kernel code
3ffdc000-3fffffff : Reserved
fd000000-fdffffff : 0000:00:02.0
"""
UEFI = """\
00001000-0009ffff : System RAM
00100000-7e8eefff : System RAM
7e8ef000-7eb6efff : Reserved
7eb7f000-7ef7efff : ACPI Non-volatile Storage
7efff000-7f9fffff : System RAM
100000000-17fffffff : System RAM (virtio_mem)
"""
HIDDEN = "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n00000000-00000000 : System RAM\n"


def machine(root: Path, files: dict[str, str | bytes]) -> Files:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Files(root)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BIOS, {"memory.map": "1048043 kB"}),
        (UEFI, {"memory.map": f"{636 + 0x7E7EF000 // 1024 + 0xA01000 // 1024 + 2 * 1024**2} kB"}),
        (HIDDEN, {}),
    ],
)
def test_the_map_of_who_may_see_it(tmp_path: Path, text: str, found: dict[str, str]) -> None:
    assert given(machine(tmp_path, {"proc/iomem": text})) == found


NEWER = """\
[    0.000000] Linux version 6.1.0-27-amd64
[    0.019] Memory: 967532K/1048044K available (14342K kernel code, 2332K rwdata, 80252K reserved)
[    0.020] SLUB: HWalign=64
"""
HOLES = """\
Memory: 3866664k/5242880k available (7788k kernel code, 1049104k absent, 327112k reserved, 5954k data)
"""
OLD = "Memory: 503412k/524160k available (2571k kernel code, 20252k reserved, 1322k data)\n"


@pytest.mark.parametrize(
    ("text", "size"), [(NEWER, 1048044), (HOLES, 4193776), (OLD, 524160)], ids=["6.1", "3.10", "2.6.32"]
)
def test_the_boot_log_of_several_kernels(tmp_path: Path, text: str, size: int) -> None:
    assert given(machine(tmp_path, {"var/log/dmesg": text})) == {"memory.boot_log": f"{size} kB"}


def test_the_firmwares_map_holds_what_the_option_mem_takes_away(tmp_path: Path) -> None:
    ranges = [("0x0", "0x9fbff", "System RAM"), ("0x9fc00", "0x9ffff", "Reserved")]
    ranges.append(("0x100000", "0x7ffdafff", "System RAM"))
    parts = {
        f"sys/firmware/memmap/{n}/{name}": f"{value}\n"
        for n, row in enumerate(ranges)
        for name, value in zip(("start", "end", "type"), row, strict=True)
    }
    assert given(machine(tmp_path, dict(parts))) == {"memory.firmware": "2096619 kB"}


def device(word: int, extended: int = 0) -> bytes:
    return bytes(0x0C) + word.to_bytes(2, "little") + bytes(14) + extended.to_bytes(4, "little") + bytes(8)


@pytest.mark.parametrize(
    ("words", "megabytes"),
    [
        ([(16384, 0), (8192, 0)], 24576),
        ([(0x7FFF, 65536)], 65536),
        ([(0x8000 | 2048, 0), (0, 0), (0xFFFF, 0)], 2),
    ],
)
def test_memory_devices_of_dmi(tmp_path: Path, words: list[tuple[int, int]], megabytes: int) -> None:
    found = {f"sys/firmware/dmi/entries/17-{n}/raw": device(*word) for n, word in enumerate(words)}
    assert given(machine(tmp_path, dict(found))) == {"memory.dmi": f"{megabytes * 1024} kB"}


def test_a_crash_kernels_share_is_told_even_when_it_is_none(tmp_path: Path) -> None:
    files = machine(tmp_path, {"sys/kernel/kexec_crash_size": "0\n"})
    assert given(files) == {"memory.crash_kernel": "0 kB"}


def test_a_real_map_captured_as_root() -> None:
    real = Files(FIXTURES / "guests" / "firecracker")
    assert given(real) == {"memory.map": "25165435 kB"}  # 24 GiB; its kernel manages 24,684,092 kB
