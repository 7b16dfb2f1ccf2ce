"""The normalisations that a recipe's `norm` can name."""

from typing import Literal

Norm = Literal["batch", "instance", "group", "domain"]
