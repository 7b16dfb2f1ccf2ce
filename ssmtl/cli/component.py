"""`ssmtl plugins NAME`: what one component's docstring, options and measured rows say."""

import textwrap
from typing import TYPE_CHECKING

from rich.console import Console

from ssmtl.registry.blame import function_of
from ssmtl.registry.docstring import described, prose_of
from ssmtl.registry.option_text import options_in_words

if TYPE_CHECKING:
    from ssmtl.registry.plugins import Plugins
    from ssmtl.registry.registry import Entry

TEXT_WIDTH = 100
"""Longer lines of prose are hard to read."""


VIEWS = "For {}: the name of one of the task's augmentations, a key below its `augment` in the recipe."


def print_component(console: Console, plugins: "Plugins", kind: str, entry: "Entry") -> None:
    """Name, text, options, facts of a method, and its recipe."""

    def say(text: str, indent: int = 0) -> None:
        width = min(console.width, TEXT_WIDTH) - 1
        lines = textwrap.wrap(
            text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2 if indent else 0),
            break_on_hyphens=False,
        )  # fmt: skip
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)

    console.print(entry.name, style="bold", end="", markup=False, highlight=False)
    console.print(f": {kind}, offered by {entry.origin}", markup=False, highlight=False, soft_wrap=True)
    if kind == "recipe":
        console.print(f"{entry.make}\n", markup=False, highlight=False, soft_wrap=True)
        return
    doc = function_of(entry.make).__doc__
    for paragraph in prose_of(doc):
        console.print()
        say(paragraph)
    console.print("\n[bold]options[/]")
    meanings = described(doc)[1]
    options = list(options_in_words(entry.make, entry.name))
    for option in options:
        say(option, 2)
        meaning = meanings.get(option.partition(":")[0])
        if meaning:
            say(meaning, 6)
    if not options:
        say("none", 2)
    views = [name for name in ("augment", "weak", "strong") if any(one.startswith(f"{name}: text") for one in options)]
    if kind == "strategy" and views:
        say(VIEWS.format(" and ".join(views)), 2)
    facts = _facts(plugins, kind, entry)
    if facts:
        console.print("\n[bold]facts[/] (ssmtl plugins --table says what they mean)", highlight=False)
    for fact in facts:
        say(fact, 2)
    console.print()


def _facts(plugins: "Plugins", kind: str, entry: "Entry") -> list[str]:
    """Of a method, those of the table of methods, and its recipe."""
    from ssmtl.cli.methods_table import HEADS, cells_of
    from ssmtl.cost.measured_methods import KINDS
    from ssmtl.cost.method_facts import method_facts

    if kind not in KINDS:
        return []
    one = next(one for one in method_facts(plugins, [kind]) if one.name == entry.name)
    recipe = f"methods/{entry.name}"
    facts = [f"{head}: {cell}" for head, cell in zip(HEADS[1:], cells_of(one)[1:], strict=True)]
    return [*facts, *([f"recipe: {recipe}"] if recipe in plugins["recipe"] else [])]
