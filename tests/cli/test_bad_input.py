"""Every kind of bad input: one clear error that says where it is, exit code 2, no traceback, nothing written."""

import json
import re
import shutil

import pytest
from command_line import TINY, block, call, image_name, own_images, process, readme_sources, save, settings

from ssmtl.errors import PluginError

RECIPE = "multimix.yaml: "
SMALL = (*TINY, *(f"tasks.{task}.evaluate_on={{}}" for task in ("diagnosis", "lungs")))


def refused(result, *messages, lines=1):
    """:param lines: number of lines of the message."""
    code, out, err = result
    assert code == 2, (out, err)
    assert err.startswith("Error: " if lines == 1 else f"{lines - 1} errors:")
    for message in messages:
        assert message in err
    assert len(err.splitlines()) == lines, err
    assert "Traceback" not in out + err


def run(out, *overrides, recipe="multimix", options=(), start=call):
    return start("run", recipe, *settings(*overrides), *options, "--out", out)


@pytest.fixture
def out(tmp_path):
    """The folder of a run, which exists neither before nor after."""
    yield tmp_path / "out"
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def shared_images(tmp_path_factory):
    return own_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def my_images(shared_images, tmp_path):
    """A set of images to damage, and the sources file of README.md beside it."""
    readme_sources(tmp_path)
    return shutil.copytree(shared_images, tmp_path / shared_images.name)


def run_on(my_images, out, *overrides, start=call):
    options = ("--sources", my_images.parent / "my_sources.yaml", "--data-root", my_images.parent)
    return run(out, *SMALL, *overrides, options=options, start=start)


MISTAKES = {
    "component": (
        "tasks.lungs.bridge.use=salency",
        "--set tasks.lungs.bridge.use=salency: no bridge is called 'salency' (did you mean 'saliency'?)",
    ),
    "option": (
        "tasks.lungs.bridge.strid=8",
        "--set tasks.lungs.bridge.strid=8: unknown key 'strid' (did you mean 'stride'?)",
    ),
    "type": (
        "tasks.diagnosis.strategies.fixmatch.threshold=high",
        "--set tasks.diagnosis.strategies.fixmatch.threshold=high: should be a number, found 'high'",
    ),
    "top level": ("optimiser={use: adam}", "--set optimiser={use: adam}: unknown key 'optimiser' (did you mean 'optim"),
    "below what was set": (
        "tasks.lungs.head={use: multimix_decoder}",
        "--set tasks.lungs.head={use: multimix_decoder}: tasks.lungs.head.classes: is missing",
    ),
    "no such task": (
        "tasks.lung.labeled=5",
        "--set tasks.lung.labeled=5: no task is called 'lung' (did you mean 'lungs",
    ),
    "no such source": (
        "sources.chx.val=5",
        "--set sources.chx.val=5: no source is called 'chx' (did you mean 'chex'?)",
    ),
    "selection by test": (
        "train.select_by=test",
        "--set train.select_by=test: ",
        "should be 'validation' or 'last', found 'test'",
    ),
    "component without use": (
        "balancer=uncertainty",
        "--set balancer=uncertainty: should be a component, such as {use: uncertainty}, found 'uncertainty'",
    ),
    "head without use": ("tasks.lungs.head=3", ": should be a component, such as {use: NAME}, found 3"),
    "bridge without use": ("tasks.lungs.bridge=saliency", "such as {use: saliency}, found 'saliency'"),
    "no list": ("image.mean=0.5", "--set image.mean=0.5: should be a list, such as [0.5], found 0.5"),
    "no text": ("name=3", "--set name=3: should be text, found 3"),
    "no whole number": ("train.steps=1.5", "--set train.steps=1.5: should be a whole number, found 1.5"),
    "no mapping": ("tasks.lungs=3", "--set tasks.lungs=3: should be keys with values, such as {name: value}, found 3"),
    "no truth": ("optimizer.nesterov=7", "--set optimizer.nesterov=7: should be true or false, found 7"),
    "a truth": ("train.steps=true", "--set train.steps=true: should be a whole number, found true"),
    "no duration": (
        "schedule.warmup=2 epocs",
        "--set schedule.warmup=2 epocs: should be a number of steps, or such as '100 steps' or '8 epochs', found",
    ),
    "no interval": (
        "train.checkpoint_every=ten minutes",
        "'100 steps', '8 epochs' or '10 minutes', found 'ten minutes'",
    ),
    "a budget by class for masks": (
        "tasks.lungs.labeled={lung: 5}",
        "--set tasks.lungs.labeled={lung: 5}: a number for each class is for tasks with labels, and this one has masks",
    ),
    "missing task": (
        "tasks.lungs.bridge.guided_by=diagnose",
        "multimix.yaml with --set tasks.lungs.bridge.guided_by=diagnose: tasks.lungs.bridge: reads the task ",
        "the task 'diagnose', which is not in the recipe",
        "did you mean 'diagnosis'?",
    ),
    "cycle": (
        "tasks.diagnosis.bridge={use: saliency, guided_by: lungs, stride: 8}",
        "--set tasks.diagnosis.bridge={use: saliency, guided_by: lungs, stride: 8}: ",
        "the bridges form a cycle: diagnosis → lungs → diagnosis",
    ),
    "no equals sign": ("train.steps", "--set train.steps: should be KEY=VALUE"),
    "no such place": ("train.steps.x=1", "--set train.steps.x=1: train.steps: is 400, which has no keys"),
    "no such item": (
        "tasks.lungs.strategies.soft_dise.weight=1",
        "--set tasks.lungs.strategies.soft_dise.weight=1: ",
        "no item 'soft_dise' in the list (did you mean 'soft_dice'?)",
    ),
    "override not YAML": ("train={steps: [1", "--set train={steps: [1 line 1: not YAML"),
}


