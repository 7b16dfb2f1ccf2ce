"""How far a long piece of work has come."""

from collections.abc import Callable

from rich.console import Console


def progress_bar(
    console: Console, what: str, steps: int, ends: Callable[[Callable[[], None]], object] = lambda _: None
) -> Callable[[], None]:
    """A progress bar that removes itself at its end; a plain line if the output is not a terminal.

    :param ends: takes what removes the bar, for work that may end early.
    """
    from rich.progress import Progress

    if not console.is_terminal:
        console.print(what, highlight=False)
        return lambda: None
    bar = Progress(console=console, transient=True)
    task = bar.add_task(what, total=steps)
    bar.start()
    ends(bar.stop)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        bar.advance(task)
        if done == steps:
            bar.stop()

    return advance
