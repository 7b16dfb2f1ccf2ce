"""The viewer's server: on this machine alone, until it is asked to stop."""

import errno
import os
import secrets
import socket
from collections.abc import Callable

import uvicorn

from ssmtl.contracts.folders import Folders
from ssmtl.errors import RunError
from ssmtl.inference.decision import temperatures_of
from ssmtl.inference.model import Model
from ssmtl.registry.plugins import Plugins
from ssmtl.runs.calibrate import calibration_of
from ssmtl.runs.folder import RunFolder
from ssmtl.runs.signals import StopRequest, listening
from ssmtl.viewer.app import Viewer
from ssmtl.viewer.gate import Gate
from ssmtl.viewer.ranking import rankings
from ssmtl.viewer.tested_images import TestedImages

HERE = "127.0.0.1"
USUAL_PORT = 8765

STOPPING = 3
"""Seconds that a request under way has to end."""


def bound(port: int | None) -> socket.socket:
    """A socket on this machine's own address, which does not accept yet.

    :param port: 0: any free one. None: the usual one, or any if that is taken.
    :raises RunError: if it is taken, or not allowed.
    """
    own = socket.socket()
    if os.name == "posix":
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a port that was just left cannot be taken
    try:
        try:
            own.bind((HERE, USUAL_PORT if port is None else port))
            own.listen()
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise
            own.close()
            return bound(0)
    except OSError as error:
        own.close()
        taken = error.errno == errno.EADDRINUSE
        why = "is taken by another program" if taken else f"cannot be used ({error.strerror})"
        raise RunError(f"--port {port}: this port of {HERE} {why}; give another one, or 0 for any free one") from error
    return own


def viewer(
    run: RunFolder, model: Model, plugins: Plugins, folders: Folders, largest: int, debug: bool = False
) -> Viewer:
    """:param model: of the run. :param folders: where its sources are. :param largest, debug: see `Viewer`.

    :raises RunError: naming a file of the run that is damaged.
    """
    results, split = run.read_results(), run.read_split()
    ranked = rankings(run, model.tasks, temperatures_of(calibration_of(run)), model.thresholds)
    images = TestedImages(model.experiments[0].recipe, plugins, folders, split)
    return Viewer(model, results.name, results.seed, ranked, images, largest, debug)


def serve(shown: Viewer, own: socket.socket, ready: Callable[[str], None]) -> None:
    """Answers until SIGINT or SIGTERM. :param ready: is told the address, with its token, once it is answered."""
    port, token = own.getsockname()[1], secrets.token_urlsafe(32)
    config = uvicorn.Config(
        Gate(shown.app(), token, port), log_level="error", access_log=False, lifespan="off", ws="none",
        proxy_headers=False, server_header=False, limit_concurrency=32, timeout_graceful_shutdown=STOPPING,
    )  # fmt: skip
    with own, listening() as request:
        _Server(config, request, lambda: ready(f"http://{HERE}:{port}/?token={token}")).run([own])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, request: StopRequest, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._request, self._ready = request, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """By now its signal handlers are in place, so that none is lost after `ready`."""
        await super().startup(sockets)
        self.should_exit |= self._request.asked()
        if not self.should_exit:
            self._ready()
