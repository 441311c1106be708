from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.lab import journal
from tests.lab.errors import LabError
from tests.lab.journal import Journal, started
from tests.places import TREE


def test_what_is_made_is_written_down_before_and_forgotten_after(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    folder = tmp_path / "made"
    with one.undoing("folder", path=str(folder)):
        assert json.loads((tmp_path / "journal.json").read_text()) == [
            {"kind": "folder", "path": str(folder)}
        ]
        folder.mkdir()
    assert not folder.exists()
    assert json.loads((tmp_path / "journal.json").read_text()) == []
    one.close()


def test_a_killed_labs_processes_settings_and_folders_are_cleaned_up_by_the_next(tmp_path: Path) -> None:
    setting, folder = tmp_path / "setting", tmp_path / "folder"
    setting.write_text("before")
    script = f"""
        import os, signal, subprocess
        from pathlib import Path
        from tests.lab.journal import Journal, started
        journal = Journal(Path({str(tmp_path)!r}))
        journal.note("folder", path={str(folder)!r})
        Path({str(folder)!r}).mkdir()
        journal.note("setting", path={str(setting)!r}, value="before")
        Path({str(setting)!r}).write_text("after")
        child = subprocess.Popen(["sleep", "90"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal.note("process", pid=child.pid, started=started(child.pid))
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    root = TREE
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=root, capture_output=True, text=True, check=False
    )
    child = int(killed.stdout)
    assert killed.returncode == -9
    assert started(child) is not None
    second = Journal(tmp_path)
    assert [entry["kind"] for entry in second.undo_all()] == ["process", "setting", "folder"]
    assert started(child) is None
    assert setting.read_text() == "before"
    assert not folder.exists()
    assert second.undo_all() == []
    second.close()


def test_only_one_lab_runs_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(LabError, match="another lab is running"):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()


def test_another_process_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    mine = started(os.getpid())
    assert mine is not None
    one.undo(one.note("process", pid=os.getpid(), started=mine - 1))
    assert started(os.getpid()) == mine
    one.close()


def test_one_failure_does_not_keep_the_rest_and_stays_noted(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    one.note("folder", path=str(folder))
    one.note("setting", path=str(tmp_path / "missing" / "setting"), value="1")
    with pytest.raises(FileNotFoundError):
        one.undo_all()
    assert not folder.exists()
    assert [entry["kind"] for entry in json.loads((tmp_path / "journal.json").read_text())] == ["setting"]
    one.close()


def test_a_folder_that_was_never_made_is_no_error(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    one.note("folder", path=str(tmp_path / "never"))
    one.note("cgroup", path=str(tmp_path / "never"))
    for kind in ("swap", "loop"):
        one.note(kind, path=str(tmp_path / "never"))
    one.note("zram", number=2**20)
    assert len(one.undo_all()) == 5
    one.close()


def test_every_kind_of_change_can_be_undone() -> None:
    assert set(journal.UNDO) == {"process", "cgroup", "swap", "zram", "loop", "setting", "folder"}
