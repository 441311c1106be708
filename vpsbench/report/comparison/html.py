"""The comparison as one HTML file that needs nothing else, and no JavaScript to be read.

Where JavaScript runs, a few lines of it sort and filter the tables; they stand in the file, and its security
policy lets nothing else run.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vpsbench.compare.contest import Comparison, Row
from vpsbench.files.replace import replacing
from vpsbench.report.charts.vegalite import Chart
from vpsbench.report.comparison import charts, wording
from vpsbench.report.html import Script
from vpsbench.wording.figures import moment
from vpsbench.wording.text import plain

HEADS: Final = (
    ("value", "value"), ("interval", "95 % interval"), ("ratio", "to the best"), ("standing", "standing"),
    ("spread", "spread"), ("worst", "worst hour"), ("price", "for the money"), ("readings", "readings"),
)  # fmt: skip


def write(found: Comparison, left_out: dict[str, str], path: Path) -> None:
    """Write a comparison; ``path`` is replaced at the end, as a whole.

    Raises:
        VpsbenchError: ``path`` cannot be written.
    """
    with replacing(path) as file:
        file.writelines(render(found, left_out))


def render(found: Comparison, left_out: dict[str, str]) -> Iterator[str]:
    """The page, piece by piece."""
    environment = Environment(
        loader=PackageLoader("vpsbench.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "picture": _picture,
        "words": wording,
        "plain": plain,
        "moment": moment,
        "heads": heads,
    }
    yield from environment.get_template("compare.html.j2").generate(
        found=found,
        names=wording.labels(found),
        key=[row for row in found.rows if row.name in wording.KEY],
        charts={chart.title: chart for chart in charts.draw(found)},
        notes=[wording.caveat(one, wording.labels(found)) for one in found.caveats],
        left_out=left_out,
        script=Script(Markup(_asset("compare.js"))),  # noqa: S704  our own file
        style=Markup(_asset("compare.css")),  # noqa: S704  likewise
    )


def heads(row: Row) -> list[tuple[str, str]]:
    """The columns of a figure's table: those in which any run has something to say."""
    said = [wording.shown(cell) for cell in row.cells if cell is not None]
    return [(field, title) for field, title in HEADS if any(getattr(one, field) for one in said)]


def _picture(chart: Chart) -> Markup:
    return Markup(vl_convert.vegalite_to_svg(chart.spec))  # noqa: S704  made by the renderer, which escapes


def _asset(name: str) -> str:
    return files("vpsbench.report").joinpath("templates", name).read_text(encoding="utf-8")
