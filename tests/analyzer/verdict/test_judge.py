"""The judge and the verdict: every sign speaks, nothing is lost, and words follow from findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.analyzer.verdict.runs import GOOD
from tests.builders.sign_records import build
from vpsbench import plugins
from vpsbench.analyzer import signs
from vpsbench.analyzer.cpu import loss_findings
from vpsbench.analyzer.cpu.weighing import Weighed
from vpsbench.analyzer.signs import Promise, Sign, disk_burst, hidden_steal
from vpsbench.analyzer.verdict import promises
from vpsbench.analyzer.verdict.conclusion import verdict
from vpsbench.analyzer.verdict.judge import ask, judge, skipped, why_missing
from vpsbench.metrics import WALL_OFFSET
from vpsbench.model import Finding, Level, Metric, Record, Verdict, Word
from vpsbench.monitors import memory
from vpsbench.probes.fio import metrics as fio
from vpsbench.probes.held_memory import metrics as held

ALWAYS = ("cpu", "cpu_burst", "memory_held", "disk_burst")  # the lines that go without saying
MAIN = ("hidden_steal", "vanishing_memory", "disk_burst")


def words(found: Verdict) -> dict[str, Word]:
    return {p.item: p.word for p in found.promises}


def test_a_good_run_keeps_its_promises() -> None:
    found = judge(build(GOOD | {"plan": {"vcpus": 2, "memory": 2 * 1024**3, "virtualization": "kvm"}}))
    assert words(found.verdict) == dict.fromkeys((*ALWAYS, "vcpus", "memory", "virtualization"), Word.KEPT)
    assert found.verdict.word is Word.KEPT
    assert not found.skipped


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        ((0.0, 1.0), "Too little was measured to exclude any"),
        ((0.0, 0.12), "above 12 %"),
        (None, "too uneven"),
    ],
)
def test_a_clean_claim_says_what_is_left_possible(interval: tuple[float, float] | None, says: str) -> None:
    weighed = Weighed(Level.CLEAN, 0.001, 0.002, interval, 0.0, 60.0, 60.0, None)
    assert says in loss_findings.excluded(weighed)


def test_without_a_plan_the_implicit_promise_is_named() -> None:
    found = judge(build(GOOD)).verdict
    assert found.word is Word.KEPT
    assert [p.item for p in found.promises] == list(ALWAYS)
    assert "vCPUs that the guest sees are really there" in found.promises[0].text


def test_every_sign_reports_on_every_run() -> None:
    for case in ({}, GOOD):
        found = judge(build(case))
        assert {f.sign for f in found.findings} >= {*MAIN, "missing_memory", "reported_steal", "clock"}


def test_nothing_measured_is_inconclusive_never_kept() -> None:
    found = judge(build({"plan": {"vcpus": 2, "memory": 1024**3, "disk_iops": 500.0}})).verdict
    assert found.word is Word.INCONCLUSIVE
    said = ("vcpus", "memory", "disk_iops")
    assert words(found) == dict.fromkeys((*ALWAYS, *said), Word.INCONCLUSIVE) | {"memory": Word.KEPT}


def test_broken_needs_a_promise_and_strong_evidence() -> None:
    plan = {"memory": 4 * 1024**3}
    assert words(judge(build(GOOD | {"plan": plan})).verdict)["memory"] is Word.BROKEN
    stolen = GOOD | {"loops": {"turns": [[10, 150]], "lost": 0.5}}
    assert words(judge(build(stolen | {"plan": {"vcpus": 2}})).verdict)["cpu"] is Word.SUSPECT
    twice = GOOD | {"loops": {"turns": [[10, 150], [12_000, 150]], "lost": 0.5}}
    assert words(judge(build(twice)).verdict)["cpu"] is Word.SUSPECT  # no plan promises it
    assert words(judge(build(twice | {"plan": {"vcpus": 2}})).verdict)["cpu"] is Word.BROKEN


def test_reported_steal_without_a_clock_decides_nothing() -> None:
    found = judge(build(GOOD | {"guest": {"steal_clock": False}})).verdict
    assert words(found)["cpu"] is Word.KEPT


def rtc(at: int) -> dict[str, Any]:
    values = [1000.0 + 10 * i + (60 if i * 10 > at else 0) for i in range(40)]
    return {"metric": "clock.rtc", "every": 10, "values": values}


def test_a_doubt_touches_what_it_overlaps() -> None:
    def pause(at: int) -> dict[str, Word]:
        return words(judge(build(GOOD | {"series": [*GOOD["series"], rtc(at)]})).verdict)

    kept = dict.fromkeys(ALWAYS, Word.KEPT)
    assert pause(330) == kept | {"disk_burst": Word.INCONCLUSIVE}
    assert pause(200) == kept | {"memory_held": Word.INCONCLUSIVE}
    assert pause(270) == kept


def test_own_load_that_was_taken_out_is_told_and_touches_nothing() -> None:
    busy = GOOD | {"loops": {"turns": [[10, 300]], "lost": 0.002, "own": 0.5}}
    found = judge(build(busy))
    assert any(f.sign == "own_load" and f.level is Level.DOUBT for f in found.findings)
    assert words(found.verdict)["cpu"] is Word.KEPT
    spoilt = GOOD | {"loops": {"turns": [[10, 150]], "lost": 0.0, "own": 0.79}}
    assert words(judge(build(spoilt)).verdict)["cpu"] is Word.INCONCLUSIVE


def test_a_doubt_never_accuses_nor_hides_an_accusation() -> None:
    stolen = GOOD | {"loops": {"turns": [[10, 400]], "lost": 0.6, "own": 0.7}}
    found = judge(build(stolen))
    assert any(f.level is Level.DOUBT for f in found.findings)
    assert words(found.verdict)["cpu"] is Word.SUSPECT


def _sign(name: str, promise: Promise, level: Level) -> tuple[Sign, Finding]:
    finding = Finding(sign=name, level=level, claim=f"{name}.")
    return Sign(name, "?", promise, (), lambda _: [finding], decides=("disk_burst",)), finding


@pytest.mark.parametrize(
    ("level", "word"),
    [
        (Level.CLEAN, Word.KEPT),
        (Level.NOT_MEASURABLE, Word.INCONCLUSIVE),
        (Level.DOUBT, Word.INCONCLUSIVE),
        (Level.NOTICE, Word.SUSPECT),
        (Level.STRONG, Word.BROKEN),
    ],
)
def test_a_level_makes_a_word(level: Level, word: Word) -> None:
    sign, finding = _sign("disk_burst", "disk", level)
    found = verdict(build({"plan": {"disk_iops": 100.0}}), [finding], {sign.name: sign})
    assert words(found)["disk_burst"] is word
    assert {p.item: p.grounds for p in found.promises}["disk_burst"] == (finding,)


def test_a_verdict_says_on_which_findings_it_rests() -> None:
    found = judge(build(GOOD | {"plan": {"vcpus": 2, "cpu_model": "EPYC", "memory": 4 * 1024**3}}))
    grounds = {p.item: [f.sign for f in p.grounds] for p in found.verdict.promises}
    assert grounds["memory"] == ["missing_memory"]
    assert grounds["cpu"] == ["hidden_steal", "reported_steal"]
    assert grounds["cpu_model"] == []
    for promise in found.verdict.promises:
        assert all(finding.said in promise.because for finding in promise.grounds)


def test_every_line_that_a_sign_names_is_one_of_its_own_part() -> None:
    parts = {item.name: item.promise for item in promises.ITEMS}
    for sign in plugins.collect(signs, "SIGN", Sign).values():
        assert {parts[line] for line in (*sign.decides, *sign.speaks_of)} <= {sign.promise}


def test_every_line_of_a_plan_has_a_sign_that_decides_on_it_or_an_answer() -> None:
    decided = {line for s in plugins.collect(signs, "SIGN", Sign).values() for line in s.decides}
    assert decided == {item.name for item in promises.ITEMS if item.answer is None}


def test_each_promise_of_the_plan_has_its_line_and_what_nobody_looks_at_decides_nothing() -> None:
    plan = {"vcpus": 2, "cpu": "shared", "cpu_model": "EPYC", "disk": 40 * 10**9, "memory": 2 * 1024**3}
    guest = {**GOOD.get("guest", {}), "facts": {"disk.all": "vda 40000000000 B"}}
    found = judge(build(GOOD | {"plan": plan, "guest": guest})).verdict
    lines = {p.item: p for p in found.promises}
    assert list(lines) == [
        "vcpus", "cpu", "cpu_burst", "cpu_model", "memory", "memory_held", "disk", "disk_burst"
    ]  # fmt: skip
    assert lines["cpu_model"].word is Word.INCONCLUSIVE
    assert "accuses nobody" in lines["cpu_model"].because
    assert (lines["disk"].word, bool(lines["disk"].settle)) == (Word.KEPT, False)
    assert found.word is Word.KEPT


def test_a_disclosed_limit_is_not_held_against_anyone() -> None:
    falls = [{"metric": "disk.fio.iops", "labels": {"job": "burst"}, "parts": [[60, 900, 900], [60, 90, 90]]}]
    throttled = GOOD | {"rates": falls}
    assert words(judge(build(throttled)).verdict)["disk_burst"] is Word.SUSPECT
    disclosed = judge(build(throttled | {"plan": {"disk_burst": True}})).verdict
    assert words(disclosed)["disk_burst"] is Word.KEPT
    nothing = judge(build({"plan": {"cpu_burst": True}})).verdict
    assert words(nothing)["cpu_burst"] is Word.KEPT


def test_a_sign_that_fails_is_a_doubt_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Record) -> list[Finding]:
        raise ZeroDivisionError("by nothing")

    sign = Sign("hidden_steal", "?", "cpu", (), fail, decides=("cpu",))
    (found,) = ask(sign, build({}))
    assert found.level is Level.DOUBT
    assert "hidden_steal" in found.claim
    assert "ZeroDivisionError: by nothing" in found.claim
    monkeypatch.setattr(plugins, "collect", lambda *_: {"hidden_steal": sign})
    assert words(judge(build(GOOD)).verdict)["cpu"] is Word.INCONCLUSIVE


def reasons() -> Iterator[tuple[dict[str, Any], Metric, str]]:
    failed = {
        "probe": "disk",
        "started": 0,
        "elapsed": 1,
        "status": "unavailable",
        "detail": "fio is not installed",
    }
    yield {"turns": [failed]}, fio.DIRECT.iops, "the disk probe: unavailable: fio is not installed"
    yield {}, fio.DIRECT.iops, "this run's profile had no disk probe"
    killed = {"run": {"probes": ["cpu", "disk"]}}
    yield killed, fio.DIRECT.iops, "the run ended before the disk probe did"
    fine = {"probe": "memory", "started": 0, "elapsed": 1}
    yield {"turns": [fine]}, held.COUNT, "the memory probe ran, but gave no memory.touch.count"
    back = {"kind": "memory.given_back", "source": "memory", "detail": "only 57 MiB were left available"}
    said = "the memory probe: only 57 MiB were left available"
    yield {"turns": [fine], "events": [back]}, held.COUNT, said
    gone = {"kind": "monitor_unavailable", "source": "memory", "detail": "/proc/meminfo cannot be read"}
    yield {"events": [gone]}, memory.TOTAL, "the memory monitor: /proc/meminfo cannot be read"
    yield {}, WALL_OFFSET, "the runner gave no clock.wall_offset in this run"


@pytest.mark.parametrize(("case", "metric", "reason"), list(reasons()))
def test_why_something_is_missing(case: dict[str, Any], metric: Metric, reason: str) -> None:
    assert why_missing(build(case), metric) == reason


def test_skipped_names_every_probe_and_monitor_with_its_reason() -> None:
    states = ("ok", "unavailable", "failed", "timed_out", "skipped", "interrupted")
    turns = [{"probe": s, "started": 0, "elapsed": 1, "status": s, "detail": f"why {s}"} for s in states]
    events = [
        {"kind": "monitor_unavailable", "source": "pressure", "detail": "no such file"},
        {"kind": "gap", "detail": "x"},
    ]
    found = [(s.probe, s.reason) for s in skipped(build({"turns": turns, "events": events}))]
    assert found == [
        ("unavailable", "unavailable: why unavailable"),
        ("failed", "failed: why failed"),
        ("timed_out", "timed out: why timed_out"),
        ("skipped", "skipped: why skipped"),
        ("pressure", "no such file"),
    ]


def test_two_calls_agree() -> None:
    record = build(GOOD)
    first, second = judge(record), judge(record)
    assert first.findings == second.findings
    assert first.verdict == second.verdict


def test_a_quiet_guest_with_slow_swings_is_clean_without_an_interval() -> None:
    swings = {"loops": {"turns": [[10, 150]], "lost": 0.002, "spread": 0.8, "memory": 0.999}}
    (found,) = hidden_steal.look(build(swings))
    assert found.level is Level.CLEAN
    assert found.interval is None
    assert "too uneven" in found.said


def test_a_disk_measured_through_a_cache_says_why_nothing_was_found() -> None:
    turn = {"probe": "disk", "started": 1, "elapsed": 9}
    event = {"kind": "disk.cached", "source": "disk", "detail": "its file system takes no direct I/O"}
    (found,) = ask(disk_burst.SIGN, build({"turns": [turn], "events": [event]}))
    assert found.claim == "Not measured: the disk probe: its file system takes no direct I/O."


def test_the_verdict_names_no_sign() -> None:
    lines = {item.name for item in promises.ITEMS}  # some are called as the sign that decides on them
    names = plugins.collect(signs, "SIGN", Sign).keys() - lines
    for file in Path(promises.__file__).parent.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not [name for name in names if f'"{name}"' in text], file.name