STRANGE = {
    "3,000 dots": ("a." * 3000 + "x=1", "names a place 3,001 levels deep; expected at most 64"),
    "a digit that is no number": ("tasks.lungs.strategies.².weight=1", "no item '²' in the list"),
    "an index of 5,000 digits": (f"tasks.lungs.strategies.{'1' * 5000}.weight=1", "no item '1111"),
    "a date as key": ("train={2020-01-01: 3}", "train.2020-01-01: unknown key '2020-01-01'"),
    "a number of 400 digits": (f"tasks.lungs.batch={'1' * 400}", "the number 11111111111111111111… is too large"),
    "a large number with a point": (f"optimizer.lr={'1' * 400}.5", "the number 11111111111111111111… is too large"),
    "an exponent": ("optimizer.lr=1e400", "the number 1e400 is too large"),
    "a number below 64 bits": (f"seed=-{'9' * 30}", "is too large"),
    "deep lists": (f"train={'[' * 100}{']' * 100}", "not YAML: nested too deeply: more than 64 levels"),
    "a metric that is a number": ("tasks.lungs.metrics=[{use: 5}]", "tasks.lungs.metrics.0.use: ", "found 5"),
    "devices": ("train.devices=3", "--set train.devices=3: task 'diagnosis': 10 labeled rows per step do not divide"),
    "a timeout beyond all dates": (
        "train.timeout=999999999999999999",
        "--set train.timeout=999999999999999999: ",
        "31536000",
    ),
}


@pytest.mark.parametrize("mistake", STRANGE)
def test_strange_values(mistake, out):
    override, *messages = STRANGE[mistake]
    code, shown, err = run(out, override, *TINY) if mistake != "devices" else run(out, override)
    assert code == 2, (shown, err)
    assert "Internal error" not in err
    assert all(message in err for message in messages), err


def test_a_home_that_does_not_exist(out):
    override = "sources.chex={use: folders, root: ~nosuchuser}"
    refused(run(out, override, *SMALL), "source 'chex': root: nothing at ~nosuchuser: ")


