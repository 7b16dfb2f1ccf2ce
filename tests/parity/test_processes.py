"""Two processes: the same parameters on both, the single process's rows, and the single process's parameters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from first_users import FIRST_USERS, QUICK, cases
from lightning_fabric import Fabric
from small_multimix import (
    CONFIDENT,
    NO_DROPOUT,
    SMALL,
    prepared_of,
    recipe_of,
    state_of,
    train,
    train_and_save,
    weights_of,
)

from ssmtl.errors import RecipeError, RunError
from ssmtl.runs.execute import make_fabric

WHOLE = (CONFIDENT, "balancer.use=uncertainty", "train.ema=0.9", "train.clip=1.0", "tasks.diagnosis.unlabeled_batch=6")
SGD = "optimizer={use: sgd, lr: 0.05}"
PLAIN = (*NO_DROPOUT, CONFIDENT, SGD)
AVERAGED = (*PLAIN, "balancer.use=uncertainty")
# Against a single process five steps are compared: later a borderline pseudo-label may flip by a rounding difference.
NEW = {name: (*NO_DROPOUT, SGD, *sets) for name, sets in FIRST_USERS.items()}
NEW["anatomical_gate"] = (*NEW["anatomical_gate"], CONFIDENT)
NEW["anatomical_crop"] = (*NEW["anatomical_crop"], CONFIDENT)
NEW["dwa"] = (*NEW["dwa"], CONFIDENT)
NEW["torchjd over strategies"] = (*NEW["torchjd over strategies"], CONFIDENT)
NEW["unimatch"] = (*NEW["unimatch"], "tasks.lungs.strategies.unimatch.cutmix=0")  # mixes a process's own rows
for name in ("cutmix_seg", "unimatch_v2"):
    NEW["mask teachers"] = (*NEW["mask teachers"], f"tasks.lungs.strategies.{name}.cutmix=0")  # likewise
NEW["classmix"] = (*NEW["classmix"], "tasks.lungs.strategies.classmix_seg.mix=0")  # likewise
NEW["remixmatch"] = (*NEW["remixmatch"], "tasks.diagnosis.strategies.remixmatch.alpha=0.001")  # likewise
# Rounding grows a hundredfold in a step of the full rate.
for steep in ("classification", "remixmatch", "classmix", "auxiliary"):
    NEW[steep] = (*NEW[steep], "optimizer.lr=0.005")
ROWS_TOGETHER = {"comatch", "contrastive"}
"""Their loss compares a process's own rows with each other, so that it depends on the number of processes."""
RUNS = (
    ("whole", WHOLE, 10),
    ("plain", PLAIN, 5),
    ("averaged", AVERAGED, 5),
    *((name, sets, 3) for name, sets in NEW.items()),
)
OF_MEAN_LOSSES = {"famo", "gls", "stch"}
"""Balancers whose total is that of all processes' rows."""

SETTINGS = {name: sets for name, sets, _ in RUNS}
STEPS = {name: steps for name, _, steps in RUNS}


class Ranks:
    """The results of each of two gloo processes, by run and rank; the slow tests' runs only if they are asked for."""

    def __init__(self, folder):
        self.folder, self.known = folder, {}

    def __getitem__(self, run):
        if run not in self.known:
            slow = is_slow(run)
            wanted = tuple(one for one in RUNS if is_slow(one[0]) == slow)
            Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(train_and_save, str(self.folder), wanted)
            self.known |= {
                name: [torch.load(self.folder / f"{name}.{rank}.pt") for rank in range(2)] for name, _, _ in wanted
            }
        return self.known[run]


