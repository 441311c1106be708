from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.builders.report_values import NASTY, a_judgement, a_nasty_judgement, a_record
from tests.tools.vega_bundle import FILE
from vpsbench.analyzer.verdict.judge import completed
from vpsbench.errors import VpsbenchError
from vpsbench.files.replace import replacing, require_writable
from vpsbench.model import Judgement, Record, Series
from vpsbench.report import glossary, html
from vpsbench.report.charts import gallery
from vpsbench.report.charts.vegalite import Chart, Curve, Scale, TimeAxis, lines, scatter
from vpsbench.wording.text import plain

LIMIT = 2_000_000  # B


class Tags(HTMLParser):
    """All start tags, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._silent = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else data


@functools.cache
def page(make: Callable[[], Judgement]) -> str:
    """Rendering takes seconds of CPU, and gives the same each time."""
    return "".join(html.render(make()))


def a_week() -> Judgement:
    return a_judgement(a_record(7 * 86400, tick=30, vcpus=8, rounds=56))


# --- charts ----------------------------------------------------------------------------------------


def only(*found: Series) -> Record:
    return completed(replace(a_record(), series=found, turns=(), events=()))


def test_gaps_are_null_in_the_chart_and_nothing_is_drawn_there() -> None:
    record = a_record()
    (gap,) = next(s for s in record.series if s.metric.name == "memory.total").gaps
    chart = next(c for c in gallery.draw(record)[0] if c.name == "memory")
    total = next(v for v in chart.spec["data"]["values"] if v["of"] == "total")
    inside = [y for t, y in zip(total["t"], total["y"], strict=True) if gap[0] < t * 60 < gap[1] - 1]
    assert None in total["y"]
    assert all(y is None for y in inside)
    svg = str(html.still(chart))
    paths = re.findall(r'<path aria-label="[^"]*" role="graphics-symbol"[^>]* d="([^"]+)"', svg)
    assert any(path.count("M") == 2 for path in paths)  # a line that begins anew after the gap


def test_what_has_nothing_to_show_is_named() -> None:
    drawn, absent = gallery.draw(a_record())
    pages = next(c for c in drawn if c.name == "pages")
    assert "swapped out by this guest" in pages.note
    assert {a.title for a in gallery.draw(only())[1]} > {a.title for a in absent}
    assert gallery.draw(only())[0] == []


def test_all_timed_charts_share_one_axis() -> None:
    drawn, _ = gallery.draw(a_record())
    params = [json.dumps(c.spec["params"]) for c in drawn if "params" in c.spec]
    assert len(set(params)) == 1
    assert len(params) >= 8


def test_a_job_has_one_colour_in_both_disk_charts() -> None:
    record = a_record()
    fewer = [
        s for s in record.series if s.metric.name != "disk.fio.latency" or s.labels["job"] != "fdatasync"
    ]
    drawn = {c.name: c.spec for c in gallery.draw(replace(record, series=tuple(fewer)))[0]}
    iops, latency = (drawn[n]["layer"][0]["encoding"]["color"]["scale"] for n in ("iops", "latency"))
    one, other = (dict(zip(s["domain"], s["range"], strict=True)) for s in (iops, latency))
    assert len(other) == len(one) - 1
    assert other.items() < one.items()


def test_letters_in_charts_are_large_enough() -> None:
    for chart in gallery.draw(a_record())[0]:
        sizes = [float(s) for s in re.findall(r'font-size="([\d.]+)px"', html.still(chart))]
        assert sizes
        assert min(sizes) >= 12


# --- the file --------------------------------------------------------------------------------------


def test_a_weeks_run_stays_below_2_mb() -> None:
    assert len(page(a_week).encode()) < LIMIT
    assert len(page(a_judgement).encode()) < LIMIT


def test_the_library_for_live_charts_knows_the_language_that_they_are_written_in() -> None:
    spec = gallery.draw(a_record())[0][0].spec
    major = re.search(r"vega-lite/v(\d+)", spec["$schema"])
    kept = re.search(r"Vega-Lite (\d+)\.", FILE.read_text(encoding="utf-8")[:200])
    assert major
    assert kept
    assert major[1] == kept[1]


def test_the_page_asks_for_nothing_from_outside() -> None:
    tags = Tags(page(a_judgement)).tags
    assert not {t for t, _ in tags} & {"link", "iframe", "img", "object", "embed", "base", "form"}
    assert not [a for t, a in tags if {"src", "srcset", "xlink:href"} & a.keys()]
    assert all(str(a["href"]).startswith("#") for _, a in tags if "href" in a)
    style = "".join(re.findall(r"<style>(.*?)</style>", page(a_judgement), re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in str(dict(tags[3][1]))


def test_ids_are_unique_so_that_no_chart_borrows_from_another() -> None:
    ids = [a["id"] for _, a in Tags(page(a_judgement)).tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_names_from_outside_are_text_everywhere() -> None:
    found = page(a_nasty_judgement)
    parsed = Tags(found)
    assert sum(t == "script" for t, _ in parsed.tags) == 3  # the specifications and our two scripts
    assert not [a for _, a in parsed.tags if any(k.startswith("on") for k in a)]
    assert plain(NASTY) in parsed.text
    assert "{{7*7}}" in parsed.text
    for mark in "\u202e\u2066\x1b":
        assert mark not in found
    (specs,) = re.findall(r'<script type="application/json" id="specs">(.*?)</script>', found, re.DOTALL)
    assert "<" not in specs
    assert any("alert(1)" in v["of"] for s in json.loads(specs).values() for v in s["data"]["values"])


def test_points_of_one_group_have_a_size() -> None:
    rows = np.array([[1.0, 2, 1, 3]])
    spec = scatter(("x", 5, [0.0, 5.0]), Scale(1, "~s"), [Curve("alone", rows, "#000", 20)])
    svg = str(html.still(Chart("x", "x", "", spec)))
    assert "NaN" not in svg


def test_only_what_is_quoted_is_code() -> None:
    assert html.commands("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert html.commands("one ` is <none>") == "one ` is &lt;none&gt;"


def test_names_in_a_chart_are_text() -> None:
    rows = np.array([[0.0, 1, 1, 1], [5, 1, 1, 1]])
    chart = Chart("x", "x", "", lines(TimeAxis(10), Scale(1, "~s"), [Curve("<b>&\"'</svg>", rows, "#000")]))
    svg = str(html.still(chart))
    assert "<b>" not in svg
    assert svg.count("</svg>") == 1
    assert "<b>&\"'</svg>" in unescape(svg)


def test_a_run_without_any_series_still_gives_a_page() -> None:
    good = a_judgement()
    bare = "".join(html.render(replace(good, record=Record(good.record.run, (), (), ()))))
    assert "script-src &#39;none&#39;" in bare or "script-src 'none'" in bare
    assert "<script" not in bare
    assert "the cpu probe gave no readings" in bare


def test_one_reading_of_each_series_gives_a_page() -> None:
    record = a_record()
    one = tuple(replace(s, times=s.times[:1], values=s.values[:1], gaps=()) for s in record.series)
    drawn, _ = gallery.draw(replace(record, series=one))
    assert {"memory", "iops"} <= {c.name for c in drawn}
    assert all("NaN" not in html.still(c) for c in drawn)


# --- writing ---------------------------------------------------------------------------------------


def test_a_report_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    require_writable(target)
    with replacing(target) as file:
        file.write("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as file:
        file.write(f"half of it {1 / 0}")
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("name", ["folder", "file/report.html", "x" * 300 + ".html"])
def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for refuse in (require_writable, lambda path: html.write(a_judgement(), path)):
        with pytest.raises(VpsbenchError) as error:
            refuse(tmp_path / name)
        assert error.value.exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpsbench.files.replace.ROOM", 2**62)
    with pytest.raises(VpsbenchError, match="No room"):
        require_writable(tmp_path / "report.html")


def test_words_of_the_field_are_explained_where_they_are_used() -> None:
    found = glossary.used("2 vCPUs were throttled; steal at QD32")
    assert [*found] == ["vCPU", "steal", "throttle", "QD1, QD32"]
    assert "Time in which a vCPU had work" in Tags(page(a_judgement)).text