@pytest.mark.parametrize("command", ["run", "check", "evaluate", "bench"])
def test_an_empty_path_is_not_the_current_folder(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {
        "run": ("run", "multimix", "--out", ""),
        "check": ("check", "multimix", "--data-root", ""),
        "evaluate": ("evaluate", tmp_path, "--out", ""),
        "bench": ("bench", "run", tmp_path, "--out", ""),
    }[command]
    code, _, err = call(*arguments)
    assert code == 2
    assert "it is empty; expected a path" in err
    assert list(tmp_path.iterdir()) == []


def test_a_seed_of_400_digits(out):
    code, _, err = run(out, options=("--seed", "1" * 400))
    assert code == 2
    assert "--seed" in err


@pytest.mark.slow
def test_markup_in_names_and_paths_is_text(tmp_path):
    """What looks like rich's markup in a run's name, a class, a path or a domain is shown as it is."""
    names = ("name='[/bold] run'", "tasks.diagnosis.head.classes=[normal, '[/bold]']")
    labels = "sources.chex.rename={pneumonia: '[/bold]'}"
    out = tmp_path / "[/red]"
    code, shown, err = run(out, *SMALL, *names, labels)
    assert code == 0, err
    for text in ("[/bold] run", "normal, [/bold]", "(4 normal, 4 [/bold])", str(out)):
        assert text in shown.replace("\n", ""), shown
    for command in (("report", out), ("run", "--resume", out)):
        code, _, err = call(*command)
        assert code == 0, err
    refused(run(out, *SMALL, *names, labels), "[/red] already holds a run")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_recipe(mistake, out):
    override, *messages = MISTAKES[mistake]
    refused(run(out, override), *messages)


def test_two_mistakes_are_both_reported(out):
    code, _, err = run(out, "tasks.lungs.bridge.use=salency", "tasks.diagnosis.source=cheks")
    assert code == 2
    assert err.startswith("2 errors:\n")
    assert "--set tasks.lungs.bridge.use=salency: " in err
    assert "--set tasks.diagnosis.source=cheks: no source is called 'cheks' (did you mean 'chex'?)" in err


def test_a_recipe_that_does_not_exist(out):
    refused(run(out, recipe="multimx"), "multimx: neither a file nor the name of a shipped", "did you mean 'multimix'?")
    refused(run(out, recipe="multimx.yaml"), "multimx.yaml: no such file (did you mean 'multimix'?)")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name: [a\n", "mine.yaml line 2: not YAML: "), (b"- a\n", "is not a mapping"), (b"\xff\xfe", "cannot be read")],
)
def test_a_file_that_is_not_a_recipe(content, message, tmp_path, out):
    (tmp_path / "mine.yaml").write_bytes(content)
    refused(run(out, recipe=tmp_path / "mine.yaml"), "mine.yaml", message)


def test_sources_that_do_not_exist(out):
    refused(run(out, options=("--sources", "czr")), "czr: no such sources file (did you mean 'cxr'?)")


def test_a_mistake_in_a_sources_file_is_found_there(tmp_path, out):
    """Not in the recipe, whose own mistakes are still the recipe's."""
    (tmp_path / "mine.yaml").write_text("chex: {use: phantm}\njsrt: {use: phantom, domain: jsrt, imges: 3}\n")
    code, _, err = run(out, "sources.jsrt.val=x", options=("--sources", tmp_path / "mine.yaml"))
    assert code == 2
    assert f"{tmp_path}/mine.yaml: chex.use: no source is called 'phantm' (did you mean 'phantom'?)" in err
    assert f"{tmp_path}/mine.yaml: jsrt.imges: unknown key 'imges' (did you mean 'images'?)" in err
    assert "  --set sources.jsrt.val=x: " in err
    assert RECIPE + "tasks.lungs.evaluate_on.cross_domain: no source is called 'mcu'" in err


def test_a_data_folder_that_does_not_exist(tmp_path, out):
    result = run(out, *TINY, options=("--sources", "cxr", "--data-root", tmp_path))
    refused(
        result,
        "source 'chex': nothing at ",
        f"'chest_xray' under {tmp_path}, --data-root",
        "Get 'Chest X-Ray Images (Pneumonia)' (ChestXRay2017.zip) of Kermany, Zhang and Goldbaum, Mendeley Data",
    )


def test_an_image_that_does_not_decode(my_images, out):
    image = my_images / image_name(my_images, 5)
    image.write_bytes(image.read_bytes()[:100])
    refused(run_on(my_images, out), f"{image} cannot be decoded: ")
    image.write_bytes(b"no image")
    refused(run_on(my_images, out), f"{image} is not an image of a known format (PNG, JPEG, ")
    image.write_bytes(b"")
    refused(run_on(my_images, out), f"{image} is empty (0 bytes)")


def test_a_mask_of_another_size(my_images, out):
    for mask in (my_images / "masks").iterdir():
        save(mask, [[0, 255, 255], [0, 255, 255]])
    refused(run_on(my_images, out), f"mask {my_images / 'masks'}", " is 3x2, its image ", "png is 48x40")


def test_a_budget_larger_than_the_set(my_images, out):
    refused(
        run_on(my_images, out, "tasks.lungs.labeled=30"),
        "task 'lungs': labeled: 30 images are wanted, the train part has ",
    )


def test_budgets_of_two_tasks_are_reported_together(my_images, out):
    code, _, err = run_on(
        my_images, out, "tasks.lungs.labeled=30", "tasks.diagnosis.labeled={normal: 90, pneumonia: 91, healthy: 1}"
    )
    assert code == 2
    lines = err.splitlines()
    assert lines[0] == "4 errors:"
    assert "  task 'diagnosis': labeled: 90 images of 'normal' are wanted, the train part has " in lines[1]
    assert "  task 'diagnosis': labeled: 91 images of 'pneumonia' are wanted, the train part has " in lines[2]
    assert "  task 'diagnosis': labeled: no class 'healthy' (known: normal, pneumonia)" in lines[3]
    assert "  task 'lungs': labeled: 30 images are wanted, the train part has " in lines[4]


def test_few_validation_and_test_images_are_one_warning(my_images, tmp_path):
    code, _, err = run_on(my_images, tmp_path / "out", "tasks.lungs.evaluate_on={in: jsrt}")
    assert code == 0, err
    assert len(err.splitlines()) == 1
    assert re.match(
        r"Warning: scores .*: diagnosis validation \(\d images?\), lungs validation \(\d images?\), lungs in \(", err
    )


def test_a_table_without_validation_rows(my_images, out):
    table = my_images / "manifest.csv"
    header, *rows = table.read_text().splitlines()
    parts = ("train", "test", "train", "train")
    table.write_text("\n".join([f"{header},split", *(f"{row},{parts[n % 4]}" for n, row in enumerate(rows))]))
    refused(
        run_on(my_images, out),
        "task 'diagnosis': the source 'chex' has no validation images",
        "task 'lungs': the source 'jsrt' has no validation images",
        "val: 0.15",
        "train.select_by: last",
        lines=3,
    )


def test_a_label_that_is_no_class_is_found_by_check_too(my_images):
    table = my_images / "manifest.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    chosen = [line for line in lines[1:] if line[1] == "normal"][-3:]
    for line in chosen:
        line[1] = "tb"
    table.write_text("\n".join(",".join(line) for line in lines))
    sources = ("--sources", my_images.parent / "my_sources.yaml", "--data-root", my_images.parent)
    result = call("check", "multimix", *settings(*SMALL), *sources)
    refused(result, "is labelled 'tb', which is not a class of the head")
    assert "no errors" not in result[1]


def test_a_source_that_cannot_be_built_is_named(my_images, out):
    refused(
        run_on(my_images, out, "sources.jsrt.masks={lung: lung}"),
        "Error: source 'jsrt': both 'mask' and 'masks' are given; expected one of them",
    )


def test_a_share_that_does_nothing_is_refused(my_images, out):
    refused(
        run_on(my_images, out, "sources.chex.share=0.3"),
        "--set sources.chex.share=0.3: does nothing, since the source is disjoint from no other "
        "(add disjoint_from: SOURCE, or remove the share)",
    )


@pytest.mark.parametrize(("task", "column", "what"), [("diagnosis", 1, "label"), ("lungs", 2, "mask")])
def test_a_test_image_that_lost_its_label_is_not_scored_as_wrong(task, column, what, my_images, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    source = {"diagnosis": "chex", "lungs": "jsrt"}[task]
    scored = f"tasks.{task}.evaluate_on={{in: {source}}}"
    assert run_on(my_images, first, scored)[0] == 0
    image = json.loads((first / "split.json").read_text())["tasks"][task]["test"]["in"]["ids"][0]
    table = my_images / "manifest.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    table.write_text(
        "\n".join(
            ",".join([*row[:column], "", *row[column + 1 :]]) if row[0] == image else ",".join(row) for row in lines
        )
    )
    for result in (
        run_on(my_images, second, scored, f"split={first / 'split.json'}"),
        call("evaluate", first, "--data-root", my_images.parent),
    ):
        code, out, err = result
        assert code == 2, (out, err)
        assert image in err.splitlines()[-1]
        assert f"has no {what} (1 such image)" in err.splitlines()[-1]
        assert "Traceback" not in out + err
    assert not second.exists()


def test_a_mask_whose_values_mean_several_things(my_images, tmp_path):
    masks = sorted((my_images / "masks").iterdir())
    for mask in masks:
        save(mask, [[0, 1] * 24, [1, 255] * 24] * 20)
    refused(
        run_on(my_images, tmp_path / "out"), f"mask {masks[0].parent}", "has the values 0, 1, 255; expected 0 and one"
    )
    values = "sources.jsrt.values={lung: [1], ignore: [255]}"
    code, _, err = run_on(my_images, tmp_path / "out", "tasks.lungs.evaluate_on={in: jsrt}", values)
    assert code == 0, err
    assert json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]["lungs"]["in"]["dice"] <= 1


