"""How far exported files are from PyTorch, and how long each takes, for every shipped recipe.

    python benchmarks/export/parity.py --out benchmarks/export/results

Each recipe is trained for a few steps on few synthetic radiographs, at its own size and widths, and exported with the
maps of its bridges. parity.csv: by output and batch, the largest difference between onnxruntime (or the PyTorch
program) and the network, and, for scale (`pytorch_nudged`), between the network and itself when every pixel moves to
one of the two nearest float32 values: a gradient jumps where two pixels are equally large. Images are noise, smooth
noise, or one grey value; 128/255 is the one nearest to the mean that normalisation subtracts, so that next to nothing
is left to normalise. latency.csv: milliseconds of a batch, the median of several, on one thread.
"""

import argparse
import copy
import csv
import statistics
import tempfile
import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor, nn

import ssmtl
from ssmtl.exports.outputs import NamedOutputs
from ssmtl.exports.parity import nudged
from ssmtl.recipe import yaml_file
from ssmtl.recipe.load import read
from ssmtl.registry.plugins import load_plugins

TIMM_SMP: dict[str, Any] = {
    "backbone": {"use": "timm", "model": "resnet18"},
    "head": {"use": "smp_decoder", "classes": ["lung"]},
}
"""What replaces MultiMix's own encoder and decoder in the recipe `multimix with timm and smp`."""

FORMATS = {"onnx": ".onnx", "torch": ".pt2"}
FEW = {"sources.chex.images": 60, "sources.jsrt.images": 40, "sources.nihx.images": 12, "sources.mcu.images": 12}
TRAIN = {"train.steps": 20, "train.evaluate_every": 20, "train.device": "cpu"}
BUDGETS = {"diagnosis": {"labeled": 12, "batch": 4}, "lungs": {"labeled": 6, "batch": 4}}
Said = Callable[[Tensor], dict[str, Tensor]]


def recipes() -> Iterator[tuple[str, dict[str, Any]]]:
    shipped = load_plugins()["recipe"]
    for name in sorted(shipped):
        content = dict(read(name, shipped, sources="phantom").content)
        content["sources"] = yaml_file.read_mapping(Path(__file__).parents[2] / "recipes/sources/phantom.yaml")
        yield name, content
        if name == "multimix":
            changed = copy.deepcopy(content)
            changed["backbone"] = TIMM_SMP["backbone"]
            changed["tasks"]["lungs"]["head"] = TIMM_SMP["head"]
            yield "multimix with timm and smp", changed


def trained(content: dict[str, Any], out: Path) -> Path:
    overrides: dict[str, Any] = {**FEW, **TRAIN}
    overrides |= {f"sources.{name}.size": content["image"]["size"] for name in ("chex", "jsrt", "nihx", "mcu")}
    for task in content["tasks"]:
        overrides |= {f"tasks.{task}.{key}": value for key, value in BUDGETS[task].items()}
    return ssmtl.run(content, overrides=overrides, out=out).path


def onnx_session(path: Path) -> Said:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return lambda images: {
        name: torch.from_numpy(values)
        for name, values in zip(names, session.run(names, {"images": images.numpy()}), strict=True)
    }


def batches(model: ssmtl.Model) -> Iterator[tuple[str, Tensor]]:
    shape = model.shape
    random = torch.Generator().manual_seed(1)
    for rows in (1, 2, 3, 7):
        yield "noise", torch.rand(rows, *shape, generator=random)
        smooth = torch.rand(rows, 1, 8, 8, generator=random)
        resized = nn.functional.interpolate(smooth, model.fit.frame, mode="bicubic").clamp(0, 1)
        yield "smooth", resized.expand(-1, model.channels, -1, -1).contiguous()
    for grey in (0.0, 0.25, 1.0, 128 / 255):
        yield f"all {grey:.3f}", torch.full((2, *shape), grey)


def median_ms(said: Said, images: Tensor, rounds: int = 15) -> float:
    said(images)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        said(images)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


@torch.no_grad()
def measure(name: str, run: Path, folder: Path, parity: list[dict[str, Any]], latency: list[dict[str, Any]]) -> None:
    model = ssmtl.load(run, device="cpu")
    module = NamedOutputs(model.module, maps=True)
    files: dict[str, Said] = {}
    for kind, suffix in FORMATS.items():
        start = time.perf_counter()
        try:
            done = ssmtl.export(run, folder / f"file{suffix}", format=kind, maps=True)
        except ssmtl.SsmtlError as error:
            parity.append({"recipe": name, "format": kind, "output": "refused", "images": str(error).split(" (")[0]})
            print(name, error)
            return
        print(f"{name} {kind}: {done.difference:.1e}, {time.perf_counter() - start:.0f} s", flush=True)
        files[kind] = (
            onnx_session(done.path) if kind == "onnx" else torch.export.load(done.path).module()  # type: ignore[assignment]
        )
    for what, images in batches(model):
        before = module(images)
        again = module(nudged(images))
        for kind, said in files.items():
            for output, values in said(images).items():
                parity.append(
                    {
                        "recipe": name,
                        "format": kind,
                        "output": output,
                        "images": what,
                        "rows": len(images),
                        "difference": f"{(values - before[output]).abs().max():.1e}",
                        "pytorch_nudged": f"{(again[output] - before[output]).abs().max():.1e}",
                    }
                )
    for kind, said in {"eager": module, **files}.items():
        row = {"recipe": name, "size": model.size, "runner": kind}
        for rows in (1, 8):
            row[f"batch_{rows}_ms"] = round(median_ms(said, torch.rand(rows, *model.shape)), 2)
        latency.append(row)


def kept(file: Path, measured: Container[str]) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    with file.open(newline="") as text:
        return [row for row in csv.DictReader(text) if row["recipe"] not in measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="recipes, whose rows replace those in the files; all by default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: content for name, content in recipes() if name in (given.only or [name])}
    parity, latency = (kept(given.out / file, chosen) for file in ("parity.csv", "latency.csv"))
    for name, content in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            run = trained(content, Path(folder) / "run")
            measure(name, run, Path(folder), parity, latency)
        for file, rows in (("parity.csv", parity), ("latency.csv", latency)):
            rows.sort(key=lambda row: row["recipe"])
            columns = list(dict.fromkeys(key for row in rows for key in row))
            with (given.out / file).open("w", newline="") as out:
                writer = csv.DictWriter(out, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
