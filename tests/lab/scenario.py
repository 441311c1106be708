"""Scenarios: TOML to frozen values, every mistake at once. Pure."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, model_validator

from tests.lab.errors import LabError
from tests.lab.faults import AnyFault
from tests.lab.machine import Machine, OwnLimits, Strict
from tests.lab.quantities import Seconds
from vpsbench.analyzer import signs
from vpsbench.analyzer.signs import Sign
from vpsbench.plugins import collect

# All signs that accuse. A scenario may also expect what is still to come.
BUILT: Final = tuple(
    name
    for name, sign in collect(signs, "SIGN", Sign).items()
    if sign.accuses and sign.promise != "measurement"
)


class Scenario(Strict):
    """One guest, what is wrong with it, and what vpsbench ought to say.

    ``expect`` names the signs that must accuse, ``doubt`` those that must doubt, ``silent`` those that must
    not accuse: by default all others that accuse, without those in ``allow``.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str = ""
    guest: Machine = Machine()
    plan: dict[str, Any] = Field(default_factory=dict)
    profile: str | dict[str, Any]
    fault: tuple[AnyFault, ...] = ()
    beside: tuple[str, ...] = ()  # arguments of guest/busy.py, one program each
    own_limits: OwnLimits | None = None
    expect: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()
    silent: tuple[str, ...] | None = None
    allow: tuple[str, ...] = ()
    repeat: Annotated[int, Field(ge=1, le=100)] = 1
    alone: bool = False  # no other guest beside it: it needs both cores, or quiet
    smoke: bool = False  # part of the short run
    limit: Seconds | None = None  # for all of it; default: from the profile

    @model_validator(mode="after")
    def _agree(self) -> Scenario:
        both = set(self.expect) & {*self.allow, *(self.silent or ())}
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: expected, and yet silent or allowed")
        if self.guest.merge and not self.alone:
            raise ValueError("merge: needs alone = true, as all guests of a machine are merged or none")
        if not self.alone and any(one.kind == "contention" for one in self.fault):
            raise ValueError("contention: needs alone = true, as its cores would be another guest's as well")
        swaps = {one.device for one in self.fault if one.kind == "host_swap"}
        if not self.alone and swaps & {"slow", "zram"}:
            raise ValueError("a swap device: needs alone = true, as it would be another guest's as well")
        if not self.guest.virtual and any(f.kind not in ("quota", "host_swap") for f in self.fault):
            raise ValueError("a container's faults are quota and host_swap")
        return self

    def must_be_silent(self) -> tuple[str, ...]:
        """The signs that must not accuse."""
        if self.silent is not None:
            return self.silent
        return tuple(sign for sign in BUILT if sign not in {*self.expect, *self.allow})


class Book(Strict):
    """A file of scenarios, with the profiles that they name."""

    profiles: dict[str, dict[str, Any]] = Field(default_factory=dict)
    scenario: tuple[Scenario, ...]

    @model_validator(mode="after")
    def _whole(self) -> Book:
        names = [one.name for one in self.scenario]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"scenario names used twice: {', '.join(twice)}")
        named = {one.profile for one in self.scenario if isinstance(one.profile, str)}
        if unknown := sorted(named - self.profiles.keys()):
            raise ValueError(f"no such profile: {', '.join(unknown)}; there are {', '.join(self.profiles)}")
        return self

    def profile(self, scenario: Scenario) -> dict[str, Any]:
        """A scenario's profile in vpsbench's own format."""
        if isinstance(scenario.profile, dict):
            return {"name": scenario.name, "description": "of a lab scenario", **scenario.profile}
        found = self.profiles[scenario.profile]
        return {"name": scenario.profile, "description": "of a lab scenario", **found}

    def chosen(self, names: list[str], *, smoke: bool = False) -> tuple[Scenario, ...]:
        """The scenarios of these names, or all, or those of the short run."""
        known = {one.name: one for one in self.scenario}
        if unknown := [name for name in names if name not in known]:
            raise LabError(f"no scenario {', '.join(unknown)}; there are: {', '.join(known)}")
        if names:
            return tuple(known[name] for name in names)
        return tuple(one for one in self.scenario if one.smoke or not smoke)


def read(path: Path, profiles: dict[str, dict[str, Any]] | None = None) -> Book:
    """A file of scenarios; ``profiles`` are known beside its own.

    Raises:
        LabError: the file is missing or broken; the message lists every mistake.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LabError(f"{path}: {error}") from error
    data["profiles"] = {**(profiles or {}), **data.get("profiles", {})}
    try:
        return Book.model_validate(data)
    except ValidationError as error:
        mistakes = (f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise LabError(f"{path}:\n" + "\n".join(mistakes)) from error
