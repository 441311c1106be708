"""The house stays as it was built: which room may import which, and what each holds."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vpsbench
from tests.places import TREE

HERE = Path(vpsbench.__file__).parent
HEAVY = {"altair", "vl_convert", "jinja2", "scipy"}
SHOWS_PAGES = {"report", "commands", "wiring"}


def test_rooms_import_only_what_stands_below_them_and_there_is_no_circle() -> None:
    """The contracts stand in pyproject.toml; imports for types only count as well."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", ["monitors", "probes", "analyzer/signs", "export", "commands"])
def test_a_folder_of_plugins_holds_plugins_only(folder: str) -> None:
    assert not list((HERE / folder).glob("_[!_]*.py"))


def test_the_top_holds_no_loose_pile() -> None:
    top = {path.stem for path in HERE.glob("*.py")}
    assert top <= {
        *("__init__", "__main__", "errors", "model", "metrics", "profiles", "plugins", "build_id"),
    }


def test_the_measuring_side_loads_neither_charts_nor_pages() -> None:
    for path in HERE.rglob("*.py"):
        if path.relative_to(HERE).parts[0] not in SHOWS_PAGES:
            assert not set(libraries(path)) & HEAVY, path


def libraries(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]
