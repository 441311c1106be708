"""Each file that CONTRIBUTING.md quotes is put into a copy of the tree, and does what the guide says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.places import TREE

GUIDE: Final = (TREE / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUOTED: Final = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES: Final = dict(QUOTED.findall(GUIDE))
ROOM: Final = re.compile(r"^\| (\w+) \| .+ \|$", re.MULTILINE)
COPIED: Final = ("vpsbench", "tests", "profiles", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md")
PROBE: Final = """
import json, select, sys
from vpsbench.model import Status
from vpsbench.probes import Request
from vpsbench.probes.naps import PROBE
from vpsbench.runner.child import Child, worker

options = {"nap": 0.01}
request = Request(seconds=0.3, options=options, write_budget=0, folder=sys.argv[1], vcpus=(0,), seed=1)
child = Child("naps", worker("naps"), {one.name: one for one in PROBE.metrics}, request)
samples, events = [], []
while (heard := child.listen(0.0)) is not None:
    samples += heard.samples
    events += heard.events
child.close()
assert child.status is Status.OK, (child.status, child.detail, child.raw)
assert not events, events
print(json.dumps([[one.metric.name, one.value] for one in samples]))
"""


DATABASE: Final = """
import sys
from pathlib import Path
from tests.builders import example_run
from vpsbench.store.writer import Collector

with Collector(Path(sys.argv[1])) as collector:
    example_run.fill(collector, 3)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this tree with every quoted file in it."""
    copy = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        if (TREE / name).is_dir():
            shutil.copytree(TREE / name, copy / name, ignore=ignored)
        else:
            shutil.copy(TREE / name, copy / name)
    for name, text in FILES.items():
        path = copy / name
        assert not path.exists(), f"{name} would change a file that is there"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return copy


def run(tree: Path, *words: str) -> str:
    """What a program of the copy says, which must end well."""
    environment = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guide_quotes_a_file_of_every_kind() -> None:
    kinds = {str(Path(name).parent) for name in FILES if name.startswith("vpsbench/")}
    assert kinds == {
        "vpsbench/" + name for name in ("analyzer/signs", "probes", "monitors", "export", "commands")
    }


def test_a_sign_is_one_file_and_its_fixtures(tree: Path) -> None:
    chosen = ("tests/analyzer/signs", "-k", "short_of_memory")
    said = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)
    assert " passed" in said


def test_a_probe_is_one_file(tree: Path, tmp_path: Path) -> None:
    samples = json.loads(run(tree, "-c", PROBE, str(tmp_path)))
    assert len(samples) > 3
    assert all(name == "naps.late" and value >= 0 for name, value in samples)


def test_a_probe_can_be_tried_by_hand_as_the_guide_says(tree: Path) -> None:
    (line,) = re.findall(r"`echo '([^`]+)' \| .venv/bin/python -m vpsbench.probes naps`", GUIDE)
    done = subprocess.run(
        [sys.executable, "-m", "vpsbench.probes", "naps"],
        input=line,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "ok"


def test_a_monitor_is_one_file_and_its_text(tree: Path) -> None:
    golden = tree / "tests" / "fixtures" / "monitors" / "kvm" / "samples.txt"
    before = golden.read_text(encoding="utf-8").splitlines()
    run(tree, "-m", "tests.monitors.test_monitors")
    after = golden.read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line not in before] == ["load_average: load.minute{} 0.42"]
    assert not [line for line in before if line not in after]


def test_an_export_is_one_file(tree: Path, tmp_path: Path) -> None:
    database, out = str(tmp_path / "a.db"), tmp_path / "a.jsonl"
    run(tree, "-c", DATABASE, database)
    run(tree, "-m", "vpsbench", "export", "--db", database, "--jsonl", str(out))
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    steal = {"state": "steal", "vcpu": "0"}
    assert {"t": 1.0, "metric": "cpu.time", "labels": steal, "value": 1 / 7} in found


def test_a_command_is_one_file(tree: Path) -> None:
    assert "what happened to a run" in run(tree, "-m", "vpsbench", "--help")
    assert "vpsbench events 3 --db old.db" in run(tree, "-m", "vpsbench", "events", "--help")


def test_the_documents_then_tell_of_all_of_them(tree: Path) -> None:
    assert "README.md written" in run(tree, "-m", "tests.tools.documents")
    readme = (tree / "README.md").read_text(encoding="utf-8")
    assert "| short_of_memory |" in readme
    assert "| `vpsbench events` |" in readme


def test_the_quoted_files_are_as_the_linters_want_them(tree: Path) -> None:
    quoted = [name for name in FILES if name.endswith(".py")]
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *command, "--no-cache", *quoted], cwd=tree, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide_names_every_room() -> None:
    rooms = {path.stem for path in (TREE / "vpsbench").iterdir() if not path.name.startswith(("_", "."))}
    assert rooms == set(ROOM.findall(GUIDE)) - {"room"}
