"""What trained a state or weights: the lasting part of a recipe, and a split; kept with both, compared before use."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ssmtl.data.split_file import SplitFile
from ssmtl.errors import RunError
from ssmtl.model.weights import checksum, read_facts
from ssmtl.recipe.models import Recipe
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.resume import lasting_digest


@dataclass(frozen=True)
class TrainedBy:
    """:param recipe: hash of the recipe without what a resumed run may change. :param split: hash of split.json."""

    recipe: str
    split: str

    @classmethod
    def of(cls, recipe: Recipe, split: SplitFile) -> "TrainedBy":
        """Of a run with this recipe and split."""
        return cls(lasting_digest(recipe), split.digest())

    def facts(self) -> dict[str, str]:
        """For the header of a weights file."""
        return {f"{name}_origin": value for name, value in asdict(self).items()}

    def check(self, other: "TrainedBy", what: str, run: Path) -> None:
        """:param other: the origin of `what`.

        :raises RunError: if it is not this one.
        """
        for name, file in (("recipe", "recipe.yaml"), ("split", "split.json")):
            if getattr(self, name) != getattr(other, name):
                raise RunError(
                    f"{what} was not trained with {run / file}: the file was changed, or {what} is of another run"
                )


def origin_of_weights(path: Path) -> TrainedBy:
    """:raises RunError: if the file does not say, or cannot be read."""
    facts = read_facts(path)
    try:
        return TrainedBy(facts["recipe_origin"], facts["split_origin"])
    except KeyError as error:
        raise RunError(f"the weights {path} do not say which recipe and split trained them") from error


def check_weights(run: RunFolder, which: str, origin: TrainedBy) -> None:
    """:raises RunError: if the weights are not those that the run was finished with, or of another recipe or split."""
    path = run.weights(which)
    origin.check(origin_of_weights(path), f"{path}", run.path)
    known = run.read_results().weights.get(which)
    if known is None:
        raise RunError(f"{run.results}: weights.{which}: is missing; without its checksum, {path} cannot be checked")
    if known != checksum(path):
        raise RunError(f"{path} is not as the run wrote it: its checksum differs from the one in {run.results}")
