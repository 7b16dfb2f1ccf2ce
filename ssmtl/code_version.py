"""Which code a result came from, as a hash of what can change a number."""

import hashlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ssmtl.plugins import Plugins

NOT_TRAINING = ("cli", "recipes", "report", "suite", "testing")
"""Folders of the core that no weight and no metric depends on."""


def code_version(plugins: Plugins) -> str:
    """A hash of the Python files of the core and of the plugins, and of PyTorch's version."""
    core = Path(__file__).parent
    files = [path for path in core.rglob("*.py") if path.relative_to(core).parts[0] not in NOT_TRAINING]
    modules: list[Any] = [plugins.manager.get_plugin(name) for name in plugins.origins]
    for module in (Path(inspect.getfile(one)) for one in modules):
        if core not in module.parents:
            files += module.parent.rglob("*.py") if module.name == "__init__.py" else [module]
    return _digest(tuple(sorted(files)))


@cache
def _digest(files: tuple[Path, ...]) -> str:
    found = hashlib.sha256(torch.__version__.encode())
    for content in sorted(path.read_bytes() for path in files):
        found.update(hashlib.sha256(content).digest())
    return found.hexdigest()[:16]
