"""``vpsbench verify``: checks that a bundle is as it was made, and its findings follow from its readings."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError

if TYPE_CHECKING:
    from vpsbench.evidence.verify import Checked


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="what vpsbench evidence wrote")
    parser.add_argument(
        "--tsa-ca",
        metavar="FILE",
        type=Path,
        help="certificates (PEM) of the time-stamp authorities that you trust",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _run(args: Namespace) -> int:
    from vpsbench.evidence.verify import check

    found = check(args.bundle, _roots(args.tsa_ca))
    if args.json:
        print(json.dumps(_document(found), indent=2))
    else:
        _show(found)
    return 0 if found.holds else 1


def _roots(path: Path | None) -> bytes | None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        roots = path.read_bytes() if path else None
        load_pem_x509_certificates(roots or b"") if roots is not None else None
    except (OSError, ValueError) as error:
        raise VpsbenchError(f"{path} holds no certificates that can be read: {error}.") from error
    return roots


def _document(found: Checked) -> dict[str, object]:
    return {
        "holds": found.holds,
        "about": found.about,
        "problems": [{"where": p.where, "what": p.what} for p in found.problems],
        "notes": found.notes,
    }


def _show(found: Checked) -> None:
    from vpsbench.wording.text import plain

    for name, value in found.about.items():
        print(f"{plain(name)}: {plain(value)}")
    for note in found.notes:
        print(f"note: {plain(note)}")
    for problem in found.problems:
        print(f"CHANGED  {plain(problem.where)}: {plain(problem.what)}")
    if found.holds:
        findings = (
            "the findings follow from the readings" if found.judged else "the findings were not checked"
        )
        print(f"It holds: hashes, signature and chain; {findings}.")
        print("It cannot prove that the readings were true when they were taken; measuring again can.")
    else:
        print("IT DOES NOT HOLD.")


COMMAND = Command(
    name="verify",
    help="check a bundle: hashes, signature and hash chain; work out its findings anew",
    examples="""\
vpsbench verify bundle.zip
vpsbench verify bundle.zip --tsa-ca authority.pem
vpsbench verify bundle.zip --json | jq .problems""",
    configure=_configure,
    run=_run,
    exits_1="the bundle does not hold",
)
