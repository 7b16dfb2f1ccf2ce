"""What a tampering did: to a resumed run, an evaluation, a new run, a suite."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import yaml
from children import Ended, facts_of, noting_scored
from safetensors.torch import load
from tamper_data import Change
from tampering import Tampering
from worlds import Person, World, read_csv, same_scores, sha256

Verdict = tuple[str, str]
"""An outcome, and what the command said."""


def refused(ended: Ended, change: Change) -> bool:
    """One error, which names what was tampered with."""
    said = " ".join(ended.out.split())
    error = re.search(r"^(Error: |\d+ errors:).*", ended.out, re.MULTILINE | re.DOTALL)
    return ended.code == 2 and error is not None and any(" ".join(name.split()) in said for name in change.names)


def _error(out: str) -> str:
    found = re.search(r"^(Error: |\d+ errors:).*", out, re.MULTILINE | re.DOTALL)
    return found[0] if found else out


def _same_run(world: World, run: Path, change: Change) -> str:
    """Empty if it ended as the untouched one; otherwise what differs."""
    found = facts_of(run)
    for name, content in world.facts.items():
        if name in change.free:
            continue
        ignored = [key.split(":")[1] for key in change.free if key.startswith(f"{name}:")]
        other = found.get(name)
        if ignored and other is not None:
            content, other = (_without(one, ignored) for one in (content, other))
        if name.endswith(".safetensors") and "header" in change.free:
            same = isinstance(other, bytes) and _same_tensors(content, other)
        else:
            same = content == other
        if not same:
            return name
    return ""


def _without(content: Mapping[str, Any] | bytes, keys: Sequence[str]) -> dict[str, Any]:
    """:param content: of a JSON file."""
    whole = json.loads(content) if isinstance(content, bytes) else content
    return {key: value for key, value in whole.items() if key not in keys}


def _same_tensors(one: bytes, other: bytes) -> bool:
    tensors, found = load(one), load(other)
    return tensors.keys() == found.keys() and all(tensor.equal(found[name]) for name, tensor in tensors.items())


def resume(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """A stopped run is resumed."""
    run = world.place / "stopped"
    change = tampering.change(world, rng, run)
    ended = world.called("run", "--resume", run, "--data-root", world.place)
    if refused(ended, change) and not (run / "results.json").exists():
        return "refused", _error(ended.out)
    differs = _same_run(world, run, change) if ended.code == 0 else f"exit code {ended.code}"
    return ("WRONG", f"{differs}\n{ended.out}") if differs else ("no effect", ended.out)


def run_again(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """The recipe is run anew."""
    change = tampering.change(world, rng, world.place / "done")
    ended = world.run("--out", world.place / "again", code=None)
    if refused(ended, change):
        return "refused", _error(ended.out)
    differs = _same_run(world, world.place / "again", change) if ended.code == 0 else f"exit code {ended.code}"
    return ("WRONG", f"{differs}\n{ended.out}") if differs else ("no effect", ended.out)


def evaluate(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """A finished run is evaluated on its own domains."""
    run, out, scored = world.place / "done", world.place / "scores.json", world.place / "scored.jsonl"
    change = tampering.change(world, rng, run)
    out.unlink()
    ended = world.called("evaluate", run, "--data-root", world.place, "--out", out, first=noting_scored(scored))
    if refused(ended, change) and not out.exists():
        return "refused", _error(ended.out)
    if ended.code != 0:
        return "WRONG", ended.out
    scores = json.loads(out.read_text())
    if wrong := _who_is_scored(world, world.sources, scores, scored, change):
        return "WRONG", f"{wrong}\n{ended.out}"
    if same_scores(scores, world.scores):
        return "no effect", ended.out
    warning = " ".join(re.findall(r"Warning: .*", ended.out))
    if change.content and any(name in warning for name in change.names):
        return "warned", warning
    return "WRONG", f"other scores, and no word of it\n{ended.out}"


def source(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """A finished run is evaluated on a source of a sources file."""
    run, out, scored = world.place / "done", world.place / "scores.json", world.place / "scored.jsonl"
    change = tampering.change(world, rng, run)
    out.unlink()
    entries = change.entries or {"other": {**world.sources["labels"], "on_error": "skip"}}
    (world.place / "new.yaml").write_text(yaml.safe_dump(entries))
    name, task = rng.choice(list(entries)), rng.choice(["diagnosis", "lungs"])
    arguments = ("--sources", world.place / "new.yaml", "--source", f"{task}={name}")
    command = ("evaluate", run, "--data-root", world.place, "--out", out, *arguments)
    ended = world.called(*command, first=noting_scored(scored))
    if refused(ended, change) and not out.exists():
        return "refused", _error(ended.out)
    if ended.code != 0:
        return "WRONG", ended.out
    wrong = _who_is_scored(world, entries, json.loads(out.read_text()), scored, change)
    return ("WRONG", f"{wrong}\n{ended.out}") if wrong else ("nobody who trained is scored", "")


def _who_is_scored(
    world: World, entries: Mapping[str, Any], scores: Mapping[str, Any], scored: Path, change: Change
) -> str:
    """Empty if nobody is scored who trained or selected, by the files' hashes and the table's patients."""
    predicted = [json.loads(line) for line in scored.read_text().splitlines()] if scored.exists() else []
    told = [(task, domain, name) for task, domains in scores["sources"].items() for domain, name in domains.items()]
    if [one["task"] for one in predicted] != [task for task, _, _ in told]:
        return "other evaluations than the results tell of"
    for one, (task, domain, name) in zip(predicted, told, strict=True):
        if len(one["ids"]) != scores["counts"][task][domain]["images"]:
            return f"{task}: other numbers of images than the results tell"
        folder = world.place / str(entries[name]["root"])
        patients = {}
        for row in read_csv(folder / "manifest.csv"):
            patients[(folder / row["image"]).resolve()] = row["patient"]
        used = {patient for _, patient in _of(world, folder)}
        for image in one["ids"]:
            path = (folder / image).resolve()
            if world.persons.get(sha256(path)) in world.used:
                return f"{task}: {image} shows somebody who trained"
            if change.alike and patients[path] in used:
                return f"{task}: {image} is of patient {patients[path]}, who trained"
    return ""


def _of(world: World, folder: Path) -> frozenset[Person]:
    """Those of the people used whose data set shares images with the one in a folder."""
    sets = {world.persons[hashed][0] for path in folder.glob("*.png") if (hashed := sha256(path)) in world.persons}
    return frozenset(person for person in world.used if person[0] in sets)


def given_split(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """A new run takes the split of a finished one from a file: refused, or nobody is on two sides."""
    given = world.place / "given"
    given.mkdir()
    (given / "split.json").write_bytes((world.place / "done" / "split.json").read_bytes())
    change = tampering.change(world, rng, given)
    ended = world.run("--set", f"split={given / 'split.json'}", "--out", world.place / "again", code=None)
    if refused(ended, change):
        return "refused", _error(ended.out)
    if ended.code != 0:
        return "WRONG", ended.out
    wrong = _two_sides(world)
    return ("WRONG", f"{wrong}\n{ended.out}") if wrong else ("nobody who trained is scored", "")


def _two_sides(world: World) -> str:
    """Empty if nobody of the run `again` trains and is tested, selects and is tested, or trains and selects."""
    split = json.loads((world.place / "again" / "split.json").read_text())
    recipe = yaml.safe_load((world.place / "again" / "recipe.yaml").read_text())
    sides: dict[str, set[Person]] = {"train": set(), "val": set(), "test": set()}
    for name, task in split["tasks"].items():
        if len(task["labeled"]) != recipe["tasks"][name]["labeled"]:
            return f"{name}: another number of labels than the recipe's"
        tests = [(part["source"], "test", part["ids"]) for part in task["test"].values()]
        own = [
            (task["source"], "val" if part == "val" else "train", task[part])
            for part in ("labeled", "unlabeled", "val")
        ]
        for source_name, side, ids in tests + own:
            if len(set(ids)) < len(ids):
                return f"{name}: an image stands twice in a part"
            root = world.place / world.sources[source_name]["root"]
            sides[side] |= {world.persons[sha256(root / image)] for image in ids}
    for one, other in (("train", "test"), ("val", "test"), ("train", "val")):
        if shared := sides[one] & sides[other]:
            return f"{min(shared)} is in {one} and {other}"
    return ""


def suite_status(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """After a change of the data, no cell counts as finished."""
    change = tampering.change(world, rng, world.place / "done")
    ended = world.called(*world.suite("status"))
    if refused(ended, change):
        return "refused", _error(ended.out)
    finished = re.search(r"(\d+) finished", ended.out)
    if ended.code != 0 or finished is None:
        return "WRONG", ended.out
    if finished[1] == "0":
        return "run anew", ""
    unchanged = not change.content or _reads_the_same(world)
    return ("no effect", ended.out) if unchanged else ("WRONG", ended.out)


def _reads_the_same(world: World) -> bool:
    """Whether every data set has the same files and table, where it is now."""
    for root in world.roots:
        now, before = world.place / root, world.untouched / root
        names = sorted(path.relative_to(before) for path in before.rglob("*.*"))
        if any(not (now / name).exists() or sha256(now / name) != sha256(before / name) for name in names):
            return False
    return True


def suite_run(world: World, tampering: Tampering, rng: Random) -> Verdict:
    """A suite is run again: its rows are the old ones, or those of other cells."""
    change = tampering.change(world, rng, world.place / "done")
    ended = world.called(*world.suite("run"))
    status = world.called(*world.suite("status"))
    said = " ".join((ended.out + status.out).split())
    if refused(ended, change):
        return "refused", _error(ended.out)
    if ended.code == 3 and any(name in said for name in change.names):
        return "refused", said[said.find("Error") :]
    if ended.code != 0:
        return "WRONG", ended.out + status.out
    rows = read_csv(world.place / "suite" / "results.csv")
    before = {row["cell"] for row in world.results}
    if change.content and before & {row["cell"] for row in rows}:
        return "WRONG", "a cell of the data before they changed still counts"
    old = [row for row in rows if row["cell"] in before]
    if any(row not in world.results for row in old):
        return "WRONG", "a cell has other numbers than before"
    return ("no effect", "") if rows == world.results else ("run anew", "")


OVER = {
    "resume": resume,
    "run again": run_again,
    "evaluate": evaluate,
    "source": source,
    "given split": given_split,
    "suite status": suite_status,
    "suite run": suite_run,
}
"""What is done after the tampering."""
