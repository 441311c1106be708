"""TOML to Profile and Plan; says every mistake at once, each with its key, what was found and expected."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from vpsbench.errors import VpsbenchError
from vpsbench.model import Plan, Profile, Quantity, TurnSpec

Options = Mapping[str, type[Any]]  # probe name -> its dataclass of options
T = TypeVar("T")

_PACKAGED: Final = Path(__file__).parent / "_profiles"  # in a wheel
_CHECKOUT: Final = Path(__file__).parents[1] / "profiles"  # in a clone
_NUMBER: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")


def folder() -> Path:
    """Where the profiles that come with vpsbench lie; plans lie in its ``plans``."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def load_profile(name: str, options: Options, settings: list[str] | None = None) -> Profile:
    """A profile by name or path, with ``key=value`` settings laid over it.

    Raises:
        VpsbenchError: the file is missing or broken; the message lists every mistake.
    """
    path = _find(name, folder(), "profile")
    data = _read(path)
    for setting in settings or ():
        _override(data, setting)
    data.setdefault("name", path.stem)
    return _checked(path, data, Profile, lambda profile: _profile_mistakes(profile, options))


def load_plan(name: str) -> Plan:
    """A plan by name or path. Raises ``VpsbenchError`` as ``load_profile`` does."""
    path = _find(name, folder() / "plans", "plan")
    data = _read(path)
    data.setdefault("name", path.stem)
    return _checked(path, data, Plan, _plan_mistakes)


