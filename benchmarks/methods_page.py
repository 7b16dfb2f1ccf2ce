"""The tables of docs/methods.md, from what components say of themselves, from measured rows, and from remarks.

    python benchmarks/methods_page.py            # writes the tables of docs/methods.md
    python benchmarks/methods_page.py --check    # fails if they differ

What a method learns from is an attribute of its class, its paper the first reference in its docstring; its passes,
state and cost are rows of `ssmtl/cost/methods.csv`; `docs/methods_remarks.yaml` has the sections, their order and the
last column.
"""

import argparse
import re
import sys
from pathlib import Path

import yaml

from ssmtl.cli.methods_table import HEADS, cells_of, markdown_table
from ssmtl.cost.method_facts import method_facts
from ssmtl.registry.plugins import load_plugins

DOCS = Path(__file__).parents[1] / "docs"
PAGE, REMARKS = DOCS / "methods.md", DOCS / "methods_remarks.yaml"
TABLE = re.compile(r"<!-- table: (?P<section>[^>]+) -->\n.*?<!-- end -->", re.DOTALL)


def remarks() -> dict[str, dict[str, str]]:
    """By section and name."""
    found: dict[str, dict[str, str]] = yaml.safe_load(REMARKS.read_text(encoding="utf-8"))
    return found


def rendered(page: str) -> str:
    """The page with its tables made anew."""
    known, facts = remarks(), {one.name: cells_of(one) for one in method_facts(load_plugins())}

    def table(found: re.Match[str]) -> str:
        section = found["section"]
        rows = [(*facts[name], remark) for name, remark in known[section].items()]
        return "\n".join([f"<!-- table: {section} -->", *markdown_table(rows, (*HEADS, "remarks")), "<!-- end -->"])

    return TABLE.sub(table, page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    page = PAGE.read_text(encoding="utf-8")
    if not parser.parse_args().check:
        PAGE.write_text(rendered(page), encoding="utf-8")
    elif page != rendered(page):
        sys.exit("docs/methods.md is not what its rows say; run python benchmarks/methods_page.py")


if __name__ == "__main__":
    main()
