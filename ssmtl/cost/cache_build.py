"""How long decoding images into the cache takes, beside a bare loop over the files with Pillow."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from ssmtl.contracts.source import Example
from ssmtl.data.cache import decode
from ssmtl.data.images import ImageFile

CASES = (("JPEG", 224, 64, 2000), ("PNG", 1024, 256, 150))
"""Format, pixels of a side in the file and in the cache, files."""

PROCESSES = 2


def ratios(place: Path, rounds: int) -> Iterator[tuple[str, float, str]]:
    """Seconds of ours over those of the bare loop in two processes, in turns."""
    for kind, side, size, count in CASES:
        paths = _files(place / f"{kind}{side}", kind, side, count)
        examples = [Example(id=path.name, patient=path.name, image=ImageFile(path), labels=None) for path in paths]
        for _ in range(rounds):
            began = time.perf_counter()
            with ProcessPoolExecutor(PROCESSES) as pool:
                np.concatenate([*pool.map(_bare, *zip(*((part, size) for part in _shares(paths)), strict=True))])
            middle = time.perf_counter()
            decode(examples, size, 1, folder=place / "cache")
            ours = time.perf_counter() - middle
            shutil.rmtree(place / "cache")
            yield f"cache build, {side}-pixel {kind} to {size}", ours / (middle - began), "times a bare loop"


def _bare(paths: list[Path], size: int) -> np.ndarray:
    images = (Image.open(path).convert("L").resize((size, size), Image.Resampling.BILINEAR) for path in paths)
    return np.stack([np.asarray(image) for image in images])


def _shares(paths: list[Path]) -> list[list[Path]]:
    return [paths[start::PROCESSES] for start in range(PROCESSES)]


def _files(folder: Path, kind: str, side: int, count: int) -> list[Path]:
    """Smooth images with noise, each another part of one picture."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0).normal(size=(2 * side, 2 * side))
    picture = np.clip(ndimage.gaussian_filter(noise, 4) * 900 + noise * 4 + 120, 0, 255).astype(np.uint8)
    paths = [folder / f"{number}.{kind.lower()}" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            top, left = number % side, number * 7 % side
            Image.fromarray(picture[top : top + side, left : left + side]).save(path, kind)
    return paths
