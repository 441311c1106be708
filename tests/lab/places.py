"""Where the lab keeps things: images and journal in a cache outside the tree, results in reports/lab."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LAB: Final = Path(__file__).parent
TREE: Final = LAB.parents[1]
REPORTS: Final = TREE / "reports" / "lab"


def cache() -> Path:
    """The cache folder: ``$VPSBENCH_LAB_CACHE``, else ``vpsbench-lab`` in the user's cache folder."""
    named = os.environ.get("VPSBENCH_LAB_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(named) if named else base / "vpsbench-lab"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
