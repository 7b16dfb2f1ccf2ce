"""`ssmtl schema`."""

import json

import typer

from ssmtl.cli.loading import LocalPlugins


def schema(local: LocalPlugins = None) -> None:
    """Print the JSON Schema of recipes, with every installed component's options, for editors."""
    from ssmtl.recipe.json_schema import recipe_schema
    from ssmtl.registry.plugins import load_plugins

    typer.echo(json.dumps(recipe_schema(load_plugins(local or ())), indent=2))
