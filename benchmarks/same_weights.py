"""Whether this checkout trains to the same weights as another commit, and makes the same plan of every shipped recipe:

    python benchmarks/same_weights.py REVISION

Three recipes are trained for 30 steps at 32 pixels by the code of the commit and by that of this checkout, each in a
process of its own with one thread, and every tensor of the last weights is compared bit by bit. The plan that
`ssmtl check` prints for every recipe of the commit is compared as data, except for the recipe's hash. Exit code 1 if
anything differs.
"""

import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ("multimix", "enc_mm", "supervised_tuned")
SHORT = ("image.size=32", "train.steps=30", "train.evaluate_every=15")
COMMAND = [sys.executable, "-P", "-c", "from ssmtl.cli.main import main; main()"]


PLANS = """
import json, sys
try:
    from ssmtl.experiment.assemble import assemble
    from ssmtl.experiment.plan import plan_of
    from ssmtl.recipe.load import read
    from ssmtl.registry.plugins import load_plugins
except ImportError:  # before the core had rooms
    from ssmtl.assemble import assemble
    from ssmtl.plan import plan_of
    from ssmtl.plugins import load_plugins
    from ssmtl.recipe_file import read
plugins = load_plugins()
plans = {name: plan_of(assemble(read(name, plugins["recipe"]).validated(), plugins)) for name in sys.argv[1:]}
json.dump({name: {key: plan[key] for key in plan if key != "recipe_hash"} for name, plan in plans.items()}, sys.stdout)
"""


def environment_of(code: Path) -> dict[str, str]:
    """In which Python imports ssmtl from the sources in `code`."""
    return {**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{code / 'plugins'}", "OMP_NUM_THREADS": "1"}


def ssmtl(code: Path, *arguments: str) -> None:
    """Run the command from the sources in `code`."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment_of(code))
    if done.returncode:
        raise SystemExit(f"{code}: ssmtl {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")


def plans(code: Path, recipes: list[str]) -> dict[str, str]:
    """By recipe, what `ssmtl check` plans, as JSON without the recipe's hash: its words may change."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PLANS, *recipes], capture_output=True, text=True, env=environment_of(code)
    )
    if done.returncode:
        raise SystemExit(f"{code}: no plans:\n{done.stderr}")
    return {name: json.dumps(plan, indent=1) for name, plan in json.loads(done.stdout).items()}


def weights(code: Path, recipe: str, folder: Path) -> dict[str, torch.Tensor]:
    """The last weights of a short training."""
    settings = [argument for setting in SHORT for argument in ("--set", setting)]
    ssmtl(code, "run", recipe, *settings, "--out", str(folder), "--quiet")
    return load_file(folder / "weights" / "last.safetensors")


def differing(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> list[str]:
    """Names of the tensors that differ, or that only one side has."""
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
                outcome = f"DIFFER in {', '.join(names[:5])}" if names else "bit-identical"
                print(f"{recipe}: {len(one)} tensors, {elements:,} numbers: {outcome}", flush=True)
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", other], check=False)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
