"""Every sign against its fixtures: cases that must fire, and cases that must stay silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders.sign_records import build
from tests.places import FIXTURES
from vpsbench import plugins
from vpsbench.analyzer import signs
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.verdict.judge import ask
from vpsbench.model import Finding, Level

FOLDER = FIXTURES / "signs"
CASES = sorted(FOLDER.glob("*/*.json"))
SIGNS = plugins.collect(signs, "SIGN", Sign)
WEIGHT = {Level.NOT_MEASURABLE: 0, Level.CLEAN: 1, Level.DOUBT: 2, Level.NOTICE: 3, Level.STRONG: 4}


def gravest(findings: list[Finding]) -> Finding:
    return max(findings, key=lambda f: WEIGHT[f.level])


@pytest.mark.parametrize("file", CASES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_fixture(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    found = gravest(ask(SIGNS[file.parent.name], build(case)))
    expected = case["expect"]
    assert found.level == expected["level"], found.said
    for field in ("ground", "since", "until"):
        assert expected.get(field, getattr(found, field)) == getattr(found, field), field
    assert found.alternatives or found.level not in {Level.NOTICE, Level.STRONG}
    if "measured" in expected:
        low, high = expected["measured"]
        assert found.measured is not None
        assert low <= found.measured <= high
    if found.interval is not None and found.measured is not None:
        assert found.interval[0] <= found.measured <= found.interval[1]


@pytest.mark.parametrize("name", SIGNS)
def test_each_sign_has_cases_that_fire_and_cases_that_stay_silent(name: str) -> None:
    names = {f.stem.partition("_")[0] for f in CASES if f.parent.name == name}
    fires = "doubts" if SIGNS[name].promise == "measurement" else "fires"
    assert names == ({fires, "silent"} if SIGNS[name].accuses else {"silent"})


@pytest.mark.parametrize("file", CASES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_a_cases_name_says_what_it_expects(file: Path) -> None:
    level = json.loads(file.read_text(encoding="utf-8"))["expect"]["level"]
    word = {"notice": "fires", "strong": "fires", "doubt": "doubts"}.get(level, "silent")
    assert file.stem.startswith(word)


@pytest.mark.parametrize("name", SIGNS)
def test_no_sign_is_silent_on_an_empty_record(name: str) -> None:
    found = ask(SIGNS[name], build({}))
    assert found
    assert all(f.sign == name and f.claim.endswith(".") for f in found)
    assert not {Level.NOTICE, Level.STRONG} & {f.level for f in found}


def test_a_promise_in_the_plan_alone_accuses_nobody() -> None:
    plan = {"vcpus": 2, "cpu": "dedicated", "memory": 2 * 1024**3, "disk_iops": 1000.0}
    for sign in SIGNS.values():
        assert gravest(ask(sign, build({"plan": plan}))).level not in {Level.NOTICE, Level.STRONG}


def test_nobody_is_accused_by_a_sign_that_declared_no_claim() -> None:
    for file in CASES:
        case = json.loads(file.read_text(encoding="utf-8"))
        if case["expect"]["level"] in {"notice", "strong"}:
            assert file.parent.name in (build(case).claims or {})
