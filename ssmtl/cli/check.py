"""`ssmtl check`."""

from rich.console import Console

from ssmtl.cli.loading import DataRoot, LocalPlugins, Overrides, RecipeName, Seed, Sources, load


def check(
    recipe: RecipeName,
    sources: Sources = None,
    overrides: Overrides = None,
    seed: Seed = None,
    data_root: DataRoot = None,
    local: LocalPlugins = None,
) -> None:
    """Show every error of a recipe with its place, else the plan. No data is read."""
    from ssmtl.cli.tables import print_plan
    from ssmtl.data.folders import Folders
    from ssmtl.errors import DataError
    from ssmtl.plan import plan_of

    experiment, _, where = load(recipe, sources, overrides, seed, local)
    console = Console()
    print_plan(console, plan_of(experiment))
    folders = Folders(data_root)
    for name, entry in experiment.recipe.sources.items():
        root = entry.options.get("root")
        if isinstance(root, str):
            try:
                folders.find(root)
            except DataError as error:
                console.print(f"[yellow]source {name}: {error}", highlight=False, soft_wrap=True)
    console.print(f"[green]{where} is in order[/]", highlight=False, soft_wrap=True)
