"""The field's words, for a reader who meets them for the first time: those that a report uses, no others."""

from __future__ import annotations

import re
from typing import Final

MEANINGS: Final = {  # a word, or several with commas between; an order in which they can be read
    "guest": "This machine, as it was rented.",
    "host": "The provider's computer, on which this guest and others run.",
    "vCPU": "A processor as the guest sees it. The host decides when it really runs.",
    "steal": "Time in which a vCPU had work and the host ran something else, as far as the host tells.",
    "hidden steal": "The same loss, shown by no counter: gaps in a loop of ours that never pauses by itself.",
    "short gaps": "Pauses of that loop that are too short to tell who made them. Nobody is blamed for them.",
    "interrupt": "Short work of this guest's own kernel for its devices and clocks.",
    "run queue": "Where programs of this guest wait for one another: a vCPU runs one at a time.",
    "run-queue delay": "The time that a program spent in that queue.",
    "duty cycle": "The share of its time in which a load is on; in between it rests.",
    "throttle": "To hold a machine below the speed that it could reach.",
    "quota": "A fixed share of each short period. Once used up, the machine stands still until the next.",
    "change point": "The moment from which on a rate stayed at another level.",
    "bucket": "A burst allowance: full speed while it lasts, then only what flows in. Rests fill it again.",
    "IOPS": "Reads or writes of a disk in a second.",
    "QD1, QD32": "Queue depth: how many requests the disk is given at a time.",
    "p50, p99": "Of 100 requests, 50 (or 99) took no longer than that: the usual case, and the bad one.",
    "fsync, flush": "A program's order to have its data safely on the disk before it goes on.",
    "balloon": "A driver in the guest. With it, the host can take memory back while the guest runs.",
    "swap, swapped": "To move memory out to a disk. It comes back slowly from there.",
    "major fault": "A touch of memory that had to wait for this guest's own disk.",
    "control": "The same measurement where nothing is suspected. What shows there is held against nobody.",
    "interval": "The values that the measurement leaves possible, around the likeliest one.",
    "median": "The middle one: half of the values are smaller, half are larger.",
    "cgroup": "Programs to which the kernel sets common limits, such as those of a container.",
}


def used(text: str) -> dict[str, str]:
    """The words that a text uses, with their meanings; any number stands for the one in a word."""
    return {word: meaning for word, meaning in MEANINGS.items() if re.search(_pattern(word), text)}


def _pattern(word: str) -> str:
    parts = "|".join(re.sub(r"\d+", r"\\d+", part) for part in word.split(", "))
    return rf"\b(?:{parts})(?:e?s|e?d|ing)?\b"