def test_a_path_of_the_table_that_does_not_exist(my_images, out):
    name = image_name(my_images, 7)
    (my_images / name).unlink()
    refused(run_on(my_images, out), f"{my_images / 'manifest.csv'}, line 8, column 'image': no file '{name}'")


def test_a_folder_that_holds_a_run_or_is_a_file(tmp_path):
    for name, message in (
        ("recipe.yaml", "already holds a run (recipe.yaml)"),
        ("results.json", "already holds a run"),
    ):
        folder = tmp_path / name.replace(".", "_")
        folder.mkdir()
        (folder / name).write_text("x")
        refused(run(folder, *TINY), str(folder), message)
        assert [path.name for path in folder.iterdir()] == [name]
    file = tmp_path / "file"
    file.write_text("x")
    refused(run(file, *TINY), f"{file} is a file; --out names the run's folder")
    refused(run(file / "below", *TINY), f"{file} is a file; --out names the run's folder")
    assert file.read_text() == "x"


def test_evaluating_a_folder_that_holds_no_run(tmp_path):
    refused(call("evaluate", tmp_path), f"{tmp_path} holds no finished run (no results.json)")
    refused(call("evaluate", tmp_path / "nowhere"), f"there is no folder {tmp_path / 'nowhere'}")


def test_a_kind_that_does_not_exist():
    nothing = "no kind of component and no component is called"
    refused(call("plugins", "brigde"), f"{nothing} 'brigde' (did you mean 'bridge'?)")
    refused(call("plugins", "flexmach"), f"{nothing} 'flexmach' (did you mean 'flexmatch'?)")
    refused(call("plugins", "zzzzz"), f"{nothing} 'zzzzz' (kinds: backbone, head, bridge, strategy, ")
    refused(call("plugins", "fixmatch", "--table"), "'fixmatch' is a component; expected a kind with --table")


