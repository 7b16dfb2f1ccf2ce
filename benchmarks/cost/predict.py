"""How many images a second `ssmtl predict` does, beside a plain loop: open, resize, model, one image at a time.

    python benchmarks/cost/predict.py RUN --images 120 --side 1024 --rounds 3 --out benchmarks/cost/results/predict.csv

Both are whole processes, from their start to their last file, and take turns; both write a mask for each image and a
table. Images are smooth noise. RUN is a finished run, such as one step of MultiMix at 256 pixels. One row for each
round, with the processor time (`_cpu_s`) beside the time that passed; `_start_` is the same with a single image.
"""

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

LOOP = """
import csv, sys
from pathlib import Path
import numpy as np, torch
from PIL import Image
import ssmtl
run, images, out = map(Path, sys.argv[1:])
model = ssmtl.load(run, device="cpu")
network, tasks = model.experiments[0].model, model.tasks
out.mkdir()
with (out / "table.csv").open("w") as file, torch.no_grad():
    table = csv.writer(file)
    for path in sorted(images.iterdir()):
        image = Image.open(path).convert("L")
        small = np.asarray(image.resize(model.fit.frame[::-1], Image.Resampling.BILINEAR))
        rows = torch.from_numpy(small.copy())[None, None].expand(1, model.channels, -1, -1).float() / 255
        for task, output in tasks.items():
            values = output.probabilities(network.logits(task, rows))[0]
            if output.kind != "masks":
                table.writerow([path.name, *values.tolist()])
                continue
            for name, mask in zip(output.classes, values.numpy()):
                large = Image.fromarray(mask).resize(image.size, Image.Resampling.BILINEAR)
                Image.fromarray((np.asarray(large) > 0.5).astype(np.uint8) * 255).save(out / f"{path.stem}.{name}.png")
"""


def write_images(folder: Path, count: int, side: int, kind: str) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        smooth = ndimage.zoom(random.random((side // 16, side // 16)), 16, order=1) * 200
        values = np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(values).save(folder / f"{number:04d}.{kind}")


def seconds(command: list[str]) -> tuple[float, float]:
    """That pass, and of processor time."""
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return round(time.perf_counter() - start, 3), round(busy, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--kind", default="png")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    script = str(Path(sys.executable).with_name("ssmtl"))
    rows = []
    with tempfile.TemporaryDirectory() as place:
        write_images(Path(place) / "many", given.images, given.side, given.kind)
        write_images(Path(place) / "one", 1, given.side, given.kind)
        for number in range(given.rounds):
            row: dict[str, Any] = {
                "round": number, "images": given.images, "side": given.side, "kind": given.kind,
                "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"), "load": round(os.getloadavg()[0], 1),
            }  # fmt: skip
            for folder, suffix in (("one", "_start"), ("many", "")):
                images, out = str(Path(place) / folder), str(Path(place) / "out")
                loop = [sys.executable, "-c", LOOP, str(given.run), images, out]
                row[f"loop{suffix}_s"], row[f"loop{suffix}_cpu_s"] = seconds(loop)
                shutil.rmtree(out)
                command = [script, "predict", str(given.run), images, "--out", out, "--device", "cpu", "--quiet"]
                row[f"predict{suffix}_s"], row[f"predict{suffix}_cpu_s"] = seconds(command)
                shutil.rmtree(out)
            rows.append({**row, "times_as_fast": round(row["loop_s"] / row["predict_s"], 2)})
            print(rows[-1], flush=True)
    print("median", statistics.median(float(row["times_as_fast"]) for row in rows))
    new = not given.out.exists()
    with given.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
