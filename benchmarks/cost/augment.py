"""How long the strong augmentation takes, as a multiple of a loop over the images with Pillow.

    python benchmarks/cost/augment.py --threads 1 --pairs 40 --out benchmarks/cost/results/augment.csv

Both start from the same 8-bit images and end with a float batch, and both do the same: flip, crop, and the same two
operations with the same strengths for each image. They take turns in one process. One row for each pair.
"""

import argparse
import csv
import statistics
from pathlib import Path

import torch

from ssmtl.cost.augmentation import BATCHES, pairs_of


def main() -> None:
    """Time, print the median ratios, write the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch; the loop always has one")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = []
    for rows, side in BATCHES:
        pairs = pairs_of(rows, side, options.pairs)
        table += [(rows, side, options.threads, f"{ours:.6f}", f"{pillow:.6f}") for ours, pillow in pairs]
        quarters = statistics.quantiles([ours / pillow for ours, pillow in pairs], n=4)
        ours, pillow = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
        print(
            f"{rows} x {side} px, {options.threads} threads: {quarters[1]:.2f} times Pillow's time, quartiles "
            f"{quarters[0]:.2f} to {quarters[2]:.2f}; medians {ours:.2f} and {pillow:.2f} ms"
        )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("rows", "pixels", "threads", "ours_seconds", "pillow_seconds"), *table])


if __name__ == "__main__":
    main()
