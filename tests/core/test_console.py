"""What a run says in the terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ssmtl.cli.skipped import print_skipped
from ssmtl.cli.tables import print_plan, print_results
from ssmtl.events import Evaluated, RunStarted
from ssmtl.runs.console import LiveConsole, PlainConsole
from ssmtl.runs.files import Budget, MetricFacts, Results, Selected
from ssmtl.wording import counted


def started(select_by):
    return RunStarted("run", Path(), 10, {"select_by": select_by})


def shown(width=200):
    return Console(file=io.StringIO(), width=width)


@pytest.mark.parametrize(
    ("select_by", "score", "said", "unsaid"),
    [
        ("validation", 0.8, "best so far", "kept"),
        ("last", 0.8, "these weights are kept", "best"),
        ("validation", None, "these weights are kept", "best"),
    ],
)
def test_a_validation_says_whether_it_selects(select_by, score, said, unsaid):
    console = shown()
    observer = PlainConsole(console)
    observer.ssmtl_run_started(started(select_by))
    observer.ssmtl_evaluated(Evaluated(10, "validation", {"lungs.dice": 0.8}, score, best=True))
    assert said in console.file.getvalue()
    assert unsaid not in console.file.getvalue()


@pytest.mark.parametrize(
    ("select_by", "said", "unsaid"), [("validation", "best so far", "kept"), ("last", "kept", "best")]
)
def test_the_live_display_says_which_weights_are_kept(select_by, said, unsaid):
    console = shown()
    observer = LiveConsole(console)
    observer.selects = select_by != "last"
    observer.ssmtl_evaluated(Evaluated(10, "validation", {"lungs.dice": 0.8}, 0.8, best=True))
    console.print(observer._render())
    assert said in console.file.getvalue()
    assert unsaid not in console.file.getvalue()


@pytest.mark.parametrize(
    ("select_by", "said"), [("validation", "best on the validation"), ("last", "of the last step")]
)
def test_the_plan_says_which_weights_are_kept(select_by, said):
    console = shown()
    plan = {
        "name": "multimix", "seed": 0, "recipe_hash": "abc", "parameters": 1234, "image": "1 × 32 × 32",
        "backbone": "encoder", "steps": 1, "rows_per_step": 1, "rows_per_pass": 1, "megabytes": 3,
        "optimizer": "adam, schedule step",
        "balancer": "fixed", "select_by": select_by, "ema": None, "tasks": {},
    }  # fmt: skip
    print_plan(console, plan)
    text = console.file.getvalue()
    assert said in text
    assert "1 step, each on 1 image of" in text


TASK = {
    "source": "chex", "kind": "multiclass", "classes": ["a", "b"], "head": "linear", "bridge": None,
    "labeled": {"a": 20, "b": 30}, "strategies": {"ce": "1"}, "views": {"labeled/weak": 10},
    "unlabeled_includes_labeled": True, "evaluate_on": {"here": "chex"},
}  # fmt: skip
COUNTED = {
    "images": {"labeled": 20, "unlabeled": 26, "val": 4, "here": 7},
    "left_out": 3,
    "labeled_classes": {"a": 8, "b": 12},
}


def planned(**task):
    console = shown()
    plan = {
        "name": "multimix", "seed": 0, "recipe_hash": "abc", "parameters": 1234, "image": "1 × 32 × 32",
        "backbone": "encoder", "steps": 1, "rows_per_step": 1, "rows_per_pass": 1, "megabytes": 3,
        "optimizer": "adam, schedule step",
        "balancer": "fixed", "select_by": "last", "ema": None, "tasks": {"t": TASK | task},
    }  # fmt: skip
    print_plan(console, plan)
    return console.file.getvalue()


def test_the_plan_names_unlabelled_images_only_if_a_view_uses_them():
    used = planned(**COUNTED, views={"labeled/weak": 10, "unlabeled/weak": 10})
    assert "20 labelled (8 a, 12 b), 26 unlabelled (including the labelled), 4 validation; test here 7" in used
    assert "20 labelled (8 a, 12 b), 4 validation; test here 7" in planned(**COUNTED)


def test_the_plan_says_why_images_are_left_out():
    assert "; 3 left out: their patients are in validation or test parts" in planned(**COUNTED)


def test_the_plan_says_that_structures_are_exclusive():
    assert "exclusive" not in planned()
    assert ": exclusive multiclass a, b; head" in planned(exclusive=True)


def test_the_plan_has_a_budget_by_class_in_words():
    assert "chex, label budget 20 a, 30 b; evaluated on here chex" in planned()


def test_long_lines_are_wrapped_between_names():
    console = shown(width=60)
    observer = PlainConsole(console)
    observer.ssmtl_run_started(started("validation"))
    values = {f"lungs.a_metric_{number}": number / 100 for number in range(20)}
    observer.ssmtl_evaluated(Evaluated(10, "validation", values, 0.8, best=True))
    first, *rest = console.file.getvalue().splitlines()
    assert first.startswith("validation at step 10  lungs.a_metric_0 0.000")
    assert all(len(line) <= 60 for line in (first, *rest))
    assert all(line.startswith("    lungs.") for line in rest[:-1])
    assert " ".join(" ".join([first, *rest]).split()).count("lungs.a_metric_19 0.190 best so far") == 1


@pytest.mark.parametrize(
    ("by", "said"), [("validation", "best on validation, of step 7"), ("last", "of the last step")]
)
def test_the_results_say_one_image_and_which_weights(by, said):
    results = Results(
        name="run",
        seed=0,
        selected=Selected(by=by, step=7, score=0.5),
        recipe_hash="abc",
        tasks={"lungs": {"in_domain": {"dice": 0.5}}},
        counts={"lungs": {"in_domain": {"images": 1}}},
        budgets={"lungs": Budget(labeled=1, unlabeled=1, val=1)},
        sources={"lungs": {"in_domain": "jsrt"}},
    )
    console = shown()
    print_results(console, results)
    assert "jsrt, 1 image " in console.file.getvalue()
    assert said in console.file.getvalue()


def test_counts_in_the_results_have_no_decimals():
    results = Results(
        name="run",
        seed=0,
        selected=Selected(by="last", step=7),
        recipe_hash="abc",
        tasks={"lungs": {"here": {"dice": 1.0, "empty_reference": 12.0}}},
        counts={"lungs": {"here": {"images": 1}}},
        metrics={
            "lungs": {
                "dice": MetricFacts(higher_is_better=True, unit=""),
                "empty_reference": MetricFacts(higher_is_better=None, unit="masks"),
            }
        },
        budgets={"lungs": Budget(labeled=1, unlabeled=1, val=1)},
        sources={"lungs": {"here": "jsrt"}},
    )
    console = shown()
    print_results(console, results)
    lines = console.file.getvalue().splitlines()
    assert any("Dice" in line and " 1.000 " in line for line in lines)
    assert any("empty reference (masks)" in line and " 12 " in line for line in lines)


def test_the_results_say_how_many_images_were_left_out():
    results = Results(
        name="run", seed=0, selected=Selected(by="last", step=7), recipe_hash="abc", tasks={},
        excluded={"lungs": {"jsrt": 12, "mcu": 0}, "diagnosis": {"chex": 1}},
    )  # fmt: skip
    console = shown()
    print_results(console, results)
    said = " ".join(console.file.getvalue().split())
    assert "lungs, jsrt: 12 images left out, since they, or whom they show, trained or selected the model" in said
    assert "diagnosis, chex: 1 image left out" in said
    assert "mcu" not in said


def test_skipped_images_are_named_with_the_reason_up_to_three():
    console = shown()
    print_skipped(console, "jsrt", {"a.png": "mask [m.png] has the EXIF orientation 1"})
    said = console.file.getvalue().splitlines()
    assert said == [
        "jsrt: 1 image left out (on_error: skip):",
        "  a.png: mask [m.png] has the EXIF orientation 1",
    ]
    console = shown()
    print_skipped(console, "jsrt", {f"{number}.png": "why" for number in range(5)})
    said = console.file.getvalue().splitlines()
    assert said[0] == "jsrt: 5 images left out (on_error: skip); 3 of them, all are in results.json:"
    assert said[1:] == [f"  {number}.png: why" for number in range(3)]


def test_numbers_have_their_plural():
    assert [counted(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
