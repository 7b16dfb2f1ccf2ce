"""MLflow: a run in a database, or on a server."""

import json
import logging
import os
import re
import time
from typing import Any

from ssmtl import Evaluated, Outcome, RunEnded, RunStarted, StepEnded, Tracker
from ssmtl_trackers.scalars import last_step, leaves, missing, of_step, of_test, of_validation

STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}

AT_ONCE = 100
"""Parameters in one call, the most that MLflow takes."""

PLACES = r"https?://[^/]|sqlite(\+\w+)?:///.|(postgresql|mysql|mssql)(\+\w+)?://|databricks(-uc)?(://|$)"
"""What MLflow takes for a server or database; it gives up runs in folders, and sqlite:// alone is in memory."""

LONGEST = 6000
"""Characters of a parameter, the most that MLflow takes."""


class MlflowTracker(Tracker):
    """Writes a run of MLflow, to a database in RUN/mlflow unless `uri` says where.

    Show it with `mlflow ui --backend-store-uri sqlite:///RUN/mlflow/mlflow.db`. A resumed run goes on with the same run
    of MLflow, and leaves out the steps that it has.

    :param uri: of a tracking server or database, such as http://127.0.0.1:5000 or sqlite:////data/mlflow.db.
    :param experiment: the name under which the runs are listed.
    """

    def __init__(self, *, uri: str | None = None, experiment: str = "ssmtl") -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # 7 take minutes, and training waits
        try:
            import alembic  # noqa: F401 - what MLflow keeps a database with
            import mlflow
            import sqlalchemy  # noqa: F401
        except ImportError as error:
            raise missing("mlflow-skinny, sqlalchemy and alembic", "mlflow", error) from error
        if uri is not None and not re.match(PLACES, uri):
            raise ValueError(f"uri is {uri!r:.200}; expected a server or database, such as http://127.0.0.1:5000")
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # or it tells of each table that it makes
        self.library, self.uri, self.experiment = mlflow, uri, experiment
        self.run_id = ""
        self.resumed = False
        self.last: dict[str, int] = {}

    def ssmtl_run_started(self, run: RunStarted) -> None:
        folder = (run.folder / "mlflow").absolute()
        folder.mkdir(exist_ok=True)
        uri = self.uri or f"sqlite:///{folder / 'mlflow.db'}"
        self.client = self.library.MlflowClient(tracking_uri=uri)
        place = {"uri": self.uri, "experiment": self.experiment}
        record = folder / "run.json"
        before = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        if {key: before.get(key) for key in place} == place:
            self.run_id, self.resumed = before["run_id"], True
            self.client.update_run(self.run_id, status="RUNNING")
            return
        own = None if self.uri else (folder / "artifacts").as_uri()
        made = self.client.create_run(self._experiment_id(own), run_name=run.folder.name)
        self.run_id = made.info.run_id
        record.write_text(json.dumps({**place, "run_id": self.run_id}), encoding="utf-8")
        parameters = [self.library.entities.Param(_allowed(key), value[:LONGEST]) for key, value in leaves(run.recipe)]
        for start in range(0, len(parameters), AT_ONCE):
            self.client.log_batch(self.run_id, params=parameters[start : start + AT_ONCE])

    def ssmtl_step_ended(self, step: StepEnded) -> None:
        self._write(of_step(step), step.step)

    def ssmtl_evaluated(self, result: Evaluated) -> None:
        self._write(of_validation(result), result.step)

    def ssmtl_run_ended(self, run: RunEnded) -> None:
        self._write(of_test(run), last_step(run))

    def close(self, outcome: Outcome) -> None:
        if self.run_id:
            self.client.set_terminated(self.run_id, STATUS[outcome])

    def _experiment_id(self, artifacts: str | None) -> str:
        try:
            return str(self.client.create_experiment(self.experiment, artifact_location=artifacts))
        except self.library.MlflowException:  # it exists, or another run has just made it
            found = self.client.get_experiment_by_name(self.experiment)
            if found is None:
                raise
            return str(found.experiment_id)

    def _write(self, values: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        new: list[Any] = []
        for name, value in values.items():
            key = _allowed(name)
            if key not in self.last:
                had = self.client.get_metric_history(self.run_id, key) if self.resumed else ()
                self.last[key] = max((one.step for one in had), default=-1)
            if step > self.last[key]:
                self.last[key] = step
                new.append(self.library.entities.Metric(key, float(value), now, step))
        if new:
            self.client.log_batch(self.run_id, metrics=new)


def _allowed(name: str) -> str:
    """MLflow takes letters, digits and some signs."""
    return re.sub(r"[^\w.\- /]", "_", name)
