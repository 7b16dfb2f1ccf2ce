"""What each command prints and how wide, and that the commands in the documents work."""

import json
import shlex
import subprocess
import sys

import pytest
from command_line import REPOSITORY, TINY, block, call, own_images, process, readme_sources, settings

from ssmtl import __version__
from ssmtl.registry.plugins import KINDS, load_plugins
from ssmtl.testing import check_balancer, check_metric, check_strategy, check_tracker

HEAVY = (
    *("torch", "kornia", "timm", "segmentation_models_pytorch", "matplotlib", "scipy", "torchmetrics"),
    *("mlflow", "wandb", "tensorboard"),
)
HELP = f"""
import sys
sys.argv = ["ssmtl", "--help"]
from ssmtl.cli.main import main
try:
    main()
finally:
    print("imported:", *[name for name in {HEAVY} if name in sys.modules])
"""
PHANTOM = (
    *TINY,
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "sources.chex.images=60",
    "sources.jsrt.images=40",
    "sources.nihx.images=12",
    "sources.mcu.images=12",
)


def test_help_lists_the_commands_and_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for command in ("run", "check", "evaluate", "predict", "export", "plugins", "schema"):
        assert f" {command} " in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["imported:"]


@pytest.mark.parametrize("command", ["run", "check", "evaluate", "predict", "export", "plugins", "schema"])
def test_each_command_has_help(command):
    code, shown, _ = call(command, "--help")
    assert code == 0
    assert f"ssmtl {command}" in shown


def test_version():
    assert call("--version") == (0, f"ssmtl {__version__}\n", "")


