"""RESULTS.md from its template and the committed tables:  python benchmarks/results_page.py

The template's own text has no measured number: each is looked up by name, so it has a row in a committed CSV file.
"""

import sys
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

sys.path.insert(0, str(Path(__file__).parent))
from committed_suite import Suite
from page_numbers import RESULTS, audit, ratio, spread, value

HERE = Path(__file__).parent
TEMPLATE, PAGE = HERE / "RESULTS.md.j2", HERE / "RESULTS.md"


def rendered() -> str:
    """The page's text."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    suites: dict[str, Any] = {path.name: Suite(path.name) for path in sorted(RESULTS.iterdir()) if path.is_dir()}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        suites | {"ratio": ratio, "value": value, "spread": spread, "audit": audit}
    )


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
