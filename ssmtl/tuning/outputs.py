"""What a search leaves beside its record: trials.csv, and best.yaml, a recipe."""

import csv
import io
from collections import Counter
from pathlib import Path

from ssmtl.atomic_file import write_text
from ssmtl.recipe import yaml_file
from ssmtl.recipe.differences import as_text
from ssmtl.tuning.searched_recipe import SearchedRecipe
from ssmtl.tuning.trial import StudyRecord
from ssmtl.wording import counted

TRIALS, BEST = "trials.csv", "best.yaml"


def write_outputs(folder: Path, record: StudyRecord, searched: SearchedRecipe) -> None:
    """Write both; best.yaml once a trial has finished."""
    write_text(folder / TRIALS, trials_text(record))
    best = record.best
    if best is not None:
        recipe = searched.of(best.parameters, f"trial {best.number}")
        write_text(folder / BEST, f"{_header(record)}{yaml_file.dump(recipe.content())}")


def trials_text(record: StudyRecord) -> str:
    """One row per trial, one column per parameter."""
    parameters = list(record.space["parameters"])
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["trial", "round", "state", "value", "pruned_at", *parameters, "steps", "seconds", "runs", "error"])
    for one in record.trials:
        values = [as_text(one.parameters.get(key)) for key in parameters]
        value = "" if one.value is None else f"{one.value:.6g}"
        runs = " ".join(f"cells/{name}" for name in one.runs)
        pruned = "" if one.pruned_at is None else one.pruned_at
        row = (one.number, one.round, one.state, value, pruned, *values, one.steps, one.seconds, runs, one.error)
        table.writerow(row)
    return text.getvalue()


def spent_in_words(record: StudyRecord) -> str:
    """'8 trials (5 finished, 3 pruned), 2,400 steps, 61 s': what a fair comparison has to be equal in."""
    counts = Counter(one.state for one in record.trials)
    parts = ", ".join(f"{counts[state]} {state}" for state in sorted(counts))
    trials = counted(len(record.trials), "trial")
    return f"{trials} ({parts}), {record.steps:,} steps, {record.seconds:.0f} s"


def _header(record: StudyRecord) -> str:
    best = record.best
    assert best is not None
    sampler, pruner = record.space["sampler"]["use"], record.space["pruner"]["use"]
    values = "\n".join(f"#   {key}: {as_text(value)}" for key, value in best.parameters.items())
    return (
        f"# Trial {best.number} of a search by ssmtl {record.ssmtl}, the best on validation images: {best.value:.6g}.\n"
        f"{values}\n"
        f"# Searched with: {spent_in_words(record)}; sampler {sampler}, pruner {pruner}, seed {record.space['seed']}.\n"
        f"# Code {record.code}, commit {record.commit or 'unknown'}; data {record.data}; begun {record.started}.\n"
        "# No test image was evaluated. The score above is the highest of several, and so too high: run this recipe.\n"
    )
