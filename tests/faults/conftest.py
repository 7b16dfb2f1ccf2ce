"""A separate cache for each session, the same threads as in a child, and a finished run to compare with."""

import os

import numpy as np
import pytest
import torch
from children import command, tiny
from PIL import Image


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Maps a recipe and overrides to the folder of an uninterrupted run and the seconds that it took."""
    made = {}

    def run(recipe, *more):
        if (recipe, *more) not in made:
            folder = tmp_path_factory.mktemp("whole")
            ended = command([*tiny(recipe, *more), "--out", folder / "run"], folder / "log")
            assert ended.code == 0, ended.out
            made[recipe, *more] = (folder / "run", ended.seconds)
        return made[recipe, *more]

    return run


RECIPE = """
name: images
image: {{size: 32, channels: 1}}
sources:
  images: {{use: folders, root: {root}}}
backbone: {{use: multimix_encoder, widths: [4, 4, 8, 8, 8]}}
tasks:
  diagnosis:
    source: images
    labeled: 6
    batch: 4
    evaluate_on: {{in_domain: images}}
    head: {{use: pooled_linear, classes: [healthy, ill]}}
    augment: {{weak: {{use: kornia_weak}}}}
    strategies: [{{use: cross_entropy}}]
    metrics: [accuracy, auroc]
train: {{steps: 6, evaluate_every: 3, log_every: 1, checkpoint_every: 3, device: cpu}}
"""


class MadeUpImages:
    """Forty images of two classes, and a recipe for them."""

    def __init__(self, folder):
        stream = np.random.default_rng(0)
        self.paths = []
        for number in range(40):
            path = folder / ("ill" if number % 2 else "healthy") / f"image {number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(stream.integers(0, 255, (40, 40), np.uint8)).save(path)
            self.paths.append(path)
        self.recipe = folder.parent / "images.yaml"
        self.recipe.write_text(RECIPE.format(root=folder.name))
        self.before = {}

    def change(self, number):
        self.before[number] = self.paths[number].read_bytes()
        Image.new("L", (40, 40), 7).save(self.paths[number])

    def change_back(self, number):
        self.paths[number].write_bytes(self.before[number])


@pytest.fixture
def make_images():
    return MadeUpImages
