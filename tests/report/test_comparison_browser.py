"""The comparison in the system's own Chromium: it opens, sorts and filters, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.builders import chromium
from tests.builders.chromium import DESKTOP, PHONE, TABLET, Opener
from tests.compare.test_contest import figure, run
from vpsbench.compare.contest import contest
from vpsbench.model import Word
from vpsbench.report.comparison import html

pytestmark = pytest.mark.system
HOURS = 4
MACHINES = (("nine", 900.0, "9 EUR a month"), ("eleven", 1100.0, "20 EUR a month"), ("none", None, None))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running() as running:
        yield running


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    with chromium.watched(browser, ".filter") as opener:
        yield opener


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs with prices and hours, of which one lacks what the others were measured by."""
    rng = np.random.default_rng(1)
    runs = []
    for _, level, price in MACHINES:
        sizes = [] if level is None else [("cpu.work", level)]
        found = [
            figure(rng.normal(size, 1, HOURS * 3600), name)
            for name, size in [*sizes, ("memory.bandwidth", 5.0)]
        ]
        runs.append(run(*found, price=price, plan="small", word=Word.BROKEN if level is None else Word.KEPT))
    path = tmp_path_factory.mktemp("compare") / "compare.html"
    html.write(contest([name for name, *_ in MACHINES], runs), {"lost.db": "It is damaged."}, path)
    return path


def table(page: Page, heading: str) -> Locator:
    return page.locator(f"section[aria-labelledby={heading}] table")


def order(found: Locator) -> list[str]:
    return found.locator("tbody tr:visible th").all_inner_texts()


def test_a_click_sorts_by_number_and_what_is_missing_stays_last(opened: Opener, file: Path) -> None:
    glance = table(opened(file), "glance")
    column = glance.locator("thead th").nth(1)
    assert order(glance) == ["nine", "eleven", "none"]
    column.get_by_role("button").click()
    expect(column).to_have_attribute("aria-sort", "ascending")
    assert order(glance) == ["nine", "eleven", "none"]
    column.get_by_role("button").click()
    expect(column).to_have_attribute("aria-sort", "descending")
    assert order(glance) == ["eleven", "nine", "none"]


def test_the_keyboard_sorts_too(opened: Opener, file: Path) -> None:
    page = opened(file)
    page.locator("#filter").focus()
    page.keyboard.press("Tab")  # the table, which scrolls
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    runs = table(page, "runs")
    expect(runs.locator("thead th").first).to_have_attribute("aria-sort", "ascending")
    assert order(runs) == ["eleven", "nine", "none"]
    page.keyboard.press("Space")
    assert order(runs) == ["none", "nine", "eleven"]


def test_the_filter_hides_runs_everywhere_and_says_how_many(opened: Opener, file: Path) -> None:
    page = opened(file)
    page.get_by_label("Show only runs with").fill("small KEPT")
    expect(page.get_by_role("status")).to_have_text("2 of 3 runs")
    assert order(table(page, "runs")) == order(table(page, "glance")) == ["nine", "eleven"]
    page.get_by_label("Show only runs with").fill("")
    expect(page.get_by_role("status")).to_have_text("")
    assert order(table(page, "runs")) == ["nine", "eleven", "none"]


def test_prices_worst_hours_and_what_was_left_out_are_there(opened: Opener, file: Path) -> None:
    page = opened(file)
    numbers = page.locator("#cpu-work details")
    numbers.locator("summary").click()
    heads = [text.split("\xa0")[0] for text in numbers.locator("thead th").all_inner_texts()]
    assert {"worst hour", "for the money"} <= set(heads)
    assert "100" in numbers.locator("tbody tr").first.inner_text(), "900/s for 9 EUR"
    assert "lost.db" in page.inner_text("section[aria-labelledby=unlike]")


def test_without_javascript_all_of_it_can_be_read(browser: Browser, file: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(file.as_uri())
    expect(page.locator(".filter")).to_be_hidden()
    assert order(table(page, "glance")) == ["nine", "eleven", "none"]
    assert page.locator("figure svg").count() == page.locator("figure").count() == 2


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
def test_nothing_sticks_out_and_axe_finds_nothing_serious(
    opened: Opener, file: Path, size: ViewportSize
) -> None:
    page = opened(file, size)
    page.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert chromium.serious(page) == []
