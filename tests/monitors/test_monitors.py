"""All monitors together: on captured trees, and on the machine that the tests run on.

After a wanted change of what the monitors yield, write the golden files anew and read their diff:

    python tests/monitors/test_monitors.py && git diff tests/fixtures/monitors
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

import vpsbench.monitors
from tests.places import FIXTURES
from vpsbench.guest.files import Files
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, clocks, cpu_times, memory, vmstat
from vpsbench.plugins import collect

TREES: Final = sorted(path.parent for path in FIXTURES.glob("monitors/*/ORIGIN"))
MONITORS: Final = collect(vpsbench.monitors, "MONITOR", Monitor)
METRICS: Final = {metric.name: metric for monitor in MONITORS.values() for metric in monitor.metrics}
HERE: Final = Files(Path("/"))
Key = tuple[Metric, tuple[tuple[str, str], ...]]


def read(monitor: Monitor, files: Files) -> list[Sample]:
    """One tick; nothing where the monitor finds no file."""
    names = monitor.files(files)
    texts = {name: text for name in names if (text := files.text(name)) is not None}
    return list(monitor.parse(texts)) if names else []


def rendered(tree: Path) -> str:
    """Every monitor's samples of a tree, a line each."""
    return "".join(
        f"{name}: {s.metric}{{{', '.join(f'{key}={value}' for key, value in s.labels)}}} {s.value!r}\n"
        for name, monitor in MONITORS.items()
        for s in read(monitor, Files(tree))
    )


def test_every_monitor_is_found() -> None:
    files = Path(vpsbench.monitors.__file__).parent.glob("*.py")
    assert list(MONITORS) == sorted({path.stem for path in files} - {"__init__"})


def test_trees_are_found() -> None:
    assert {"kvm", "xen"} <= {tree.name for tree in TREES}


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_the_samples_of_a_tree_are_those_of_its_golden_file(tree: Path) -> None:
    assert rendered(tree) == (tree / "samples.txt").read_text(encoding="utf-8")


def test_metric_names_are_declared_once() -> None:
    assert len(METRICS) == sum(len(monitor.metrics) for monitor in MONITORS.values())


@pytest.mark.parametrize("monitor", MONITORS.values(), ids=MONITORS)
def test_the_trees_show_each_declared_metric_and_no_other(monitor: Monitor) -> None:
    yielded = {sample.metric for tree in TREES for sample in read(monitor, Files(tree))}
    assert yielded == set(monitor.metrics)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_a_tick_has_one_sample_a_series(tree: Path) -> None:
    keys = [_key(sample) for monitor in MONITORS.values() for sample in read(monitor, Files(tree))]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("monitor", MONITORS.values(), ids=MONITORS)
def test_an_empty_machine_has_nothing_to_watch(monitor: Monitor, tmp_path: Path) -> None:
    assert monitor.files(Files(tmp_path)) == ()


# --- the real machine ------------------------------------------------------------------------------


def test_the_counters_of_this_machine_do_not_run_backwards() -> None:
    before, after = _live(), _live()
    counters = {key for key in before.keys() & after.keys() if key[0].kind is Kind.COUNTER}
    may_fall = {key for key in counters if {("state", "idle"), ("state", "iowait")} & set(key[1])}  # proc(5)
    assert {name for name, _ in counters} >= {cpu_times.TIME, vmstat.PGFAULT, cpu_times.CONTEXT_SWITCHES}
    assert [key for key in sorted(counters - may_fall, key=str) if after[key] < before[key]] == []


def test_this_machine_has_a_line_for_each_vcpu() -> None:
    times = read(MONITORS["cpu_times"], HERE)
    assert len({labels["vcpu"] for s in times if "vcpu" in (labels := dict(s.labels))}) == os.cpu_count()


def test_the_times_of_a_vcpu_add_up_to_at_most_the_time_since_boot() -> None:
    """user includes guest and nice includes guest_nice; ticks are samples, hence the allowance."""
    busy = [s for s in read(MONITORS["cpu_times"], HERE) if s.labels and "guest" not in s.labels[1][1]]
    uptime = next(s.value for s in read(MONITORS["clocks"], HERE) if s.metric == clocks.UPTIME)
    assert sum(s.value for s in busy if ("vcpu", "0") in s.labels) <= uptime * 1.01 + 1


def test_this_machine_has_no_more_memory_than_the_kernel_says() -> None:
    """In a container /proc/meminfo may tell of less than the kernel has."""
    total = next(s.value for s in read(MONITORS["memory"], HERE) if s.metric == memory.TOTAL)
    assert 0 < total <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 1.02


def _live() -> dict[Key, float]:
    return {_key(s): s.value for monitor in MONITORS.values() for s in read(monitor, HERE)}


def _key(sample: Sample) -> Key:
    return sample.metric, sample.labels


if __name__ == "__main__":
    for each in TREES:
        (each / "samples.txt").write_text(rendered(each), encoding="utf-8")
