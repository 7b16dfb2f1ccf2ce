"""Numbers and names in sentences."""

from collections.abc import Mapping

LEFT_OUT = "their patients are in validation or test parts, or set apart for another task"
"""Why images are left out of a task's training or validation."""


def counted(count: int, thing: str) -> str:
    """'1 image', '2 images'; `thing` is a word whose plural ends in s."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def in_pixels(size: int | tuple[int, int]) -> str:
    """'64 pixels' for 64 × 64, or '48 × 32 pixels' for (height, width)."""
    return f"{size} pixels" if isinstance(size, int) else f"{size[0]} × {size[1]} pixels"


def class_counts(classes: Mapping[str, int], known: Mapping[str, int]) -> str:
    """'3 normal, 4 sick'; where something is unknown, '3 of 8 nodule, 4 of 9 mass'; '8 with lung' for masks.

    :param classes: images that have each class. :param known: images of which it is known, or that have its mask.
    """
    words = [
        f"{count:,} of {known[name]:,} {name}" if known else f"{count:,} {name}" for name, count in classes.items()
    ]
    return ", ".join(words if classes else [f"{count:,} with {name}" for name, count in known.items()])


def visible(text: str) -> str:
    """With escapes for what does not print, such as a code that clears the terminal or turns the text around."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
