from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from tests.builders.report_values import FINDINGS, NASTY, a_judgement, a_nasty_judgement, a_record
from tests.places import DOCS
from vpsbench.model import Level, PromiseVerdict, Record, RunState, Verdict, Word
from vpsbench.report import json as contract
from vpsbench.report import page, text

JSON_DOC = DOCS / "json.md"
FREE = ("guest.facts", "run.turns[].options", "run.profile.turns[].options")  # their keys are the probes' own


def test_findings_come_in_the_order_of_their_weight() -> None:
    order = [c.level for c in page.build(a_judgement()).claims]
    assert order == [Level.STRONG, Level.DOUBT, Level.NOT_MEASURABLE, Level.CLEAN]


@pytest.mark.parametrize(
    ("word", "promises", "said"),
    [
        (Word.BROKEN, ["cpu", "memory"], "No: the CPU and the memory were not delivered as promised"),
        (Word.SUSPECT, ["disk"], "Perhaps not: there are signs, but no proof, that the disk is not"),
        (Word.INCONCLUSIVE, ["disk"], "This run cannot tell whether the promises were kept."),
        (Word.KEPT, ["cpu"], "Yes, as far as this run can tell: the promises that it could check were kept."),
    ],
)  # fmt: skip
def test_the_headline_says_no_more_than_the_verdict(word: Word, promises: list[str], said: str) -> None:
    verdict = Verdict(word, "because", tuple(PromiseVerdict(p, p, word, "x") for p in promises))
    assert page.headline(replace(a_judgement(), verdict=verdict)).startswith(said)


def test_what_is_said_of_a_promise_is_not_cut() -> None:
    long = "So much was seen of it. " * 40
    ground = replace(FINDINGS[0], claim="It held. Well.", further=long.strip())
    found = PromiseVerdict("cpu", "2 vCPUs", Word.KEPT, ground.said, settle="More.", grounds=(ground,) * 2)
    verdict = Verdict(Word.KEPT, "x", (found,))
    (promise,) = page.build(replace(a_judgement(), verdict=verdict)).promises
    assert promise.found == "It held. Well."
    assert promise.more == f"{long}More."


def test_without_a_plan_nothing_is_said_to_be_promised() -> None:
    good = a_judgement()
    run = replace(good.record.run, plan=None)
    kept = replace(good, record=replace(good.record, run=run), verdict=Verdict(Word.KEPT, "no sign", ()))
    built = page.build(kept)
    assert "promise" not in built.headline
    assert "No plan was given" in built.lead


def test_the_first_screen_tells_doubts_and_what_could_not_be_excluded() -> None:
    untold = "\n".join(page.build(a_judgement()).untold)
    for part in ("wall clock", "“A cap that was sold as such” could not be excluded", "merge"):
        assert part in untold
    assert "Other processes" not in untold  # that was ruled out


def test_an_interrupted_run_says_so_first() -> None:
    good = a_judgement()
    run = replace(good.record.run, state=RunState.INTERRUPTED, elapsed=240.0)
    said = page.build(replace(good, record=replace(good.record, run=run))).untold[0]
    assert said == "The run did not end as planned (interrupted): 4 min of 10 min were measured."


def test_the_first_screen_stays_one_screen() -> None:
    many = tuple(replace(FINDINGS[3], claim=f"Doubt {k}.") for k in range(40))
    untold = page.build(replace(a_judgement(), findings=many)).untold
    assert len(untold) == page.FIRST_SCREEN + 1
    assert re.fullmatch(r"And \d+ more, below\.", untold[-1])


def test_an_empty_run_can_be_told() -> None:
    good = a_judgement()
    empty = replace(
        good,
        record=Record(good.record.run, (), (), ()),
        findings=(),
        verdict=Verdict(Word.INCONCLUSIVE, "-", ()),
    )
    built = page.build(empty)
    load = next(s for s in built.sections if s.name == "load")
    assert load.facts == ()
    assert built.claims == ()


def test_the_load_and_the_command_to_repeat_it_are_told() -> None:
    told = page.build(a_judgement()).sections
    facts = {f.name: f.lines for s in told if s.name in {"load", "repeat"} for f in s.facts}
    assert facts["cpu probe"][0].startswith("3 turns, 2 min")
    assert facts["memory held at most"] == ("922 MiB",)
    assert facts["command"] == ("vpsbench run --profile quick --plan PLAN.toml --seed 42",)
    assert any("docs/method" in line for line in facts["thresholds"])


