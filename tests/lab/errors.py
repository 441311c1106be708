"""What can go wrong in the lab, in a form that the matrix can show."""

from __future__ import annotations

import sys
from collections.abc import Callable


class LabError(Exception):
    """The lab cannot go on; the message says why and, where possible, what would help."""


class Skip(LabError):  # noqa: N818  it is an outcome, not a fault
    """A scenario cannot run on this machine; the message is the reason."""


class Hung(LabError):  # noqa: N818  likewise
    """A guest did not end in its time, and was ended."""


def status(main: Callable[[], int]) -> int:
    """The exit status of one of the lab's commands; 2, and the reason, where it cannot go on."""
    try:
        return main()
    except LabError as reason:
        sys.stderr.write(f"lab: {reason}\n")
        return 2
