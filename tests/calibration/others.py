"""What tools that look for changes say of the same courses: they place change points, and accuse nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

import numpy as np

from tests.builders.sign_records import Floats
from tests.calibration.days import VCPUS, Machine, full_load, record
from tests.calibration.honest import PLANS
from tests.calibration.noise import HONEST, Course, autoregressive
from tests.calibration.tally import ACCUSING, accusing, gravest
from vpsbench.probes.cpu_loop import metrics as loop

SECONDS: Final = 4500  # as `standard` loads
BLOCK: Final = 10  # s, of a value that the tools are given
LOST: Final = 0.01
Finds = Callable[[Floats], bool]


def worse(random: np.random.Generator, times: Floats, mean: float) -> Floats:
    """A host that takes five times as much from the middle on."""
    factor = np.where(times < times.mean(), 1.0, 5.0)
    return np.asarray(factor * autoregressive(0.5)(random, times, mean), dtype=np.float64)


COURSES: Final[dict[str, Course]] = {
    name: HONEST[name]
    for name in ("independent", "AR 0.5", "AR 0.8", "AR 0.95", "AR 0.99", "heavy tails", "short visits")
}
STEP: Final = "5 times as much from the middle on"


def tools() -> dict[str, Finds]:
    """Those that are installed (``pip install '.[calibrate]'``)."""
    found: dict[str, Finds] = {}
    if find_spec("ruptures"):
        found["ruptures: KernelCPD, L2, penalty 2 log n σ²"] = _ruptures
    if find_spec("otava"):
        found["apache-otava at its defaults"] = _otava
    return found


def _ruptures(values: Floats) -> bool:
    import ruptures

    penalty = 2 * np.log(values.size) * values.var()
    return len(ruptures.KernelCPD(kernel="linear", min_size=2).fit(values).predict(pen=penalty)) > 1


def _otava(values: Floats) -> bool:
    from otava.analysis import compute_change_points

    return bool(compute_change_points(values.tolist())[0])


def compare(number: int) -> Iterator[tuple[str, str, bool]]:
    """Tool, course, and whether it found something in this series (our sign: whether it accused)."""
    for name, course in {**COURSES, STEP: worse}.items():
        random = np.random.default_rng([3, number])
        made = record(random, Machine(course=course, lost=LOST), full_load(SECONDS), PLANS[0])
        yield "vpsbench: hidden_steal", name, gravest(accusing()["hidden_steal"], made) in ACCUSING
        gaps = [s.values for s in made.named(loop.GAP, arm="all")]
        values = np.sum(gaps, axis=0).reshape(-1, BLOCK).mean(axis=1) / VCPUS
        for tool, finds in tools().items():
            yield tool, name, finds(values)