def test_the_versions_behind_the_scores_are_told_once() -> None:
    good = a_judgement()
    note = {
        "python_version": "3.11.2 (64-bit)",
        "openssl_version": "OpenSSL 3.0.17",
        "perf_version": "2.10.0",
    }
    raw = {f"pyperf-json-all-{vcpu}": json.dumps({"metadata": note}) for vcpu in range(2)}
    turn = replace(good.record.turns[-1], raw={"pyperf check": "All benchmarks seem to be stable", **raw})
    told = page.build(replace(good, record=replace(good.record, turns=(turn, turn)))).sections
    versions, warning = next(f.lines for s in told for f in s.facts if f.name == "scores made with")
    assert versions == "Python 3.11.2 (64-bit), OpenSSL 3.0.17, pyperf 2.10.0"
    assert "strictly comparable" in warning


def test_a_duty_is_told_with_the_load_and_stands_in_the_command() -> None:
    good = a_judgement()
    run = replace(good.record.run, profile=replace(good.record.run.profile, duty=0.5))
    told = page.build(replace(good, record=replace(good.record, run=run))).sections
    facts = {f.name: f.lines for s in told for f in s.facts}
    assert facts["CPU load"][0] == "capped: a turn may load the machine for 50 % of its time"
    assert facts["may load the machine for"] == ("50 % of a turn's time",)
    assert facts["command"] == ("vpsbench run --profile quick --plan PLAN.toml --duty 50 --seed 42",)


# --- text ------------------------------------------------------------------------------------------


def shown(judgement: Any, **settings: Any) -> str:  # noqa: ANN401  a Console's settings
    out = io.StringIO()
    text.show(judgement, Console(file=out, **settings))
    return out.getvalue()


def test_piped_text_is_plain_and_fits_80_columns() -> None:
    said = shown(a_judgement(), width=80)
    assert "\x1b" not in said
    assert not re.search("[─-╿]", said)  # no boxes
    assert max(map(len, said.splitlines())) <= 80
    assert all(line == line.rstrip() for line in said.splitlines())
    assert said.startswith("VERDICT: broken\n")


def test_a_terminal_gets_colours() -> None:
    assert "\x1b[" in shown(a_judgement(), width=100, force_terminal=True, color_system="standard")


def test_names_from_outside_are_text_in_the_terminal() -> None:
    said = shown(a_nasty_judgement(), width=400)
    assert "[red]]>" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


# --- JSON ------------------------------------------------------------------------------------------


def keys(value: Any, at: str = "") -> set[str]:  # noqa: ANN401  any JSON value
    if isinstance(value, list):
        return {k for v in value for k in keys(v, f"{at}[]")}
    if not isinstance(value, dict):
        return set()
    paths = {f"{at}.{k}".lstrip("."): v for k, v in value.items()}
    return set(paths) | {k for p, v in paths.items() if p not in FREE for k in keys(v, p)}


def test_every_key_is_documented_and_every_documented_key_is_there() -> None:
    good = a_judgement()
    documented = set(re.findall(r"^\| `([^`]+)` \|", JSON_DOC.read_text(encoding="utf-8"), re.MULTILINE))
    assert keys(contract.document(good)) == documented


def test_the_contract_has_the_promised_form() -> None:
    found = json.loads(contract.render(a_judgement()))
    assert list(found) == [
        "schema", "run", "guest", "plan", "verdict", "because", "promises", "findings", "skipped",
    ]  # fmt: skip
    assert (found["schema"], found["verdict"]) == (1, "broken")
    assert list(found["findings"][1]) == [
        "sign", "level", "claim", "promised", "measured", "interval", "unit", "from", "to", "series",
        "alternatives",
    ]  # fmt: skip
    assert found["findings"][1]["interval"] == [0.091, 0.113]
    assert [a["ruled_out"] for a in found["findings"][1]["alternatives"]] == [True, None]
    assert found["skipped"] == [{"probe": "merge", "reason": "not part of this profile"}]


def test_what_json_cannot_say_is_null() -> None:
    odd = replace(FINDINGS[1], measured=math.nan, interval=(0.5, math.inf))
    found = json.loads(contract.render(replace(a_judgement(), findings=(odd,))), parse_constant=pytest.fail)
    assert found["findings"][0]["measured"] is None
    assert found["findings"][0]["interval"] == [0.5, None]


def test_no_plan_is_null_and_texts_come_back_as_they_were() -> None:
    bad = a_nasty_judgement()
    rendered = contract.render(bad)
    assert rendered.isascii()
    assert json.loads(rendered)["skipped"] == [{"probe": NASTY, "reason": NASTY}]
    none = replace(bad, record=replace(bad.record, run=replace(bad.record.run, plan=None)))
    assert json.loads(contract.render(none))["plan"] is None


def test_the_same_run_gives_the_same_text() -> None:
    assert contract.render(a_judgement(a_record())) == contract.render(a_judgement(a_record()))
