"""Shared by all tests: shapes are checked, random numbers are seeded, files go to temporary folders only."""

import os
from pathlib import Path

from jaxtyping import install_import_hook

PACKAGES = ["ssmtl", *sorted(path.name for path in (Path(__file__).parents[1] / "plugins").glob("ssmtl_*"))]
install_import_hook(PACKAGES, "shape_checks.checked")  # before anything imports ssmtl

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("ssmtl", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("ssmtl")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Decoded images go to a folder of this session."""
    before = os.environ.get("SSMTL_CACHE")
    os.environ["SSMTL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["SSMTL_CACHE"]
    else:
        os.environ["SSMTL_CACHE"] = before


@pytest.fixture(autouse=True)
def _repeatable():
    """One thread, and the same seeds for every test, whichever tests ran before."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def data_folder():
    """The real data sets: SSMTL_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("SSMTL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; SSMTL_DATA may name them")
    return folder
