"""What a run prints about the images that it leaves out."""

from collections.abc import Mapping

from rich.console import Console

from ssmtl.wording import counted

SHOWN = 3
"""Images that are named."""


def print_skipped(console: Console, source: str, skipped: Mapping[str, str]) -> None:
    """:param skipped: by image, why it was left out."""
    more = f"; {SHOWN} of them, all are in results.json" if len(skipped) > SHOWN else ""
    lines = [f"{source}: {counted(len(skipped), 'image')} left out (on_error: skip){more}:"]
    lines += [f"  {image}: {why}" for image, why in list(skipped.items())[:SHOWN]]
    for line in lines:
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
