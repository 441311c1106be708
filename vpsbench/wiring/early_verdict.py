"""The process that judges a run which still goes on: ``python -m vpsbench.wiring.early_verdict``.

Speaks to the runner as a probe does. It is the first to yield its CPU and its memory, and writes the page
only where there is room for the library that draws charts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

_ROOM: Final = 400 * 1024**2  # B of memory that must be free for a page with its charts


def main() -> int:
    """Judges, writes the page, and says the verdict in one line."""
    asked = json.load(sys.stdin)["options"]
    os.nice(19)
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    print(json.dumps({"kind": "done", "status": "ok", "detail": _judge(asked)}), flush=True)
    return 0


def _judge(asked: dict[str, Any]) -> str:
    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.store.reader import read

    judgement = judge(read(Path(asked["db"]), asked["run"]))
    if asked["html"] and _available() > _ROOM:
        from vpsbench.report import html

        html.write(judgement, Path(asked["html"]))
    return f"{judgement.verdict.word}: {judgement.verdict.because}"


def _available() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


if __name__ == "__main__":
    sys.exit(main())
