"""Questions to ask of an exported database: Datasette offers them, docs/sql.md explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Query:
    """One question; ``name`` is a word for addresses."""

    name: str
    title: str
    sql: str


QUERIES: Final = (
    Query(
        "what-was-found",
        "What was found, the weightiest first",
        """\
SELECT level, sign, claim
FROM findings
WHERE level IN ('strong', 'notice', 'doubt')
ORDER BY CASE level WHEN 'strong' THEN 1 WHEN 'notice' THEN 2 ELSE 3 END, sign""",
    ),
    Query(
        "steal-by-hour",
        "How much of each vCPU's time was stolen, hour by hour, idle times included",
        """\
SELECT CAST(t / 3600 AS INTEGER) AS hour, labels, round(100 * avg(rate), 2) AS steal_percent
FROM rates
WHERE metric = 'cpu.time' AND labels LIKE 'state=steal %'
GROUP BY hour, labels
ORDER BY hour, labels""",
    ),
    Query(
        "worst-ten-minutes",
        "In which ten minutes the busy loops lost most to gaps",
        """\
SELECT 10 * CAST(t / 600 AS INTEGER) AS minute,
       round(100 * sum(value) FILTER (WHERE metric = 'cpu.loop.gap')
                 / sum(value) FILTER (WHERE metric = 'cpu.loop.wall'), 2) AS gap_percent
FROM readings
WHERE metric IN ('cpu.loop.gap', 'cpu.loop.wall')
GROUP BY minute
ORDER BY gap_percent DESC
LIMIT 10""",
    ),
    Query(
        "disk-by-job",
        "How steady the disk was under each load",
        """\
SELECT labels AS job, count(value) AS seconds, round(avg(value)) AS mean_iops,
       round(min(value)) AS least_iops, round(min(value) / avg(value), 2) AS least_to_mean
FROM readings
WHERE metric = 'disk.fio.iops'
GROUP BY labels
ORDER BY least_to_mean""",
    ),
    Query(
        "memory-by-hour",
        "How little memory was available in each hour, in MiB",
        """\
SELECT hour, round(least / 1048576) AS least_mib, round(mean / 1048576) AS mean_mib, readings
FROM hourly
WHERE metric = 'memory.available'
ORDER BY hour""",
    ),
)
