"""The report as one HTML file that needs nothing else: no network, no fonts, and no JavaScript to be read.

Every chart is a still picture first. Where JavaScript runs, one inline bundle draws the same charts
so that they can be zoomed, and hides a still picture only once its live one stands.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vpsbench.files.replace import replacing
from vpsbench.model import Judgement
from vpsbench.report import glossary, page
from vpsbench.report.charts import gallery
from vpsbench.report.charts.vegalite import Chart

_ID: Final = re.compile(r'( id="|url\(#)((?:clip|gradient_)\d+)')  # all that a picture calls by name


@dataclass(frozen=True, slots=True)
class Script:
    """An inline script, and the digest by which the page's own security policy lets it run."""

    text: Markup

    @property
    def digest(self) -> str:
        """As a Content-Security-Policy source."""
        return "sha256-" + base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()


def write(judgement: Judgement, path: Path) -> None:
    """Write the report of a run; ``path`` is replaced at the end, as a whole.

    Raises:
        VpsbenchError: ``path`` cannot be written; found out before the work.
    """
    with replacing(path) as file:
        file.writelines(render(judgement))


def render(judgement: Judgement, *, live: bool = True) -> Iterator[str]:
    """The page, piece by piece; without ``live`` its pictures stay still."""
    drawn, absent = gallery.draw(judgement.record)
    specs = {c.name: c.spec for c in drawn} if live else {}
    built = page.build(judgement)
    environment = Environment(
        loader=PackageLoader("vpsbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["commands"] = commands
    environment.globals["still"] = partial(_placed, {chart.name: still(chart) for chart in drawn})
    yield from environment.get_template("report.html.j2").generate(
        page=built,
        lead=lead(built, drawn),
        charts=drawn,
        absent=absent,
        words=glossary.used(json.dumps([asdict(built), [(c.title, c.note) for c in drawn]])),
        specs=specs,
        scripts=_scripts() if specs else (),
        style=Markup(_asset("style.css")),  # noqa: S704  our own file
    )


def lead(built: page.Page, drawn: Sequence[Chart]) -> Chart | None:
    """The strongest picture: that of the weightiest finding; where nothing was found, of what was watched."""
    found = [chart for claim in built.weighty for chart in drawn if claim.key in chart.shows]
    return next(iter([*found, *(chart for chart in drawn if chart.shows)]), None)


def still(chart: Chart) -> str:
    """A chart as SVG text; the renderer escapes what came from outside.

    The renderer numbers clip paths and gradients on and on while the process lives; here they begin anew, so
    that a run's report has the same bytes each time.
    """
    svg: str = vl_convert.vegalite_to_svg(chart.spec)
    numbers: dict[str, int] = {}
    return _ID.sub(lambda found: f"{found[1]}clip{numbers.setdefault(found[2], len(numbers))}", svg)


def commands(text: str) -> Markup:
    """A text in which what stands between backticks is set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one is left over: it was no quotation
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _placed(stills: dict[str, str], chart: Chart, place: str) -> Markup:
    """A still picture for one place of the page, with ids of its own: those of a hidden one draw nothing."""
    svg = _ID.sub(rf"\g<1>{place}{chart.name}-\g<2>", stills[chart.name])
    return Markup(svg)  # noqa: S704  made by the renderer, which escapes


def _scripts() -> tuple[Script, ...]:
    """The library that draws, and our few lines that use it. Neither holds anything from outside."""
    return tuple(Script(Markup(_asset(name))) for name in ("vega.js", "zoom.js"))  # noqa: S704  our own files


def _asset(name: str) -> str:
    return files("vpsbench.report").joinpath("templates", name).read_text(encoding="utf-8")
