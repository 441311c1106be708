"""The report in the system's own Chromium: what a reader, a keyboard and a printer make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.builders import chromium
from tests.builders.chromium import DESKTOP, PHONE, TABLET, Opener
from tests.builders.report_values import a_judgement, a_nasty_judgement
from vpsbench.errors import VpsbenchError
from vpsbench.report import html, pdf

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running() as running:
        yield running


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("report") / "report.html", "".join(html.render(a_judgement())))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    with chromium.watched(browser, ".tools") as opener:
        yield opener


def shown(page: Page) -> set[tuple[float, float]]:
    """The first and the last label of each live chart's time axis."""
    texts = page.eval_on_selector_all(
        ".timed", "all => all.map(one => [...one.querySelector('.role-axis-label').querySelectorAll('text')]"
        ".map(label => Number(label.textContent)))",
    )  # fmt: skip
    return {(min(labels), max(labels)) for labels in texts}


def test_all_charts_come_alive_and_zoom_together(opened: Opener, file: Path) -> None:
    page = opened(file)
    assert page.locator("figure[data-chart]").count() >= 9
    assert page.locator("figure[data-chart]:not(.drawn)").count() == 0
    assert shown(page) == {(0, 10)}
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator(".live").first).to_contain_text("7.5")
    assert shown(page) == {(2.5, 7.5)}
    page.get_by_role("button", name="Later").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".live").first).not_to_contain_text("2.5")
    assert shown(page) == {(5, 10)}
    page.get_by_role("button", name="Whole run").click()
    expect(page.locator(".live").first).to_contain_text("0")
    assert shown(page) == {(0, 10)}


def test_dragging_across_a_chart_enlarges_that_stretch_in_all(opened: Opener, file: Path) -> None:
    page = opened(file)
    chart = page.locator("#chart-memory .live")
    chart.scroll_into_view_if_needed()
    axis = chart.locator(".background").first.bounding_box()
    assert axis is not None
    height = axis["y"] + axis["height"] / 2
    page.mouse.move(axis["x"] + axis["width"] / 2, height)
    page.mouse.down()
    page.mouse.move(axis["x"] + axis["width"] / 4, height, steps=4)
    page.mouse.up()
    expect(chart).not_to_contain_text("10")
    ((low, high),) = shown(page)
    assert (low, high) == pytest.approx((2.5, 5), abs=0.25)


def test_without_javascript_all_of_it_can_be_read(browser: Browser, file: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(file.as_uri())
    stills = page.locator(".still > svg")
    assert stills.count() == page.locator("figure").count() > 8
    for still in stills.all():
        expect(still).to_be_visible()
    expect(page.locator(".tools")).to_be_hidden()
    page.locator("summary").first.click()
    expect(page.locator("details").first.locator("dl, ul, p").first).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
def test_nothing_sticks_out(opened: Opener, file: Path, size: ViewportSize) -> None:
    page = opened(file, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["light", "dark phone"])
def test_keyboard_and_screen_reader_find_nothing_serious(
    opened: Opener, file: Path, size: ViewportSize, *, dark: bool
) -> None:
    assert chromium.serious(opened(file, size, dark=dark)) == []


def test_a_hostile_name_runs_nothing(opened: Opener, tmp_path: Path) -> None:
    page = opened(written(tmp_path / "nasty.html", "".join(html.render(a_nasty_judgement()))))
    assert page.locator("script").count() == 3  # the specifications and our two scripts
    assert "<script>alert(1)</script>" in page.inner_text("body")


def test_it_prints(tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    pdf.write(a_judgement(), target)
    pages = len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))
    assert 4 <= pages <= 20
    assert [p.name for p in tmp_path.iterdir()] == ["report.pdf"]


def test_without_anything_that_prints_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(VpsbenchError) as error:
        pdf.write(a_judgement(), tmp_path / "report.pdf")
    assert "apt-get install chromium" in str(error.value.hint)
    assert not list(tmp_path.iterdir())
