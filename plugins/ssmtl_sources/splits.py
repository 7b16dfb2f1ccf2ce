"""The names of the three parts of a split."""

from typing import Literal

SplitName = Literal["train", "val", "test"]
