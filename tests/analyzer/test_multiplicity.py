"""Multiplicity: claims are counted before the run, stored with it, and what evidence is measured by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders.sign_records import build
from vpsbench.analyzer import multiplicity
from vpsbench.analyzer.verdict import declaration
from vpsbench.analyzer.verdict.judge import completed, judge
from vpsbench.model import Answer, Event, Plan, Record
from vpsbench.report.account import sections

PLAN = Plan(name="a plan")


def declared(
    duration: float = 600.0, plan: Plan | None = None, *, clock: bool | None = True
) -> dict[str, int]:
    run = build({"run": {"duration": duration}}).run
    return declaration.declare(run.profile, replace(run.guest, steal_clock=Answer(clock, "")), plan)


def test_each_vcpu_and_all_of_them_are_claims() -> None:
    assert declared()["reported_steal"] == declared()["hidden_steal"] == 3


def test_each_session_of_a_long_run_and_the_whole_are_looks() -> None:
    assert declared(4 * 3600)["hidden_steal"] == 3 * (1 + 3)


def test_who_cannot_accuse_claims_nothing() -> None:
    assert "reported_steal" not in declared(clock=False)
    assert "reported_steal" in declared(clock=None)
    assert not {"clock", "daily_rhythm", "missing_memory", "slow_vcpu"} & declared(plan=PLAN).keys()
    promised = declared(plan=replace(PLAN, memory=2**30, whole_cores=True, virtualization="kvm"))
    assert {"missing_memory", "slow_vcpu", "virtualization_mismatch"} <= promised.keys()


def with_claims(claims: dict[str, int]) -> Record:
    record = build({})
    return completed(replace(record, events=(Event(0.0, declaration.DECLARED, declaration.stored(claims)),)))


def test_the_bar_is_the_number_declared_over_alpha() -> None:
    assert multiplicity.bar(with_claims({"a": 3, "b": 4})).capital == pytest.approx(7 / multiplicity.ALPHA)
    assert multiplicity.bar(with_claims({"a": 3, "b": 4})).chance == pytest.approx(multiplicity.ALPHA / 7)


def test_a_record_that_declared_none_gets_what_would_be_declared_today() -> None:
    run = build({}).run
    assert declaration.of(build({})) == declaration.declare(run.profile, run.guest, None)


def test_the_report_tells_the_claims_among_the_settings_and_not_among_what_happened() -> None:
    told = sections(judge(with_claims({"cpu_burst": 2, "hidden_steal": 3})))
    assert next(s for s in told if s.name == "events").note.startswith("None")
    (fact,) = (f for s in told if s.name == "settings" for f in s.facts if f.name.startswith("claims"))
    assert fact.lines == ("5, declared before the run: cpu burst 2, hidden steal 3",)
