"""``vpsbench compare``: several runs side by side, and which of their differences are real."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError

if TYPE_CHECKING:
    from vpsbench.compare.contest import Comparison
    from vpsbench.wiring.run_summaries import Outcome
    from vpsbench.wiring.which_runs import Wanted

_MOST: Final = 500  # runs; more would be a page that nobody can read


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="a database (its latest run is meant), FILE#3 or FILE:3 for run 3, FILE:all, or a quoted "
        "pattern; NAME= before it names the run",
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the comparison as one HTML file")
    parser.add_argument("--json", metavar="FILE", help="write the comparison as JSON; - is standard output")
    parser.add_argument("--quiet", action="store_true", help="do not print the comparison here")
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="judge every run anew, even where its database holds a summary",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="write the summaries of runs that had to be judged to their databases, for the next time",
    )


def _run(args: Namespace) -> int:
    from vpsbench.files.replace import replacing, require_writable

    to_stdout = args.json == "-"
    json_file = Path(args.json) if args.json is not None and not to_stdout else None
    for path in (args.html, json_file):
        if path is not None:
            require_writable(path)
    comparison, left_out = _compared(args.runs, anew=args.no_cache, keeps=args.keep)

    from vpsbench.report.comparison import json

    if json_file is not None:
        with replacing(json_file) as file:
            file.write(json.render(comparison, left_out))
    if args.html is not None:
        from vpsbench.report.comparison.html import write

        write(comparison, left_out, args.html)
    if to_stdout:
        print(json.render(comparison, left_out), end="")
    elif not args.quiet:
        _show(comparison, left_out, args.html, json_file)
    return 0


def _show(comparison: Comparison, left_out: dict[str, str], *written: Path | None) -> None:
    from rich.console import Console

    from vpsbench.report.comparison import text

    text.show(comparison, left_out, Console())
    for path in written:
        if path is not None:
            print(f"written: {path}")


def _compared(words: list[str], *, anew: bool, keeps: bool) -> tuple[Comparison, dict[str, str]]:
    """The comparison, and the runs that could not be read, with the reason.

    Raises:
        VpsbenchError: fewer than two runs are left, or more than can be shown.
    """
    from vpsbench.compare.contest import contest
    from vpsbench.compare.summary import Summary
    from vpsbench.wiring.which_runs import which

    wanted = which(words)
    if not 2 <= len(wanted) <= _MOST:
        raise VpsbenchError(
            f"A comparison takes 2 to {_MOST} runs; this names {len(wanted)}.",
            "One run of many in a file: FILE#3; all of them: FILE:all.",
        )
    outcomes = _outcomes(wanted, anew=anew, keeps=keeps)
    good = {one.label: found for one, found in outcomes.items() if isinstance(found, Summary)}
    bad = {one.label: found.message for one, found in outcomes.items() if isinstance(found, VpsbenchError)}
    if len(good) < 2:
        raise VpsbenchError(f"Fewer than two runs could be read: {' '.join(bad.values())}")
    return contest(list(good), list(good.values())), bad


def _outcomes(wanted: list[Wanted], *, anew: bool, keeps: bool) -> dict[Wanted, Outcome]:
    """What came of each run, in the order asked for. Shows progress where somebody watches."""
    from rich.console import Console
    from rich.progress import track

    from vpsbench.wiring.run_summaries import found

    console = Console(file=sys.stderr)
    coming = found(wanted, anew=anew, keeps=keeps)
    told = track(
        coming, "judging", len(wanted), console=console, transient=True, disable=not console.is_terminal
    )
    outcomes = dict(told)
    return {one: outcomes[one] for one in wanted}


COMMAND = Command(
    name="compare",
    help="put runs side by side: what differs for real, and what may be noise",
    examples="""\
vpsbench compare here.db there.db
vpsbench compare monday=a.db#1 friday=a.db#5 --html compare.html
vpsbench compare 'runs/*.db' --json - | jq .figures""",
    configure=_configure,
    run=_run,
)
