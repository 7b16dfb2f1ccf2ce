"""`ssmtl schema`."""

import json

import typer

from ssmtl.cli.loading import LocalPlugins


def schema(local: LocalPlugins = None) -> None:
    """Print the JSON Schema of recipes, with every installed component's options, for editors."""
    from ssmtl.plugins import load_plugins
    from ssmtl.schema import recipe_schema

    typer.echo(json.dumps(recipe_schema(load_plugins(local or ())), indent=2))
