"""What trained a state or weights: the lasting part of a recipe, and a split; kept with both, compared before use."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ssmtl.data.split_file import SplitFile
from ssmtl.errors import RunError
from ssmtl.model.weights import read_facts
from ssmtl.recipe.models import Recipe
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
