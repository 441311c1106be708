"""A run of which all is well, as a description for the builder."""

from __future__ import annotations

from typing import Any

GOOD: dict[str, Any] = {
    "loops": {"turns": [[10, 150]], "lost": 0.0005},
    "rounds": {"times": [200, 220, 240], "slow": [0.0005] * 3},
    "rates": [
        {"metric": "disk.fio.iops", "labels": {"job": "burst"}, "parts": [[60, 900, 900]], "start": 300}
    ],
    "series": [
        {"metric": "memory.total", "every": 10, "values": [[2_000_000_000, 40]]},
        {"metric": "clock.wall_offset", "every": 10, "values": [[1.8e9, 40]]},
    ],
    "turns": [
        {"probe": "cpu", "started": 10, "elapsed": 150},
        {"probe": "memory", "started": 170, "elapsed": 80},
        {"probe": "disk", "started": 300, "elapsed": 60},
    ],
}
