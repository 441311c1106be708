"""The report as PDF, printed by a browser that is there, or by WeasyPrint (the extra ``pdf``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from vpsbench.errors import VpsbenchError
from vpsbench.files.replace import replacing
from vpsbench.model import Judgement
from vpsbench.report import html

BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge",
)  # fmt: skip
LONGEST: Final = 120.0  # s that a browser may take; a week's report takes a few
_HINT: Final = (
    "Install a browser (sudo apt-get install chromium) or WeasyPrint (pip install 'vpsbench[pdf]'), or write "
    "the report with --html and print that page on another machine."
)


def write(judgement: Judgement, path: Path) -> None:
    """Print the report of a run; ``path`` is replaced at the end, as a whole.

    Raises:
        VpsbenchError: there is nothing here that prints, it failed, or ``path`` cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="vpsbench-pdf-") as name:
        folder = Path(name)
        page, printed = folder / "report.html", folder / "report.pdf"
        with page.open("w", encoding="utf-8") as file:
            file.writelines(html.render(judgement, live=False))
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            _by_weasyprint(page, printed)
        else:
            _by_browser(browser, page, printed)
        with replacing(path) as file:
            file.buffer.write(printed.read_bytes())


def _by_browser(browser: str, page: Path, printed: Path) -> None:
    command = [
        browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer",
        f"--user-data-dir={page.parent / 'profile'}", f"--print-to-pdf={printed}", page.as_uri(),
    ]  # fmt: skip
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # a browser refuses root otherwise; it opens our own page alone
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired as error:
        raise VpsbenchError(f"{browser} printed nothing within {LONGEST:.0f} s.", _HINT) from error
    if not printed.exists():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise VpsbenchError(f"{browser} could not print the report: {said}", _HINT)


def _by_weasyprint(page: Path, printed: Path) -> None:
    try:
        import weasyprint  # noqa: PLC0415  an optional extra
    except (ImportError, OSError) as error:  # OSError: it is there, the library Pango is not
        raise VpsbenchError("Nothing here can print a PDF: no browser, no WeasyPrint.", _HINT) from error
    weasyprint.HTML(filename=page).write_pdf(printed)
