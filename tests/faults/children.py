"""The real command line in forked processes that can be killed at a moment or at a file operation.

Everything is imported once, in the parent: a child costs no more than its run.
"""

import builtins
import io
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import ssmtl.suite.preload  # noqa: F401

DEVICE = os.environ.get("SSMTL_TEST_DEVICE", "cpu")
"""Where the runs train; the tests of kills can be run on a GPU with `cuda`."""

TINY = (
    "image.size=32",
    "backbone.widths=[4, 4, 8, 8, 8]",
    *(f"sources.{name}.size=32" for name in ("chex", "jsrt", "nihx", "mcu")),
    "sources.chex.images=60",
    "sources.jsrt.images=40",
    "sources.nihx.images=12",
    "sources.mcu.images=12",
    "train.steps=12",
    "train.evaluate_every=4",
    "train.log_every=1",
    "train.gradient_cosine_every=6",
    "train.checkpoint_every=3",
    f"train.device={DEVICE}",
)
BUDGETS = {
    "diagnosis": ("tasks.diagnosis.labeled=12", "tasks.diagnosis.batch=4"),
    "lungs": ("tasks.lungs.labeled=6", "tasks.lungs.batch=4"),
}
TIMES = {"seconds", "rows_per_second"}


def tiny(recipe, *more):
    """Arguments of `ssmtl run` for a run that takes a second or two."""
    from ssmtl.recipe.load import read
    from ssmtl.registry.plugins import load_plugins

    tasks = read(recipe, load_plugins()["recipe"]).content["tasks"]
    overrides = [*TINY, *(override for task in tasks for override in BUDGETS[task]), *more]
    return ["run", recipe, *(part for override in overrides for part in ("--set", override))]


@dataclass
class Ended:
    """:param code: the exit code, or the negative number of the signal."""

    code: int
    out: str
    seconds: float


def command(arguments, log, *, first=None, after=None, number=signal.SIGKILL):
    """Run `ssmtl ARGUMENTS` in a child.

    :param first: called in the child before the command, such as `killed_at(…)`.
    :param after: seconds after which the signal `number` is sent.
    """
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(arguments, log, first)
    waited = 0
    while waited == 0:
        waited, status = os.waitpid(child, os.WNOHANG)
        if waited == 0:
            if after is not None and time.monotonic() - began >= after:
                os.kill(child, number)
                after = None
            time.sleep(0.005)
    return Ended(os.waitstatus_to_exitcode(status), Path(log).read_text(errors="replace"), time.monotonic() - began)


def _child(arguments, log, first):
    code = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if first is not None:
            first()
        from ssmtl.cli.main import main

        sys.argv = ["ssmtl", *map(str, arguments)]
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - a traceback belongs into the log
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def killed_at(place, count, number=signal.SIGKILL, delay=0.0):
    """For `command(first=…)`: send the signal from inside at the `count`-th file operation on a path with `place`."""
    seen = [0]

    def watched(function):
        def called(*arguments, **options):
            path = next((one for one in arguments if isinstance(one, str | os.PathLike)), "")
            if place in os.fspath(path):
                seen[0] += 1
                if seen[0] == count and delay:
                    threading.Timer(delay, os.kill, (os.getpid(), number)).start()
                elif seen[0] == count:
                    os.kill(os.getpid(), number)
            return function(*arguments, **options)

        return called

    def install():
        io.open = builtins.open = watched(io.open)
        for name in ("open", "replace", "rename", "link", "mkdir", "unlink", "rmdir", "truncate"):
            setattr(os, name, watched(getattr(os, name)))

    return install


def noting_scored(path):
    """For `command(first=…)`: write which images an evaluation really predicts, one line a task and domain."""

    def install():
        from ssmtl.runs import evaluate_again

        predict = evaluate_again.predict

        def noted(model, task, rows, device):
            with open(path, "a") as file:
                file.write(json.dumps({"task": task.name, "ids": list(rows.ids)}) + "\n")
            return predict(model, task, rows, device)

        evaluate_again.predict = noted

    return install


def without_report():
    """For `command(first=…)`: no figures are drawn, which takes longer than a tiny run."""
    import ssmtl.reports

    ssmtl.reports.write_report = lambda path, **_: path / "report.html"


STEPS = 12
OPERATIONS = 120
"""Approximate number of file operations on the run's folder from its start to its results; fewer after a resume."""


def random_moment(stream, run):
    """For `command(first=…)`: kill -9 shortly after a random file operation of what remains before the report."""
    checkpoints = sorted((run / "checkpoints").glob("step-*"))
    done = int(checkpoints[-1].name[-8:]) if checkpoints else 0
    count = stream.randint(1, max(12, round(OPERATIONS * (1 - done / STEPS))))
    return killed_at(f"{run.name}/", count, delay=stream.choice([0.0, stream.uniform(0.001, 0.2)]))


def facts_of(run):
    """All content that must not depend on interruptions, by file."""
    found = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if not path.is_file() or name.startswith(("checkpoints/", "figures/", ".lock")):
            continue
        if name in ("environment.json", "report.html"):
            continue
        found[name] = path.read_bytes()
    found["metrics.jsonl"] = [
        {key: value for key, value in json.loads(line).items() if key not in TIMES}
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    found["results.json"] = {
        key: value for key, value in json.loads((run / "results.json").read_text()).items() if key not in TIMES
    }
    return found


def assert_same(run, other):
    """Both runs ended with the same content, bit for bit."""
    one, two = facts_of(run), facts_of(other)
    assert list(one) == list(two)
    for name, content in one.items():
        assert content == two[name], name
    assert (other / "report.html").is_file()
