"""What the trackers wrote, read back by the libraries' own readers: name → [(step, value), …], in the order written."""

import json
import struct
import time
from pathlib import Path


def of_tensorboard(run: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]}


def recipe_in_tensorboard(run: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0].decode()


def mlflow_run(run: Path):
    """The client and the run."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{run / 'mlflow' / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'ssmtl'")
    (found,) = client.search_runs([experiment.experiment_id])
    return client, found


def of_mlflow(run: Path):
    client, found = mlflow_run(run)
    return {
        name: [(one.step, one.value) for one in client.get_metric_history(found.info.run_id, name)]
        for name in found.data.metrics
    }


def wandb_records(run: Path):
    """Kind and content of each record; wandb's own process may write the last ones just after the run has ended."""
    for _ in range(100):
        records = list(_records_of(run))
        if records and records[-1][0] == "exit":
            break
        time.sleep(0.1)
    return records


def _records_of(run: Path):
    """Of the one file of the run: LevelDB's log format, of wandb's own messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = (run / "wandb").glob("offline-run-*/*.wandb")
    data, place, parts = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            record = Record.FromString(parts)
            parts = b""
            which = record.WhichOneof("record_type")
            yield which, getattr(record, which)


def of_wandb(run: Path):
    """The curves; the last values of the summary too, with the step 'summary'."""
    curves, summary = {}, {}
    for kind, record in wandb_records(run):
        if kind == "history":
            row = {"/".join(one.nested_key) or one.key: json.loads(one.value_json) for one in record.item}
            for name, value in row.items():
                if not name.startswith("_"):
                    curves.setdefault(name, []).append((row["_step"], float(value)))
        elif kind == "summary":
            summary |= {"/".join(one.nested_key) or one.key: json.loads(one.value_json) for one in record.update}
    shown = {name: [("summary", float(value))] for name, value in summary.items() if name not in curves}
    return {**curves, **{name: value for name, value in shown.items() if not name.startswith("_")}}


READERS = {"tensorboard": of_tensorboard, "mlflow": of_mlflow, "wandb": of_wandb}
