"""The benchmarks of the suite and the arms that they run in, by name: light, as signs read it."""

from __future__ import annotations

from typing import Final

BENCHMARKS: Final = ("hashing", "compression", "json", "sqlite", "regex", "float", "bigint")
ARMS: Final = {"single": "one vCPU", "all": "all vCPUs"}