@pytest.mark.parametrize("recipe", ["multimix", "methods/flexmatch"])
def test_a_shipped_sources_file_for_other_recipes(recipe, out):
    refused(
        run(out, recipe=recipe, options=("--sources", "busi")),
        ".yaml: tasks: use the sources chex, ", "and busi.yaml has only busi (it is for the recipes busi/adamatch, ",
        "busi/multimix",
    )  # fmt: skip
    refused(
        run(out, recipe="busi/unet", options=("--sources", "cxr")),
        "use the sources busi, and cxr.yaml has only chex, jsrt, mcu, nihx (leave --sources out, or give another file)",
    )


def test_one_source_that_a_shipped_file_lacks_is_named_by_itself(out):
    refused(run(out, "tasks.lungs.source=chexx"), "tasks.lungs.source=chexx: no source is called 'chexx' (did you mean")


def test_two_plugins_offer_one_name(tmp_path, out):
    files = [tmp_path / "first.py", tmp_path / "second.py"]
    for file in files:
        file.write_text(block("docs/plugins.md", "python", "## A bridge from nothing"))
    options = [part for file in files for part in ("--plugin", file)]
    refused(run(out, options=options), "two plugins offer the bridge 'picture': ", *map(str, files))


def test_a_plugin_that_does_not_exist(tmp_path, out):
    refused(run(out, options=("--plugin", tmp_path / "nowhere.py")), f"no plugin file at {tmp_path / 'nowhere.py'}")


