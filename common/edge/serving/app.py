"""The application: installed bundles behind their protocols, kept up to date with the store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from common.edge.journal import log as journals
from common.edge.journal.entries import Settings
from common.edge.serving import metrics as exposition
from common.edge.serving import openapi
from common.edge.serving.asking import Answer, Ask, Door
from common.edge.serving.doors.friendly import Friendly
from common.edge.serving.doors.invocations import Invocations
from common.edge.serving.doors.oip import OpenInference, model_metadata, server_metadata
from common.edge.serving.gate.guard import Guard, Hot
from common.edge.serving.gate.keys import KeyFile
from common.edge.serving.metrics import Metrics
from common.edge.serving.models.fleet import Fleet
from common.edge.serving.models.served import Result, Served
from common.edge.serving.pages.site import agent_routes
from common.edge.serving.problem import Problem
from common.edge.serving.recording import Recorder
from common.edge.serving.settings import ServerSettings
from common.edge.serving.watch.truths import truth_routes
from common.edge.serving.watch.watching import Watching
from common.edge.store.shelves import Shelves

__all__ = ["Server", "create_app"]

_CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
)
_SHOWN = 60


def create_app(
    shelves: Shelves,
    settings: ServerSettings | None = None,
    pages: Sequence[BaseRoute] = (),
) -> "Server":
    """Return the ASGI application of a store.

    Parameters
    ----------
    shelves
        The store; only read.
    settings
        Bounds, keys, journal.
    pages
        Routes of one's own, behind the same guard.

    Raises
    ------
    UsageError
        The file of keys cannot be read, or holds none.
    JournalError
        The journal cannot be opened.
    """
    return Server(shelves, settings or ServerSettings(), pages)


class _Router(Starlette):
    """Starlette without its error pages: the guard answers every error."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the router itself."""
        return self.router


