"""When a run is judged while it still goes on, and why one ends early."""

from __future__ import annotations

import signal

from vpsbench.runner.early import EarlyVerdicts
from vpsbench.runner.run_state import EarlyVerdict
from vpsbench.runner.stop import Stop

MINUTE, HOUR = 60.0, 3600.0


def test_early_verdicts_come_ever_less_often() -> None:
    early, taken, now = EarlyVerdicts(["judge"]), list[float](), 0.0
    while now < 48 * HOUR:
        if early.take(now):
            taken.append(now)
        now += MINUTE
    assert taken[:3] == [20 * MINUTE, 30 * MINUTE, 45 * MINUTE]
    assert taken[-1] - taken[-2] == 6 * HOUR


def test_a_run_that_goes_on_is_judged_no_sooner_for_it() -> None:
    early = EarlyVerdicts(["judge"], latest=EarlyVerdict(2 * HOUR, "kept: so far"))
    early.resume()
    assert early.take(2.9 * HOUR) is None
    assert early.take(3.0 * HOUR) == ["judge"]
    assert EarlyVerdicts().take(24 * HOUR) is None, "nobody judges"


def test_only_a_termination_lets_a_run_go_on_later() -> None:
    assert Stop.by(signal.SIGTERM).resumable
    assert not Stop.by(signal.SIGINT).resumable
    assert not Stop("stopped by a test").resumable
    assert Stop.by(signal.SIGHUP).said == "stopped by SIGHUP"
