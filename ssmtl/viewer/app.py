"""What the viewer answers: its page, predictions of images that are sent, test images."""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ssmtl.errors import DataError, SsmtlError, first_line
from ssmtl.inference.model import Model
from ssmtl.viewer.answer import answer
from ssmtl.viewer.ranking import Ranking
from ssmtl.viewer.tested_images import TestedImages
from ssmtl.viewer.truth import truth_of
from ssmtl.viewer.upload import MIB, TooLargeError, taken, uploaded

FILES = {
    "/report.css": ("ssmtl.reports", "page.css", "text/css"),
    "/page.css": ("ssmtl.viewer", "page.css", "text/css"),
    "/page.js": ("ssmtl.viewer", "page.js", "text/javascript"),
}
"""By address, what the page needs; the first is the style of the reports."""

AT_ONCE = 20
"""Images of a ranking that are sent together."""


@dataclass
class Viewer:
    """:param title, seed: of the run. :param largest: an upload, in bytes. :param debug: print tracebacks."""

    model: Model
    title: str
    seed: int
    rankings: Sequence[Ranking]
    images: TestedImages
    largest: int
    debug: bool = False
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def app(self) -> Starlette:
        """Without the gate."""
        routes = [
            Route("/", self._page),
            Route("/predict", self._predict, methods=["POST"]),
            Route("/ranking", self._ranking),
            Route("/test-image", self._test_image),
            *(Route(address, _file) for address in FILES),
        ]
        return Starlette(routes=routes, exception_handlers={404: lambda *_: _error(404, "there is no such page")})

    async def _page(self, request: Request) -> Response:
        environment = Environment(
            loader=PackageLoader("ssmtl.viewer", ""),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        page = environment.get_template("page.html.j2").render(
            title=self.title,
            seed=self.seed,
            run=self.model.names[0],
            device=str(self.model.device),
            decides=self.model.decides,
            rankings=self.rankings,
            largest=self.largest,
            mib=f"{self.largest / MIB:.3g}",
        )
        return HTMLResponse(page)

    async def _predict(self, request: Request) -> Response:
        try:
            content = await taken(request.stream(), request.headers.get("content-length"), self.largest)
        except TooLargeError as error:
            return _error(413, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        return await self._answered(lambda: answer(self.model, uploaded(content)))

    async def _ranking(self, request: Request) -> Response:
        asked = request.query_params
        start = asked.get("start", "0")
        for one in self.rankings:
            if (one.task, one.domain) == (asked.get("task"), asked.get("domain")) and start.isdecimal():
                images = one.images[int(start[:9]) :][:AT_ONCE]
                rows = [{"id": i.id, "patient": i.patient, "wrong": i.wrong, "said": i.said} for i in images]
                return JSONResponse({"measure": one.measure, "of": len(one.images), "images": rows})
        return _error(404, "the run has no such test images")

    async def _test_image(self, request: Request) -> Response:
        task, domain, name = (request.query_params.get(key, "") for key in ("task", "domain", "id"))
        return await self._answered(lambda: self._shown(task, domain, name))

    def _shown(self, task: str, domain: str, name: str) -> dict[str, Any]:
        found = self.images.find(task, domain, name)
        with found.source.decoding():
            truth = truth_of(task, self.model.tasks[task], found.example)
            return {**answer(self.model, found.example.image, truth), "note": found.note}

    async def _answered(self, work: Callable[[], dict[str, Any]]) -> Response:
        """One image at a time, in a thread, so that the server answers meanwhile. A failure is one sentence."""
        try:
            async with self._one_at_a_time:
                return JSONResponse(await run_in_threadpool(self._traced, work))
        except DataError as error:
            return _error(422, str(error))
        except SsmtlError as error:
            return _error(500, str(error))
        except Exception as error:  # noqa: BLE001 - the page shows it, and the server goes on
            return _error(500, f"Internal error: {type(error).__name__}: {first_line(error)}")

    def _traced(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return work()
        except Exception:
            if self.debug:
                traceback.print_exc()
            raise


async def _file(request: Request) -> Response:
    package, name, kind = FILES[request.url.path]
    return Response(resources.files(package).joinpath(name).read_bytes(), media_type=kind)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
