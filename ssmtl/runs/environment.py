"""Where a run was made: versions, device, commit."""

import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ssmtl import __version__
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.files import Environment

PACKAGES = (
    "torch", "torchvision", "numpy", "scipy", "kornia", "timm", "segmentation-models-pytorch", "lightning-fabric",
    "torchmetrics", "pydantic", "pluggy", "safetensors", "pillow",
)  # fmt: skip


def environment(
    plugins: Plugins, local: Sequence[Path], device: str, command: list[str], data_folder: Path
) -> Environment:
    """The environment of this process. :param local: plugin files."""
    return Environment(
        ssmtl=__version__,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        python=sys.version.split()[0],
        platform=platform.platform(),
        device=device,
        threads=torch.get_num_threads(),
        versions={name: installed for name in PACKAGES if (installed := _version(name))},
        plugins={name: str(origin) for name, origin in plugins.origins.items()},
        local_plugins=[str(path.resolve()) for path in local],
        given_plugins=list(plugins.given),
        command=command,
        data_folder=str(data_folder.absolute()),
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of the running code, with '+' if files differ from it; None outside a checkout."""
    package = Path(__file__).parent.parent
    try:
        ask = ["git", "-C", str(package), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        if not (package.parent / ".git").exists():
            return None
        return subprocess.run(ask, capture_output=True, text=True, timeout=10, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
