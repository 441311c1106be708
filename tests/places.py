"""Where things lie in this checkout."""

from pathlib import Path
from typing import Final

TREE: Final = Path(__file__).parents[1]
DOCS: Final = TREE / "docs"
FIXTURES: Final = TREE / "tests" / "fixtures"
