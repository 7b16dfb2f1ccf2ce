"""Whether this checkout trains to the very weights of another commit, and plans every shipped recipe alike:

    python benchmarks/same_weights.py REVISION

Three recipes are trained for 30 steps at 32 pixels by the code of the commit and by that of this checkout, each in
processes of its own with one thread, and every tensor of the last weights is compared bit by bit. `ssmtl check` of
every recipe of the commit is compared as text, but for the recipe's hash. Exit code 1 if anything differs.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ("multimix", "enc_mm", "supervised_tuned")
SHORT = ("image.size=32", "train.steps=30", "train.evaluate_every=15")
COMMAND = [sys.executable, "-c", "from ssmtl.cli.main import main; main()"]


def ssmtl(code: Path, *arguments: str) -> str:
    """What the command prints when it is run from the sources in `code`."""
    environment = {**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{code / 'plugins'}", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, env=environment | {"COLUMNS": "140"}, cwd=empty
        )
        done.stdout = done.stdout.replace(empty, "HERE").replace(str(code), "CODE")
    if done.returncode:
        raise SystemExit(f"{code}: ssmtl {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def plans(code: Path, recipes: list[str]) -> dict[str, str]:
    """By recipe, its plan without the recipe's hash."""
    return {name: re.sub(r"recipe [0-9a-f]{16}", "recipe …", ssmtl(code, "check", name)) for name in recipes}


def weights(code: Path, recipe: str, folder: Path) -> dict[str, torch.Tensor]:
    """The last weights of a short training."""
    settings = [argument for setting in SHORT for argument in ("--set", setting)]
    ssmtl(code, "run", recipe, *settings, "--out", str(folder), "--quiet")
    return load_file(folder / "weights" / "last.safetensors")


def differing(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> list[str]:
    """Names of the tensors that only one has, or whose bits differ."""
    return [
        name
        for name in sorted({*before, *after})
        if name not in before or name not in after or not torch.equal(before[name], after[name])
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="a commit of this repository")
    revision = parser.parse_args().revision
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch) / "code"
        subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", other, revision], check=True)
        try:
            shipped = sorted(
                path.relative_to(folder).with_suffix("").as_posix()
                for folder in (other / "recipes", *(other / "plugins").glob("*/recipes"))
                for path in folder.rglob("*.yaml")
                if "sources" not in path.parts
            )
            before, after = plans(other, shipped), plans(ROOT, shipped)
            for name in shipped:
                wrong += before[name] != after[name]
                print(f"plan of {name}: {'equal' if before[name] == after[name] else 'DIFFERS'}")
                lines = (text[name].splitlines() for text in (before, after))
                print("".join(f"  {line}\n" for line in difflib.unified_diff(*lines, lineterm="", n=0)), end="")
            for recipe in RECIPES:
                one, two = (
                    weights(code, recipe, Path(scratch) / place / recipe)
                    for code, place in ((other, "before"), (ROOT, "after"))
                )
                names = differing(one, two)
                wrong += bool(names)
                elements = sum(tensor.numel() for tensor in one.values())
                said = f"DIFFER in {', '.join(names[:5])}" if names else "bit-identical"
                print(f"{recipe}: {len(one)} tensors, {elements:,} numbers: {said}", flush=True)
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", other], check=False)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
