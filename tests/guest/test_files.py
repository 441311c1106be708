"""Reading the kernel's files: whole, again and again, and still when what they tell of has gone."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from pathlib import Path

from vpsbench.guest.files import Files, KeptOpen

HERE = Files()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_of_the_kernel_is_opened_once_and_read_anew_each_time() -> None:
    kept = KeptOpen(HERE)
    first, before = kept.text("/proc/uptime"), _open_files()
    time.sleep(0.02)  # it counts hundredths
    second = kept.text("/proc/uptime")
    assert first is not None
    assert second is not None
    assert float(first.split()[0]) < float(second.split()[0])
    assert _open_files() == before


def test_a_file_of_several_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(10_000))
    (tmp_path / "long").write_text(text, encoding="utf-8")
    assert Files(tmp_path).text("/long") == KeptOpen(Files(tmp_path)).text("/long") == text.rstrip("\n")
    kept, maps = KeptOpen(HERE), "/proc/self/maps"  # of this process: several pages
    texts = [kept.text(maps) or "", kept.text(maps) or "", HERE.text(maps) or ""]
    assert min(map(len, texts)) > 8192
    assert len({text.splitlines()[-1] for text in texts}) == 1


def test_what_has_gone_is_missing_and_what_comes_again_under_its_name_is_read() -> None:
    kept = KeptOpen(HERE)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"/proc/{child.pid}/stat"
    assert kept.text(name)
    child.communicate(b"\n")
    assert kept.text(name) is None
    assert kept.text(name) is None
    assert kept.text("/proc/self/stat")


def test_an_ordinary_file_is_never_kept_since_another_may_take_its_place(tmp_path: Path) -> None:
    kept, file = KeptOpen(Files(tmp_path)), tmp_path / "stat"
    for text in ("one", "", "two"):
        other = tmp_path / "other"
        other.write_text(text, encoding="utf-8")
        other.replace(file)
        assert kept.text("/stat") == text
    file.unlink()
    assert kept.text("/stat") is None


def test_nothing_stays_open_afterwards() -> None:
    before = _open_files()
    kept = KeptOpen(HERE)
    assert kept.text("/proc/uptime")
    assert _open_files() == before + 1
    del kept
    gc.collect()
    assert _open_files() == before
