"""Readings as rows of (t, metric, labels, unit, value).

``t`` is in s since the run began, ``labels`` a text such as "state=steal vcpu=0". The value is empty or null
where a reading failed.
"""

from __future__ import annotations

from typing import Final

COLUMNS: Final = ("t", "metric", "labels", "unit", "value")


def label_text(labels: dict[str, str]) -> str:
    """Labels in one text, in the order of their names."""
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))
