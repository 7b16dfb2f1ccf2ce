"""Whether torchrun or Slurm started this process as one of several of the same run."""

import os


def launched() -> bool:
    """Whether other processes of this run were started beside this one, by torchrun or by `srun`.

    In an interactive session Slurm sets its variables too, but starts one process.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return True
    tasks, job = os.environ.get("SLURM_NTASKS", "1"), os.environ.get("SLURM_JOB_NAME", "")
    return "SLURM_PROCID" in os.environ and job not in ("bash", "interactive") and tasks.isdecimal() and int(tasks) > 1


def rank() -> int:
    """The number of this process among them, from 0; 0 if it was started alone."""
    if not launched():
        return 0
    return int(os.environ.get("RANK") or os.environ["SLURM_PROCID"])


def processes() -> int:
    """How many there are."""
    return int(os.environ.get("WORLD_SIZE") or os.environ["SLURM_NTASKS"]) if launched() else 1
