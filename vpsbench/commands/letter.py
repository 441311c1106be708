"""``vpsbench letter``: a draft to the seller's support, where a promise was broken."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from vpsbench.commands import Command
from vpsbench.wiring import stored_run


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_run(parser)


def _run(args: Namespace) -> int:
    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.report.letter import letter
    from vpsbench.store.reader import read

    judgement = judge(read(args.db, args.run_id))
    text = letter(judgement)
    if not text:
        print(_nothing(judgement.verdict.word, judgement.record.run.plan is not None), file=sys.stderr)
        return 1
    print(text, end="")
    return 0


def _nothing(word: str, planned: bool) -> str:  # noqa: FBT001  a fact of the run, not a switch
    """Why there is nothing to write, and what would change that."""
    if not planned:
        return "Nothing to write: this run was given no plan (--plan), so no promise was broken."
    if word == "suspect":
        return (
            "Nothing to write yet: there are signs, but no proof, that a promise was broken. "
            "A longer run (--profile standard) can prove it, or clear the seller."
        )
    return f"Nothing to write: this run shows no broken promise (its verdict: {word})."


COMMAND = Command(
    name="letter",
    help="draft a letter to the seller's support, where a promise was broken",
    examples="""\
vpsbench letter > to-support.txt
vpsbench letter 3 --db old.db""",
    configure=_configure,
    run=_run,
    exits_1="there is nothing to write",
)
