"""Which code counts towards the code version of a result, and which does not."""

from pathlib import Path

from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs import code_version as module
from ssmtl.runs.code_version import code_files, code_version

ROOT = Path(__file__).parents[2]
PLUGINS = load_plugins()


def recipe_of(name, plugins=PLUGINS, overrides=()):
    return read(name, plugins["recipe"], sources="phantom", overrides=overrides).validated()


def counted(name):
    return {path.relative_to(ROOT).as_posix() for path in code_files(PLUGINS, recipe_of(name))}


def test_training_and_scoring_code_counts_and_reporting_code_does_not():
    files = counted("multimix")
    assert {"ssmtl/training/engine.py", "ssmtl/contracts/random_stream.py", "ssmtl/evaluation/score.py"} <= files
    assert {"ssmtl/builtins/soft_dice.py", "ssmtl/data/split.py", "ssmtl/experiment/assemble.py"} <= files
    rooms = {path.split("/")[1] for path in files if path.startswith("ssmtl/")}
    assert not rooms & {"cli", "runs", "suite", "reports", "testing", "errors.py"}


def test_plugins_count_where_the_recipe_uses_them():
    assert "plugins/ssmtl_mixmatch/mixmatch.py" in counted("enc_mm")
    assert "plugins/ssmtl_mixmatch/mixmatch.py" not in counted("multimix")
    assert "plugins/ssmtl_metrics/overlap.py" in counted("multimix")
    assert not {path for path in counted("multimix") if path.startswith("plugins/ssmtl_smp")}


def test_a_local_plugin_counts_by_its_content(tmp_path):
    path = tmp_path / "own.py"
    text = "from ssmtl import hookimpl\n@hookimpl\ndef ssmtl_augmentations():\n    return {'own': lambda: None}\n"
    versions = []
    for content in (text, text, text + "# a change\n"):
        path.write_text(content)
        plugins = load_plugins([path])
        recipe = recipe_of("umtl", plugins, ["tasks.lungs.augment.weak={use: own}"])
        versions.append(code_version(plugins, recipe))
        module._digest.cache_clear()
    assert versions[0] == versions[1] != versions[2]
