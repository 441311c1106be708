"""For all tests: none of them waits for, or stands in the way of, a run that measures this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vpsbench.runner.lock import FOLDER_VARIABLE


@pytest.fixture(autouse=True, scope="session")
def _lock_of_our_own() -> Iterator[None]:
    with (
        tempfile.TemporaryDirectory(prefix="vpsbench-test-lock-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o777)  # for the user that some tests become
        patch.setenv(FOLDER_VARIABLE, folder)
        patch.setenv("XDG_DATA_HOME", folder)  # for the key that seals runs
        yield
