"""Seconds that a run takes around its training steps, in real processes."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

STEPS = 4
SHORT = (f"train.steps={STEPS}", f"train.evaluate_every={STEPS}", "train.log_every=1")
CLOCK = """
import os, sys, time
from ssmtl import hookimpl
@hookimpl
def ssmtl_step_ended(step):
    with open(os.environ["CLOCK"], "a") as file:
        file.write(f"{time.time()}\\n")
    if os.environ.get("ENOUGH") == str(step.step):
        os._exit(0)
"""
"""A plugin that notes when each step ended, and may then end the process."""


Run = tuple[list[float], float, float]
"""When its steps ended and when it ended, in seconds since it began; processor seconds."""


def process(cache: Path, code: Path | None, place: Path, *arguments: str, enough: int = 0) -> Run:
    """One `ssmtl` process. :param code: a checkout whose code it runs; None: this program's.

    :param enough: the step after which it ends; 0: it goes on to its end.
    """
    clock = place / "clock"
    clock.write_text("")
    environment = {**os.environ, "CLOCK": str(clock), "ENOUGH": str(enough), "SSMTL_CACHE": str(cache)}
    if code is not None:
        environment["PYTHONPATH"] = f"{code}{os.pathsep}{code / 'plugins'}"
    command = [sys.executable, "-c", "from ssmtl.cli.main import main; main()", *arguments]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, cwd=place)
    ended, after = time.time() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return [float(line) - began for line in clock.read_text().split()], ended, used


def train(cache: Path, code: Path | None, place: Path, *more: str, enough: int = 0) -> Run:
    """A run of a few steps, whose folder is removed."""
    shutil.rmtree(place / "run", ignore_errors=True)
    out = ("--out", str(place / "run"), "--plugin", str(place / "clock.py"))
    return process(cache, code, place, "run", "multimix", *more, *out, enough=enough)


def settings(*overrides: str) -> list[str]:
    """Arguments."""
    return [part for one in overrides for part in ("--set", one)]


def measured(code: Path | None, place: Path) -> Iterator[tuple[str, float, str]]:
    """What, value and unit of one round."""
    (place / "clock.py").write_text(CLOCK)
    cache = place / f"phantom-{code.name if code else 'own'}"
    _, ended, used = process(cache, code, place, "check", "multimix", "--no-data")
    yield from (("check without data", ended, "s"), ("check without data", used, "processor s"))
    _, ended, used = process(cache, code, place, "check", "multimix")
    yield from (("check with data", ended, "s"), ("check with data", used, "processor s"))
    if not cache.exists():
        train(cache, code, place, *settings(*SHORT), enough=1)
    steps, ended, used = train(cache, code, place, *settings(*SHORT))
    yield from (("first step ended", steps[0], "s"), ("after the last step", ended - steps[-1], "s"))
    yield "whole run of 4 steps", used, "processor s"


def around(rounds: int, images: int) -> list[dict[str, str | float | int]]:
    """One row for each thing measured, with the median over the rounds and its quartiles.

    :param images: of the run on many image files.
    """
    from ssmtl.cost.augmentation import BATCHES, pairs_of
    from ssmtl.cost.cache_build import ratios
    from ssmtl.cost.many_images import make_images, started

    found: dict[tuple[str, str], list[float]] = {}

    def note(rows: Iterable[tuple[str, float, str]]) -> None:
        for what, value, unit in rows:
            found.setdefault((what, unit), []).append(value)

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for _ in range(rounds):
            note(measured(None, place))
        for rows, side in BATCHES:
            what = f"strong augmentation, {rows} × {side}²"
            note((what, ours / pillow, "times a loop") for ours, pillow in pairs_of(rows, side, 8 * rounds))
        note(ratios(place, rounds))
        make_images(place, images)
        note(row for _ in range(rounds) for row in started(None, place, images))
    return [{"what": what, "unit": unit, **_summary(values)} for (what, unit), values in found.items()]


def _summary(values: Sequence[float]) -> dict[str, float]:
    low, _, high = quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {"median": round(median(values), 2), "low": round(low, 2), "high": round(high, 2)}