def _find(name: str, where: Path, what: str) -> Path:
    for path in (Path(name), where / f"{name}.toml"):
        if path.is_file():
            return path
    known = sorted(p.stem for p in where.glob("*.toml"))
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise VpsbenchError(
        f"no {what} {name!r}", f"{hint}Known: {', '.join(known)}; or give a path to a TOML file"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise VpsbenchError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise VpsbenchError(f"{path}: not valid TOML: {error}", "see profiles/ for examples") from error


def _override(data: dict[str, Any], setting: str) -> None:
    """Lays ``turns.memory.duration="1 min"`` over the data; a turn is named by its place or its probe."""
    key, equals, text = setting.partition("=")
    if not equals:
        raise VpsbenchError(f"--set {setting}: expected key=value", 'for example: --set duration="5 min"')
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word or quantity, such as 5 min: no quotes needed
    *parents, last = key.split(".")
    places: list[Any] = [data]
    for name in parents:
        places = [found for place in places for found in _below(place, name)]
    if not places or not all(isinstance(place, dict) for place in places):
        raise VpsbenchError(f"--set {setting}: the profile has no {'.'.join(parents)!r}")
    for place in places:
        place[last] = value


def _below(place: Any, name: str) -> list[Any]:  # noqa: ANN401  parsed TOML can be anything
    if isinstance(place, dict):
        return [place.setdefault(name, {})]
    if isinstance(place, list):
        return [item for n, item in enumerate(place) if name in (str(n), item.get("probe"))]
    return []


def _checked(path: Path, data: dict[str, Any], kind: type[T], rules: Any) -> T:  # noqa: ANN401
    mistakes = list(_unit_mistakes(data, kind))
    try:
        value = _strict(kind).validate_python(data)
    except ValidationError as error:
        mistakes += [_sentence(e, kind) for e in error.errors()]
    else:
        mistakes += list(rules(value))
        if not mistakes:
            return value
    lines = "\n".join(f"  {path}: {m}" for m in dict.fromkeys(mistakes))
    many = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "a mistake"
    raise VpsbenchError(f"{many} in {path}:\n{lines}")


def _strict(kind: type[T]) -> TypeAdapter[T]:
    for one in (kind, TurnSpec) if kind is Profile else (kind,):
        with_config(ConfigDict(extra="forbid", strict=False))(one)
    return TypeAdapter(kind)


def _quantities(kind: type[Any]) -> dict[str, Quantity]:
    """The fields of a dataclass that carry a unit, with their units."""
    hints = get_type_hints(kind, include_extras=True).items()
    parts = ((name, part) for name, hint in hints for part in (hint, *get_args(hint)))
    return {
        name: mark
        for name, part in parts
        if get_origin(part) is Annotated
        for mark in part.__metadata__
        if isinstance(mark, Quantity)
    }


def _unit_mistakes(data: dict[str, Any], kind: type[Any], where: str = "") -> Iterator[str]:
    """Turns ``"2 GiB"`` into a number in place, and yields what could not be turned."""
    for key, mark in _quantities(kind).items():
        if isinstance(data.get(key), str):
            units = dict(mark.units)
            match = _NUMBER.fullmatch(data[key])
            if match and match[2] in units:
                data[key] = float(match[1]) * units[match[2]]
                data[key] = round(data[key]) if "B" in units else data[key]
            else:
                yield f"{where}{key}: found {data[key]!r}, expected a number and one of {', '.join(units)}"
                data[key] = 1  # stands in while the other mistakes are looked for
    if kind is Profile and isinstance(data.get("turns"), list):
        for n, turn in enumerate(data["turns"]):
            if isinstance(turn, dict):
                yield from _unit_mistakes(turn, TurnSpec, f"turns.{n}.")


def _sentence(error: Any, kind: type[Any]) -> str:  # noqa: ANN401  pydantic's ErrorDetails
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        inner = TurnSpec if "turns" in error["loc"] else kind
        known = [f.name for f in dataclasses.fields(inner)] if dataclasses.is_dataclass(inner) else []
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        return f"{key}: unknown key; " + (
            f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        )
    if error["type"] == "missing" or error["type"] == "missing_argument":
        return f"{key}: missing, expected a value"
    return f"{key}: found {error['input']!r}, expected: {error['msg'].removeprefix('Input should be ')}"


def _profile_mistakes(profile: Profile, options: Options) -> Iterator[str]:
    if not 10 <= profile.duration <= 31 * 86400:
        yield f"duration: found {profile.duration:g} s, expected 10 s to 31 d"
    if not 0.2 <= profile.tick <= 60:
        yield f"tick: found {profile.tick:g} s, expected 0.2 s to 60 s"
    if profile.write_budget < 0:
        yield f"write_budget: found {profile.write_budget}, expected 0 B or more"
    if not profile.turns:
        yield "turns: found none, expected at least one [[turns]] table"
    for n, turn in enumerate(profile.turns):
        yield from (f"turns.{n}.{m}" for m in _turn_mistakes(turn, profile, options))


def _turn_mistakes(turn: TurnSpec, profile: Profile, options: Options) -> Iterator[str]:
    if not 1 <= turn.duration <= profile.duration:
        yield f"duration: found {turn.duration:g} s, expected 1 s to the profile's {profile.duration:g} s"
    if turn.every is not None and turn.every < turn.duration:
        yield f"every: found {turn.every:g} s, expected at least the turn's own {turn.duration:g} s"
    if turn.probe not in options:
        yield f"probe: found {turn.probe!r}, expected one of {', '.join(options)}"
        return
    try:
        read_options(options[turn.probe], turn.options)
    except ValidationError as error:
        yield from (f"options.{_sentence(e, options[turn.probe])}" for e in error.errors())


def read_options(kind: type[T], data: dict[str, Any]) -> T:
    """A probe's options from a profile's table; raises pydantic's ``ValidationError``."""
    return _strict(kind).validate_python(data)


def _plan_mistakes(plan: Plan) -> Iterator[str]:
    tib = 1024**4
    for key, low, high, what in (
        ("vcpus", 1, 4096, "1 to 4096"),
        ("cpu_share", 0.001, 1, "a share of each vCPU, above 0 and up to 1"),
        ("memory", 16 * 1024**2, 64 * tib, "16 MiB to 64 TiB"),
        ("disk", 64 * 1024**2, 4096 * tib, "64 MiB to 4096 TiB"),
        ("disk_iops", 1, 100e6, "1 to 100,000,000 a second"),
    ):
        value = getattr(plan, key)
        if value is not None and not low <= value <= high:
            yield f"{key}: found {value:g}, expected {what}"
