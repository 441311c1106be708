"""The system's own Chromium, for tests of pages: whatever a page complains of or asks for fails them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

DESKTOP, TABLET, PHONE = (ViewportSize(width=w, height=900) for w in (1280, 800, 390))


class Opener(Protocol):
    """Opens a page, and waits until its scripts have done their work."""

    def __call__(self, file: Path, size: ViewportSize = DESKTOP, *, dark: bool = False) -> Page: ...


@contextmanager
def running() -> Iterator[Browser]:
    """A browser without a window, that asks the network for nothing of its own."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, ready: str) -> Iterator[Opener]:
    """Opens pages; what they complain of or ask for, at any time, fails the test.

    Args:
        browser: as of ``running``.
        ready: the element that a page's script shows when it is done.
    """
    complaints: list[str] = []
    asked: list[str] = []
    files: list[str] = []

    def open_(file: Path, size: ViewportSize = DESKTOP, *, dark: bool = False) -> Page:
        page = browser.new_page(viewport=size, color_scheme="dark" if dark else "light")
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: asked.append(sent.url))
        files.append(file.as_uri())
        page.goto(file.as_uri())
        expect(page.locator(ready)).to_be_visible(timeout=60_000)
        return page

    yield open_
    assert complaints == []
    assert asked == files


def serious(page: Page) -> list[tuple[str, list[Any]]]:
    """What axe finds that keeps a keyboard or a screen reader out."""
    found = Axe().run(page).response["violations"]
    return [
        (v["id"], [n["target"] for n in v["nodes"]]) for v in found if v["impact"] in {"serious", "critical"}
    ]
