"""The one exception that a user may see; ``__main__`` turns it into two lines and an exit status."""

from __future__ import annotations

from typing import Final

USAGE: Final = 2
FAILED: Final = 3


class VpsbenchError(Exception):
    """Something the user can act on.

    Args:
        message: what is wrong, in one sentence that names the file, key or device.
        hint: what to do next; empty where there is nothing to say.
        exit_code: ``USAGE`` (2) for wrong usage or files, ``FAILED`` (3) when a run itself failed.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
