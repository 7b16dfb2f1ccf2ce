"""The names of the three sides of a split."""

from typing import Literal

SplitName = Literal["train", "val", "test"]
