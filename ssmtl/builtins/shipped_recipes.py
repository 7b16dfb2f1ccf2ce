"""The recipes that come with the package."""

from pathlib import Path


def shipped_folder() -> Path:
    """Their folder: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"
