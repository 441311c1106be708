"""The benchmarks behind the scores: ``python -m vpsbench.probes.score_suite.suite --benchmark NAME``.

A pyperf program. The work is fixed for good: a change of it would make old and new scores
incomparable, so a changed benchmark gets a new name.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
import sqlite3
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pyperf

from vpsbench import __version__
from vpsbench.probes.score_suite.benchmarks import BENCHMARKS

try:
    import ssl

    _OPENSSL = ssl.OPENSSL_VERSION
except ImportError:  # a Python without OpenSSL hashes with code of its own
    _OPENSSL = "no OpenSSL"

_WORDS: Final = ("steal", "run queue", "throttled", "balloon", "iops", "queue depth", "p99", "fsync")


def _text(size: int) -> str:
    words = random.Random(1)  # noqa: S311  the same text everywhere, no secret
    return " ".join(f"{words.choice(_WORDS)}={words.randrange(10**6)}" for _ in range(size))


def _json(record: list[dict[str, Any]]) -> None:
    json.loads(json.dumps(record))


def _sqlite(rows: list[tuple[int, str]]) -> None:
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, word TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", rows)
        db.execute("CREATE INDEX w ON t (word)")
        db.execute("SELECT word, COUNT(*), SUM(n) FROM t GROUP BY word ORDER BY 2").fetchall()
    db.close()


def _floats(count: int) -> float:
    total = 0.0
    for n in range(1, count):
        total += math.sin(n) * math.sqrt(n) / (1.0 + math.cos(n) ** 2)
    return total


def _work(name: str) -> Callable[[], object]:
    """The work of one benchmark, with its input made beforehand."""
    text = _text(4000)
    records = [{"n": n, "word": word, "half": n / 2} for n, word in enumerate(text.split()[:1000])]
    pattern = re.compile(r"(\w+)=(\d{2,})(?=\s+[a-m])")
    made: dict[str, Callable[[], object]] = {
        "hashing": partial(hashlib.sha256, text.encode() * 8),
        "compression": partial(zlib.compress, text.encode(), 6),
        "json": partial(_json, records),
        "sqlite": partial(_sqlite, [(n, word) for n, word in enumerate(text.split()[:2000])]),
        "regex": partial(pattern.findall, text),
        "float": partial(_floats, 20_000),
        "bigint": partial(pow, 3**1500, 7**1200, 11**900),
    }
    return made[name]


# Whose code the work runs in; pyperf adds Python's version and its own.
VERSIONS: Final = {
    "openssl_version": _OPENSSL,
    "sqlite_version": sqlite3.sqlite_version,
    "zlib_version": zlib.ZLIB_RUNTIME_VERSION,
    "vpsbench_version": __version__,
}


def main() -> None:
    """Runs one benchmark under pyperf, which starts this program again for each of its processes."""

    def pass_on(command: list[str], arguments: argparse.Namespace) -> None:
        command.extend(("--benchmark", arguments.benchmark))

    runner = pyperf.Runner(add_cmdline_args=pass_on, program_args=("-m", "vpsbench.probes.score_suite.suite"))
    runner.argparser.add_argument("--benchmark", choices=BENCHMARKS, required=True)
    arguments = runner.parse_args()
    runner.metadata["description"] = "vpsbench score suite, version 1"
    runner.metadata.update(VERSIONS)
    runner.bench_func(arguments.benchmark, _work(arguments.benchmark))


if __name__ == "__main__":
    main()
