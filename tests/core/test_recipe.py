"""Recipes: what the file may contain, the errors for everything else, and how values are overlaid."""

import copy

import pytest
import yaml

from ssmtl.errors import RecipeError
from ssmtl.experiment.assemble import assemble
from ssmtl.recipe import yaml_file
from ssmtl.recipe.components import Ramp, StrategyEntry
from ssmtl.recipe.load import RecipeText, read
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.resume import fixed_digest, lasting_digest

PLUGINS = load_plugins()
SHIPPED = PLUGINS["recipe"]

SMALL = {
    "name": "small",
    "image": {"size": 32},
    "sources": {"radiographs": {"use": "phantom", "domain": "chex", "images": 40, "size": 32}},
    "backbone": {"use": "multimix_encoder", "widths": [4, 4, 6, 6, 8]},
    "tasks": {
        "diagnosis": {
            "source": "radiographs",
            "head": {"use": "pooled_linear", "classes": ["normal", "pneumonia"]},
            "augment": {"weak": {"use": "identity"}},
            "strategies": [{"use": "cross_entropy"}, {"use": "fixmatch", "strong": "weak"}],
            "metrics": ["auroc"],
        },
        "lungs": {
            "source": "radiographs",
            "bridge": {"use": "saliency", "guided_by": "diagnosis"},
            "head": {"use": "multimix_decoder", "classes": ["lung"]},
            "augment": {"weak": {"use": "identity"}},
            "strategies": [{"use": "soft_dice"}],
            "metrics": ["dice"],
        },
    },
}


def small(**changes):
    """The recipe with the values at dotted places changed; `...` removes a key."""
    content = copy.deepcopy(SMALL)
    for name, value in changes.items():
        place = content
        *parents, last = name.split("__")
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return content


def problems(content):
    with pytest.raises(RecipeError) as caught:
        assemble(RecipeText(content, "file").validated(), PLUGINS, "file")
    return [str(problem) for problem in caught.value.problems]


def written(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def overlaid(tmp_path, *overrides, content=SMALL, **options):
    return read(written(tmp_path, content), SHIPPED, overrides=overrides, **options).content


@pytest.mark.parametrize(("size", "nearest"), [(30, 32), (40, 48), (39, 32), (17, 16)])
def test_an_image_size_that_the_backbone_does_not_take(size, nearest):
    what = f"{size} pixels: the backbone 'multimix_encoder' needs a multiple of 16 (the nearest is {nearest})"
    assert problems(small(image__size=size)) == [f"file: image.size: {what}"]


def test_one_pixel_at_the_deepest_level_is_too_little():
    (problem,) = problems(small(image__size=16))
    assert problem.startswith("file: backbone: images of 16 pixels are one pixel at the deepest level")
    assert "image.size must be at least 32" in problem


@pytest.mark.parametrize("size", [32, 48])
def test_an_image_size_that_the_backbone_takes(size):
    assert assemble(RecipeText(small(image__size=size), "f").validated(), PLUGINS).recipe.image.size == size


def test_a_small_recipe_is_valid():
    experiment = assemble(RecipeText(small(), "file").validated(), PLUGINS)
    assert [task.name for task in experiment.tasks] == ["diagnosis", "lungs"]
    assert [term.name for term in experiment.tasks[0].terms] == ["cross_entropy", "fixmatch"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sead": 1}, "file: sead: unknown key 'sead' (did you mean 'seed'?)"),
        ({"train__stepz": 1}, "file: train.stepz: unknown key 'stepz' (did you mean 'steps'?)"),
        ({"tasks__lungs__labelled": 1}, "file: tasks.lungs.labelled: unknown key 'labelled' (did you mean 'labeled'?)"),
        ({"tasks__lungs__head": ...}, "file: tasks.lungs.head: is missing"),
        ({"backbone__use": ...}, "file: backbone.use: is missing"),
    ],
)
def test_unknown_and_missing_keys(changes, expected):
    assert problems(small(**changes)) == [expected]


