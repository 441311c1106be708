"""What a person sees while a run goes on: a live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import deque
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from vpsbench.model import Metric, Sample, Status, Turn
from vpsbench.monitors import cpu_times, memory
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.probes.fio.metrics import DIRECT

LOOP: Final = (loop.WALL, loop.RUN_QUEUE_DELAY, loop.GAP, loop.RUN_QUEUE_DELAY_IN_GAPS)
# By name, as each tick looks at a hundred samples and comparing objects takes twice as long.
SHOWN: Final = {metric.name: metric for metric in (memory.AVAILABLE, DIRECT.iops, *LOOP)}


def clock_text(seconds: float) -> str:
    """``9:05`` or ``3:59:00``."""
    minutes, secs = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


class Readings:
    """The last readings of a run, for the progress line only."""

    def __init__(self) -> None:
        self._last: dict[Metric, float] = {}
        self._steal: deque[tuple[float, float]] = deque(maxlen=64)

    def see(self, samples: list[Sample]) -> None:
        """Keeps what is shown."""
        states: dict[str, float] = {}
        for sample in samples:
            if (name := sample.metric.name) == cpu_times.TIME.name:
                state = dict(sample.labels)["state"]
                states[state] = states.get(state, 0.0) + sample.value
            elif name in SHOWN:
                self._last[SHOWN[name]] = sample.value
        if "steal" in states:
            whole = sum(value for state, value in states.items() if not state.startswith("guest"))
            self._steal.append((states["steal"], whole))

    def _lost(self) -> float | None:
        """Of the last bin of any loop; the analyzer does this over all of them."""
        wall, wait, gap, own = (self._last.get(metric) for metric in LOOP)
        if wall is None or wait is None or gap is None or own is None or wall <= wait:
            return None
        return max(0.0, gap - own) / (wall - wait)

    def text(self, probe: str) -> str:
        """The readings in a few words."""
        parts = []
        if len(self._steal) > 1 and (whole := self._steal[-1][1] - self._steal[0][1]) > 0:
            parts.append(f"steal {(self._steal[-1][0] - self._steal[0][0]) / whole:.1%}")
        if probe == "cpu" and (lost := self._lost()) is not None:
            parts.append(f"lost to the outside {lost:.1%}")
        if probe == "disk" and DIRECT.iops in self._last:
            parts.append(f"{self._last[DIRECT.iops]:,.0f} IOPS")
        if memory.AVAILABLE in self._last:
            parts.append(f"{self._last[memory.AVAILABLE] / 2**30:.1f} GiB free")
        return ", ".join(parts)


class TerminalProgress:
    """Implements the runner's ``Progress`` on a console."""

    def __init__(self, console: Console, duration: float) -> None:
        self._console = console
        self._duration = duration
        self._readings = Readings()
        self._probe = ""
        self._note = ""
        self._elapsed = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self.line)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def turn(self, probe: str, seconds: float) -> None:
        """See ``Progress``."""
        self._probe, self._note = probe, ""
        self._say(f"{probe} for {clock_text(seconds)}")

    def ended(self, turn: Turn) -> None:
        """See ``Progress``."""
        if turn.probe == self._probe:  # and not one that ran beside it
            self._probe = self._note = ""
        if turn.status is not Status.OK:
            self._say(f"{turn.probe}: {turn.status.value.replace('_', ' ')}: {turn.detail}")

    def note(self, text: str) -> None:
        """See ``Progress``."""
        self._note = text

    def seen(self, samples: list[Sample]) -> None:
        """See ``Progress``."""
        self._readings.see(samples)

    def tick(self, elapsed: float) -> None:
        """See ``Progress``."""
        self._elapsed = elapsed

    def told(self, text: str) -> None:
        """See ``Progress``."""
        self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(Text(f"{clock_text(self._elapsed):>8}  {text}"), soft_wrap=True)

    def line(self) -> Text:
        """What the terminal shows now."""
        what = f"{self._probe}: {self._note}" if self._note else self._probe or "watching"
        left = f"{clock_text(self._duration - self._elapsed)} left"
        parts = (clock_text(self._elapsed).rjust(8), left, what, self._readings.text(self._probe))
        return Text(
            "  ".join(part for part in parts if part), style="bold", overflow="ellipsis", no_wrap=True
        )
