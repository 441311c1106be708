"""``vpsbench report``: a stored run once more, as text, HTML or JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from vpsbench.commands import Command
from vpsbench.wiring import run_status, stored_run


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_run(parser)
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the report as one HTML file")
    parser.add_argument(
        "--pdf",
        metavar="FILE",
        type=Path,
        help="print the report (with a browser that is there, or WeasyPrint)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the findings as JSON; - is standard output")
    parser.add_argument("--quiet", action="store_true", help="do not print the report here")


def _run(args: Namespace) -> int:
    from vpsbench.files.replace import replacing, require_writable

    to_stdout = args.json == "-"
    json_file = Path(args.json) if args.json is not None and not to_stdout else None
    for path in (args.html, args.pdf, json_file):
        if path is not None:
            require_writable(path)

    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.report import json
    from vpsbench.store.reader import read

    judgement = judge(read(args.db, args.run_id))
    run_status.tell_if_going(args.db, judgement.record.run)
    if json_file is not None:
        with replacing(json_file) as file:
            file.write(json.render(judgement))
    if args.html is not None:
        from vpsbench.report import html

        html.write(judgement, args.html)
    if args.pdf is not None:
        from vpsbench.report import pdf

        pdf.write(judgement, args.pdf)
    if to_stdout:
        print(json.render(judgement), end="")
    elif not args.quiet:
        from rich.console import Console

        from vpsbench.report import text

        text.show(judgement, Console())
        written = (("the report", args.html), ("as PDF", args.pdf), ("the findings as JSON", json_file))
        for name, path in written:
            if path is not None:
                print(f"{name}: {path}")
    return 0


COMMAND = Command(
    name="report",
    help="show a stored run once more, or write it as HTML or JSON",
    examples="""\
vpsbench report
vpsbench report 3 --html report.html --pdf report.pdf
vpsbench report --db old.db --json - | jq .verdict""",
    configure=_configure,
    run=_run,
)