@pytest.mark.parametrize(
    ("changes", "where", "found"),
    [
        ({"seed": "1"}, "seed", "'1'"),
        ({"seed": -1}, "seed", "-1"),
        ({"seed": 1.0}, "seed", "1.0"),
        ({"name": 7}, "name", "7"),
        ({"name": ""}, "name", "''"),
        ({"image__size": 8}, "image.size", "8"),
        ({"image__channels": 2}, "image.channels", "2"),
        ({"train__steps": "100"}, "train.steps", "'100'"),
        ({"train__ema": 1.0}, "train.ema", "1.0"),
        ({"optimizer__lr": "fast"}, "optimizer.lr", "'fast'"),
        ({"schedule__every": "8 weeks"}, "schedule.every", "'8 weeks'"),
        ({"tasks__lungs__labeled": 0}, "tasks.lungs.labeled", "0"),
        ({"tasks__lungs__labeled": 1.5}, "tasks.lungs.labeled", "1.5"),
        ({"tasks__lungs__labeled": "most"}, "tasks.lungs.labeled", "'most'"),
        ({"tasks__lungs__labeled": {}}, "tasks.lungs.labeled", "{}"),
        ({"tasks__lungs__labeled": True}, "tasks.lungs.labeled", "true"),
        ({"tasks__lungs__strategies": []}, "tasks.lungs.strategies", "[]"),
        ({"tasks__lungs__strategies__0__weight": -1}, "tasks.lungs.strategies.0.weight", "-1"),
        ({"sources__radiographs__val": 1.5}, "sources.radiographs.val", "1.5"),
        ({"tasks": {}}, "tasks", "{}"),
    ],
    ids=str,
)
def test_wrong_types_and_ranges_are_reported_once_with_their_place(changes, where, found):
    (message,) = problems(small(**changes))
    assert message.startswith(f"file: {where}: ")
    assert message.endswith(f"found {found}")


def test_a_metric_that_is_there_twice():
    metrics = ["dice", "jaccard", {"use": "dice", "threshold": 0.1}]
    assert problems(small(tasks__lungs__metrics=metrics)) == [
        "file: tasks.lungs.metrics.2: 'dice' is there twice, and both would return values of the same names "
        "(one of them would replace the other)"
    ]


def test_names_are_plain():
    content = small()
    content["tasks"]["a.b"] = content["tasks"].pop("diagnosis")
    assert "a.b" in problems(content)[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"backbone__use": "multimix_encodr"},
            "backbone.use: no backbone is called 'multimix_encodr' (did you mean 'multimix_encoder'?)",
        ),
        (
            {"backbone__width": 3},
            "backbone.width: unknown key 'width' (did you mean 'widths'?)",
        ),
        (
            {"tasks__lungs__source": "radiograph"},
            "tasks.lungs.source: no source is called 'radiograph' (did you mean 'radiographs'?)",
        ),
        (
            {"tasks__lungs__metrics": ["dise"]},
            "tasks.lungs.metrics.0.use: no metric is called 'dise' (did you mean 'dice'?)",
        ),
        (
            {"tasks__lungs__evaluate_on": {"x": "radiograph"}},
            "tasks.lungs.evaluate_on.x: no source is called 'radiograph' (did you mean 'radiographs'?)",
        ),
        (
            {"tasks__lungs__disjoint_from": "lung"},
            "tasks.lungs.disjoint_from: no task is called 'lung' (did you mean 'lungs'?)",
        ),
        (
            {"sources__radiographs__disjoint_from": "radiographs"},
            "sources.radiographs.disjoint_from: a source cannot be disjoint from itself",
        ),
        (
            {"tasks__lungs__disjoint_from": "lungs"},
            "tasks.lungs.disjoint_from: a task cannot be disjoint from itself",
        ),
        (
            {"tasks__lungs__bridge__guided_by": "diagnoses"},
            "tasks.lungs.bridge: reads the task 'diagnoses', which is not in the recipe (did you mean 'diagnosis'?)",
        ),
        (
            {"tasks__lungs__bridge__guided_by": "lungs"},
            "tasks.lungs.bridge: reads 'lungs', its own task (name another task)",
        ),
        (
            {"tasks__lungs__bridge__stride": 3},
            "tasks.lungs.bridge: no level of stride 3; this backbone has strides 1, 2, 4, 8, 16",
        ),
        (
            {"tasks__lungs__strategies__0__use": "mixmatch"},
            "tasks.lungs.strategies.0: 'mixmatch' cannot learn from a head of kind masks (it learns "
            "from multiclass, multilabel)",
        ),
        (
            {"tasks__lungs__augment": {}},
            "tasks.lungs.strategies.0: 'soft_dice' asks for the view labeled/weak, and there is no 'weak' "
            "(set tasks.lungs.augment.weak.use; the task has none)",
        ),
        (
            {"tasks__diagnosis__head__classes": ["a"]},
            "tasks.diagnosis.head: a softmax over one class (a) is always 1: name two classes, or set multilabel: true",
        ),
    ],
)
def test_what_does_not_fit_together(changes, expected):
    (message,) = problems(small(**changes))
    assert message.startswith(f"file: {expected}")


