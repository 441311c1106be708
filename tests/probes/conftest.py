"""What several tests of the probes need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk: pytest's own folders may lie in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        yield Path(path)
