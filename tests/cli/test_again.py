"""Commands that are run again: the printed ones work when pasted, and a plugin file that is missing is named."""

import json
import shlex

import pytest
from command_line import TINY, block, call, own_images, readme_sources, settings

from ssmtl import Folders
from ssmtl.cli.bench import _status_command
from ssmtl.errors import RunError
from ssmtl.recipe.load import RecipeText
from ssmtl.recipe.yaml_file import read_mapping
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.again import resume_command
from ssmtl.runs.evaluate_again import evaluate_run
from ssmtl.runs.folder import RunFolder


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A finished run with a plugin file and a data folder, in a folder with a space in its name."""
    parent = tmp_path_factory.mktemp("a place")
    plugin, out = parent / "my bridge.py", parent / "my run"
    plugin.write_text(block("docs/plugins.md", "python", "## A bridge from nothing"))
    data = own_images(parent / "my data").parent
    overrides = (*TINY, "tasks.lungs.bridge={use: picture, stride: 4}", "tasks.diagnosis.evaluate_on={}")
    options = ("--sources", readme_sources(parent), "--data-root", data, "--plugin", plugin, "--out", out)
    code, _, err = call("run", "multimix", *settings(*overrides, "tasks.lungs.evaluate_on={in: jsrt}"), *options)
    assert code == 0, err
    return RunFolder(out), Folders(data), plugin


def recipe_of(run, **changes):
    return RecipeText({**read_mapping(run.recipe), **changes}, "f").validated()


def test_the_resume_command_works_when_pasted(started, monkeypatch):
    run, folders, plugin = started
    monkeypatch.delenv("SSMTL_DATA", raising=False)
    program, *command = shlex.split(resume_command(run, recipe_of(run), folders, [plugin]))
    assert program == "ssmtl"
    assert all(str(path) in command for path in (run.path, folders.data_root, plugin))
    code, shown, err = call(*command, "--set", "train.steps=4", "--force")  # so that there is something to resume
    assert code == 0, err
    assert "resuming" in shown
    assert "validation at step 4" in shown


def test_a_plugin_that_the_recipe_lists_is_allowed_and_not_given_twice(started):
    run, _, plugin = started
    recipe = recipe_of(run, plugins=[str(plugin)])
    command = resume_command(run, recipe, Folders(), [plugin.resolve()])
    assert shlex.split(command)[4:] == ["--allow-local-plugins"]


def test_the_environment_names_data_folder_and_plugin_files(started):
    run, folders, plugin = started
    facts = json.loads(run.environment.read_text())
    assert facts["data_folder"] == str(folders.data_root)
    assert facts["local_plugins"] == [str(plugin)]
    assert facts["plugins"][str(plugin)] == str(plugin)


def test_without_its_plugin_the_error_names_option_and_file(started):
    run, folders, plugin = started
    more = ("--force", "--set", "train.steps=6")
    for command in (("evaluate", run.path), ("run", "--resume", run.path, *more)):
        code, _, err = call(*command, "--data-root", folders.data_root)
        assert code == 2
        assert "tasks.lungs.bridge.use: no bridge is called 'picture'" in err
        assert f"(the run was started with --plugin '{plugin}': give this again)" in err
        assert len(err.splitlines()) == 1
    code, _, err = call("evaluate", run.path, "--data-root", folders.data_root, "--plugin", plugin)
    assert code == 0, err


def test_weights_are_best_or_last(started):
    code, _, err = call("evaluate", started[0].path, "--weights", "middle")
    assert code == 2
    assert "'middle' is not one of 'best', 'last'" in err
    for which in ("../weights/best", "foo", ""):
        with pytest.raises(RunError, match=f"no weights called '{which}'; expected best or last"):
            evaluate_run(started[0], load_plugins(), Folders(None), weights=which)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("results.json", "results.json"),
        ("weights/best.safetensors", "weights"),
        ("weights/new.json", "weights"),
        ("predictions/../split.json", "split.json"),
    ],
)
def test_what_the_run_wrote_is_not_written_over(name, own, started):
    run, folders, plugin = started
    out = run.path / name
    before = out.read_bytes() if out.exists() else None
    code, _, err = call("evaluate", run.path, "--data-root", folders.data_root, "--plugin", plugin, "--out", out)
    assert code == 2
    assert f"is the run's own {own}; give a path outside {run.path}" in err
    assert (out.read_bytes() if out.exists() else None) == before
    code, _, err = call(
        "evaluate", run.path, "--data-root", folders.data_root, "--plugin", plugin, "--out", run.path / "later.json"
    )
    assert code == 0, err


def test_the_status_command_has_the_options_of_the_run(tmp_path):
    command = _status_command(tmp_path / "s.yaml", tmp_path / "out", None, [tmp_path / "a b.py"])
    assert shlex.split(command)[3:] == [
        *(str(tmp_path / "s.yaml"), "--out", str(tmp_path / "out"), "--plugin", str(tmp_path / "a b.py"))
    ]