def test_plugins_shows_every_component_and_its_origin():
    code, shown, _ = call("plugins")
    assert code == 0
    lines = [line.split("  ") for line in shown.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    registry = load_plugins()
    for kind in KINDS:
        for entry in registry[kind].values():
            assert any(row[:2] == [entry.name, str(entry.origin)] for row in rows), entry


def test_plugins_of_one_kind():
    for name in ("bridge", "bridges"):
        code, shown, _ = call("plugins", name)
        assert code == 0
        assert "saliency" in shown
        assert "guided_by: another task, required if there are several" in shown
        assert "stride: whole number > 0, default 8" in shown
        assert "normalize: max | none, default max" in shown
        assert "fixmatch" not in shown


def test_schema_is_json_and_knows_the_components_options():
    code, shown, _ = call("schema")
    assert code == 0
    schema = json.loads(shown)
    assert "tasks" in schema["$defs"]["recipe"]["properties"]
    assert '"guided_by"' in shown
    assert '"threshold"' in shown


def test_check_prints_the_plan():
    code, shown, _ = call("check", "multimix")
    assert code == 0
    for part in (
        "multimix  seed 0",
        "parameters",
        "diagnosis: multiclass normal, pneumonia; head pooled_linear",
        "bridge saliency",
        "labeled/weak × 10",
        "fixmatch (weight 0.25)",
        "evaluated on in_domain jsrt, cross_domain mcu",
        "multimix.yaml has no errors, nor has what its sources list; only a run decodes images and masks",
    ):
        assert part in shown


@pytest.mark.parametrize("columns", [80, 140])
def test_no_line_is_wider_than_the_terminal(columns):
    for command in (("--help",), ("run", "--help"), ("plugins",), ("check", "multimix", *settings(*PHANTOM))):
        code, shown, _ = call(*command, columns=columns)
        assert code == 0
        wide = [
            line for line in shown.splitlines() if len(line) > columns and not line.endswith("decodes images and masks")
        ]
        assert not wide, command
        assert "…" not in shown, command


@pytest.mark.parametrize("columns", [80, 140])
def test_a_run_redraws_nothing_without_a_terminal(tmp_path, columns):
    code, shown, err = call("run", "multimix", *settings(*PHANTOM), "--out", tmp_path / "out", columns=columns)
    assert code == 0, err
    for part in ("step 1/2", "validation at step 2", "in_domain", "cross_domain", "dice", "report.html"):
        assert part in shown
    assert "\x1b" not in shown + err
    assert "\r" not in shown + err
    tables = [line for line in shown.splitlines() if line[:1] in "┏┃┡│└ "]
    assert len(tables) > 20
    assert max(map(len, tables)) <= columns
    assert "…" not in shown


def test_quiet_prints_nothing(tmp_path):
    command = ("run", "enc_mm", *settings(*(part for part in PHANTOM if "lungs" not in part)))
    code, shown, err = call(*command, "--quiet", "--out", tmp_path / "out")
    assert (code, shown) == (0, ""), err
    assert (tmp_path / "out" / "report.html").is_file()
    code, shown, err = call("run", "multimx", "--quiet", "--out", tmp_path / "other")
    assert (code, shown) == (2, "")
    assert "did you mean" in err


def test_where_relative_roots_start(tmp_path, monkeypatch):
    """--data-root, else SSMTL_DATA, else the current folder: each holds a different number of images."""
    sources = readme_sources(tmp_path)
    places = {name: tmp_path / name for name in ("option", "environment", "here")}
    for count, place in zip((12, 36, 72), places.values(), strict=True):
        folder = own_images(place, count)
    monkeypatch.chdir(places["here"])
    overrides = (*TINY, *(f"tasks.{task}.evaluate_on={{}}" for task in ("diagnosis", "lungs")))
    command = ("run", "multimix", "--sources", sources, *settings(*overrides, "tasks.diagnosis.labeled=99"))

    def images_in_train(*options):
        code, _, err = call(*command, *options, "--out", tmp_path / "out")
        assert code == 2
        return int(err.split("the train part has ")[1].split()[0])

    monkeypatch.setenv("SSMTL_DATA", str(places["environment"]))
    by_option, by_environment = images_in_train("--data-root", places["option"]), images_in_train()
    monkeypatch.delenv("SSMTL_DATA")
    assert 0 < by_option < by_environment < images_in_train()
    monkeypatch.chdir(tmp_path)
    code, shown, _ = call("check", "multimix", "--sources", sources, *settings(*overrides))
    assert code == 0
    assert f"'{folder.name}' under {tmp_path}, the current folder; --data-root or SSMTL_DATA may name another" in shown


def test_a_run_on_ones_own_images_as_the_readme_says(tmp_path, monkeypatch):
    own_images(tmp_path)
    readme_sources(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSMTL_DATA", raising=False)
    text = block("README.md", "", "## Your own images", containing="ssmtl run")
    program, *command = shlex.split(text.replace("\\\n", " "))
    assert program == "ssmtl"
    code, _, err = call(*command, *settings(*TINY), "--out", tmp_path / "out")
    assert code == 0, err
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["budgets"]["lungs"]["labeled"] == 4
    assert results["budgets"]["diagnosis"]["labeled"] == 8
    assert (tmp_path / "out" / "report.html").is_file()
    split = json.loads((tmp_path / "out" / "split.json").read_text())["tasks"]
    used = [
        {name for part in ("labeled", "unlabeled", "val") for name in task[part]}
        | set(task["test"]["in_domain"]["ids"])
        for task in split.values()
    ]
    assert not used[0] & used[1]  # here, each image is a patient


def test_the_bridge_of_the_documents(tmp_path):
    file = tmp_path / "my_bridge.py"
    code = block("docs/plugins.md", "python", "## A bridge from nothing")
    file.write_text(code)
    override = "tasks.lungs.bridge={use: picture, stride: 4}"
    result, shown, err = call("check", "multimix", "--plugin", file, *settings(*PHANTOM, override))
    assert result == 0, err
    assert "bridge picture" in shown
    rows = [row.split() for row in call("plugins", "bridge", "--plugin", file)[1].splitlines() if "picture" in row]
    assert rows[0][:2] == ["picture", str(file)]
    check = block("docs/plugins.md", "python", "## A bridge from nothing", containing="check_bridge")
    names = {}
    exec(code, names)
    exec(check, names)
    assert "check_bridge(PictureBridge" in check


def test_the_bridge_of_the_readme_is_that_of_the_documents():
    """All except its imports, its annotations and the longer docstring."""
    short = block("README.md", "python", "## A bridge of your own")
    names = {}
    lines = block("docs/plugins.md", "python", "## A bridge from nothing").splitlines()
    exec("\n".join(lines[: lines.index("class PictureBridge(Bridge):")]), names)
    exec(short, names)
    check = block("docs/plugins.md", "python", "## A bridge from nothing", containing="check_bridge")
    exec(check, names)


EXAMPLES = {
    "metric": ("class AreaError", "tasks.lungs.metrics=[dice, area_error]"),
    "strategy": ("class Entropy", "tasks.diagnosis.strategies=[{use: cross_entropy}, {use: entropy, weight: 0.1}]"),
    "state": ("class SteadyPredictions", "tasks.diagnosis.strategies=[{use: cross_entropy}, {use: steady}]"),
    "gradients": ("class EqualLengths", "balancer={use: equal_lengths, over: strategies}"),
    "observer": ("def ssmtl_evaluated(result: Evaluated) -> None:\n    if", "seed=0"),
    "tracker": ("class LossTable", "trackers=[{use: loss_table, name: losses.csv}]"),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_other_plugins_of_the_documents_run(kind, tmp_path):
    containing, override = EXAMPLES[kind]
    code = block("docs/plugins.md", "python", "## A metric, a strategy, an observer", containing=containing)
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    (tmp_path / "mine.py").write_text(code)
    options = ("--plugin", tmp_path / "mine.py", "--out", tmp_path / "out")
    result, _, err = call("run", "multimix", *settings(*PHANTOM, override), *options)
    assert result == 0, err
    names = {}
    exec(code, names)
    if kind == "metric":
        check_metric(names["AreaError"])
        assert "area_error" in json.loads((tmp_path / "out" / "results.json").read_text())["metrics"]["lungs"]
    elif kind == "state":
        check_strategy(names["SteadyPredictions"])
    elif kind == "tracker":
        check_tracker(names["LossTable"])
        assert (tmp_path / "out" / "losses.csv").read_text().startswith("step,loss\n1,")
    elif kind == "gradients":
        check_balancer(names["EqualLengths"])
    elif kind == "strategy":
        check_strategy(names["Entropy"])
        assert '"diagnosis.entropy"' in (tmp_path / "out" / "metrics.jsonl").read_text()
    else:
        assert (tmp_path / "out" / "best.txt").read_text().startswith("step 2: 0.")


@pytest.mark.parametrize(
    ("document", "heading"), [("docs/plugins.md", "## A bridge from"), ("README.md", "## A bridge of")]
)
def test_a_stride_that_no_level_has_is_refused_by_the_bridges_of_the_documents(document, heading, tmp_path):
    lines = block("docs/plugins.md", "python", "## A bridge from nothing").splitlines()
    start, end = lines.index("class PictureBridge(Bridge):"), lines.index("@hookimpl")
    own = block(document, "python", heading, containing="class PictureBridge")
    body = own if document == "README.md" else "\n".join(lines[start:end])
    (tmp_path / "mine.py").write_text("\n".join([*lines[:start], body, *lines[end:]]))
    override = "tasks.lungs.bridge={use: picture, stride: 5}"
    result, _, err = call("check", "multimix", "--plugin", tmp_path / "mine.py", *settings(*PHANTOM, override))
    assert result == 2
    assert (
        "tasks.lungs.bridge={use: picture, stride: 5}: no level has the stride 5; the strides are (1, 2, 4, 8, 16)"
        in err
    )


def test_a_reader_that_leaves_early_sees_no_traceback():
    script = f"{shlex.quote(sys.executable)} -c {shlex.quote('from ssmtl.cli.main import main; main()')}"
    done = subprocess.run(
        ["bash", "-c", f"{script} schema | head -n 1"], capture_output=True, text=True, timeout=60, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "{"
    assert "Traceback" not in done.stderr


def test_the_installed_script_is_the_same():
    assert process("--version") == (0, f"ssmtl {__version__}\n", "")
