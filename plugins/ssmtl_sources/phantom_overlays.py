"""What an image shows besides the patient: a side marker, tubes and leads, the collimator's border."""

import numpy as np

from ssmtl_sources.phantom_fields import Plane, smooth_step

GLYPHS = {
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
}


def marker(generator: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """A burnt-in R on the left of the image, or an L on its right, as opacity in {0, 1}."""
    letter = "R" if generator.uniform() < 0.6 else "L"
    rows = np.array([[int(dot) for dot in row] for row in GLYPHS[letter]], dtype=np.float32)
    height = generator.uniform(0.07, 0.13)
    left = -generator.uniform(0.84, 0.96) if letter == "R" else generator.uniform(0.8, 0.9)
    top = generator.uniform(-0.95, -0.4)
    column = np.floor((x[0] - left) * (7 / height)).astype(np.int64)
    row = np.floor((y[:, 0] - top) * (7 / height)).astype(np.int64)
    inside = ((row >= 0) & (row < 7))[:, None] & ((column >= 0) & (column < 5))[None, :]
    glyph: Plane = rows[np.clip(row, 0, 6)[:, None], np.clip(column, 0, 4)[None, :]] * inside
    return glyph


def devices(generator: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """The attenuation of one to three tubes or wires, some ending in an electrode."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.float32)
    for _ in range(generator.integers(1, 4)):
        draw = generator.uniform
        start, lean, bend, wave = draw(-0.7, 0.7), draw(-0.5, 0.5), draw(-0.3, 0.3), draw(0, 2 * np.pi)
        end, width, strength = draw(-0.3, 0.7), draw(0.008, 0.02), draw(0.1, 0.35)
        line = start + lean * y + bend * np.sin(2.5 * y + wave)
        total += strength * smooth_step(1.5 - np.abs(x - line) / width) * smooth_step((end - y) / 0.02)
        if draw() < 0.5:
            tip = start + lean * end + bend * float(np.sin(2.5 * end + wave))
            total += strength * smooth_step((0.05 - np.hypot(x - tip, y - end)) / 0.015)
    return total


def window(generator: np.random.Generator, border: tuple[float, float], x: Plane, y: Plane) -> Plane:
    """1 inside the collimated field, 0 in its border; the border's width differs from side to side."""
    left, right, top, bottom = (1 - generator.uniform(*border, size=4)).astype(np.float32)
    across = smooth_step((x + left) / 0.015 + 0.5) * smooth_step((right - x) / 0.015 + 0.5)
    return across * smooth_step((y + top) / 0.015 + 0.5) * smooth_step((bottom - y) / 0.015 + 0.5)
