"""`ssmtl plugins`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ssmtl.cli.loading import LocalPlugins

if TYPE_CHECKING:
    from ssmtl.registry.plugins import Plugins
    from ssmtl.registry.registry import Entry

NOTE = "ssmtl plugins NAME shows one component: its text, its paper, and what each of its options means."


def plugins(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND|NAME",
            help="One kind only, such as bridge; or one component, such as fixmatch, with what its options mean.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Methods: what each learns from, its passes, state, cost and paper.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The same table as Markdown.")] = False,
    local: LocalPlugins = None,
) -> None:
    """List every component: its name, the plugin that offers it, its options with their allowed values and defaults."""
    from rich.table import Table

    from ssmtl.registry.plugins import KINDS, load_plugins, plural

    components = load_plugins(local or ())
    wanted = [name for name in KINDS if kind is None or kind in (name, plural(name))]
    if not wanted:
        _print_component(components, kind or "", table or markdown)
        return
    if table or markdown:
        _print_methods(components, wanted if kind else None, markdown)
        return
    console = Console()
    for name in wanted:
        listed = Table(
            title=plural(name), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False
        )
        listed.add_column("name", style="bold", overflow="fold")
        listed.add_column("offered by", style="dim", overflow="fold")
        listed.add_column("options" if name != "recipe" else "file", overflow="fold")
        for entry in components[name].values():
            listed.add_row(entry.name, str(entry.origin), _options(entry))
        console.print(listed, highlight=False, markup=False)
        console.print()
    if kind != "recipe":
        console.print(NOTE, highlight=False, markup=False)


def _print_component(components: "Plugins", name: str, as_table: bool) -> None:
    """:raises PluginError: if no kind and no component has this name, or one component is asked for as a table."""
    from ssmtl.cli.component import print_component
    from ssmtl.errors import PluginError, nearest
    from ssmtl.registry.plugins import KINDS

    kinds = [kind for kind in KINDS if name in components[kind]]
    if not kinds:
        every = {*KINDS, *(one for kind in KINDS if kind != "recipe" for one in components[kind])}
        hint = nearest(name, every)
        hint = hint if hint.startswith("did") else f"kinds: {', '.join(KINDS)}"
        raise PluginError(f"no kind of component and no component is called '{name}' ({hint})")
    if as_table:
        raise PluginError(f"'{name}' is a component; expected a kind with --table or --markdown, or neither")
    for kind in kinds:
        print_component(Console(), components, kind, components[kind][name])


def _print_methods(components: "Plugins", kinds: Sequence[str] | None, markdown: bool) -> None:
    """:raises PluginError: for a kind of component that has no methods."""
    from ssmtl.cli.methods_table import as_markdown, print_methods
    from ssmtl.cost.measured_methods import KINDS
    from ssmtl.cost.method_facts import method_facts
    from ssmtl.errors import PluginError

    if kinds and not set(kinds) <= set(KINDS):
        raise PluginError(f"the table of methods has no kind '{kinds[0]}' (known: {', '.join(KINDS)})")
    facts = [*method_facts(components, kinds or KINDS)]
    if markdown:
        typer.echo(as_markdown(facts))
    else:
        print_methods(Console(), facts)


def _options(entry: "Entry") -> Any:
    from rich.text import Text

    from ssmtl.registry.option_text import options_in_words

    component: Any = entry.make
    if isinstance(component, Path):
        return Text(str(component))
    return Text("\n".join(options_in_words(component, entry.name)) or "–")
