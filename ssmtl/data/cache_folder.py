"""Where decoded images and hashes of files are kept between runs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder that SSMTL_CACHE names, else the user's cache folder."""
    if os.environ.get("SSMTL_CACHE"):
        return Path(os.environ["SSMTL_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ssmtl"
