"""Each system differs from MultiMix only in what its name says: the resolved recipes are compared key by key."""

import pytest

from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins

PLUGINS = load_plugins()
GONE = "not there"
FIXMATCH = {"use": "fixmatch", "weight": 0.25, "threshold": 0.7}
KL = {"use": "kl_consistency", "weight": 0.01}
SALIENCY = {"use": "saliency", "guided_by": "diagnosis", "stride": 8}
STRONG = {"use": "kornia_strong"}


def content_of(name):
    """The resolved recipe as plain data; strategies by their component."""
    content = read(name, PLUGINS["recipe"]).validated().content()
    for task in content["tasks"].values():
        task["strategies"] = {entry["use"]: entry for entry in task["strategies"]}
    return content


def difference(one, other, place=""):
    """Both values by dotted key; whole mappings where only one has a key, or the components differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.get("use") == other.get("use"):
        found = {}
        for key in sorted({*one, *other}):
            found |= difference(one.get(key, GONE), other.get(key, GONE), f"{place}.{key}".lstrip("."))
        return found
    return {} if one == other else {place: (one, other)}


def no_fixmatch(task="tasks.diagnosis"):
    return {f"{task}.strategies.fixmatch": (FIXMATCH, GONE)}


def without_task(name):
    return {f"tasks.{name}": (content_of("multimix")["tasks"][name], GONE)}


NO_KL = {"tasks.lungs.strategies.kl_consistency": (KL, GONE)}
NO_BRIDGE = {"tasks.lungs.bridge": (SALIENCY, None)}
NO_STRONG = {"tasks.diagnosis.augment.strong": (STRONG, GONE)}
AUTHORS_DEPARTURES = {
    "image.mean": ([0.5], [0.5]),
    "image.std": ([0.25], [0.5]),
    "tasks.diagnosis.normalize": (None, {"mean": [0.0], "std": [1.0]}),
    "tasks.diagnosis.unlabeled_includes_labeled": (True, False),
    "tasks.lungs.unlabeled_includes_labeled": (True, False),
    "tasks.diagnosis.augment.strong.pad": (GONE, 0.015625),
    "tasks.lungs.bridge.normalize": (GONE, "none"),
    "tasks.lungs.strategies.kl_consistency.distribution": (GONE, "softmax"),
    "train.evaluate_every": (50, 100),
    "train.select_by": ("validation", "last"),
    "train.steps": (400, 100),
    "backbone.always_dropout": (GONE, True),
}

DIFFERENCES = {
    "unet": without_task("diagnosis") | NO_BRIDGE | NO_KL,
    "enc": without_task("lungs") | no_fixmatch() | NO_STRONG,
    "enc_ssl": without_task("lungs"),
    "umtl": NO_BRIDGE | no_fixmatch() | NO_KL,
    "umtl_s": no_fixmatch() | NO_KL,
    "umtl_ssl": NO_BRIDGE | NO_KL,
    "umtl_ssl_s": NO_KL,
    "multimix": {},
    "umtl_random_map": {"tasks.lungs.bridge": (SALIENCY, {"use": "random_map", "stride": 8})} | no_fixmatch() | NO_KL,
    "umtl_image_only": {"tasks.lungs.bridge": (SALIENCY, {"use": "image_only", "stride": 8})} | no_fixmatch() | NO_KL,
    "multimix_no_kl": {"tasks.lungs.strategies.kl_consistency.weight": (0.01, 0.0)},
    "supervised_tuned": NO_BRIDGE
    | no_fixmatch()
    | NO_KL
    | {
        "tasks.lungs.augment.weak": ({"use": "identity"}, {"use": "kornia_weak"}),
        "train.steps": (400, 800),
        "train.ema": (None, 0.99),
    },
    "multimix_author_code": {key: pair for key, pair in AUTHORS_DEPARTURES.items() if pair[0] != pair[1]},
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_it_is_multimix_except_for(name):
    found = difference(content_of("multimix"), content_of(name))
    assert found.pop("name", None) == (None if name == "multimix" else ("multimix", name))
    if name == "supervised_tuned":
        step, cosine = found.pop("schedule")
        assert (step["use"], cosine["use"]) == ("step", "cosine")
    assert found == DIFFERENCES[name]


def test_enc_mm_is_enc_with_mixmatch_in_place_of_cross_entropy():
    found = difference(content_of("enc"), content_of("enc_mm"))
    mixmatch = found.pop("tasks.diagnosis.strategies.mixmatch")
    assert found == {
        "name": ("enc", "enc_mm"),
        "tasks.diagnosis.strategies.cross_entropy": ({"use": "cross_entropy", "weight": 1.0}, GONE),
    }
    assert mixmatch[0] == GONE
    assert mixmatch[1]["use"] == "mixmatch"


def test_the_difference_sees_a_change():
    one, other = content_of("multimix"), content_of("multimix")
    other["tasks"]["lungs"]["batch"] = 7
    assert difference(one, other) == {"tasks.lungs.batch": (10, 7)}