class Server:
    """An ASGI application; its models are opened when it starts up.

    Parameters
    ----------
    shelves, settings, pages
        As for `create_app`.

    Attributes
    ----------
    fleet
        The models in service.
    watching
        How what comes in compares with what they learned from.
    guard
        What stands before them.
    shelves, journal
        The store, and the journal where one is kept.
    """

    def __init__(
        self, shelves: Shelves, settings: ServerSettings, pages: Sequence[BaseRoute]
    ) -> None:
        self.settings = settings
        self.shelves = shelves
        self.fleet = Fleet(shelves, settings)
        self.metrics = Metrics(settings.watts_per_core)
        self.watching = Watching(settings.watch)
        self._keys = KeyFile(settings.keys) if settings.keys else None
        self.journal = (
            journals.Journal(settings.journal, Settings(keep=settings.keep))
            if settings.journal
            else None
        )
        self._pool = ThreadPoolExecutor(settings.workers, "aune-predict")
        self._recorder = None if self.journal is None else Recorder(self.journal, self._pool)
        self._pending = 0
        self._documents: dict[str, bytes] = {}
        self.starlette = _Router(
            routes=[*self._routes(), *truth_routes(self), *agent_routes(self), *pages],
            lifespan=self._lifespan,
        )
        ring = self._keys.ring if self._keys else None
        self.guard = Guard(self.starlette, settings, ring, self.metrics)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as ASGI asks."""
        await self.guard(scope, receive, send)

    async def refresh(self) -> None:
        """Take up what changed in the store and among the keys; requests go on meanwhile."""
        if self._keys is not None:
            self.guard.ring = self._keys.look()
        before = self.fleet.models
        found = await asyncio.to_thread(self.fleet.look)
        self.fleet.adopt(found)
        for _ in range(found.done):
            self.metrics.reloaded("done")
        for _ in range(found.refused):
            self.metrics.reloaded("refused")
        if self.fleet.models != before:
            self.guard.hot = self._hot_paths()
            self._documents = {}
            await asyncio.to_thread(self.watching.follow, self.fleet.models)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await self.refresh()
        tasks = [asyncio.create_task(work) for work in (self._watch(), self.watching.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            self._pool.shutdown()
            self.watching.close()
            if self.journal is not None:
                self.journal.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.settings.reload_seconds)
            await self.refresh()

    # What predicts

    def _hot_paths(self) -> dict[tuple[str, str], tuple[str, str, Hot]]:
        doors: tuple[Door, ...] = (Friendly(), OpenInference(), Invocations())
        friendly, inference, invocations = doors
        paths: dict[tuple[str, str], tuple[str, str, Hot]] = {}
        for name, served in self.fleet.models.items():
            for path, door in (
                (f"/models/{name}/predict", friendly),
                (f"/models/{name}/invocations", invocations),
                (f"/v2/models/{name}/infer", inference),
                (f"/v2/models/{name}/versions/{served.manifest.version}/infer", inference),
            ):
                paths["POST", path] = (name, door.name, partial(self._answer, served, door))
            if len(self.fleet.models) == 1:
                answer = partial(self._answer, served, invocations)
                paths["POST", "/invocations"] = (name, invocations.name, answer)
        return paths

    def _answer(
        self, served: Served, door: Door, body: bytes, headers: Mapping[bytes, bytes]
    ) -> Answer | Awaitable[Answer]:
        """Answer at once where that is quicker than a thread, and cannot hold anybody up."""
        if len(body) > self.settings.inline_bytes:
            return self._in_pool(
                lambda: self._predict(served, door, door.read(served, body, headers))
            )
        ask = door.read(served, body, headers)
        if ask.rows > min(self.settings.inline_rows, served.quick_rows):
            return self._in_pool(lambda: self._predict(served, door, ask))
        result = served.predict(ask.inputs, ask.rows)
        if self._recorder is not None:
            return self._recorded(served, door, ask, result)
        return self._finish(served, ask, result, door.write(served, ask, result))

    async def _recorded(self, served: Served, door: Door, ask: Ask, result: Result) -> Answer:
        """Answer once the journal holds the lines."""
        assert self._recorder is not None
        with self._waiting():
            result.lines = await self._recorder.record(served.batch(result, ask.ids))
        return self._finish(served, ask, result, door.write(served, ask, result))

    def _predict(self, served: Served, door: Door, ask: Ask) -> tuple[Served, Ask, Result, Answer]:
        result = self._result(served, ask)
        return served, ask, result, door.write(served, ask, result)

    def _result(self, served: Served, ask: Ask) -> Result:
        result = served.predict(ask.inputs, ask.rows)
        if self.journal is not None:
            result.lines = self.journal.append(served.batch(result, ask.ids))
        return result

    async def ask(self, served: Served, ask: Ask) -> Result:
        """Predict for a page, in a thread, in the journal and the metrics as any request.

        Raises
        ------
        Problem
            The inputs are refused, or too many wait already.
        """
        results: list[Result] = []

        def work() -> tuple[Served, Ask, Result, Answer]:
            results.append(self._result(served, ask))
            return served, ask, results[0], Answer(b"")

        await self._in_pool(work)
        return results[0]

    def _finish(self, served: Served, ask: Ask, result: Result, answer: Answer) -> Answer:
        self.metrics.observed(served.name, ask.rows, served.references, result.observation)
        self.watching.note(served, result.inputs, ask.rows)
        return answer

    async def _in_pool(self, work: Callable[[], tuple[Served, Ask, Result, Answer]]) -> Answer:
        """Answer from a thread."""
        with self._waiting():
            done = await asyncio.get_running_loop().run_in_executor(self._pool, work)
        return self._finish(*done)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Count who waits for a thread; refuse where too many do already."""
        if self._pending >= self.settings.workers + self.settings.queue:
            raise Problem(
                503, "Trop de demandes en attente : réessayer.", headers=((b"retry-after", b"1"),)
            )
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    # What tells about models

    def _routes(self) -> list[Route]:
        get, post = ["GET"], ["POST"]
        model, v2 = "/models/{model}", "/v2/models/{model}"
        version = f"{v2}/versions/{{version}}"
        return [
            Route("/health/live", self._live, methods=get),
            Route("/health/ready", self._ready, methods=get),
            Route("/v2/health/live", self._live, methods=get),
            Route("/v2/health/ready", self._ready, methods=get),
            Route("/v2", self._server, methods=get),
            *(Route(path, self._model, methods=get) for path in (v2, version)),
            *(Route(f"{path}/ready", self._model_ready, methods=get) for path in (v2, version)),
            *(Route(f"{path}/infer", self._absent, methods=post) for path in (v2, version)),
            Route("/models", self._models, methods=get),
            Route(f"{model}/card", self._card, methods=get),
            Route(f"{model}/predict", self._absent, methods=post),
            Route(f"{model}/invocations", self._absent, methods=post),
            Route("/invocations", self._absent, methods=post),
            Route("/ping", self._ready, methods=get),
            Route("/version", self._version, methods=get),
            Route("/openapi.json", self._openapi, methods=get),
            Route("/metrics", self._metrics, methods=get),
        ]

    async def _live(self, _request: Request) -> Response:
        return _json({"live": True})

    async def _ready(self, _request: Request) -> Response:
        if not self.fleet.is_ready:
            failed = ", ".join(sorted(self.fleet.failures)) or "aucun modèle installé"
            raise Problem(503, f"Pas prêt : {failed}. Le journal du serveur en dit plus.")
        return _json({"ready": True})

    async def _server(self, _request: Request) -> Response:
        return _json(server_metadata(_version()))

    async def _version(self, _request: Request) -> Response:
        return Response(_version(), media_type="text/plain")

    async def _model(self, request: Request) -> Response:
        return _json(model_metadata(self.served(request)))

    async def _model_ready(self, request: Request) -> Response:
        return _json({"name": self.served(request).name, "ready": True})

    async def _absent(self, request: Request) -> Response:
        """Say why a model is not asked: those that are served have a hot path."""
        if "model" not in request.path_params:
            known = ", ".join(self.fleet.models) or "aucun"
            raise Problem(
                404,
                f"/invocations demande un seul modèle servi ; ici : {known}. "
                "Employer /models/{modèle}/invocations.",
            )
        served = self.served(request)
        raise Problem(404, f"« {served.name} » n'est pas demandé à cette adresse.")

    async def _models(self, _request: Request) -> Response:
        return _json({"models": [_summary(served) for served in self.fleet.models.values()]})

    async def _card(self, request: Request) -> Response:
        card = self.served(request).bundle.card
        return Response(
            card, media_type="text/html", headers={"content-security-policy": _CARD_POLICY}
        )

    async def _openapi(self, _request: Request) -> Response:
        if "openapi" not in self._documents:
            document = openapi.document(
                list(self.fleet.models.values()), _version(), has_keys=self.guard.ring is not None
            )
            self._documents["openapi"] = orjson.dumps(document)
        return Response(self._documents["openapi"], media_type="application/json")

    async def _metrics(self, _request: Request) -> Response:
        models = {name: served.manifest.version for name, served in self.fleet.models.items()}
        text = self.metrics.text(models) + self.watching.text()
        return Response(text, headers={"content-type": exposition.CONTENT_TYPE.decode()})

    def served(self, request: Request) -> Served:
        """Return the model that an address names.

        Raises
        ------
        Problem
            404: no such model, or another version.
        """
        name = request.path_params["model"]
        served = self.fleet.models.get(name)
        if served is None:
            known = ", ".join(self.fleet.models) or "aucun modèle"
            raise Problem(404, f"Modèle « {name[:_SHOWN]} » inconnu ; servis : {known}.")
        wanted = request.path_params.get("version", served.manifest.version)
        if wanted != served.manifest.version:
            raise Problem(
                404,
                f"Version « {wanted[:_SHOWN]} » non servie ; en service : "
                f"{served.manifest.version}.",
            )
        return served


def _summary(served: Served) -> dict[str, Any]:
    manifest = served.manifest
    return {
        "name": served.name,
        "version": manifest.version,
        "question": manifest.question,
        "created": manifest.created,
        "simulated": manifest.simulated,
        "proxy": manifest.proxy,
        "signature": {
            "valid": True,
            "key": served.bundle.signer,
            "digest": served.bundle.digest,
        },
        "golden_rows_replayed": manifest.golden_rows,
        "inputs": [openapi.field_summary(field) for field in manifest.inputs],
        "outputs": [openapi.field_summary(field) for field in manifest.outputs],
    }


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("aune")
    except PackageNotFoundError:
        return "0"