def test_in_real_processes(my_images, out):
    """Two of the mistakes above, as a user sees them."""
    refused(run(out, "tasks.lungs.bridge.use=salency", start=process), "did you mean 'saliency'?")
    image = my_images / image_name(my_images, 5)
    image.write_bytes(b"no image")
    refused(run_on(my_images, out, start=process), f"{image} is not an image")


def test_debug_shows_the_traceback_wherever_the_option_is():
    code, _, err = process("plugins", "brigde", "--debug")
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert "PluginError: no kind of component and no component is called 'brigde'" in err
    with pytest.raises(PluginError, match="brigde"):
        call("--debug", "plugins", "brigde")


def test_an_internal_error_is_reported_as_one(monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("[bold]of ours")

    monkeypatch.setattr("ssmtl.registry.plugins.load_plugins", fails)
    code, _, err = call("plugins")
    assert code == 1
    assert "Internal error: ZeroDivisionError: [bold]of ours" in err
    assert "--debug" in err
    assert "Traceback" not in err
    with pytest.raises(ZeroDivisionError):
        call("plugins", "--debug")


def test_corrupt_images_can_be_left_out(my_images, tmp_path):
    out = tmp_path / "out"
    corrupt = {image_name(my_images, number) for number in (5, 9)}
    for name in corrupt:
        (my_images / name).write_bytes(f"no image {name}".encode())
    code, shown, err = run_on(my_images, out, "sources.chex.on_error=skip", "sources.jsrt.on_error=skip")
    assert code == 0, err
    skipped = json.loads((out / "results.json").read_text())["skipped"]
    assert {name for reasons in skipped.values() for name in reasons} == corrupt
    for source, reasons in skipped.items():
        assert f"{source}: {len(reasons)} image" in shown
        assert "left out (on_error: skip)" in shown
        assert all(f"  {name}: {reason}" in shown for name, reason in reasons.items())
        assert all("is not an image" in reason for reason in reasons.values())
    split = json.loads((out / "split.json").read_text())["tasks"]
    used = {name for task in split.values() for part in ("labeled", "unlabeled", "val") for name in task[part]}
    assert len(used) > 15
    assert not used & corrupt
