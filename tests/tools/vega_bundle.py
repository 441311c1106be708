"""Makes the library that draws live charts in a report: ``python -m tests.tools.vega_bundle``.

It is kept in the package, and made anew when vl-convert has a new one: to put it together takes a second of
CPU time and 120 MB, which is more than a small guest should spend on every report.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

import vl_convert

from tests.places import TREE

FILE: Final = TREE / "vpsbench/report/templates/vega.js"
LITE: Final = "6.4"  # of the language that the charts are written in
LICENCES: Final = """\
Copyright University of Washington Interactive Data Lab, BSD-3-Clause: https://github.com/vega;
with D3, copyright Mike Bostock, ISC: https://github.com/d3"""


def bundle() -> str:
    """One script: Vega, Vega-Lite and Vega-Embed, and where their licences are."""
    vega, embed = vl_convert.get_vega_version(), vl_convert.get_vega_embed_version()
    made_by = f"vl-convert {version('vl-convert-python')}"
    parts = f"Vega {vega}, Vega-Lite {LITE}, Vega-Embed {embed} by {made_by}"
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=LITE)
    return f"/* {parts}. {LICENCES} */\n{script}"


if __name__ == "__main__":
    FILE.write_text(bundle(), encoding="utf-8")
