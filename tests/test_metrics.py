"""Every metric is declared once, beside what tells it, and docs/metrics.md tells of all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tools import metrics_page
from vpsbench import metrics, plugins, probes
from vpsbench.metrics import TICK_COST, TURN_COST, Owner, registry
from vpsbench.probes import Probe

ONE, OTHER = Owner("monitor", "one"), Owner("probe", "other")


def test_a_metric_may_have_several_owners() -> None:
    found = registry({ONE: (TICK_COST, TURN_COST), OTHER: (TICK_COST,)})
    assert found == {TICK_COST: (ONE, OTHER), TURN_COST: (ONE,)}


def test_two_metrics_of_one_name_are_an_error() -> None:
    with pytest.raises(TypeError, match=f"other declares another metric of the name {TICK_COST}"):
        registry({ONE: (TICK_COST,), OTHER: (replace(TICK_COST, unit="B"),)})
    with pytest.raises(TypeError, match=f"one declares {TICK_COST} twice"):
        registry({ONE: (TICK_COST, TICK_COST)})


@pytest.mark.parametrize("name", ["", "tick", "Tick.cost", "tick cost", "tick.", "tick.cost-1"])
def test_a_malformed_name_is_an_error(name: str) -> None:
    with pytest.raises(TypeError, match="no name of a metric"):
        registry({ONE: (replace(TICK_COST, name=name),)})


def test_each_metric_says_what_it_is_in_a_unit_of_the_international_system() -> None:
    for metric in metrics.owners():
        assert metric.unit in {"s", "B", "B/s", "1/s", "1"}, metric
        assert metric.help, metric


def test_what_a_probe_writes_to_disk_is_among_its_metrics() -> None:
    for probe in plugins.collect(probes, "PROBE", Probe).values():
        assert probe.writes is None or probe.writes in probe.metrics


def test_the_page_is_what_the_program_writes() -> None:
    """Where it is not: make docs."""
    assert metrics_page.PAGE.read_text(encoding="utf-8") == metrics_page.page()
