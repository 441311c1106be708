"""The lab's disk: throttles of operations and bytes, and the disk's figures beside the truth."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.builders.sign_records import build
from tests.lab import figures, places, scenario
from tests.lab.faults import DiskThrottle
from tests.lab.truth import Truth
from tests.places import FIXTURES
from vpsbench.analyzer.verdict.judge import judge

STANDARD = scenario.read(places.LAB / "scenarios.toml")
BOOK = scenario.read(places.LAB / "disk.toml", STANDARD.profiles)
SIGNS = FIXTURES / "signs" / "disk_burst"


def throttle(**keys: object) -> DiskThrottle:
    return TypeAdapter(DiskThrottle).validate_python({"kind": "disk_throttle", **keys})


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        (
            {"iops": 100, "burst_iops": 900, "burst_length": "6 s"},
            {"iops-total": 100, "iops-total-max": 900, "iops-total-max-length": 6},
        ),
        (
            {"bps": "1 MiB", "burst_bps": "8 MiB", "burst_length": "10 s"},
            {"bps-total": 1048576, "bps-total-max": 8388608, "bps-total-max-length": 10},
        ),
        ({"iops": 100, "bps": 5000}, {"iops-total": 100, "bps-total": 5000}),
    ],
)
def test_qemu_is_told_of_operations_and_of_bytes(keys: dict[str, object], limits: dict[str, int]) -> None:
    host = Mock()
    throttle(**keys).begin(host)
    host.ask.assert_called_once_with("qom_set", path="/objects/disk", property="limits", value=limits)
    throttle(**keys).finish(host)
    assert host.ask.call_args.kwargs["value"] == {"iops-total": 0, "bps-total": 0}


@pytest.mark.parametrize("keys", [{}, {"burst_iops": 9}, {"iops": 5, "burst_bps": 9}])
def test_a_throttle_limits_something(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="at least one"):
        throttle(**keys)


def found(case: str, fault: dict[str, Any]) -> dict[str, figures.Figure]:
    record = build(json.loads((SIGNS / f"{case}.json").read_text(encoding="utf-8")))
    wanted = BOOK.chosen(["iops-10-percent"])[0].model_copy(update={"fault": (throttle(**fault),)})
    return {one.name: one for one in figures.figures(wanted, Truth(), judge(record))}


def test_a_bucket_of_operations_stands_beside_its_truth() -> None:
    told = found("fires_bucket_refills", {"iops": 200, "burst_iops": 3000, "burst_length": 5})
    assert told["low rate"].error == pytest.approx(0.0)
    assert told["bucket"].estimate == pytest.approx(14813, rel=0.01)
    assert told["bucket"].truth == 15000
    assert (told["operations are capped"].estimate, told["operations are capped"].truth) == (1, 1)


def test_a_bucket_of_bytes_is_told_in_reads() -> None:
    told = found("fires_bandwidth", {"bps": 200 * 4096, "burst_bps": 3000 * 4096, "burst_length": 5})
    assert (told["low rate"].estimate, told["low rate"].truth) == (200, 200)
    assert told["bucket"].truth == 15000
    assert (told["operations are capped"].estimate, told["operations are capped"].truth) == (0, 0)


def test_what_is_not_found_has_no_estimate_and_what_is_steady_no_bucket() -> None:
    told = found("silent_noisy", {"iops": 200, "burst_iops": 3000, "burst_length": 5})
    assert {one.estimate for one in told.values()} == {None}
    assert found("silent_slow_steady", {"iops": 200}) == {}
