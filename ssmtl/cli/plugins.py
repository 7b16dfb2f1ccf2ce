"""`ssmtl plugins`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ssmtl.cli.loading import LocalPlugins

if TYPE_CHECKING:
    from ssmtl.registry.registry import Entry


def plugins(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="One kind only, such as bridge.", show_default=False)
    ] = None,
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
    console = Console()
    for name in wanted:
        table = Table(
            title=plural(name), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False
        )
        table.add_column("name", style="bold", overflow="fold")
        table.add_column("offered by", style="dim", overflow="fold")
        table.add_column("options" if name != "recipe" else "file", overflow="fold")
        for entry in components[name].values():
            table.add_row(entry.name, str(entry.origin), _options(entry))
        console.print(table, highlight=False, markup=False)
        console.print()


def _options(entry: "Entry") -> Any:
    from rich.text import Text

    from ssmtl.registry.option_text import options_in_words

    component: Any = entry.make
    if isinstance(component, Path):
        return Text(str(component))
    return Text("\n".join(options_in_words(component, entry.name)) or "–")
