"""The house stays as it was built: which room may import which."""

import ast
from pathlib import Path

import pytest

import vpsbench

HERE = Path(vpsbench.__file__).parent
BASE = {"model", "errors"}
MAY_IMPORT = {
    "__init__": set(),
    "model": set(),
    "errors": set(),
    "packages": set(),
    "packing": set(),
    "profiles": BASE,
    "guest": BASE | {"__init__"},
    "monitors": BASE | {"guest"},
    "probes": BASE | {"guest", "__init__"},
    "database": BASE,
    "chain": set(),
    "private": set(),
    "source": set(),
    "keys": BASE,
    "sealing": BASE | {"chain", "private"},
    "evidence": BASE
    | {
        "packing",
        "__init__",
        "database",
        "records",
        "chain",
        "private",
        "keys",
        "source",
        "analyzer",
        "report",
    },
    "waiting": {"model", "packing", "sealing"},
    "collector": BASE | {"packing", "chain", "database", "sealing", "waiting"},
    "readings": {"model", "packing"},
    "records": BASE | {"packing", "readings", "database"},
    "summaries": BASE | {"database"},
    "runner": BASE | {"guest", "monitors", "probes", "collector"},
    "progress": BASE,
    "analyzer": BASE | {"packages"},
    "export": BASE | {"records"},
    "compare": BASE | {"analyzer"},
    "report": BASE | {"__init__", "analyzer", "compare"},
}
WIRING = {"commands", "__main__"}


def room(path: Path) -> str:
    return path.relative_to(HERE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "vpsbench":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("vpsbench.")}
    return {"__init__" if name == "__version__" else name for name in found}


@pytest.mark.parametrize("path", sorted(HERE.rglob("*.py")), ids=lambda p: str(p.relative_to(HERE)))
def test_rooms_import_only_what_stands_on_their_left(path: Path) -> None:
    own = room(path)
    if own not in WIRING:
        assert imported(path) - {own} <= MAY_IMPORT[own]


def test_the_measuring_side_loads_neither_charts_nor_pages() -> None:
    heavy = {"altair", "vl_convert", "jinja2", "scipy"}
    for path in HERE.rglob("*.py"):
        if room(path) in WIRING | {"report"}:
            continue
        names = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not names & heavy, path
