"""The first task of every use case, from the simulator to an answer on a page and by program."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from common.edge.serving.app import create_app
from common.edge.serving.pages.controls import example
from common.edge.serving.settings import ServerSettings
from common.edge.store.shelves import Shelves
from common.edge.store.store import Store
from usecases import discover

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("served")]

ROOT = Path(__file__).resolve().parents[2]


async def asked(app, method, path, body=b"", kind="application/json"):
    """Ask an application without a network; return status and body."""
    headers = {"host": "127.0.0.1:8080", "content-type": kind, "content-length": str(len(body))}
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with the bundle of each use case's first task, learnt from simulated data."""
    place = tmp_path_factory.mktemp("served")
    for name in discover():
        command = [sys.executable, "-m", "usecases.cli", "run", name, "--data", "simulated"]
        done = subprocess.run(
            command, cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-1500:]
    (key,) = place.glob(".aune/*.pub.pem")
    kept = Store(place / "store", [key])
    for bundle in place.glob("results/*/*/*/*.zip"):
        kept.install(bundle)
    return place / "store"


@pytest.fixture(scope="module")
def app(store):
    made = create_app(Shelves(store), ServerSettings(rate_per_second=0))
    asyncio.run(made.refresh())
    return made


@pytest.mark.parametrize("name", sorted(discover()))
def test_a_bundle_of_every_use_case_answers_on_its_page_and_by_program(app, name):
    """No code of a use case is in the server: what the manifest says must be enough."""
    (served,) = [one for key, one in app.fleet.models.items() if key.startswith(f"{name}.")]
    page = f"/modeles/{served.name}"
    form = urlencode(example(served)).encode()
    status, body = asyncio.run(asked(app, "POST", page, form, "application/x-www-form-urlencoded"))
    assert status == 200, body[-500:]
    assert "SIMULÉ" in body.decode()
    assert "Pourquoi" in body.decode()
    document = json.loads(asyncio.run(asked(app, "GET", "/openapi.json"))[1])
    operation = document["paths"][f"/models/{served.name}/predict"]["post"]
    shown = operation["requestBody"]["content"]["application/json"]["examples"]["une_ligne"]
    status, body = asyncio.run(
        asked(app, "POST", f"/models/{served.name}/predict", json.dumps(shown["value"]).encode())
    )
    assert status == 200, body[-500:]
    (row,) = json.loads(body)["rows"]
    assert len(row["reasons"]) >= 1


def test_all_of_them_fit_in_a_modest_server(app):
    """Four use cases in one process: ready, and each golden row replayed."""
    assert app.fleet.is_ready
    assert len(app.fleet.models) == len(discover())
