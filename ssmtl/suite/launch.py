"""A worker started as a new process, where there is none to fork from."""

import os
import subprocess
import sys
from pathlib import Path

from ssmtl.suite.work import Work


def log_of(work: Work) -> Path:
    """Where the worker's output goes."""
    path = Path(work.suite) / "logs" / f"{work.cell}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def launch(work: Work) -> "subprocess.Popen[bytes]":
    """Start a worker as a child of this process."""
    threads = {name: str(work.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with log_of(work).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ssmtl.suite.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **threads},
        )
    assert process.stdin is not None
    process.stdin.write(work.text().encode())
    process.stdin.close()
    return process
