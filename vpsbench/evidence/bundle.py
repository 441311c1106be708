"""Makes a bundle: one run, what follows from it, and what others need to check that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from vpsbench import __version__, build_id
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.errors import VpsbenchError
from vpsbench.evidence import archive, contents, single_run_database
from vpsbench.evidence.chain_checks import seals
from vpsbench.evidence.database_checks import guarded
from vpsbench.files.replace import replacing
from vpsbench.integrity import keys
from vpsbench.model import Judgement
from vpsbench.report import html
from vpsbench.report import json as contract
from vpsbench.store import reader


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRequest:
    """What is to be in a bundle.

    Args:
        database: that holds the run.
        run: its number.
        attached: the user's own files.
        redact: whether names are left out.
    """

    database: Path
    run: int
    attached: Sequence[Path]
    redact: bool


def make(request: BundleRequest, key: keys.Key, out: Path) -> None:
    """Writes a bundle. The same run and attachments with the same key give the same bytes.

    Raises:
        VpsbenchError: something cannot be read or written, or the names cannot be left out.
    """
    with TemporaryDirectory(prefix="vpsbench-", dir=out.absolute().parent) as place:
        folder = Path(place)
        _fill(folder, request, key)
        with replacing(out) as file:
            archive.pack(folder, file.buffer)


def _fill(folder: Path, request: BundleRequest, key: keys.Key) -> None:
    _attach(folder, request.attached)
    database = folder / contents.DATABASE
    single_run_database.write(request.database, request.run, database, redact=request.redact)
    judgement = contents.judged(database)
    if request.redact:
        _require_same(judgement, judge(reader.read(request.database, request.run)))
    html.write(judgement, folder / contents.REPORT)
    with guarded(database) as db:
        found = seals(db, request.run)
    about = {
        "format": 1,
        "vpsbench": __version__,
        "source": build_id.digest(),
        "run": request.run,
        "redacted": request.redact,
        "chain": bool(found),
    }
    for file in (
        *contents.derived(judgement, found),
        contents.File(contents.FINDINGS, contract.render(judgement).encode()),
        contents.File(contents.ABOUT, (json.dumps(about, indent=2) + "\n").encode()),
        contents.File(contents.KEY, keys.pem(key.public)),
        contents.File(contents.VERIFY, instructions()),
    ):
        path = folder / file.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.data)
    sums = "".join(f"{contents.digest(folder / name)}  {name}\n" for name in archive.names(folder)).encode()
    (folder / contents.SUMS).write_bytes(sums)
    (folder / contents.SIGNATURE).write_bytes(key.sign(sums))


def _require_same(redacted: Judgement, whole: Judgement) -> None:
    if not contents.same_findings(redacted, whole):
        raise VpsbenchError(
            "Without the names, this run would be judged otherwise than with them.",
            "One of the names is a word that the readings themselves use. Make the bundle without --redact.",
        )


def _attach(folder: Path, attached: Sequence[Path]) -> None:
    for number, path in enumerate(attached, 1):
        target = folder / f"{contents.ATTACHED}{number:02}-{contents.plain(path.name)}"
        target.parent.mkdir(exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise VpsbenchError(f"Cannot attach {path}: {error.strerror}.") from error


def instructions() -> bytes:
    """How to check a bundle without vpsbench."""
    return files("vpsbench.evidence").joinpath("templates", contents.VERIFY).read_bytes()