def is_slow(run):
    return run in FIRST_USERS and run not in QUICK


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    return Ranks(tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("run", cases(STEPS))
def test_both_ranks_have_the_same_parameters(ranks, run):
    first, second = (rank["weights"] for rank in ranks[run])
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(total.isfinite() for rank in ranks[run] for total in rank["totals"])
    same = ranks[run][0]["totals"] == ranks[run][1]["totals"]
    assert same == (run in OF_MEAN_LOSSES), "the ranks see different rows"


def test_the_parameters_have_moved_also_those_of_the_balancer(ranks):
    start, end = weights_of(state_of(*WHOLE)), ranks["whole"][0]["weights"]
    extras = [name for name in start if name.startswith("extra.")]
    assert len(extras) == 2
    assert all(not torch.equal(start[name], end[name]) for name in extras)
    assert not torch.equal(start["heads.lungs.last.weight"], end["heads.lungs.last.weight"])


@pytest.mark.parametrize("run", ["whole", "plain"])
def test_the_ranks_rows_are_those_of_one_process(ranks, run, monkeypatch):
    import ssmtl.training.engine

    state, drawn = state_of(*SETTINGS[run]), []
    render = ssmtl.training.engine.render

    def recorded(task, *arguments):
        batch, truth = render(task, *arguments)
        drawn.append((task.name, {str(view): images for view, images in batch.images.items()}))
        return batch, truth

    monkeypatch.setattr(ssmtl.training.engine, "render", recorded)
    train(state, STEPS[run])
    assert len(drawn) == 2 * STEPS[run]
    for (task, alone), (first, half), (second, rest) in zip(
        drawn, *(rank["drawn"] for rank in ranks[run]), strict=True
    ):
        assert task == first == second
        for view, images in alone.items():
            assert torch.equal(torch.cat([half[view], rest[view]]), images), (task, view)


@pytest.mark.parametrize("run", cases(name for name in STEPS if name not in {"whole", *ROWS_TOGETHER}))
def test_the_averaged_gradient_is_the_single_processes(ranks, run):
    state = state_of(*SETTINGS[run])
    totals = [numbers.total for numbers in train(state, STEPS[run])]
    for name, value in weights_of(state).items():
        torch.testing.assert_close(ranks[run][0]["weights"][name], value, atol=1e-4, rtol=1e-4, msg=name)
    if run == "plain":
        for whole, *halves in zip(totals, *(rank["totals"] for rank in ranks[run]), strict=True):
            torch.testing.assert_close(torch.stack(halves).mean(), whole, atol=1e-4, rtol=1e-4)


def in_a_process(*arguments, timeout=300):
    return subprocess.run(
        [Path(sys.executable).with_name("ssmtl"), *arguments],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "250"}, timeout=timeout,
    )  # fmt: skip


def settings(*overrides):
    return [part for override in (*SMALL, "train.devices=2", *overrides) for part in ("--set", override)]


@pytest.mark.slow
def test_the_command_trains_in_two_processes(tmp_path):
    run = tmp_path / "run"
    done = in_a_process(
        "run", "multimix", *settings("train.steps=4", "train.evaluate_every=2", "train.log_every=1"), "--out", run
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((run / "results.json").read_text())
    assert set(results["tasks"]["lungs"]) == {"in_domain", "cross_domain"}
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [event["step"] for event in events if event["event"] == "step"]
    parts = [event["part"] for event in events if event["event"] == "evaluated"]
    assert steps == [1, 2, 3, 4], "one process writes"
    assert sorted(parts) == sorted([*["validation"] * 2, *["in_domain"] * 2, *["cross_domain"] * 2])
    assert {path.name for path in (run / "weights").iterdir()} == {"best.safetensors", "last.safetensors"}
    assert (run / "report.html").is_file()
    assert not list(run.rglob("*.part"))


@pytest.mark.slow
def test_a_mistake_in_a_spawned_process_is_one_clear_error(tmp_path):
    done = in_a_process(
        "run", "multimix", *settings("tasks.diagnosis.strategies.fixmatch.teacher=ema"), "--out", tmp_path / "run"
    )
    assert done.returncode == 2, done.stderr
    assert "train.ema" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("key", ["tasks.lungs.batch", "tasks.lungs.unlabeled_batch"])
def test_a_batch_that_does_not_divide_is_refused_before_anything_is_started(key):
    pool = "unlabeled" if key.endswith("unlabeled_batch") else "labeled"
    with pytest.raises(RecipeError, match=f"train.devices: task 'lungs': 5 {pool} rows per step do not divide among 2"):
        prepared_of(f"{key}=5", "train.devices=2")


def test_more_processes_than_devices_are_refused():
    if torch.cuda.is_available():
        pytest.skip("has a GPU")
    recipe, _ = recipe_of("train.device=cuda", "train.devices=2")
    with pytest.raises(RunError, match="device cuda, devices 2"):
        make_fabric(recipe)
