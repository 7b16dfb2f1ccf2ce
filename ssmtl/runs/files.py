"""The JSON files of a run folder: one model for each, used for both writing and reading."""

from typing import Any

from ssmtl.calibration.stored import TaskCalibration
from ssmtl.json_file import Count, FileModel, Id, Number, Seconds


class Selected(FileModel):
    """Which weights are reported. :param score: their validation score; None if nothing was validated."""

    by: str
    step: Count
    score: Number | None = None


class Budget(FileModel):
    """How many images of a task training could use, and how. Unlabelled: 0 if no strategy asks for them.

    :param unlabeled_of: how many of them are of other sources than the task's own, by source.
    :param left_out: images in no part, since whom they show is in a validation or test part.
    :param known: in how many labelled images a class or structure is known, if it is not known in all.
    """

    labeled: Count
    unlabeled: Count
    unlabeled_of: dict[str, Count] = {}
    unlabeled_includes_labeled: bool = True
    val: Count
    left_out: Count = 0
    labeled_classes: dict[str, Count] = {}
    known: dict[str, Count] = {}


class MetricFacts(FileModel):
    """Facts about one name in `Results.tasks`; see `Metric`."""

    higher_is_better: bool | None
    unit: str

    @property
    def is_count(self) -> bool:
        """Whether it counts something, as `empty_reference` counts masks: neither direction is better, with a unit."""
        return self.higher_is_better is None and self.unit != ""


class StoppedEarly(FileModel):
    """Why training took fewer steps than its recipe says; see `EarlyStopping`."""

    planned: Count
    patience: Count
    min_delta: float


class Rate(FileModel):
    """A share of images, with its 95 % interval over patients; NaN: not defined."""

    share: Number
    low: Number
    high: Number


class AtThreshold(FileModel):
    """What a threshold that was chosen on validation images does on others."""

    threshold: Number
    sensitivity: Rate
    specificity: Rate


class ClassAssessment(FileModel):
    """One class against the rest. :param positives, negatives: images that have it, and that do not.

    :param ece, brier: expected calibration error and Brier score, before and after the run's temperature; one number
        alone if it has none. :param points: by operating point.
    """

    positives: Count
    negatives: Count
    ece: list[Number]
    brier: list[Number]
    points: dict[str, AtThreshold] = {}


class Subgroup(FileModel):
    """Some of the images. :param values: by metric; NaN: not defined on them."""

    images: Count
    patients: Count
    values: dict[str, Number]


class WorstImage(FileModel):
    """:param severity: how wrong its prediction is; see `ssmtl.evaluation.worst.severity`."""

    id: Id
    patient: Id
    severity: Number


class Assessment(FileModel):
    """Of one task on one evaluation set.

    :param intervals: by metric, the 95 % interval over patients, low and high. :param classes: of a classification
        task. :param subgroups: by column and value. :param worst: images, the worst first.
    """

    patients: Count
    intervals: dict[str, list[Number]] = {}
    classes: dict[str, ClassAssessment] = {}
    subgroups: dict[str, dict[str, Subgroup]] = {}
    worst: list[WorstImage] = []


class Results(FileModel):
    """results.json.

    :param steps: trained. :param stopped_early: None unless they are fewer than the recipe's.
    :param tasks: by task, domain and metric. :param counts: by task and domain: images, empty masks, and
        `known_NAME` of a class or structure that is not known in all images.
    :param metrics: by task and metric. :param validation: by task and metric, of the selected weights.
    :param weights: by name, the SHA-256 of their file. :param calibration: that of calibration.json; empty: the run was
        made before there was one. :param assessed: by task and domain, only of `ssmtl evaluate`.
    :param excluded: by task and domain, how many images were not scored, since they or whom they show trained or
        selected the model.
    :param sources: by task and domain. :param skipped: by source and image, why it was left out.
    """

    name: str
    seed: int
    steps: Count = 0
    stopped_early: StoppedEarly | None = None
    selected: Selected
    recipe_hash: str
    data_fingerprint: str = ""
    parameters: Count = 0
    tasks: dict[str, dict[str, dict[str, Number]]]
    counts: dict[str, dict[str, dict[str, Count]]] = {}
    metrics: dict[str, dict[str, MetricFacts]] = {}
    validation: dict[str, dict[str, Number]] = {}
    budgets: dict[str, Budget] = {}
    kinds: dict[str, str] = {}
    classes: dict[str, list[str]] = {}
    sources: dict[str, dict[str, str]] = {}
    skipped: dict[str, dict[Id, str]] = {}
    steps_skipped: Count = 0
    weights: dict[str, str] = {}
    calibration: str = ""
    assessed: dict[str, dict[str, Assessment]] = {}
    excluded: dict[str, dict[str, Count]] = {}
    seconds: Seconds = 0.0


class Waited(FileModel):
    """What early stopping remembers. :param evaluations: since the last that was better than `best`."""

    best: Number | None = None
    evaluations: Count = 0


class Calibration(FileModel):
    """calibration.json: by classification task, what was fitted on validation images for the selected weights.

    :param weights: the SHA-256 of their file.
    """

    weights: str
    tasks: dict[str, TaskCalibration]


class BestSoFar(FileModel):
    """The best validation score of a run so far, and the values behind it, by task and metric."""

    score: Number | None = None
    step: Count = 0
    values: dict[str, dict[str, Number]] = {}


class CheckpointFacts(FileModel):
    """checkpoint.json, beside the tensors of the state.

    :param step: optimiser steps done. :param numbers: of the state, besides the tensors.
    :param log_bytes: length of metrics.jsonl. :param skipped: steps that were not finite. :param seconds: so far.
    :param files: by name, the SHA-256 of the files beside it.
    """

    format: int
    step: Count
    recipe_hash: str
    data_fingerprints: dict[str, str]
    code_version: str
    recipe_origin: str
    split_origin: str
    torch: str
    threads: Count
    numbers: dict[str, Any]
    best: BestSoFar
    waited: Waited = Waited()
    log_bytes: Count
    skipped: Count
    seconds: Seconds
    files: dict[str, str] = {}


class Environment(FileModel):
    """environment.json: where and how a run was made.

    :param started: when, in UTC, as in ISO 8601. :param code_version: a hash of what can change a number.
    :param commit: of the code, with '+' if files differ from it; None outside a checkout.
    :param recipe_fixed: hash of what only a resumption with `--force` may change in recipe.yaml.
    :param plugins: by name, who offers them. :param local_plugins: absolute paths of plugin files.
    :param given_plugins: classes and modules that a program handed over, such as a notebook.
    :param initial: of `init`: the other run, the checksum of its weights, and what of them was taken.
    :param data_folder: absolute path that relative roots start from.
    :param resumed: the same facts for each time the run was resumed.
    """

    ssmtl: str
    started: str = ""
    code_version: str = ""
    commit: str | None = None
    python: str = ""
    platform: str = ""
    device: str = ""
    threads: Count = 0
    versions: dict[str, str] = {}
    plugins: dict[str, str] = {}
    local_plugins: list[str] = []
    given_plugins: list[str] = []
    command: list[str] = []
    data_folder: str = ""
    recipe_fixed: str = ""
    initial: dict[str, Any] = {}
    resumed: list[dict[str, Any]] = []
