"""``vpsbench compare``: which runs are meant, what is kept, and what the pages hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from argparse import ArgumentParser
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import grimp
import pytest
from rich.console import Console

from tests.builders import example_run
from tests.places import DOCS
from tests.report.test_page import keys
from tests.tools import day
from vpsbench.commands.compare import COMMAND
from vpsbench.compare.contest import Comparison, contest
from vpsbench.compare.summary import Summary
from vpsbench.errors import VpsbenchError
from vpsbench.model import RunState
from vpsbench.report.comparison import html
from vpsbench.report.comparison import json as compare_json
from vpsbench.report.comparison import text as compare_text
from vpsbench.store import summaries
from vpsbench.store.writer import Collector
from vpsbench.wiring import run_summaries
from vpsbench.wiring.which_runs import Wanted, which

NASTY = '<script>alert("x")</script>[red]\x1b[31m\u202e'


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two databases, of twenty minutes each."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2):
        day.write(folder / f"vps{seed}.db", seed, 1200)
    return folder


def command(*arguments: str | Path) -> int:
    parser = ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args([str(a) for a in arguments]))


def nothing_in(path: Path, runs: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Collector(path) as collector:
        for _ in range(runs):
            example_run.begin(collector)
            collector.finish(RunState.FINISHED, 10.0)
    return path


# --- which runs ------------------------------------------------------------------------------------


def labels(*words: str | Path) -> list[str]:
    return [one.label for one in which(map(str, words))]


def test_runs_are_named_by_what_tells_their_files_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "run.db", tmp_path / "b" / "run.db", tmp_path / "other.db"]
    assert labels(*paths) == ["a", "b", "other"]
    assert labels(f"mine={paths[0]}", *paths[1:]) == ["mine", "run", "other"]


@pytest.mark.parametrize("sign", ["#", ":"])
def test_one_run_of_many_and_all_of_them(tmp_path: Path, sign: str) -> None:
    path = nothing_in(tmp_path / "a.db", runs=3)
    assert which([f"{path}{sign}2"]) == [Wanted("a#2", path, 2)]
    assert labels(f"{path}{sign}all") == ["a#1", "a#2", "a#3"]
    assert labels(f"vps={path}{sign}all", f"first={path}{sign}1") == [
        "vps a#1",
        "vps a#2",
        "vps a#3",
        "first",
    ]


def test_a_pattern_stands_for_its_files_and_an_odd_name_for_itself(tmp_path: Path) -> None:
    for name in ("b.db", "a.db", "x=y#1.db"):
        nothing_in(tmp_path / name)
    assert labels(tmp_path / "[ab].db") == ["a", "b"]
    assert which([str(tmp_path / "x=y#1.db")])[0].path == tmp_path / "x=y#1.db"
    with pytest.raises(VpsbenchError, match="No file fits"):
        labels(tmp_path / "c*.db")


def test_a_name_for_two_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VpsbenchError, match="'x' stands for 2 runs"):
        labels(f"x={tmp_path / 'a.db'}", tmp_path / "x.db")
    assert labels(f"x={tmp_path / 'a.db'}", f"x={tmp_path / 'b.db'}") == ["x a", "x b"]


def test_one_run_is_no_comparison_and_one_that_is_left_neither(tmp_path: Path) -> None:
    good = nothing_in(tmp_path / "a.db")
    for words in ([good], [good, tmp_path / "none.db"]):
        with pytest.raises(VpsbenchError):
            command(*words)


# --- what is kept of a judgement -------------------------------------------------------------------


def judged(path: Path, *, anew: bool = False, keeps: bool = False) -> list[Wanted]:
    """The runs that had to be judged, as their database held no summary of them."""
    found = []

    def note(one: Wanted) -> Any:  # noqa: ANN401  an Outcome and its mark
        found.append(one)
        return real(one)

    real = run_summaries.judged
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_summaries, "judged", note)
        ((_, outcome),) = run_summaries.found([Wanted("a", path, None)], anew=anew, keeps=keeps)
    assert isinstance(outcome, Summary)
    return found


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A database that holds the summary of its run."""
    path = nothing_in(tmp_path / "a.db")
    assert judged(path, keeps=True)
    return path


def test_a_summary_goes_along_with_a_copy_of_its_database(kept: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copyfile(kept, tmp_path / "copy.db"))
    assert not judged(copy)
    assert judged(copy, anew=True)


def test_what_is_kept_is_what_judging_finds(measured: Path, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(measured / "vps1.db", tmp_path / "a.db"))
    one = [Wanted("a", path, None)]
    first = list(run_summaries.found(one, anew=False, keeps=True))
    assert list(run_summaries.found(one, anew=False, keeps=False)) == first
    assert list(run_summaries.found(one, anew=True, keeps=False)) == first


def test_nothing_is_written_to_a_database_unless_asked(tmp_path: Path) -> None:
    path = nothing_in(tmp_path / "a.db")
    before = path.read_bytes()
    assert judged(path)
    assert judged(path)
    assert path.read_bytes() == before


def test_a_new_run_in_the_file_is_judged_and_the_old_one_is_still_known(kept: Path) -> None:
    nothing_in(kept)
    assert judged(kept) == [Wanted("a", kept, None)]
    assert summaries.kept(kept, 1, run_summaries.program())


def test_a_run_that_went_on_is_judged_anew(kept: Path) -> None:
    with Collector(kept) as collector:
        collector.resume(1, metrics=example_run.METRICS, boot=example_run.BOOT)
    assert judged(kept, keeps=True)
    assert judged(kept), "a run that goes on is not kept"
    with Collector(kept) as collector:
        collector.resume(1, metrics=example_run.METRICS, boot=example_run.BOOT)
        collector.finish(RunState.FINISHED, 10.0)  # as long as before
    assert judged(kept)


