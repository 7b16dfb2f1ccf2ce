"""Arguments of the wrong type to the calls of `import ssmtl`: one clear error that names the argument."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import ssmtl
from ssmtl.errors import SsmtlError

NO_PATHS = [None, 3, b"run", [None], [b"run"]]


@pytest.mark.parametrize("wrong", NO_PATHS, ids=repr)
@pytest.mark.parametrize("call", [ssmtl.load, ssmtl.evaluate, ssmtl.export, ssmtl.report], ids=lambda one: one.__name__)
def test_what_is_no_path_is_refused(call, wrong):
    with pytest.raises(SsmtlError, match=r"^(run|folder): .*expected a str or a Path"):
        call(wrong)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"device": None}, "device 'None'"),
        ({"device": "meta"}, "device 'meta'"),
        ({"device": "hpu"}, "device 'hpu'"),
        ({"decide": None}, "called 'None'"),
        ({"decide": 0.3}, "called '0.3'"),
        ({"calibrated": "no"}, "calibrated: 'no'"),
        ({"plugins": None}, "plugins: None; expected a list"),
        ({"plugins": "mine.py"}, r"plugins: 'mine.py'; expected a list"),
    ],
    ids=str,
)
def test_what_load_refuses(run, given, said):
    with pytest.raises(SsmtlError, match=said):
        ssmtl.load(run, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"recipe": 3}, "recipe: a int; expected a name"),
        ({"recipe": b"multimix"}, "recipe: a bytes"),
        ({"sources": 3}, "sources: a int"),
        ({"overrides": None}, "overrides: None; expected"),
        ({"overrides": [3]}, "overrides: "),
        ({"overrides": "train.steps=2"}, "overrides: 'train.steps=2' is one str"),
        ({"overrides": {"train.steps": 1j}}, "overrides: train.steps: Object of type complex"),
        ({"out": 3}, "out: 3 is no path"),
        ({"resume": 3}, "resume: 3 is no path"),
    ],
    ids=str,
)
def test_what_run_refuses(given, said):
    with pytest.raises(SsmtlError, match=said):
        ssmtl.run(**({"recipe": "multimix"} | given))


def test_numbers_of_numpy_override(run):
    with pytest.raises(SsmtlError, match=r"--set train\.steps=-2"):
        ssmtl.run("multimix", overrides={"train.steps": np.int64(-2)})
    with pytest.raises(SsmtlError, match="--opset '18': expected a whole number"):
        ssmtl.export(run, opset="18")
    with pytest.raises(SsmtlError, match="source: 3; expected a str"):
        ssmtl.evaluate(run, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        3,
        b"a.png",
        [[np.zeros((8, 8), np.uint8)]],
        ["a\0b.png"],
        torch.zeros(8, 8).to_sparse(),
        torch.zeros(8, 8, device="meta"),
        torch.zeros(8, 8, dtype=torch.complex64).conj(),
        torch.zeros(8, 8).to(torch.float8_e4m3fn),
    ],
    ids=lambda one: str(one)[:20],
)
def test_what_is_no_image_is_refused(model, wrong):
    with pytest.raises(SsmtlError):
        model.predict(wrong)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dropout": 2.5}, "dropout: 2.5"),
        ({"dropout": "3"}, "dropout: '3'"),
        ({"dropout": None}, "dropout: None"),
        ({"saliency": "no"}, "saliency: 'no'"),
        ({"batch_size": "a"}, "batch_size: 'a'"),
        ({"batch_size": None}, "batch_size: None"),
    ],
    ids=str,
)
def test_what_predict_refuses(model, given, said):
    with pytest.raises(SsmtlError, match=said):
        model.predict(np.zeros((8, 8), np.uint8), **given)


def test_calls_from_several_threads_do_not_disturb_each_other(model):
    """PyTorch's generator, which dropout draws from, is one for all threads."""
    images = [np.full((32, 32), 10 * number, np.uint8) for number in range(4)]

    def said(_):
        return [one.labels["diagnosis"].probabilities for one in model.predict(images, dropout=3)]

    alone = said(0)
    with ThreadPoolExecutor(3) as threads:
        assert all(one == alone for one in threads.map(said, range(3)))