def test_the_old_key_for_renaming_classes_has_a_hint():
    said = problems(small(sources__radiographs__labels={"a": "b"}))
    assert said == [
        "file: sources.radiographs.labels: cannot be a mapping of names (to rename classes, call this key 'rename')"
    ]


def test_all_mistakes_at_once():
    assert len(problems(small(sead=1, seed="x", train__stepz=2))) == 3
    assert len(problems(small(backbone__use="x", tasks__lungs__source="y", tasks__lungs__head__clases=["z"]))) == 3


def test_a_strategy_twice_is_numbered():
    content = small(tasks__lungs__strategies=[{"use": "soft_dice"}, {"use": "soft_dice", "over": "batch"}])
    experiment = assemble(RecipeText(content, "file").validated(), PLUGINS)
    assert [term.name for term in experiment.tasks[1].terms] == ["soft_dice", "soft_dice#2"]


def test_weights_are_a_pure_function_of_seed_and_place():
    first, second, other = (
        assemble(RecipeText(content, "f").validated(), PLUGINS).model.state_dict()
        for content in (small(), small(tasks__lungs__batch=3), small(seed=1))
    )
    assert all(first[key].equal(second[key]) for key in first)
    assert not all(first[key].equal(other[key]) for key in first)


def test_set_paths(tmp_path):
    content = overlaid(
        tmp_path,
        "train.steps=7",
        "optimizer.lr=1e-4",
        "tasks.lungs.strategies.0.weight=5",
        "tasks.diagnosis.strategies.fixmatch.threshold=0.9",
        "tasks.diagnosis.metrics.auroc={use: f1}",
        "tasks.lungs.bridge=null",
        "tasks.diagnosis.strategies.1={use: fixmatch, strong: weak, weight: {to: 2, until: 0.5}}",
    )
    assert content["train"] == {"steps": 7}
    assert content["optimizer"] == {"lr": 1e-4}
    assert content["tasks"]["lungs"]["strategies"][0]["weight"] == 5
    assert content["tasks"]["diagnosis"]["metrics"] == [{"use": "f1"}]
    recipe = RecipeText(content, "f").validated()
    assert recipe.tasks["lungs"].bridge is None
    assert recipe.tasks["diagnosis"].strategies[1].weight == Ramp(to=2, until=0.5)
    assert assemble(recipe, PLUGINS).model.bridges.keys() == set()


def test_set_does_not_touch_the_file_and_the_last_one_counts(tmp_path):
    assert overlaid(tmp_path, "seed=1", "seed=2")["seed"] == 2
    assert "seed" not in SMALL


def test_seed_wins_over_set(tmp_path):
    assert overlaid(tmp_path, "seed=1", seed=5)["seed"] == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.steps", "should be KEY=VALUE"),
        ("=3", "should be KEY=VALUE"),
        ("name.first=3", "is 'small', which has no keys"),
        ("tasks.lungs.strategies.3.weight=1", "no item '3' in the list .*soft_dice"),
        ("tasks.diagnosis.strategies.fixmach.weight=1", "did you mean 'fixmatch'"),
        ("seed=[1", "not YAML"),
    ],
)
def test_impossible_overrides(tmp_path, override, message):
    with pytest.raises(RecipeError, match=message):
        overlaid(tmp_path, override)


@pytest.mark.parametrize("text", ["a.b.c=1", "train=3", "tasks.lungs.head.classes=5", "seed="])
def test_an_override_of_nonsense_is_a_recipe_error(tmp_path, text):
    with pytest.raises(RecipeError):
        assemble(RecipeText(overlaid(tmp_path, text), "f").validated(), PLUGINS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.0e-4", 1e-4),
        ("-2E+3", -2000.0),
        ("5", 5),
        (".5", 0.5),
        ("5.", 5.0),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("'1e-4'", "1e-4"),
        ("8 epochs", "8 epochs"),
        ("[1, 2e0]", [1, 2.0]),
        ("1_000", "1_000"),
        ("010", 10),
        ("-07", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1:10", "1:10"),
        ("2026-01-31", "2026-01-31"),
        ("-", [None]),
        ("+", "+"),
        (".", "."),
        ("e5", "e5"),
    ],
)
def test_yaml_scalars(text, value):
    found = yaml_file.parse(text, "here")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"here line 3: not YAML: the key 'a' appears twice"),
        ("a: {b: 1, b: 2}", "'b' appears twice"),
        ("? [1]\n: 2", "a key must be a word"),
        ("a: [1", "here line 1: not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML"),
        ("a: *b", "not YAML"),
    ],
)
def test_what_is_not_yaml(text, message):
    with pytest.raises(RecipeError, match=message):
        yaml_file.parse(text, "here")


