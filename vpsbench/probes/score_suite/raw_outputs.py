"""The outputs of pyperf that score turns keep: their names, and the versions that each of them notes.

Apart from ``outputs``, which puts them together with pyperf: a report needs the notes alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from vpsbench.model import Turn


class Output(NamedTuple):
    """One output: which work, in which arm ("single" or "all"), on which vCPU, and pyperf's JSON."""

    work: str
    arm: str
    vcpu: str
    text: str


def raw_name(work: str, arm: str, vcpu: int) -> str:
    """Under which name a turn keeps an output."""
    return f"pyperf-{work}-{arm}-{vcpu}"


def of(raw: Mapping[str, str]) -> Iterator[Output]:
    """Pyperf's outputs among all that a turn kept; those of other tools are passed over."""
    for name, text in raw.items():
        match name.split("-"):
            case ["pyperf", work, arm, vcpu]:
                yield Output(work, arm, vcpu, text)


def versions(turns: Iterable[Turn], said: Mapping[str, str]) -> list[str]:
    """What the work ran in, as pyperf noted it, each combination once and in the order of the turns.

    Args:
        turns: of any probes. Old runs noted fewer versions.
        said: what goes before each note, by its key in pyperf's metadata.
    """
    notes = [json.loads(output.text)["metadata"] for turn in turns for output in of(turn.raw)]
    return list(
        dict.fromkeys(
            ", ".join(before + note[key] for key, before in said.items() if key in note) for note in notes
        )
    )
