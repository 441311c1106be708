import io

import pytest
from rich.console import Console

from vpsbench.model import Sample, Status, Turn
from vpsbench.monitors import cpu_times
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.probes.fio import metrics as fio
from vpsbench.wiring.progress import Readings, TerminalProgress, clock_text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (14340, "3:59:00"), (-3, "0:00")])
def test_times_read_as_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def tick(steal: float, idle: float) -> list[Sample]:
    times = {"steal": steal, "idle": idle, "guest": 99.0}
    return [
        Sample(cpu_times.TIME, value, (("state", state), ("vcpu", "0"))) for state, value in times.items()
    ]


def test_steal_is_a_share_of_the_last_seconds() -> None:
    readings = Readings()
    readings.see(tick(100, 1000))
    assert "steal" not in readings.text("cpu"), "one reading of a counter says nothing"
    readings.see(tick(101, 1003))
    assert readings.text("cpu") == "steal 25.0%"


def test_own_waiting_is_not_shown_as_lost() -> None:
    readings = Readings()
    values = {
        loop.WALL: 1.0,
        loop.GAP: 0.6,
        loop.RUN_QUEUE_DELAY: 0.5,
        loop.RUN_QUEUE_DELAY_IN_GAPS: 0.5,
    }
    readings.see([Sample(metric, value) for metric, value in values.items()])
    assert readings.text("cpu") == "lost to the outside 20.0%"
    assert readings.text("disk") == ""


def shown(*, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, _environ={})
    with TerminalProgress(console, 100.0) as progress:
        progress.turn("disk", 30.0)
        progress.note("[red]randread[/red]")
        progress.seen([Sample(fio.DIRECT.iops, 1234.0)])
        progress.tick(12.0)
        progress.ended(Turn("disk", 0.0, 12.0, Status.TIMED_OUT, "[b]it did not end", {}, {}))
    return out.getvalue()


def test_piped_it_is_plain_lines_and_only_what_happened() -> None:
    assert shown(terminal=False).split("\n") == [
        "    0:00  disk for 0:30",
        "    0:12  disk: timed out: [b]it did not end",
        "",
    ]


def test_in_a_terminal_the_line_tells_what_runs_and_what_is_left() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    progress = TerminalProgress(console, 100.0)
    progress.turn("disk", 30.0)
    progress.note("[red]randread[/red]")
    progress.seen([Sample(fio.DIRECT.iops, 1234.0)])
    progress.tick(12.0)
    line = progress.line().plain
    assert line.split("  ")[-4:] == ["0:12", "1:28 left", "disk: [red]randread[/red]", "1,234 IOPS"]
    assert "\x1b" in shown(terminal=True)
