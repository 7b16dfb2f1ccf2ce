"""`ssmtl check`."""

from rich.console import Console
from rich.markup import escape

from ssmtl.cli.loading import AllowLocal, DataRoot, LocalPlugins, Overrides, RecipeName, Seed, Sources, load


def check(
    recipe: RecipeName,
    sources: Sources = None,
    overrides: Overrides = None,
    seed: Seed = None,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
    allow: AllowLocal = False,
) -> None:
    """Show every error in a recipe and where it is, or else the plan. Reads no data."""
    from ssmtl.cli.tables import print_plan
    from ssmtl.contracts.folders import Folders
    from ssmtl.errors import DataError
    from ssmtl.experiment.plan import plan_of

    loaded = load(recipe, sources, overrides, seed, local, allow)
    experiment = loaded.experiment
    console = Console()
    print_plan(console, plan_of(experiment))
    folders = Folders(data_root)
    for name, entry in experiment.recipe.sources.items():
        root = entry.options.get("root")
        if isinstance(root, str):
            try:
                folders.find(root)
            except DataError as error:
                console.print(f"source {name}: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    console.print(f"[green]{escape(loaded.where)} is in order[/]", highlight=False, soft_wrap=True)
