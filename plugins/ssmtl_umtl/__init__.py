"""Recipes for UMTL with the saliency bridge, with semi-supervised classification, and with both; no further code.

Plain UMTL is among the core's recipes, next to MultiMix.
"""

from collections.abc import Mapping
from pathlib import Path

from ssmtl import hookimpl


@hookimpl
def ssmtl_recipes() -> Mapping[str, Path]:
    folder = Path(__file__).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
