"""A file that is written is whole, or as it was before, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpsbench.errors import VpsbenchError
from vpsbench.files.replace import make_once, replacement, replacing, require_writable


def test_file_takes_its_place_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.bin"
    with replacement(target) as beside:
        beside.write_bytes(b"old")
        assert not target.exists()
    with pytest.raises(ZeroDivisionError), replacement(target) as beside:
        beside.write_bytes(b"new" * (1 // 0))
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_nothing_is_left_where_nothing_was_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacement(tmp_path / "a.bin"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), replacement(tmp_path):
        pass
    for refuses in (require_writable, lambda path: replacing(path).__enter__()):
        with pytest.raises(VpsbenchError, match="it is a folder"):
            refuses(tmp_path)


def test_first_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for data in (b"first", b"second"):
        make_once(path, data)
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
