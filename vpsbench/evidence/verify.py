"""Checks a bundle from anybody: its zip file, hashes, signature, database, chain and findings."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Final

from vpsbench import __version__, build_id
from vpsbench.errors import VpsbenchError
from vpsbench.evidence import archive, contents, database_checks, time_stamps
from vpsbench.evidence.chain_checks import Problem, Sealed, numbering, problems, seals
from vpsbench.integrity import keys
from vpsbench.model import Judgement
from vpsbench.report import json as contract

_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")
_SMALL: Final = 1 << 24  # B of a file that is read as a whole
_ALIKE: Final = 1e-6  # of two processors' floating point arithmetic
# Keys of the JSON contract that hold sentences; their meaning stands in the other keys.
_SENTENCES: Final = {"because", "cause", "claim", "promised", "reason", "settle", "text"}


@dataclass(slots=True)
class Checked:
    """The result of a check.

    Args:
        problems: what does not hold.
        notes: what the reader has to know besides.
        about: facts of the bundle, by their names.
        judged: whether this vpsbench can tell what the findings must be.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    judged: bool = True

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def problem(self, where: str, what: str) -> None:
        """Notes that something does not hold."""
        self.problems.append(Problem(where, what))


def check(bundle: Path, roots: bytes | None = None) -> Checked:
    """Checks a bundle. Whatever is in it, nothing outside of a temporary folder is written.

    Args:
        bundle: its file.
        roots: certificates of time-stamp authorities that are trusted, PEM.

    Raises:
        VpsbenchError: the file cannot be read, is of another database format, or the temporary folder
            cannot be written.
    """
    found = Checked()
    try:
        with TemporaryDirectory(prefix="vpsbench-") as place:
            _check(found, bundle, Path(place), roots)
    except OSError as error:
        hint = "Is it there, and has the folder for temporary files room? TMPDIR names another."
        raise VpsbenchError(f"Cannot check {bundle}: {error.strerror or error}.", hint) from error
    return found


def _check(found: Checked, bundle: Path, folder: Path, roots: bytes | None) -> None:
    try:
        archive.unpack(bundle, folder)
    except ValueError as error:
        found.problem("the bundle", f"{error}; nothing in it was read")
        return
    with TemporaryFile() as again:
        archive.pack(folder, again)
        again.seek(0)
        if (byte := archive.differs(bundle, again)) is not None:
            found.problem("the bundle", f"byte {byte} and perhaps more of the zip file itself were changed")
    _check_sums(found, folder)
    _check_signature(found, folder)
    database = folder / contents.DATABASE
    if found.holds:
        _require_our_format(bundle, database)
    if why := database_checks.unsafe(database) if database.exists() else "it is missing":
        found.problem(contents.DATABASE, why)
        return
    try:
        _check_run(found, folder, roots)
    except Exception as error:  # noqa: BLE001  whatever a stranger's data does to us, it is not as it was made
        found.problem(contents.DATABASE, f"what it holds makes no sense ({type(error).__name__}: {error})")


def _require_our_format(bundle: Path, database: Path) -> None:
    """A bundle of an unknown format was not changed. Another version of vpsbench can check it."""
    theirs, ours = database_checks.other_format(database), database_checks.formats()
    if theirs is not None:
        raise VpsbenchError(
            f"Cannot check {bundle}: its database has format {theirs}, "
            f"this vpsbench checks formats {ours[0]} to {ours[-1]}.",
            f"Its files and signature are as they were made. {contents.ABOUT} in it names the vpsbench that "
            f"can check the rest; {contents.VERIFY} says how to check it without one.",
        )


def _check_sums(found: Checked, folder: Path) -> None:
    """Every file is as it was when the bundle was signed, none is missing and none was added."""
    sums = dict(_sums(_read(folder, contents.SUMS)))
    there = set(archive.names(folder)) - {contents.SUMS, contents.SIGNATURE}
    for name in sorted(there | set(sums)):
        if name not in there:
            found.problem(name, "it is missing")
        elif name not in sums:
            found.problem(name, "it was added")
        elif contents.digest(folder / name) != sums[name]:
            found.problem(name, "it was changed")


