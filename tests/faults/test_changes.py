"""A run is resumed unchanged: changes are listed and refused; a damaged checkpoint is skipped."""

import json
import shutil

import pytest
from children import assert_same, command, facts_of, killed_at, tiny


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was killed after step 9."""
    folder = tmp_path_factory.mktemp("stopped")
    ended = command([*tiny("multimix"), "--out", folder / "run"], folder / "log", first=killed_at("step-00000012", 1))
    assert ended.code == -9, ended.out
    assert sorted(path.name for path in (folder / "run" / "checkpoints").glob("step*")) == [
        "step-00000006",
        "step-00000009",
    ]
    return folder / "run"


@pytest.fixture
def run(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "run")


def resumed(run, *more):
    return command(["run", "--resume", run, *more], run.parent / "log")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("optimizer.lr=0.01", "optimizer.lr: was 0.0005, is 0.01"),
        ("tasks.diagnosis.labeled=13", "tasks.diagnosis.labeled: was 12, is 13"),
        ("seed=1", "seed: was 0, is 1"),
        ("train.steps=20", "train.steps: was 12, is 20 (--force allows it)"),
        ("sources.chex.seed=5", "sources.chex.seed"),
        ("tasks.lungs.strategies.soft_dice.weight=2", "tasks.lungs.strategies.0.weight: was 5.0, is 2.0"),
    ],
)
def test_another_recipe_is_refused_and_the_differences_are_listed(run, setting, said):
    before = facts_of_all(run)
    ended = resumed(run, "--set", setting)
    assert ended.code == 2, ended.out
    assert said in ended.out
    assert "Traceback" not in ended.out
    assert facts_of_all(run) == before


def facts_of_all(run):
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}


def test_force_allows_no_other_recipe(run):
    ended = resumed(run, "--force", "--set", "optimizer.lr=0.01")
    assert ended.code == 2
    assert "optimizer.lr" in ended.out


def test_fewer_steps_are_refused_even_with_force(run):
    ended = resumed(run, "--force", "--set", "train.steps=4")
    assert ended.code == 2
    assert "train.steps: 4 is less than the 12 of the run" in ended.out


def test_settings_that_change_no_number_may_change(run, whole):
    ended = resumed(run, "--set", "train.checkpoint_every=5 minutes", "--set", "train.keep_checkpoints=5")
    assert ended.code == 0, ended.out
    one, two = facts_of(whole("multimix")[0]), facts_of(run)
    assert one["weights/last.safetensors"][-1000:] == two["weights/last.safetensors"][-1000:]
    assert one["metrics.jsonl"] == two["metrics.jsonl"]


@pytest.mark.slow
def test_more_steps_of_a_finished_run(tmp_path, whole):
    """The same as a run that had them from the start, since nothing in this recipe depends on the last step."""
    short = shutil.copytree(whole("multimix")[0], tmp_path / "run")
    ended = resumed(short, "--force", "--set", "train.steps=16")
    assert ended.code == 0, ended.out
    assert_same(whole("multimix", "train.steps=16")[0], short)


def test_other_data_are_refused(tmp_path, make_images):
    images = make_images(tmp_path / "images")
    arguments = ["run", images.recipe, "--out", tmp_path / "run", "--data-root", tmp_path]
    killed = command(arguments, tmp_path / "log", first=killed_at("step-00000006", 1))
    assert killed.code == -9, killed.out
    images.change(3)
    ended = resumed(tmp_path / "run", "--data-root", tmp_path)
    assert ended.code == 2
    assert "the data changed since" in ended.out
    assert "source 'images': its content was" in ended.out
    images.change_back(3)
    ended = resumed(tmp_path / "run", "--data-root", tmp_path)
    assert ended.code == 0, ended.out


def test_a_missing_image_is_named(tmp_path, make_images):
    images = make_images(tmp_path / "images")
    arguments = ["run", images.recipe, "--out", tmp_path / "run", "--data-root", tmp_path]
    assert command(arguments, tmp_path / "log", first=killed_at("step-00000006", 1)).code == -9
    images.paths[3].unlink()
    ended = resumed(tmp_path / "run", "--data-root", tmp_path)
    assert ended.code == 2
    assert images.paths[3].name in ended.out


def test_data_that_vanish_or_change_while_it_trains_change_nothing(tmp_path, make_images):
    """A run uses the images that it decoded at its start."""
    images = make_images(tmp_path / "images")
    arguments = ["run", images.recipe, "--data-root", tmp_path]
    whole = command([*arguments, "--out", tmp_path / "whole"], tmp_path / "log")
    assert whole.code == 0, whole.out

    def first():
        import ssmtl.runs.callbacks

        before = ssmtl.runs.callbacks.Telling.step_logged

        def vanish(self, step):
            if step.step == 2:
                images.paths[2].unlink()
                images.change(3)
            before(self, step)

        ssmtl.runs.callbacks.Telling.step_logged = vanish

    ended = command([*arguments, "--out", tmp_path / "run"], tmp_path / "log", first=first)
    assert ended.code == 0, ended.out
    assert not images.paths[2].exists()
    assert_same(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("state.safetensors", lambda content: content[:-100]),
        pytest.param("state.safetensors", lambda content: b"", marks=pytest.mark.slow),
        pytest.param(
            "state.safetensors",
            lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
            marks=pytest.mark.slow,
        ),
        pytest.param("best.safetensors", lambda content: content[:-1], marks=pytest.mark.slow),
        pytest.param("checkpoint.json", lambda content: content[: len(content) // 2], marks=pytest.mark.slow),
        ("checkpoint.json", lambda content: content.replace(b'"step": 9', b'"step": 8')),
        pytest.param("checkpoint.json", lambda content: b"[]", marks=pytest.mark.slow),
        pytest.param("checkpoint.json", lambda content: b"null", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(run, whole, file, damage):
    path = run / "checkpoints" / "step-00000009" / file
    content = path.read_bytes()
    path.unlink()  # it may be another name of the best weights
    path.write_bytes(damage(content))
    ended = resumed(run)
    assert ended.code == 0, ended.out
    assert "Warning:" in ended.out
    assert "step-00000009 is damaged and skipped" in ended.out
    assert_same(whole("multimix")[0], run)


def test_without_any_whole_checkpoint_it_starts_again(run, whole):
    for path in (run / "checkpoints").rglob("state.safetensors"):
        path.write_bytes(b"torn")
    ended = resumed(run)
    assert ended.code == 0, ended.out
    assert_same(whole("multimix")[0], run)


def test_a_log_that_lost_its_end_costs_a_checkpoint(run, whole):
    log = run / "metrics.jsonl"
    facts = json.loads((run / "checkpoints" / "step-00000009" / "checkpoint.json").read_text())["content"]
    log.write_bytes(log.read_bytes()[: facts["log_bytes"] - 10])
    ended = resumed(run)
    assert ended.code == 0, ended.out
    assert "has lost its end" in ended.out
    assert_same(whole("multimix")[0], run)


def test_the_recipe_and_the_data_are_in_every_checkpoint(run):
    split = json.loads((run / "split.json").read_text())
    for path in run.rglob("checkpoint.json"):
        facts = json.loads(path.read_text())["content"]
        assert facts["data_fingerprints"] == split["fingerprints"]
        assert len(facts["recipe_hash"]) == 16


def test_a_folder_without_a_run(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        ended = command(["run", "--resume", folder], tmp_path.parent / "log")
        assert ended.code == 2
        assert "holds no run to resume" in ended.out
    assert command(["run", "--resume", "auto"], tmp_path.parent / "log").code == 2
