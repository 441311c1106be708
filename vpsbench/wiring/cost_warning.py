"""Warns before a run of what it may cost or how it may annoy a seller; refuses it where it may cost money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vpsbench.errors import VpsbenchError

if TYPE_CHECKING:
    from pathlib import Path

    from vpsbench.model import Guest, Profile

_LONG: Final = 30 * 60  # s; from here on a turn of full load may meet a seller's fair-use rules
_LEAST_COVERED: Final = 0.05  # of each vCPU: the lowest baseline of any burstable type that is known


def require_yes(profile: Profile, guest: Guest, *, allowed: bool) -> None:
    """Refuses a long load on a machine whose price does not cover it.

    Args:
        profile: what is to be run.
        guest: the machine.
        allowed: the user said explicitly that it may cost.

    Raises:
        VpsbenchError: it may cost, and nobody said yes.
    """
    from vpsbench.guest.billing import burstable

    kind = burstable(guest.facts.get("instance_type", ""))
    if kind is None or allowed or _longest(profile) < _LONG:
        return
    covered = _LEAST_COVERED if kind.baseline is None else kind.baseline
    if profile.duty > covered:
        raise VpsbenchError(
            f"profile {profile.name} {_load(profile)}, and that may cost money here: {kind.terms}",
            f"to run it all the same, add --allow-full-load; to stay within the price, --duty "
            f"{100 * covered:g}; or choose a shorter profile, such as --profile quick",
        )


def writes(profile: Profile, guest: Guest, folder: Path) -> str:
    """What may be written to the disk, and to which; empty: nothing."""
    if not any(turn.probe == "disk" for turn in profile.turns):
        return ""
    from vpsbench.wording.figures import quantity

    where = guest.facts.get("disk.file_system", "an unknown file system")
    between = guest.facts.get("disk.between", "nothing")
    note = "" if between == "nothing" else f" ({between})"
    return (
        f"it writes up to {quantity(profile.write_budget, 'B')} to {where}{note}, in a folder below {folder} "
        "that it removes, and leaves 15 % of the file system free"
    )


def warning(profile: Profile) -> str:
    """The warning before a load as long as half an hour of full load; empty: it is shorter."""
    if _longest(profile) * profile.duty < _LONG:
        return ""
    return (
        f"warning: this profile {_load(profile)}. Some sellers forbid that or throttle after it, and with "
        "unlimited burst credits it costs money. --duty lowers it; Ctrl-C stops."
    )


def _longest(profile: Profile) -> float:
    """The longest turn that loads vCPUs all the time, s."""
    return max((turn.duration for turn in profile.turns if turn.probe == "cpu"), default=0.0)


def _load(profile: Profile) -> str:
    from vpsbench.wording.figures import duration

    how = "fully" if profile.duty == 1 else f"at {100 * profile.duty:g} %"
    return f"loads vCPUs {how} for {duration(_longest(profile))} at a stretch"
