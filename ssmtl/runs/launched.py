"""Whether torchrun or Slurm started this process as one of several of the same run."""

import os

from ssmtl.recipe.training import Train


def launched(train: Train) -> bool:
    """Whether other processes of this run were started beside this one, by torchrun or by `srun`.

    What `srun` starts counts only if a run in as many processes is asked for: in a Slurm job other programs, such as
    Ray's workers, run one-process runs of their own, and a job's script is in the job without being started by `srun`.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return True
    wanted = train.devices * train.nodes
    return wanted > 1 and "SLURM_PROCID" in os.environ and os.environ.get("SLURM_STEP_NUM_TASKS") == str(wanted)


def rank(train: Train) -> int:
    """The number of this process among them, from 0; 0 if it was started alone."""
    if not launched(train):
        return 0
    return int(os.environ.get("RANK") or os.environ["SLURM_PROCID"])


def processes(train: Train) -> int:
    """How many there are."""
    return int(os.environ.get("WORLD_SIZE") or os.environ["SLURM_STEP_NUM_TASKS"]) if launched(train) else 1
