"""How a run is sealed: with which key, and whose time stamps. The libraries for it live in short forks."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vpsbench.errors import VpsbenchError
from vpsbench.integrity import keys
from vpsbench.wiring.separate_process import apart

if TYPE_CHECKING:
    from vpsbench.integrity.seals import Sealer


@dataclass(frozen=True, slots=True)
class _Signer:
    """A key that is loaded, in a fork, for each signature."""

    path: Path
    public: bytes

    def sign(self, data: bytes) -> bytes:
        """The signature; only by the key that the run began with."""

        def signature() -> bytes:
            key = keys.Key.load(self.path)
            if key.public != self.public:
                raise VpsbenchError(f"{self.path} holds another key than when the run began.")
            return key.sign(data)

        return apart(signature)


def configure(parser: ArgumentParser) -> None:
    """Adds the options of ``run`` and of what else may begin one."""
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help=f"the Ed25519 key that seals the run, made where there is none (default: {_shown()})",
    )
    parser.add_argument(
        "--timestamp",
        metavar="URL",
        help="have a time-stamp authority (RFC 3161) sign when the run began and ended; only hashes are sent",
    )


def _shown() -> str:
    path = keys.default_path()
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


@dataclass(frozen=True, slots=True)
class Seals:
    """How a run is to be sealed; by default it is not signed."""

    key: Path | None = None
    public: bytes = b""
    unsigned: str = ""  # why there is no key
    timestamp: str | None = None  # of which authority


def seals(arguments: Namespace) -> Seals:
    """Finds out how a run can be sealed; called in a fork, as it loads libraries.

    Raises:
        VpsbenchError: a key or time stamps that the user asked for cannot be had.
    """
    if arguments.timestamp:
        from vpsbench.evidence import time_stamps

        time_stamps.require(arguments.timestamp)
    path: Path = arguments.key or keys.default_path()
    try:
        return Seals(path.absolute(), keys.Key.load(path).public, timestamp=arguments.timestamp)
    except VpsbenchError as error:
        if arguments.key:
            raise
        return Seals(unsigned=error.message, timestamp=arguments.timestamp)


def sealer(how: Seals) -> Sealer:
    """What seals it so."""
    from vpsbench.integrity.seals import Sealer

    return Sealer(_Signer(how.key, how.public) if how.key else None, _stamp(how.timestamp))


def _stamp(url: str | None) -> Callable[[bytes], bytes] | None:
    from vpsbench.evidence import time_stamps

    return (lambda data: apart(lambda: time_stamps.request(url, data))) if url else None
