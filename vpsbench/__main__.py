"""The entry point: ``vpsbench`` and ``python -m vpsbench``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback

from vpsbench import __version__, commands
from vpsbench.commands import Command
from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.plugins import collect

_EPILOG = """\
examples:
  vpsbench doctor                     what this machine is, what can be measured
  vpsbench run                        ten minutes, a verdict, a report
  vpsbench run --profile standard --plan my-plan.toml
  vpsbench report --html report.html  the latest run once more

exit status:
  0  done
{ones}
  2  wrong usage or files
  3  the run failed
"""


def parser(word: str | None = None) -> argparse.ArgumentParser:
    """The command line: with the arguments of every command, or, as that is quicker, of one."""
    known = collect(commands, "COMMAND", Command).values()
    ones = (f"  1  {command.word}: {command.exits_1}" for command in known if command.exits_1)
    top = argparse.ArgumentParser(
        prog="vpsbench",
        description="Tells whether a rented VPS delivers what was sold.",
        epilog=_EPILOG.format(ones="\n".join(ones)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"vpsbench {__version__}")
    found = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in known:
        one = found.add_parser(
            command.word,
            help=command.help,
            description=command.help,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in command.examples.splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if word in {None, command.word}:
            command.configure(one)
        one.set_defaults(run=command.run)
    return top


def main() -> int:
    """Runs one command. Every expected error becomes a sentence, a hint and an exit status."""
    word = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    arguments = parser(word).parse_args()
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except VpsbenchError as error:
        print(f"vpsbench: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our pipe has left (``| head``): not an error, but Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130  # what a shell reports for a program ended by Ctrl-C
    except Exception:  # noqa: BLE001  a fault of ours must not look like a finding (exit status 1)
        traceback.print_exc()
        print("vpsbench: this is a bug in vpsbench. Please report it with the lines above.", file=sys.stderr)
        return FAILED
    return status


if __name__ == "__main__":
    sys.exit(main())