def _sums(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode("utf-8", "replace").splitlines():
        if match := _LINE.fullmatch(line):
            yield match[2], match[1]


def _read(folder: Path, name: str) -> bytes:
    """A small file. A missing one counts as empty here; that it is missing is found elsewhere."""
    path = folder / name
    return path.read_bytes() if path.exists() and path.stat().st_size <= _SMALL else b""


def _check_signature(found: Checked, folder: Path) -> None:
    public = keys.from_pem(_read(folder, contents.KEY))
    if public is None:
        found.problem(contents.KEY, "it holds no Ed25519 key")
    elif not keys.verifies(public, _read(folder, contents.SIGNATURE), _read(folder, contents.SUMS)):
        found.problem(contents.SIGNATURE, f"it is not the signature of {contents.SUMS} by {contents.KEY}")
    else:
        found.about["bundle signed by"] = keys.fingerprint(public)


# --- the run ---------------------------------------------------------------------------------------


def _check_run(found: Checked, folder: Path, roots: bytes | None) -> None:
    with database_checks.guarded(folder / contents.DATABASE) as db:
        (number,) = db.execute("SELECT id FROM runs").fetchone()
        sealed = seals(db, number)
        if sealed:
            found.problems.extend(numbering(db))
            found.problems.extend(problems(db, number))
        else:
            found.problem(contents.DATABASE, "the run has no chain: its readings could be anything")
        (hidden,) = db.execute("SELECT count(*) FROM private WHERE salt IS NULL").fetchone()
    judgement = contents.judged(folder / contents.DATABASE)
    _check_derived(found, folder, judgement, sealed)
    _check_findings(found, folder, judgement)
    _tell(found, judgement, sealed, hidden)
    for seal in sealed:
        _check_stamp(found, seal, roots)


def _check_derived(found: Checked, folder: Path, judgement: Judgement, sealed: list[Sealed]) -> None:
    """The derived files in the bundle are those that follow from the database, and no others."""
    wanted = {file.name: file.data for file in contents.derived(judgement, sealed)}
    there = {name for name in archive.names(folder) if name.startswith(("raw/", "seals/"))} | {contents.PLAN}
    for name in sorted(there | set(wanted)):
        if name not in wanted:
            found.problem(name, "it does not follow from the database")
        elif not _is(folder / name, wanted[name]):
            found.problem(name, "it is not what the database says")


def _is(path: Path, data: bytes) -> bool:
    return path.exists() and path.stat().st_size == len(data) and path.read_bytes() == data


def _check_findings(found: Checked, folder: Path, judgement: Judgement) -> None:
    """Works the findings out anew, from the readings alone."""
    again = json.loads(contract.render(judgement))
    told = json.loads(_read(folder, contents.FINDINGS) or b"null")
    odd = list(differences(told, again))
    about = json.loads(_read(folder, contents.ABOUT) or b"{}")
    version = about.get("vpsbench")
    if odd and (version, about.get("source")) != (__version__, build_id.digest()):
        _tell_other_version(found, version, odd)
    elif odd:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        found.problem(contents.FINDINGS, f"{odd[0]}{more}: not what the readings show when judged again")


def _tell_other_version(found: Checked, version: object, odd: list[str]) -> None:
    """Of another version's findings the facts can be checked here where it judges alike; the words cannot."""
    made = f"The findings were made by vpsbench {version}; this is {_ours(version)}, which"
    if facts := [place for place in odd if place.rpartition(".")[2] not in _SENTENCES]:
        found.judged = False
        found.notes.append(
            f"{made} judges the same readings otherwise ({facts[0]} first). Only the version that made them "
            "can check them."
        )
    else:
        found.notes.append(
            f"{made} words {len(odd)} sentences otherwise. Levels, figures and verdicts follow from the "
            "readings; the sentences themselves were not checked."
        )


def _ours(version: object) -> str:
    return f"another state of {__version__}" if version == __version__ else __version__


def differences(one: Any, two: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401  any JSON value
    """The places where two JSON values differ. Numbers may differ as much as processors do."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted(one.keys() | two.keys()):
            yield from differences(one.get(key, ...), two.get(key, ...), f"{where}.{key}".lstrip("."))
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for k, (a, b) in enumerate(zip(one, two, strict=True)):
            yield from differences(a, b, f"{where}[{k}]")
    elif isinstance(one, float) and isinstance(two, float | int):
        if not math.isclose(one, two, rel_tol=_ALIKE, abs_tol=_ALIKE):
            yield where
    elif type(one) is not type(two) or one != two:
        yield where


def _tell(found: Checked, judgement: Judgement, sealed: list[Sealed], hidden: int) -> None:
    run = judgement.record.run
    found.about |= {"run": f"{run.id} of {run.guest.hostname}", "verdict": str(judgement.verdict.word)}
    keys_used = sorted({keys.fingerprint(seal.public) for seal in sealed if seal.public})
    found.about["run sealed by"] = ", ".join(keys_used) or "nobody"
    if sealed and not all(seal.signature for seal in sealed):
        found.notes.append("Not every seal is signed: anybody could have made such a chain anew.")
    if keys_used and keys_used != [found.about.get("bundle signed by")]:
        found.notes.append(
            "The bundle was signed with another key than the run was sealed with. The seals vouch for the "
            "run, the bundle's key for the report and what was attached."
        )
    if sealed and sealed[-1].kind != "end":
        found.notes.append(
            "The run has no end seal: it was killed, or goes on. A tail cut off would not show."
        )
    if hidden:
        found.notes.append(
            f"Names were left out of {hidden} texts. The chain has had digests of both forms since they "
            "were stored; the form with the names cannot be checked here."
        )


def _check_stamp(found: Checked, seal: Sealed, roots: bytes | None) -> None:
    if seal.token is None:
        return
    name = f"time stamp of seal {seal.name}"
    try:
        time_stamps.require_library()
        said = time_stamps.check(seal.token, seal.text.encode(), roots)
    except VpsbenchError as error:
        found.notes.append(f"The {name} was not checked: {error.message} {error.hint}")
    except ValueError as error:
        found.problem(name, f"it does not hold ({error})")
    else:
        whose = "" if said.trusted else " (its signature was not checked; --tsa-ca FILE does)"
        found.about[name] = f"{said.time:%Y-%m-%d %H:%M:%S UTC}, {said.authority}{whose}"
