"""The cost of a recipe's training step: the engine's beside the reference, with freed memory kept or not."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from ssmtl.cost.compare import Cost, costs, matmul_rate
from ssmtl.cost.stepper import Device, Step, Stepper
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe.load import read
from ssmtl.recipe.models import Recipe
from ssmtl.registry.plugins import load_plugins

REFERENCE, REFERENCE_KEPT, ONE_PASS, RETURNED, BARE, ENGINE = (
    "reference",
    "reference, memory kept",
    "engine, one pass",
    "engine, memory returned",
    "network alone",
    "engine",
)
"""The ways of training. `engine` is what `ssmtl run` does; `one pass` is `train.micro_batch: off`; `network alone`
leaves out sampling, augmentation, pseudo-labels and checks, so that what the engine adds can be seen."""

IMAGES = {"chex": 60, "jsrt": 40, "nihx": 8, "mcu": 8}
"""Phantom images of each domain: enough to fill every batch."""

Row = dict[str, str | float | int]


def steppers(
    name: str, recipe: Recipe, size: int, overrides: Sequence[str], threads: int, device: Device
) -> dict[str, Stepper]:
    """By name, every way of training on phantom images of this size.

    :param name: of a shipped recipe. :param overrides: what the command line says besides.
    """
    images = [
        f"sources.{domain}={{use: phantom, domain: {domain}, images: {n}, size: {size}}}"
        for domain, n in IMAGES.items()
    ]
    labels = [f"tasks.{task}.labeled=all" for task in recipe.tasks]
    settings = (f"image.size={size}", *images, *labels, f"train.device={device}", *overrides)

    def one(step: Step, *more: str, keep: bool = False) -> Stepper:
        return Stepper(name, (*settings, *more), step, keep, threads, device)

    return {
        REFERENCE: one("reference"),
        REFERENCE_KEPT: one("reference", keep=True),
        ONE_PASS: one("engine", "train.micro_batch=off", keep=True),
        RETURNED: one("engine"),
        BARE: one("bare", keep=True),
        ENGINE: one("engine", keep=True),
    }


def rows_of(found: Mapping[str, Cost], size: int, rate: float) -> Iterator[Row]:
    """One row for each way of training.

    Ratios are of the reference's time to its own, round by round: above 1 it is faster. :param rate: of a matrix
        product, in operations per second.
    """
    for name, cost in found.items():
        ratios = _ratios(found[REFERENCE], cost, "seconds")
        tuned = _ratios(found[REFERENCE_KEPT], cost, "seconds")
        seconds = median(step.seconds for step in cost.steps)
        yield {
            "size": size,
            "way": name,
            "rounds": len(cost.steps),
            "seconds": round(seconds, 4),
            "ratio": round(median(ratios), 3),
            "ratio_low": round(min(ratios), 3),
            "ratio_high": round(max(ratios), 3),
            "ratio_memory_kept": round(median(tuned), 3),
            "ratio_cpu": round(median(_ratios(found[REFERENCE], cost, "cpu")), 3),
            "page_faults": int(median(step.faults for step in cost.steps)),
            "megabytes_before": round(cost.before),
            "megabytes_peak": round(cost.peak),
            "gigaflops": round(cost.flops / 1e9, 2),
            "share_of_matmul_rate": round(cost.flops / seconds / rate, 3),
        }


def _ratios(reference: Cost, other: Cost, what: str) -> list[float]:
    pairs = zip(reference.steps, other.steps, strict=True)
    return [getattr(one, what) / getattr(two, what) for one, two in pairs]


def step_costs(name: str, size: int, overrides: Sequence[str], threads: int, device: Device, rounds: int) -> list[Row]:
    """Of a shipped recipe.

    :raises RecipeError: if there is no such recipe, or something in it is wrong. :raises RunError: if a way of
        training ends with an error.
    """
    plugins = load_plugins()
    recipe = read(name, plugins["recipe"], overrides=list(overrides)).validated()
    ways = steppers(name, recipe, size, overrides, threads, device)
    text = read(name, plugins["recipe"], overrides=list(ways[ENGINE].overrides))
    assemble(text.validated(), plugins, text.place)  # so that a mistake is named once, before any process starts
    found = costs(ways, rounds)
    return [*rows_of(found, size, matmul_rate(threads, device))]
