"""Which images augmentations get as references."""

import torch
from small_multimix import prepared_of

from ssmtl import References
from ssmtl.experiment.references import tell_augmentations

MIXED = "tasks.lungs.augment.weak={use: histogram_match, references: 5}"


def references(*overrides, seed=None):
    """What the lungs' augmentation is told, and the experiment with its data."""
    experiment, prepared, _ = prepared_of(MIXED, *overrides, seed=seed)
    told = []
    (lungs,) = (task for task in experiment.tasks if task.name == "lungs")
    lungs.augment["weak"].begin = told.append
    tell_augmentations(experiment, prepared.tasks, torch.device("cpu"))
    (only,) = told
    assert isinstance(only, References)
    return only, prepared


def content(images):
    return {bytes(image.numpy().tobytes()) for image in images}


def of_rows(rows):
    return content(rows.images(slice(None)))


def test_references_are_training_images_of_each_source_and_of_nobody_who_is_scored():
    found, prepared = references("tasks.lungs.augment.weak.references=1000")
    data = prepared.tasks
    for task, foreign in (("diagnosis", True), ("lungs", False)):
        training = of_rows(data[task].labeled) | of_rows(data[task].unlabeled)
        assert content(found.images[found.foreign == foreign]) == training
    for task in data.values():
        for rows in (task.val, *task.test.values()):
            assert not content(found.images) & of_rows(rows)


def test_they_are_as_many_of_each_source_as_are_asked_for_whatever_the_budget():
    found, _ = references()
    assert found.foreign.sum() == (~found.foreign).sum() == 5
    other_budget, _ = references("tasks.lungs.labeled=3", "tasks.diagnosis.unlabeled_includes_labeled=false")
    assert torch.equal(found.images, other_budget.images)
    assert not torch.equal(found.images, references(seed=1)[0].images)
