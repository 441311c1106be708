"""``vpsbench evidence``: one run in a bundle that others can check."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from vpsbench.commands import Command
from vpsbench.wiring import stored_run


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_run(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="the bundle, a zip file"
    )
    parser.add_argument(
        "--attach",
        metavar="FILE",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        help="your own documents, such as the order and tickets; copied as they are",
    )
    parser.add_argument(
        "--redact",
        action="store_true",
        help="leave out host name, addresses, serial numbers and user names (not from what is attached)",
    )
    parser.add_argument(
        "--key",
        metavar="FILE",
        type=Path,
        help="the Ed25519 key that signs it (default: that of run)",
    )


def _run(args: Namespace) -> int:
    from vpsbench.evidence.bundle import BundleRequest, make
    from vpsbench.files.replace import require_writable
    from vpsbench.integrity import keys
    from vpsbench.store import reader

    require_writable(args.output)
    run = reader.read(args.db, args.run_id).run
    key = keys.Key.load(args.key or keys.default_path())
    request = BundleRequest(database=args.db, run=run.id, attached=args.attach, redact=args.redact)
    make(request, key, args.output)
    print(f"run {run.id} as evidence: {args.output}")
    print(f"signed with {key.path}: {keys.fingerprint(key.public)}")
    print("Tell the other side this fingerprint by another way. Keep the key and the database.")
    if args.redact:
        print("The known names, addresses and serial numbers are left out. Look before you send.")
    return 0


COMMAND = Command(
    name="evidence",
    help="put one run into a bundle that others can check without trusting you or vpsbench",
    examples="""\
vpsbench evidence -o bundle.zip
vpsbench evidence 3 -o bundle.zip --attach order.pdf ticket.txt
vpsbench evidence --db old.db -o bundle.zip --redact""",
    configure=_configure,
    run=_run,
)
