"""Starting one worker process, for every executor alike."""

import os
import subprocess
import sys
from pathlib import Path

from ssmtl.suite.worker import Work


def launch(work: Work) -> "subprocess.Popen[bytes]":
    """A worker on this machine; what it prints goes to logs/CELL.log of the suite."""
    log = Path(work.suite) / "logs" / f"{work.cell}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    threads = {name: str(work.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with log.open("ab") as output:
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
