"""Numbers in sentences."""


def counted(count: int, thing: str) -> str:
    """'1 image', '2 images'; `thing` is a word whose plural ends in s."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
