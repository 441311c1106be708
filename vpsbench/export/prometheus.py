"""The last reading of each series, and the verdict, in the text format that Prometheus reads.

Meant for the node exporter's textfile collector, or any scraper that takes a file.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Final

from vpsbench.errors import VpsbenchError
from vpsbench.export import Export, Source
from vpsbench.model import Judgement, Kind, Word

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

    from vpsbench.store.reader import Stream

# Prometheus asks for base units at the end of a name, in the plural.
_UNITS: Final = {"s": "_seconds", "B": "_bytes", "B/s": "_bytes_per_second", "1/s": "_per_second", "1": ""}


def render(stream: Stream, judgement: Judgement) -> bytes:
    """The whole file.

    A series whose last reading failed is left out, as Prometheus means it: what is missing is stale, and
    not 0.

    Raises:
        VpsbenchError: prometheus-client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest  # an optional extra
        from prometheus_client.registry import Collector
    except ImportError as error:
        raise VpsbenchError(
            "The format of Prometheus needs prometheus-client, which is not installed.",
            "pip install 'vpsbench[prometheus]'",
        ) from error

    families = [*_verdict(judgement), *_series(stream)]

    class Once(Collector):
        def collect(self) -> Iterator[Family]:
            yield from families

    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry)


def _series(stream: Stream) -> Iterator[Family]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # an optional extra

    grouped: dict[str, list[int]] = defaultdict(list)
    for place, (metric, _) in enumerate(stream.heads):
        grouped[metric.name].append(place)
    last = _last(stream)
    for name, places in sorted(grouped.items()):
        metric = stream.heads[places[0]][0]
        names = sorted({key for place in places for key in stream.heads[place][1]})
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(
            f"vpsbench_{_name(name)}{_UNITS.get(metric.unit, '')}",
            metric.help,
            labels=list(map(_name, names)),
        )
        for place in places:
            if math.isfinite(last.get(place, math.nan)):
                family.add_metric([stream.heads[place][1].get(key, "") for key in names], last[place])
        yield family


def _last(stream: Stream) -> dict[int, float]:
    """The value of each series with the latest time."""
    import numpy as np

    found: dict[int, tuple[float, float]] = {}
    for times, values, places in stream.readings:
        order = np.lexsort((times, places))  # stable: of several of one time the last one stays last
        ends = order[np.append(np.diff(places[order]) != 0, True)] if order.size else order
        for t, value, place in zip(
            times[ends].tolist(), values[ends].tolist(), places[ends].tolist(), strict=True
        ):
            if place not in found or t >= found[place][0]:
                found[place] = (t, value)
    return {place: value for place, (_, value) in found.items()}


def _name(text: str) -> str:
    """A name as Prometheus allows it."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)


def _verdict(judgement: Judgement) -> Iterator[Family]:
    from prometheus_client.core import GaugeMetricFamily  # an optional extra

    run = judgement.record.run
    ended = GaugeMetricFamily("vpsbench_run_end_timestamp_seconds", "When the run ended, Unix time")
    ended.add_metric([], run.started + run.elapsed)
    verdict = GaugeMetricFamily(
        "vpsbench_verdict", "1 for the verdict on the run, 0 for the others", labels=["word"]
    )
    for word in Word:
        verdict.add_metric([word], float(judgement.verdict.word is word))
    findings = GaugeMetricFamily("vpsbench_findings", "What each sign found", labels=["sign", "level"])
    count: dict[tuple[str, str], int] = defaultdict(int)
    for finding in judgement.findings:
        count[finding.sign, finding.level] += 1
    for (sign, level), number in sorted(count.items()):
        findings.add_metric([sign, level], number)
    yield from (ended, verdict, findings)


def _write(source: Source, file: IO[str]) -> None:
    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.store.reader import read, stream

    judgement = judge(read(source.database, source.run_id))
    with stream(source.database, judgement.record.run.id) as found:
        file.write(render(found, judgement).decode())


EXPORT: Final = Export(
    name="prometheus",
    help="the last readings and the verdict for Prometheus (pip install 'vpsbench[prometheus]')",
    text=_write,
)
