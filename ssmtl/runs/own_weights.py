"""The weights of a finished run, refused unless they are those that it wrote."""

from pathlib import Path

from ssmtl.data.split_file import SplitFile
from ssmtl.errors import RunError
from ssmtl.model.weights import checksum
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.trained_by import TrainedBy, origin_of_weights


def check_finished(run: RunFolder, which: str) -> None:
    """:param which: best or last.

    :raises RunError: if `run` holds no finished run, or a link, or there are no weights of that name.
    """
    if which not in ("best", "last"):
        raise RunError(f"there are no weights called '{which}'; expected best or last")
    check_own(run.path)
    if not run.path.is_dir():
        raise RunError(f"there is no folder {run.path}; expected that of a finished run")
    if not run.is_finished:
        raise RunError(f"{run.path} holds no finished run (no {run.results.name})")


def checked_weights(run: RunFolder, which: str, split: SplitFile | None = None) -> Path:
    """Their file.

    :param split: the run's, if it has been read.
    :raises RunError: if they are missing, not those that the run was finished with, or of another recipe or split.
    """
    path = run.weights(which)
    origin = TrainedBy.of(run.read_recipe().validated(), split or run.read_split())
    origin.check(origin_of_weights(path), f"{path}", run.path)
    known = run.read_results().weights.get(which)
    if known is None:
        raise RunError(f"{run.results}: weights.{which}: is missing; without its checksum, {path} cannot be checked")
    if known != checksum(path):
        raise RunError(f"{path} is not as the run wrote it: its checksum differs from the one in {run.results}")
    return path
