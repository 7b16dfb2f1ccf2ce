"""How hard the phantom is: scores of plain supervised networks by number of labels, and a contact sheet.

python benchmarks/quality/phantom_hardness.py                    # AUROC and Dice: minutes on one core
python benchmarks/quality/phantom_hardness.py --sheet docs/images/phantom.png
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import binary_erosion
from torch import Tensor, nn

from ssmtl import Example, Folders
from ssmtl_sources.phantom import Phantom
from ssmtl_sources.phantom_domains import DomainName

SIZE = 64
WIDTHS = (16, 32, 64, 128, 256)
TEST = 400


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions, each with InstanceNorm and LeakyReLU 0.2: the block of MultiMix, table 4."""

    def once(before: int) -> list[nn.Module]:
        return [nn.Conv2d(before, outputs, 3, padding=1), nn.InstanceNorm2d(outputs), nn.LeakyReLU(0.2)]

    return nn.Sequential(*once(inputs), *once(outputs))


class Classifier(nn.Module):
    """Five blocks, each with dropout and max pooling; global average pooling; linear: logits of shape (rows,)."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(double_conv(a, b) for a, b in zip((1, *WIDTHS), WIDTHS, strict=False))
        self.head = nn.Linear(WIDTHS[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        for block in self.blocks:
            images = F.max_pool2d(F.dropout(block(images), 0.25, self.training), 2)
        logits: Tensor = self.head(images.mean((2, 3)))[:, 0]
        return logits


class UNet(nn.Module):
    """The same blocks with four poolings and skip connections: logits of shape (rows, 1, height, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(double_conv(a, b) for a, b in zip((1, *WIDTHS), WIDTHS, strict=False))
        up = WIDTHS[-2::-1]
        self.up = nn.ModuleList(double_conv(a + b, b) for a, b in zip((WIDTHS[-1], *up), up, strict=False))
        self.head = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        skips = []
        for level, block in enumerate(self.down):
            images = block(F.max_pool2d(images, 2) if level else images)
            skips.append(images)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            images = block(torch.cat([F.interpolate(images, scale_factor=2.0), skip], 1))
        logits: Tensor = self.head(images)
        return logits


def radiographs(domain: DomainName, count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images in [0, 1] (count, 1, SIZE, SIZE), classes (count,), masks (count, 1, SIZE, SIZE)."""
    examples = Phantom(Folders(), domain=domain, images=count, size=SIZE, seed=seed).examples()
    images = torch.from_numpy(np.stack([example.image.read() for example in examples]))[:, None].float() / 255
    masks = torch.from_numpy(np.stack([lungs(example) for example in examples]))[:, None].float()
    return images, torch.tensor([float("pneumonia" in (example.labels or ())) for example in examples]), masks


def lungs(example: Example) -> np.ndarray:
    """The mask of the lungs, boolean."""
    assert example.masks is not None
    return example.masks["lung"][0].read() > 0


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """The images, half of them mirrored, all shifted by up to 4 pixels."""
    flips = torch.rand(len(images), generator=generator) < 0.5
    padded = F.pad(torch.where(flips[:, None, None, None], images.flip(3), images), (4, 4, 4, 4), mode="replicate")
    dy, dx = (int(shift) for shift in torch.randint(0, 9, (2,), generator=generator))
    return padded[:, :, dy : dy + SIZE, dx : dx + SIZE]


def train(
    network: nn.Module, loss: Callable[[Tensor, torch.Generator], Tensor], rows: int, steps: int, batch: int, seed: int
) -> None:
    """`steps` Adam steps with a cosine schedule from 5e-4 to 5e-5; `loss` gets the row indices of a batch."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=5e-5)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss(torch.randint(0, rows, (batch,), generator=generator), generator).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    network.eval()


def auroc(scores: Tensor, classes: Tensor) -> float:
    """The probability that a diseased image scores above a normal one (the Mann–Whitney statistic)."""
    order = scores.argsort().argsort().double() + 1
    ill = classes > 0.5
    count = float(ill.sum())
    return float(order[ill].sum() - count * (count + 1) / 2) / (count * (len(classes) - count))


def dice(predicted: Tensor, masks: Tensor) -> float:
    """The mean over images of 2|A∩B| / (|A|+|B|)."""
    both = (predicted * masks).sum((1, 2, 3))
    return float((2 * both / (predicted.sum((1, 2, 3)) + masks.sum((1, 2, 3)))).mean())


def classify(budgets: Sequence[int], steps: int, batch: int, seed: int) -> None:
    """Print AUROC and accuracy on chex and nihx by number of labels."""
    images, classes, _ = radiographs("chex", max(budgets), seed)
    tests = {name: radiographs(name, TEST, seed + 1000) for name in ("chex", "nihx")}
    for name, (x, y, _) in tests.items():
        print(f"{name}: AUROC of the mean brightness {auroc(x.mean((1, 2, 3)), y):.3f}")
    for budget in budgets:
        torch.manual_seed(seed)
        network, start = Classifier(), time.perf_counter()

        def loss(rows: Tensor, generator: torch.Generator, network: nn.Module = network) -> Tensor:
            logits = network(augmented(images[rows], generator))
            return F.binary_cross_entropy_with_logits(logits, classes[rows])

        train(network, loss, budget, steps, batch, seed)
        with torch.no_grad():
            logits = {name: network(x) for name, (x, _, _) in tests.items()}
        print(f"{budget} labels, {steps} steps ({time.perf_counter() - start:.0f} s):", end="")
        for name, (_, y, _) in tests.items():
            accuracy = float(((logits[name] > 0) == (y > 0.5)).float().mean())
            print(f"  {name} AUROC {auroc(logits[name], y):.3f} accuracy {accuracy:.3f}", end="")
        print(flush=True)


def segment(budget: int, steps: int, seed: int) -> None:
    """Print Dice on jsrt and mcu of the mean mask and of a U-Net trained with `budget` masks."""
    images, _, masks = radiographs("jsrt", budget, seed)
    tests = {name: radiographs(name, 100, seed + 1000) for name in ("jsrt", "mcu")}
    mean = (radiographs("jsrt", 200, seed + 2000)[2].mean(0, keepdim=True) > 0.5).float()
    torch.manual_seed(seed)
    network, start = UNet(), time.perf_counter()

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        both = augmented(torch.cat([images[rows], masks[rows]], 1), generator)
        probabilities, target = network(both[:, :1]).sigmoid(), both[:, 1:]
        overlap: Tensor = 2 * (probabilities * target).sum() / (probabilities.sum() + target.sum() + 1)
        return 1 - overlap

    train(network, loss, budget, steps, 5, seed)
    with torch.no_grad():
        predicted = {name: (network(x) > 0).float() for name, (x, _, _) in tests.items()}
    for name, (_, _, target) in tests.items():
        print(f"{name}: Dice of the mean mask {dice(mean.expand_as(target), target):.3f}", end="")
        print(f", of a U-Net with {budget} masks, {steps} steps {dice(predicted[name], target):.3f}", end="")
        print(f" ({time.perf_counter() - start:.0f} s)", flush=True)


def contact_sheet(path: Path, columns: int = 8, size: int = 152) -> None:
    """One row per domain; left half normal, right half pneumonia; lungs outlined in every fourth image."""
    rows = []
    for domain in get_args(DomainName):
        examples = Phantom(Folders(), domain=domain, images=40 * columns, size=size).examples()
        half = columns // 2
        shown = [e for e in examples if "normal" in (e.labels or ())][:half]
        shown += [e for e in examples if "pneumonia" in (e.labels or ())][:half]
        rows.append(np.concatenate([outlined(e) if n % 4 == 3 else grey(e) for n, e in enumerate(shown)], axis=1))
    sheet = Image.fromarray(np.concatenate(rows, axis=0)).quantize(64, dither=Image.Dither.NONE)
    sheet.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


def grey(example: Example) -> np.ndarray:
    """The image in three channels, with a separating line."""
    image = np.stack([np.asarray(example.image.read())] * 3, axis=-1)
    image[:, -1] = image[-1] = 60
    return image


def outlined(example: Example) -> np.ndarray:
    """The image with its lungs outlined in yellow."""
    image, mask = grey(example), lungs(example)
    image[mask & ~binary_erosion(mask)] = (255, 200, 0)
    return image


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, nargs="*", default=[100, 800])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--masks", type=int, default=10)
    parser.add_argument("--mask-steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.sheet:
        contact_sheet(options.sheet)
        return
    if options.labels:
        classify(options.labels, options.steps, options.batch, options.seed)
    if options.masks:
        segment(options.masks, options.mask_steps, options.seed)


if __name__ == "__main__":
    main()
