"""Evaluation by batches: the same numbers as all at once, and no more in memory than a batch."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ssmtl.contracts.head import Output
from ssmtl.evaluation.counts import ImageCounts
from ssmtl.evaluation.kept import SAMPLES, KeptPredictions
from ssmtl.evaluation.predict import Predictions, joined, shown_to
from ssmtl.evaluation.score import score
from ssmtl.evaluation.worst import WORST, severity, worst_places
from ssmtl.experiment.attribution import WrongResultError
from ssmtl_metrics import ssmtl_metrics

ROWS, SIDE = 37, 24
OUTPUTS = {"masks": Output("masks", ("lung", "heart")), "multiclass": Output("multiclass", ("a", "b", "c"))}


def predictions_of(kind: str, rows: int = ROWS) -> Predictions:
    """Some masks are empty, some predictions equally wrong."""
    random = torch.Generator().manual_seed(0)
    names = tuple(map(str, range(rows)))
    if kind == "multiclass":
        chances = torch.rand(rows, 3, generator=random).softmax(1)
        return Predictions(names, names, chances, torch.arange(rows) % 3)
    masks = (torch.rand(rows, 2, SIDE, SIDE, generator=random) > 0.6).float()
    masks[::5], masks[1::7, 0] = 0, 0
    chances = torch.rand(rows, 2, SIDE, SIDE, generator=random)
    chances[::10] = 0
    return Predictions(names, names, chances, masks)


def in_parts(whole: Predictions, size: int):
    for start in range(0, len(whole.ids), size):
        part = slice(start, start + size)
        yield Predictions(whole.ids[part], whole.patients[part], whole.probabilities[part], whole.targets[part])


def metrics_for(kind: str):
    made = {}
    for name, make in ssmtl_metrics().items():
        try:
            made[name] = make(OUTPUTS[kind])
        except ValueError:
            continue
    return made


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("size", [1, 8, 36])
def test_batches_change_no_number(kind, size):
    whole = predictions_of(kind)
    task = SimpleNamespace(metrics=metrics_for(kind))
    assert len(task.metrics) >= 4
    one, several = score(task, [whole]), score(task, in_parts(whole, size))
    assert several.values == one.values
    assert list(several.per_image) == list(one.per_image)
    assert all(torch.equal(several.per_image[name], values) for name, values in one.per_image.items())


def test_every_metric_for_masks_goes_by_batches_and_none_is_kept():
    """Whatever `score` has had is gone when the next batch comes."""
    task, living, most = SimpleNamespace(metrics=metrics_for("masks")), weakref.WeakSet(), []

    def batches():
        for _ in range(5):
            batch = predictions_of("masks", 3)
            living.add(batch.probabilities)
            yield batch
            del batch
            gc.collect()
            most.append(len(living))

    kept, counts = KeptPredictions("masks", 15), ImageCounts("masks")
    assert len(score(task, shown_to(batches(), kept.add, counts.add)).per_image["dice"]) == 15
    assert max(most) <= 2, "the one before, until the loop variable is the next one"


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("size", [1, 5, 36])
def test_what_is_kept_is_what_all_predictions_at_once_give(kind, size):
    whole = predictions_of(kind)
    kept, counts = KeptPredictions(kind, ROWS), ImageCounts(kind)
    again = joined(shown_to(in_parts(whole, size), kept.add, counts.add))
    assert again.ids == whole.ids
    assert torch.equal(again.targets, whole.targets)
    arrays, severities = kept.arrays(), severity(kind, whole)
    worst = worst_places(severities)
    assert arrays["worst_places"].tolist() == worst
    assert arrays["worst_severities"].tolist() == severities[worst].tolist()
    assert counts.numbers["images"] == ROWS
    if kind == "multiclass":
        np.testing.assert_array_equal(arrays["probabilities"], whole.probabilities)
        np.testing.assert_array_equal(arrays["targets"], whole.targets)
        return
    assert len(arrays["sample_masks"]) == SAMPLES
    assert len(arrays["worst_masks"]) == WORST
    np.testing.assert_array_equal(arrays["sample_masks"], whole.targets[kept.sample_places])
    np.testing.assert_array_equal(arrays["worst_probabilities"], whole.probabilities[worst])
    np.testing.assert_array_equal(arrays["foreground_predicted"], (whole.probabilities > 0.5).sum((2, 3)))
    empty = [int((masks.flatten(2).sum(2) == 0).sum()) for masks in (whole.targets > 0.5, whole.probabilities > 0.5)]
    assert [counts.numbers["empty_reference"], counts.numbers["empty_prediction"]] == empty
    assert counts.numbers["both_empty"] > 0


def test_a_metric_that_needs_all_images_is_called_once():
    class Ranks:
        higher_is_better, unit, selects = None, "", False

        def __call__(self, probabilities, targets):
            calls.append(len(targets))
            return {"rank": probabilities.flatten(1).mean(1).argsort().float()}

    calls = []
    score(SimpleNamespace(metrics={"ranks": Ranks()}), in_parts(predictions_of("masks"), 8))
    assert calls == [ROWS]


def test_other_names_for_other_images_are_the_metrics_mistake():
    class Moody:
        higher_is_better, unit, selects, by_batches = None, "", False, True

        def __call__(self, probabilities, targets):
            return {f"of {len(targets)}": torch.zeros(())}

    with pytest.raises(WrongResultError, match=r"it returned \['of 8'\] for some images, and \['of 5'\] for others"):
        score(SimpleNamespace(metrics={"moody": Moody()}), in_parts(predictions_of("masks"), 8))