def test_a_dump_reads_back():
    content = RecipeText(small(optimizer__lr=1e-5), "f").validated().content()
    assert yaml_file.parse(yaml_file.dump(content), "x") == content
    assert RecipeText(content, "f").validated() == RecipeText(small(optimizer__lr=1e-5), "f").validated()


def test_text_that_looks_like_a_number_to_somebody_reads_back_as_text():
    content = {"a": ["010", "1:10", "1e-4", "0o7", "2026-01-31", "no", "1_0", "", "<<", ".5", 7, 1e-5, None, True]}
    assert yaml_file.parse(yaml_file.dump(content), "x") == content


@pytest.mark.parametrize("changes", [{"image__std": [float("inf")]}, {"image__mean": [float("nan")]}])
def test_numbers_are_finite(changes):
    with pytest.raises(RecipeError, match=r"image\.(std|mean)\.0: should be a finite number, found (inf|nan)"):
        RecipeText(small(**changes), "f").validated()


def test_the_digest_is_of_the_meaning():
    digests = [RecipeText(content, "f").validated().digest() for content in (small(), small(seed=0), small(seed=1))]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("content", "message"), [("", "is not a mapping"), ("- a", "is not a mapping"), ("a: b: c", "not YAML")]
)
def test_files_that_are_not_recipes(tmp_path, content, message):
    with pytest.raises(RecipeError, match=message):
        read(written(tmp_path, content), SHIPPED)


@pytest.mark.parametrize(
    ("name", "message"),
    [("multimx", r"did you mean 'multimix'"), ("absent.yaml", "no such file"), ("/", "neither a file nor")],
)
def test_a_recipe_that_does_not_exist(name, message):
    with pytest.raises(RecipeError, match=message):
        read(name, SHIPPED)


def test_sources_are_read_from_a_file_beside_the_recipe_or_replaced(tmp_path):
    (tmp_path / "own.yaml").write_text("radiographs: {use: phantom, domain: mcu}")
    content = small(sources="own.yaml")
    assert overlaid(tmp_path, content=content)["sources"]["radiographs"]["domain"] == "mcu"
    assert set(overlaid(tmp_path, content=content, sources="phantom")["sources"]) >= {"chex", "jsrt"}
    with pytest.raises(RecipeError, match=r"no such sources file .*did you mean 'phantom'"):
        overlaid(tmp_path, sources="phantm")


@pytest.mark.parametrize("name", [name for name in SHIPPED if not name.startswith("paper")])
def test_shipped_recipes_assemble(name):
    text = read(name, SHIPPED, overrides=["image.size=32", "backbone.widths=[4, 4, 6, 6, 8]"])
    assert assemble(text.validated(), PLUGINS, text.where).tasks


def test_ramps():
    entry = StrategyEntry(use="x", weight=Ramp(to=4.0, until=0.5))
    assert [entry.weight_at(progress) for progress in (0.0, 0.25, 0.5, 0.9)] == [0.0, 2.0, 4.0, 4.0]
    assert StrategyEntry(use="x").weight_at(0.3) == 1.0


@pytest.mark.parametrize(
    ("metrics", "said"),
    [([], "no task has metrics to select by"), (["empty_masks"], "no task has a metric that can select weights")],
)
def test_validation_needs_a_metric_that_can_select(metrics, said):
    changes = {"tasks__lungs__metrics": metrics, "tasks__diagnosis__metrics": []}
    with pytest.raises(RecipeError, match=f"train.select_by: {said}"):
        assemble(RecipeText(small(**changes), "f").validated(), PLUGINS)
    assemble(RecipeText(small(**changes, train__select_by="last"), "f").validated(), PLUGINS)


def test_a_hash_of_a_recipe_does_not_depend_on_the_order_of_its_keys():
    """As in a recipe.yaml that was saved again by another program."""

    def turned(content):
        if isinstance(content, dict):
            return {key: turned(content[key]) for key in reversed(content)}
        return [turned(one) for one in content] if isinstance(content, list) else content

    content = assemble(RecipeText(small(), "f").validated(), PLUGINS).recipe.content()
    one, other = (RecipeText(order, "f").validated() for order in (content, turned(content)))
    assert lasting_digest(one) == lasting_digest(other)
    assert fixed_digest(one) == fixed_digest(other)
    assert one.digest() == other.digest()
