"""One cell in a process of its own:  python -m ssmtl.suite.worker PARENT < WORK.json

PARENT is the id of the process that waits for it; the worker ends when that process does.

Exit codes: 0 finished, or paused where the work says so; 3 failed, with the error in cell.json; 4 another process works
on the cell; 75 stopped by a signal, and saved.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

from filelock import Timeout

from ssmtl.errors import RunError
from ssmtl.runs.execute import Job, can_resume, execute
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.log import last_step
from ssmtl.runs.signals import STOPPED, StoppedError, stoppable
from ssmtl.suite.cell import folder_of, lock_of, outcome_of
from ssmtl.suite.work import BUSY, FAILED, FINISHED, PAUSED, Work, note


def work_on(work: Work) -> int:
    """Train the cell unless it is finished; if a worker died in it, resume from the last checkpoint.

    Past the time limit the operating system ends the process with SIGALRM, whatever it hangs in.
    """
    signal.setitimer(signal.ITIMER_REAL, work.time_limit or 0)
    suite = Path(work.suite)
    try:
        with lock_of(suite, work.cell).acquire(timeout=0):
            before = outcome_of(suite, work.cell)
            status = before.status
            if status == "finished":
                return FINISHED
            folder = folder_of(suite, work.cell)
            if status == "failed":
                shutil.rmtree(folder.path, ignore_errors=True)
            return _train(work, folder, before.seconds if status == PAUSED else 0.0)
    except Timeout:
        return BUSY


def _train(work: Work, folder: RunFolder, spent: float) -> int:
    """:param spent: seconds until the run was paused."""
    began = time.perf_counter() - spent
    try:
        with stoppable():
            _run(work, folder)
    except StoppedError:
        if work.until is None or last_step(folder.log) < work.until:
            return STOPPED
        note(work, status=PAUSED, error="", seconds=time.perf_counter() - began)
        return FINISHED
    except Exception as error:  # noqa: BLE001 - any error is this cell's; the suite continues
        traceback.print_exc()
        note(work, status="failed", error=f"{type(error).__name__}: {error}", seconds=time.perf_counter() - began)
        return FAILED
    note(work, status="finished", error="", seconds=time.perf_counter() - began)
    shutil.rmtree(folder.checkpoints, ignore_errors=True)  # large, and no longer needed
    return FINISHED


def _run(work: Work, folder: RunFolder) -> None:
    import torch

    from ssmtl.contracts.folders import Folders
    from ssmtl.data.identity import data_digest
    from ssmtl.data.split_file import split_digest
    from ssmtl.experiment.assemble import assemble
    from ssmtl.experiment.prepare import prepare
    from ssmtl.recipe.load import RecipeText
    from ssmtl.registry.plugins import load_plugins

    torch.set_num_threads(work.threads)
    plugins = load_plugins([Path(path) for path in work.plugins])
    recipe = RecipeText(work.recipe, work.cell).validated()
    experiment = assemble(recipe, plugins, work.cell, pretrained=not can_resume(folder, resume=True))
    folders = Folders(Path(work.data_root) if work.data_root else None)
    split = folder.split if folder.is_started else None
    data = prepare(experiment, plugins, folders, split_file=split)
    if data_digest(data.fingerprints) != work.facts["data_hash"]:
        raise RunError("the data changed since the suite was started: images, labels, masks or patients differ")
    if split_digest(data.splits, recipe.seed) != work.facts["split_hash"] and not data.skipped:
        raise RunError("the split is not the suite's: did RUN/split.json change?")
    local = tuple(Path(path) for path in work.plugins)
    if not work.tests:
        data = replace(data, tasks={name: replace(task, test={}) for name, task in data.tasks.items()})
    job = Job(recipe, folder, folders, local, command=work.command, resume=True, until=work.until)
    execute(job, plugins, experiment, data)


def _end_with(parent: int) -> None:
    """A killed suite leaves no worker behind."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Read the work from standard input and do it."""
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    content = json.load(sys.stdin)
    sys.exit(work_on(Work(**{**content, **{key: tuple(content[key]) for key in ("plugins", "command")}})))


if __name__ == "__main__":
    main()