def test_a_summary_of_a_run_that_grew_meanwhile_is_void(kept: Path) -> None:
    made_of = summaries.mark(kept)
    assert made_of
    with Collector(kept) as collector:
        collector.resume(1, metrics=example_run.METRICS, boot=example_run.BOOT)
        collector.finish(RunState.FINISHED, 10.0)
    summaries.keep(kept, made_of, run_summaries.program(), "{}")
    assert judged(kept)


@pytest.mark.parametrize("text", ["", "{}", '{"run": 1}', "[]", "\0"])
def test_what_is_no_summary_is_judged_anew(kept: Path, text: str) -> None:
    made_of = summaries.mark(kept)
    assert made_of
    summaries.keep(kept, made_of, run_summaries.program(), text)
    assert judged(kept)


def test_another_program_judges_for_itself(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_summaries, "program", lambda: "another")
    assert judged(kept)


def test_the_program_is_all_that_a_summary_comes_from() -> None:
    graph = grimp.build_graph("vpsbench", cache_dir=None)
    start = ("vpsbench.compare.summary", "vpsbench.store.reader", "vpsbench.analyzer.verdict.judge")
    needed = set(start).union(*(graph.find_upstream_modules(module) for module in start))
    assert set(run_summaries.ROOMS) == {name.split(".")[1] for name in needed if "." in name}


def test_a_database_that_cannot_be_written_is_compared_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = nothing_in(tmp_path / "a.db")

    def refuse(*_: object) -> None:
        raise VpsbenchError("Cannot write to it.")

    monkeypatch.setattr(summaries, "keep", refuse)
    assert judged(path, keeps=True)
    assert "Cannot write to it. vpsbench compare will have to judge run 1 anew." in capsys.readouterr().err


def test_nothing_is_left_beside_a_database(tmp_path: Path, measured: Path) -> None:
    folder = Path(shutil.copytree(measured, tmp_path / "copy"))
    command(*sorted(folder.glob("*.db")), "--quiet")
    assert sorted(p.name for p in folder.iterdir()) == ["vps1.db", "vps2.db"]


# --- what is said ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(measured: Path) -> Comparison:
    runs = [run_summaries.judged(Wanted("", measured / f"vps{k}.db", None))[0] for k in (1, 2)]
    good = [one for one in runs if isinstance(one, Summary)]
    return contest([NASTY, "vps2"], good)


def test_the_command_writes_what_it_was_asked_for(
    tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, data = tmp_path / "c.html", tmp_path / "c.json"
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"SQLite format 3\0" + bytes(100))
    assert command(measured / "vps*.db", broken, "--html", page, "--json", data) == 0
    assert "2 runs side by side" in capsys.readouterr().out
    assert json.loads(data.read_text())["left_out"][0]["label"] == "broken"
    assert "Left out: broken" in page.read_text()


def test_figures_have_intervals_ratios_and_prices(found: Comparison) -> None:
    (loss,) = [one for one in compare_json.document(found, {})["figures"] if one["name"] == "cpu.lost"]
    assert all(one["interval"][0] < one["value"] < one["interval"][1] for one in loss["runs"])
    (work,) = [one for one in compare_json.document(found, {})["figures"] if one["name"] == "cpu.work"]
    assert {one["currency"] for one in work["runs"]} == {"EUR"}
    assert max(one["ratio"] for one in work["runs"]) == 1.0


def test_every_key_of_the_json_is_documented_and_there(found: Comparison) -> None:
    one = compare_json.document(found, {"x": "damaged"})
    one["figures"][0]["runs"][0]["worst_hour"] = {"from": 0.0, "value": 1.0}
    one["differences"] = [{"what": "duty", "values": {}}]
    text = (DOCS / "compare.md").read_text(encoding="utf-8")
    free = ("runs[].conditions.", "differences[].values.")
    paths = {key for key in keys(one) if not key.startswith(free)}
    assert paths == set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_names_literally_and_keeps_to_its_width(
    found: Comparison, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_text.show(found, {}, Console(width=width))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]" in "".join(out.split())
    assert max(map(len, out.splitlines())) <= width


def test_many_runs_get_a_line_each(found: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    many = contest([f"run {k}" for k in range(30)], list(found.runs) * 15)
    compare_text.show(many, {}, Console(width=120))
    assert len(capsys.readouterr().out.splitlines()) < 200


class Elements(HTMLParser):
    """Which elements a page is made of, and all addresses that it could load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [v or "" for k, v in attrs if k in {"src", "href", "xlink:href"}]


def test_the_page_escapes_everything_and_loads_nothing(found: Comparison) -> None:
    page = "".join(html.render(found, {NASTY: NASTY}))
    seen = Elements()
    seen.feed(page)
    assert seen.tags.count("script") == 1
    assert seen.loads == []
    assert "\u202e" not in page
    assert "alert(&#34;x&#34;)" in page
    assert seen.tags.count("svg") == sum(sum(map(bool, row.cells)) > 1 for row in found.rows)


def test_the_policy_of_the_page_lets_its_own_script_run_and_no_other(found: Comparison) -> None:
    page = "".join(html.render(found, {}))
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (allowed,) = re.findall(r"script-src '(sha256-[^']+)'\"", page)
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() == allowed[len("sha256-") :]
    assert "default-src 'none'" in page
