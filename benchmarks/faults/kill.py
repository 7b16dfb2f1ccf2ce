"""Kill −9 at random moments, then resume: does the run end bit for bit like an uninterrupted one?

    python benchmarks/faults/kill.py --kills 42 --seed 0 --out benchmarks/faults/results/kills.csv

Tiny runs on the phantom, with a checkpoint every three steps. A kill comes up to 0.2 s after a random one of the file
operations that are left to the run. Each recipe's runs are killed until its share of the kills is used up; the last run
is then left to finish. The CSV has one line per kill: when, what the process was doing, and whether the run ended the
same.
"""

import argparse
import csv
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "faults"))

import torch
from children import assert_same, command, random_moment, tiny

RECIPES = {
    "multimix": (),
    "enc_mm": (),
    "supervised_tuned": (),
    "umtl_ssl_s": ("balancer={use: uncertainty}", "schedule={use: cosine, warmup: 3}"),
    "multimix_author_code": ("train.clip=1.0",),
    "unet": ("optimizer={use: sgd, lr: 0.01}",),
}
"""They cover MixMatch, moving average, uncertainty balancer, schedules, clipping and SGD."""


def campaign(kills: int, seed: int, folder: Path) -> list[dict[str, object]]:
    """One row per kill."""
    rows: list[dict[str, object]] = []
    shares = [kills // len(RECIPES) + (place < kills % len(RECIPES)) for place in range(len(RECIPES))]
    for (recipe, settings), share in zip(RECIPES.items(), shares, strict=True):
        arguments = tiny(recipe, *settings)
        whole, cut, log = folder / f"{recipe}-whole", folder / f"{recipe}-cut", folder / "log"
        first = command([*arguments, "--out", whole], log)
        assert first.code == 0, first.out
        rng = random.Random(f"{seed} {recipe}")
        own: list[dict[str, object]] = []
        runs = 0
        while len(own) < share:
            if (cut / "results.json").is_file():  # only the report is left: finish, compare, start a new run
                last = command([*arguments, "--out", cut, "--resume", "auto"], log)
                assert last.code == 0, last.out
                assert_same(whole, cut)
                shutil.rmtree(cut)
                runs += 1
            ended = command([*arguments, "--out", cut, "--resume", "auto"], log, first=random_moment(rng, cut))
            if ended.code == -9:
                facts = {"after": round(ended.seconds, 2), "during": _during(cut), "step_logged": _step(cut)}
                own.append({"recipe": recipe, "kill": len(own) + 1, **facts})
            elif ended.code == 0:  # finished before the kill: compare, start a new run
                assert_same(whole, cut)
                shutil.rmtree(cut)
                runs += 1
            else:
                raise SystemExit(f"{recipe}: exit code {ended.code}\n{ended.out}")
        ended = command([*arguments, "--out", cut, "--resume", "auto"], log)
        assert ended.code == 0, ended.out
        same = True
        try:
            assert_same(whole, cut)
        except AssertionError as difference:
            same = False
            print(recipe, "differs in", difference)
        rows += [{**row, "identical": same} for row in own]
        print(f"{recipe}: {len(own)} kills over {runs + 1} runs, {'identical' if same else 'DIFFERENT'}", flush=True)
    return rows


def _step(run: Path) -> int:
    """The last step in the log."""
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    steps = [int(json.loads(line)["step"]) for line in lines if line.endswith("}")]
    return max(steps, default=0)


def _during(run: Path) -> str:
    """What the run was doing, by its files."""
    if not (run / "recipe.yaml").is_file():
        return "before the first step"
    if list(run.rglob(".*.part")):
        return "writing"
    if (run / "results.json").is_file():
        return "report"
    if (run / "checkpoints" / "step-00000012").is_dir():
        return "evaluation"
    return "training"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as place:
        os.environ["SSMTL_CACHE"] = str(Path(place) / "cache")
        rows = campaign(options.kills, options.seed, Path(place))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    sys.exit(0 if all(row["identical"] for row in rows) else 1)
