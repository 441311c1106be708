"""The other files of a bundle, all of them made from its database alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vpsbench.analyzer.verdict.judge import judge
from vpsbench.evidence.chain_checks import Sealed
from vpsbench.integrity import keys
from vpsbench.model import Judgement, Turn
from vpsbench.report import json as contract
from vpsbench.store import reader

DATABASE: Final = "run.db"
REPORT: Final = "report.html"
FINDINGS: Final = "findings.json"
PLAN: Final = "plan.json"
ABOUT: Final = "bundle.json"
KEY: Final = "key.pem"
VERIFY: Final = "VERIFY.txt"
SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.sig"
ATTACHED: Final = "attachments/"  # the user's own files


@dataclass(frozen=True, slots=True)
class File:
    """A file of a bundle."""

    name: str
    data: bytes


def judged(database: Path) -> Judgement:
    """What the run in a bundle's database shows.

    Raises:
        VpsbenchError: it cannot be read.
    """
    return judge(reader.read(database))


def derived(judgement: Judgement, seals: list[Sealed]) -> Iterator[File]:
    """Files that follow from the database, the same on every machine; all but the findings."""
    plan = contract.document(judgement)["plan"]
    yield File(PLAN, _text(json.dumps(plan, indent=2) + "\n"))
    for number, turn in enumerate(judgement.record.turns, 1):
        yield from _raw(number, turn)
    for seal in seals:
        yield from _sealed(seal)


def _raw(number: int, turn: Turn) -> Iterator[File]:
    """A turn's outputs, as the tools wrote them, under names of plain letters."""
    for place, (name, text) in enumerate(sorted(turn.raw.items()), 1):
        yield File(f"raw/{number:04}-{plain(turn.probe)}-{place}-{plain(name)}", _text(text))


def _sealed(seal: Sealed) -> Iterator[File]:
    name = f"seals/{plain(seal.name)}"
    yield File(f"{name}.json", _text(seal.text))
    if seal.signature is not None:
        yield File(f"{name}.sig", seal.signature)
    if seal.public is not None:
        yield File(f"{name}.pem", keys.pem(seal.public))
    if seal.token is not None:
        yield File(f"{name}.tsr", seal.token)


def plain(name: str) -> str:
    """A name as it may stand in a bundle."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60].lstrip(".-_") or "x"


def _text(text: str) -> bytes:
    """A tool's output may hold what was no UTF-8."""
    return text.encode("utf-8", "backslashreplace")


def same_findings(found: Judgement, again: Judgement) -> bool:
    """Whether two judgements say the same, though some names may be left out of one."""

    def told(judgement: Judgement) -> list[tuple[str, str]]:
        words = [(p.promise, p.word) for p in judgement.verdict.promises]
        return [*words, *((f.sign, f.level) for f in judgement.findings)]

    return told(found) == told(again)


def digest(path: Path) -> str:
    """A file's SHA-256, as ``sha256sum`` writes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
