"""The claims that a run may make against anybody: declared before it begins, and stored with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from vpsbench import plugins
from vpsbench.analyzer import signs
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Guest, Plan, Profile, Record

DECLARED: Final = "claims_declared"  # the kind of the event that stores them


def declare(profile: Profile, guest: Guest, plan: Plan | None) -> dict[str, int]:
    """How many claims each sign may make in a run; signs that can make none are left out."""
    known = plugins.collect(signs, "SIGN", Sign)
    accusing = {name: sign for name, sign in known.items() if sign.accuses and sign.promise != "measurement"}
    counts = {name: sign.claims(profile, guest, plan) for name, sign in accusing.items()}
    return {name: count for name, count in counts.items() if count}


def stored(claims: Mapping[str, int]) -> str:
    """The declared claims as the detail of their event."""
    return json.dumps(claims, sort_keys=True)


def is_stored(record: Record) -> bool:
    """Whether the run itself declared its claims; older ones did not."""
    return any(event.kind == DECLARED for event in record.events)


def of(record: Record) -> dict[str, int]:
    """The claims of a run; for records that declared none: what today's signs would have declared."""
    for event in record.events:
        if event.kind == DECLARED:
            found: dict[str, int] = json.loads(event.detail)
            return found
    run = record.run
    return declare(run.profile, run.guest, run.plan)
