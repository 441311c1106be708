"""The finding of a sign on one of its fixtures, for the tests of its words."""

from __future__ import annotations

import json

from tests.analyzer.signs.test_signs import FOLDER, SIGNS, gravest
from tests.builders.sign_records import build
from vpsbench.analyzer.verdict.judge import ask
from vpsbench.model import Finding


def finding(name: str) -> Finding:
    """The gravest on "sign/fixture"."""
    case = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return gravest(ask(SIGNS[name.partition("/")[0]], build(case)))
