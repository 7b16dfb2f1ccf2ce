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


def plugins(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="One kind only, such as bridge.", show_default=False)
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Methods: what each learns from, its passes, state, cost and paper.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The same table as Markdown.")] = False,
    local: LocalPlugins = None,
) -> None:
    """List every component: its name, the plugin that offers it, its options with their allowed values and defaults."""
    from rich.table import Table

    from ssmtl.errors import PluginError, nearest
    from ssmtl.registry.plugins import KINDS, load_plugins, plural

    components = load_plugins(local or ())
    wanted = [name for name in KINDS if kind is None or kind in (name, plural(name))]
    if not wanted:
        raise PluginError(f"no kind of component is called '{kind}' ({nearest(kind or '', KINDS)})")
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
