"""A folder of predictions: written image by image, and finished where it was interrupted."""

import errno
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ssmtl.data.entry import Progress, no_progress
from ssmtl.errors import DataError, RunError
from ssmtl.inference.decoded_image import Unreadable
from ssmtl.inference.files import Wanted, write_files
from ssmtl.inference.inputs import InputImage, stems
from ssmtl.inference.model import Model
from ssmtl.inference.options import Options
from ssmtl.inference.prediction import Prediction
from ssmtl.inference.record import PredictedRow, PredictionsOf, ProgressFile, begin, check_folder, state_of
from ssmtl.inference.table import Format, as_text, cells_of, check_format, columns_of, fits, write_csv, write_table
from ssmtl.runs.signals import StoppedError, listening
from ssmtl.wording import counted


@dataclass(frozen=True)
class PredictJob:
    """:param out: the folder. :param table: csv or parquet."""

    model: Model
    images: Sequence[InputImage]
    out: Path
    options: Options
    wanted: Wanted
    table: Format = "csv"
    batch_size: int = 16

    def content(self) -> PredictionsOf:
        """What decides what the folder holds in the end."""
        chosen = {**asdict(self.options), **asdict(self.wanted), "format": self.table, "device": self.model.device.type}
        model = self.model
        if any(model.module.temperatures):
            chosen["temperatures"] = model.module.temperatures
        if model.thresholds:
            chosen["thresholds"] = {task: dict(own) for task, own in model.thresholds.items()}
        names = [[one.name, one.path] for one in self.images]
        return PredictionsOf(runs=list(model.names), weights=list(model.weights), options=chosen, images=names)


@dataclass(frozen=True)
class PredictionsMade:
    """:param before: how many images an earlier process had done. :param failed: by image, why."""

    table: Path
    predicted: int
    before: int
    failed: dict[str, str]


def predict_into(job: PredictJob, progress: Progress = no_progress) -> PredictionsMade:
    """Predict what is missing in the folder, and write its tables. The same images give the same bytes, however often
    it was interrupted.

    :raises RunError: if the folder holds something else, or another process is at work in it.
    :raises StoppedError: if a signal asked it to stop; what is done stays.
    """
    job.wanted.check()
    check_format(job.table)
    job.model.check(job.options)
    several = len(job.model.names) > 1 or job.options.dropout > 0
    columns = columns_of(job.model.tasks, several)
    states = {one.name: state_of(one.path) for one in job.images}
    check_folder(job.out, job.content())
    job.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(job.out / ".lock", timeout=0):
            done = {
                name: row
                for name, row in begin(job.out, job.content()).items()
                if row.values is not None
                and fits(columns, row.values)
                and row.state == states.get(name)
                and all((job.out / file).is_file() for file in row.files)
            }
            rows = {**done, **_predicted(job, [one for one in job.images if one.name not in done], states, progress)}
            return _finish(job, columns, rows, len(done))
    except Timeout as error:
        raise RunError(f"another process is writing to {job.out}; wait for it, or give another --out") from error


def _predicted(
    job: PredictJob, images: Sequence[InputImage], states: dict[str, list[int]], progress: Progress
) -> dict[str, PredictedRow]:
    by_name = {one.name: one for one in images}
    short = stems([one.name for one in job.images])
    rows: dict[str, PredictedRow] = {}

    def use(one: Prediction | Unreadable) -> PredictedRow:
        state = states[one.name]
        if isinstance(one, Unreadable):
            return PredictedRow(name=one.name, state=state, reason=one.reason)
        try:
            written = write_files(job.out, short[one.name], one, by_name[one.name], job.wanted)
        except DataError as error:
            return PredictedRow(name=one.name, state=state, reason=str(error))
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            return PredictedRow(name=one.name, state=state, reason="its name is too long for the names of its files")
        return PredictedRow(name=one.name, state=state, values=cells_of(one, written.masks), files=written.files)

    if not images:
        return rows
    advance = progress(f"predicting {counted(len(images), 'image')}", len(images))
    pairs = ((one.name, one.pixels) for one in images)
    with listening() as stop, closing(ProgressFile(job.out)) as file:
        for row in job.model.stream(pairs, job.options, job.batch_size, use):
            file.add(row)
            rows[row.name] = row
            advance()
            if stop.asked() and len(rows) < len(images):
                left = counted(len(images) - len(rows), "image")
                raise StoppedError(f"stopped with {left} left; the same command goes on in {job.out}")
    return rows


def _finish(
    job: PredictJob, columns: Mapping[str, type], rows: dict[str, PredictedRow], before: int
) -> PredictionsMade:
    every = [rows[one.name] for one in job.images]
    paths = {one.name: as_text(one.path) for one in job.images}
    good = [{**row.values, "image": paths[row.name]} for row in every if row.values is not None]
    failed = {paths[row.name]: row.reason for row in every if row.values is None}
    write_csv(job.out / "failed.csv", ["image", "reason"], [[name, as_text(reason)] for name, reason in failed.items()])
    table = write_table(job.out, job.table, columns, good)
    return PredictionsMade(table, len(good), before, failed)
