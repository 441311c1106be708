"""Reads profiles and plans from TOML. Tells all mistakes at once: key, what was found, what is expected."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from vpsbench.errors import VpsbenchError
from vpsbench.model import Plan, Profile, Quantity, TurnSpec

Options = Mapping[str, type[Any]]  # probe name -> its dataclass of options
Mistake = tuple[str, str]  # key; what was found, and what was expected
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
    profile = _checked(path, data, Profile, _profile_rules(data, options))
    turns = (replace(turn, options=_options(options[turn.probe], turn.options)[0]) for turn in profile.turns)
    return replace(profile, turns=tuple(_fitting(turn, profile) for turn in turns))


def _fitting(turn: TurnSpec, profile: Profile) -> TurnSpec:
    """What runs in the background lasts as long as the run at most, however short that was made."""
    return replace(turn, duration=min(turn.duration, profile.duration)) if turn.background else turn


def load_plan(name: str) -> Plan:
    """A plan by name or path. Raises ``VpsbenchError`` as ``load_profile`` does."""
    path = _find(name, folder() / "plans", "plan")
    data = _read(path)
    data.setdefault("name", path.stem)
    return _checked(path, data, Plan, _plan_rules(data))


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


def _checked(path: Path, data: dict[str, Any], kind: type[T], rules: Iterable[Mistake]) -> T:
    """The dataclass, or every mistake at once. ``rules`` are asked lazily, after the units were read."""
    mistakes: dict[str, str] = {}  # the first one of each key: later ones only follow from it
    value: T | None = None
    for key, text in _unit_mistakes(data, kind):
        mistakes.setdefault(key, text)
    try:
        value = TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        for key, text in _told(error):
            mistakes.setdefault(key, text)
    for key, text in (*_unknown(data, kind), *rules):
        mistakes.setdefault(key, text)
    if value is not None and not mistakes:
        return value
    lines = "\n".join(f"  {path}: {key}: {text}" for key, text in mistakes.items())
    many = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "a mistake"
    raise VpsbenchError(f"{many} in {path}:\n{lines}")


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


def _unit_mistakes(data: dict[str, Any], kind: type[Any], where: str = "") -> Iterator[Mistake]:
    """Turns ``"2 GiB"`` into a number in place, and tells what could not be turned."""
    for key, mark in _quantities(kind).items():
        if isinstance(data.get(key), str):
            units = dict(mark.units)
            match = _NUMBER.fullmatch(data[key])
            if match and match[2] in units:
                number = float(match[1]) * units[match[2]]
                data[key] = round(number) if "B" in units else number
            else:
                yield f"{where}{key}", f"found {data[key]!r}, expected a number and one of {', '.join(units)}"
                data[key] = math.nan
    if kind is Profile:
        for n, turn in _turns(data):
            yield from _unit_mistakes(turn, TurnSpec, f"turns.{n}.")


def _turns(data: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    turns = data.get("turns")
    return [(n, t) for n, t in enumerate(turns) if isinstance(t, dict)] if isinstance(turns, list) else []


def _unknown(data: dict[str, Any], kind: type[Any], where: str = "") -> Iterator[Mistake]:
    """Keys that no field has. Pydantic passes them over, as stored records of other versions need it."""
    known = [field.name for field in fields(kind)]
    for key in data:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            expected = f"{close[0]}?" if close else f"one of {', '.join(known)}"
            yield f"{where}{key}", f"unknown key, expected {expected}"
    if kind is Profile:
        for n, turn in _turns(data):
            yield from _unknown(turn, TurnSpec, f"turns.{n}.")


def _told(error: ValidationError) -> Iterator[Mistake]:
    """Pydantic's findings in our words."""
    for one in error.errors():
        key = ".".join(str(part) for part in one["loc"])
        if one["type"] in ("missing", "missing_argument"):
            yield key, "missing, expected a value"
        else:
            expected = one["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            yield key or "options", f"found {one['input']!r}, expected {expected}"


def _range(data: dict[str, Any], key: str, low: float, high: float, expected: str) -> Iterator[Mistake]:
    value = data.get(key)
    if isinstance(value, int | float) and not low <= value <= high:
        yield key, f"found {value:g}, expected {expected}"


def _profile_rules(data: dict[str, Any], options: Options) -> Iterator[Mistake]:
    yield from _range(data, "duration", 10, 31 * 86400, "10 s to 31 d")
    yield from _range(data, "tick", 0.2, 60, "0.2 s to 60 s")
    yield from _range(data, "write_budget", 0, math.inf, "0 B or more")
    yield from _range(data, "duty", 0.01, 1, "a share of the time, 0.01 to 1")
    if data.get("turns") == []:
        yield "turns", "found none, expected at least one [[turns]] table"
    if (turns := _turns(data)) and all(turn.get("background") is True for _, turn in turns):
        yield "turns", "found only background ones, expected one that they run beside"
    length = data.get("duration")
    whole = length if isinstance(length, int | float) and length > 0 else math.inf
    for n, turn in _turns(data):
        yield from ((f"turns.{n}.{key}", text) for key, text in _turn_rules(turn, whole, options))


def _turn_rules(turn: dict[str, Any], whole: float, options: Options) -> Iterator[Mistake]:
    if turn.get("background") is not True:
        yield from _range(turn, "duration", 1, whole, f"1 s to the run's {whole:g} s")
    yield from _range(turn, "start", 0, whole, f"0 s to the run's {whole:g} s")
    own = turn.get("duration")
    if isinstance(own, int | float):
        yield from _range(turn, "every", own, math.inf, f"at least the turn's own {own:g} s")
    probe, given = turn.get("probe"), turn.get("options", {})
    if isinstance(probe, str) and probe not in options:
        yield "probe", f"found {probe!r}, expected one of {', '.join(options)}"
    elif isinstance(probe, str) and isinstance(given, dict):
        for key, text in _options(options[probe], given)[1]:
            yield key if key == "options" else f"options.{key}", text


def _options(kind: type[Any], given: dict[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """A probe's options, checked and with its defaults, and the mistakes in them."""
    data = dict(given)
    mistakes = list(_unit_mistakes(data, kind))
    try:
        found = asdict(TypeAdapter(kind).validate_python(data))
    except ValidationError as error:
        known = {key for key, _ in mistakes}
        found = {}
        mistakes += [(key, text) for key, text in _told(error) if key not in known]
    return found, [*mistakes, *_unknown(data, kind)]


def _plan_rules(data: dict[str, Any]) -> Iterator[Mistake]:
    tib = 1024**4
    yield from _range(data, "vcpus", 1, 4096, "1 to 4096")
    yield from _range(data, "cpu_share", 0.001, 1, "a share of each vCPU, above 0 and up to 1")
    yield from _range(data, "memory", 16 * 1024**2, 64 * tib, "16 MiB to 64 TiB")
    yield from _range(data, "disk", 64 * 1024**2, 4096 * tib, "64 MiB to 4096 TiB")
    yield from _range(data, "disk_iops", 1, 100e6, "1 to 100,000,000 a second")
    yield from _range(data, "disk_bandwidth", 1e3, 1e12, "1 kB/s to 1 TB/s")
