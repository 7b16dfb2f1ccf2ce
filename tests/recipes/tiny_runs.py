"""Arguments of the smallest run of each shipped recipe."""

from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins

TINY = (
    "image.size=32",
    "backbone.widths=[4, 4, 8, 8, 8]",
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "sources.chex.images=60",
    "sources.jsrt.images=40",
    "sources.nihx.images=12",
    "sources.mcu.images=12",
    "train.steps=3",
    "train.evaluate_every=3",
    "train.log_every=1",
    "train.device=cpu",
)
BUDGETS = {
    "diagnosis": ("tasks.diagnosis.labeled=12", "tasks.diagnosis.batch=4"),
    "lungs": ("tasks.lungs.labeled=6", "tasks.lungs.batch=4"),
}


def tasks_of(recipe):
    shipped = load_plugins()["recipe"]
    return list(read(recipe, shipped).content["tasks"])


def arguments(recipe, out):
    overrides = [*TINY, *(override for task in tasks_of(recipe) for override in BUDGETS[task])]
    return ["run", recipe, *(part for override in overrides for part in ("--set", override)), "--out", str(out)]
