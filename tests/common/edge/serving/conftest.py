"""Servers to ask: in memory, one ASGI call at a time, or under uvicorn on a free port."""

import asyncio
import contextlib
import http.client
import json
import threading
import time

import pytest

from common.edge.serving.app import create_app
from common.edge.serving.running import make_server
from common.edge.serving.settings import ServerSettings
from common.edge.store.shelves import Shelves
from common.edge.store.store import Store


class Reply:
    """Status, headers and body of an answer."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    def json(self):
        return json.loads(self.body)


class Caller:
    """Asks an application without a network."""

    def __init__(self, app):
        self.app = app
        asyncio.run(app.refresh())

    def __call__(self, method, path, body=b"", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("content_type", "application/json")
        return asyncio.run(self.ask(method, path, [body], headers))

    def stream(self, method, path, parts, **headers):
        """Send a body in parts, without its length."""
        return asyncio.run(self.ask(method, path, parts, headers, length=False))

    async def ask(self, method, path, parts, headers, length=True):
        given = {"host": "127.0.0.1:8080"} | headers
        if length:
            given.setdefault("content_length", str(sum(map(len, parts))))
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
            ],
        }  # fmt: skip
        pending = [
            {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
            for index, part in enumerate(parts)
        ]
        messages = []

        async def receive():
            return pending.pop(0) if pending else {"type": "http.disconnect"}

        async def send(message):
            messages.append(message)

        await self.app(scope, receive, send)
        if not messages:
            return None
        start, *bodies = messages
        names = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return Reply(start["status"], names, b"".join(part.get("body", b"") for part in bodies))


@pytest.fixture(scope="session")
def serving_store(tmp_path_factory, sealed_zip, signing_key):
    """A store with version 1.2.3 of the small bundle."""
    root = tmp_path_factory.mktemp("serving") / "store"
    Store(root, [signing_key[1]]).install(sealed_zip)
    return root


@pytest.fixture(scope="session")
def call(serving_store):
    """An application with the usual settings, without rate limit."""
    return Caller(create_app(Shelves(serving_store), ServerSettings(rate_per_second=0)))


@pytest.fixture
def caller(serving_store):
    """Make an application with settings of one's own."""

    def make(root=serving_store, **settings):
        settings = {"rate_per_second": 0} | settings
        return Caller(create_app(Shelves(root), ServerSettings(**settings)))

    return make


@pytest.fixture(scope="session")
def one_row(example_inputs):
    """The first legal row as JSON takes it."""
    row = {name: values[0].tolist() for name, values in example_inputs.items()}
    row["load_kwh"] = [[None if v != v else v for v in day] for day in row["load_kwh"]]
    return row


@contextlib.contextmanager
def running(root, **settings):
    """Serve on a free port in a thread; give the port."""
    chosen = ServerSettings(port=0, **settings)
    server = make_server(create_app(Shelves(root), chosen), chosen)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        limit = time.monotonic() + 20
        while not server.started and thread.is_alive() and time.monotonic() < limit:
            time.sleep(0.01)
        assert server.started
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def live(serving_store):
    """Serve the small bundle with settings of one's own: ``with live(...) as port``."""

    def serve(root=serving_store, **settings):
        return running(root, **settings)

    return serve


@pytest.fixture
def ask():
    """Ask over a real connection."""
    return _ask


def _ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()
