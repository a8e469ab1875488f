"""What stands before every answer: keys, roles, names, rates, sizes, and silence on errors."""

import json

import pytest
from starlette.routing import Route

from common.edge.errors import UsageError
from common.edge.serving.app import create_app
from common.edge.serving.gate.keys import KeyRing
from common.edge.serving.settings import ServerSettings
from common.edge.store.shelves import Shelves

MODEL = "building_energy.day_ahead"
PREDICT = f"/models/{MODEL}/predict"
EVERY_PATH = [
    ("GET", "/models"), ("GET", f"/models/{MODEL}/card"), ("POST", PREDICT), ("GET", "/v2"),
    ("POST", f"/v2/models/{MODEL}/infer"), ("POST", f"/models/{MODEL}/invocations"),
    ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/nope"), ("POST", "/invocations"),
]  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A file with one key of each role, and their secrets."""
    path = tmp_path_factory.mktemp("ring") / "keys.json"
    ring, predict = KeyRing().issued("accueil", "predict")
    ring, admin = ring.issued("service", "admin")
    ring.save(path)
    return path, predict, admin


def test_keys_are_kept_as_hashes_and_readable_by_their_owner_alone(keys):
    path, *secrets = keys
    text = path.read_text()
    assert not any(secret in text for secret in secrets)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyRing.load(path).find(secrets[1]).role == "admin"


def test_a_key_that_is_taken_away_opens_nothing(keys):
    path, predict, _ = keys
    ring = KeyRing.load(path).revoked("accueil")
    assert ring.find(predict) is None
    with pytest.raises(UsageError, match="no key 'accueil'"):
        ring.revoked("accueil")


def test_a_torn_file_of_keys_is_refused_not_taken_for_none(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text("[{")
    with pytest.raises(UsageError, match="aune key"):
        KeyRing.load(path)


@pytest.mark.parametrize(("method", "path"), EVERY_PATH)
@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer aune_x"}, {"x_api_key": "é"},
                                  {"authorization": "Basic eDp5"}])  # fmt: skip
def test_without_a_known_key_nothing_but_health_is_told(caller, keys, method, path, sent):
    call = caller(keys=keys[0])
    answer = call(method, path, b"{}" if method == "POST" else b"", **sent)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert call("GET", "/health/ready").status == 200


def test_a_key_opens_models_and_only_an_admin_key_opens_metrics(caller, keys, one_row):
    path, predict, admin = keys
    call = caller(keys=path)
    assert call("POST", PREDICT, one_row, authorization=f"Bearer {predict}").status == 200
    assert call("POST", PREDICT, one_row, x_api_key=predict).status == 200
    assert call("GET", "/metrics", authorization=f"Bearer {predict}").status == 403
    assert call("GET", "/metrics", authorization=f"Bearer {admin}").status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "ville.example"])
def test_another_address_than_this_machine_is_refused_without_keys(host, keys):
    with pytest.raises(UsageError, match="without API keys"):
        ServerSettings(host=host)
    assert ServerSettings(host=host, keys=keys[0]).host == host


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8080", 200), ("localhost", 200), ("[::1]:8080", 200), ("evil.example", 421),
     ("127.0.0.1.evil.example:80", 421), ("", 421), ("aune.ville.example", 200)],
)  # fmt: skip
def test_a_name_that_was_pointed_at_this_machine_is_refused(caller, host, status):
    """DNS rebinding: the page of another site asks 127.0.0.1 under its own name."""
    answer = caller(names=("aune.ville.example",))("GET", "/models", host=host)
    assert answer.status == status


def test_a_page_of_another_site_is_refused(call, one_row):
    assert call("POST", PREDICT, one_row, sec_fetch_site="cross-site").status == 403
    assert call("POST", PREDICT, one_row, sec_fetch_site="same-origin").status == 200


def test_each_key_has_a_bucket_of_its_own_and_health_needs_none(caller, keys, one_row):
    path, predict, admin = keys
    call = caller(keys=path, rate_per_second=0.01, burst=2)
    statuses = [call("POST", PREDICT, one_row, x_api_key=predict).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = call("POST", PREDICT, one_row, x_api_key=predict)
    assert 1 <= int(refused.headers["retry-after"]) <= 100
    assert call("POST", PREDICT, one_row, x_api_key=admin).status == 200
    assert call("GET", "/health/live").status == 200


def test_a_body_above_the_limit_is_refused_by_its_announced_length(call):
    answer = call("POST", PREDICT, b"", content_type="application/json", content_length="1000001")
    assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_a_body_above_the_limit_is_refused_while_it_comes(caller):
    call = caller(body_bytes=1000)
    answer = call.stream("POST", PREDICT, [b" " * 400] * 3, content_type="application/json")
    assert answer.status == 413


def test_rows_above_the_limit_are_refused(caller, one_row):
    call = caller(rows=2)
    assert call("POST", PREDICT, {"rows": [one_row] * 2}).status == 200
    answer = call("POST", PREDICT, {"rows": [one_row] * 3})
    assert (answer.status, "au plus 2" in answer.json()["detail"]) == (413, True)


def test_an_answer_that_would_be_too_large_is_refused_before_it_is_computed(caller, one_row):
    """24 * (3 + 3) + 1 = 145 numbers a row: 300 allow two rows."""
    call = caller(values_out=300)
    assert call("POST", PREDICT, {"rows": [one_row] * 2}).status == 200
    assert call("POST", PREDICT, {"rows": [one_row] * 3}).status == 413


def test_a_compressed_body_is_refused(call):
    """It could unpack to anything."""
    answer = call("POST", PREDICT, b"x", content_encoding="gzip")
    assert answer.status == 415


def test_large_requests_are_answered_by_a_thread_as_small_ones_are_at_once(caller, call, one_row):
    threaded = caller(inline_bytes=0, inline_rows=0)
    assert threaded("POST", PREDICT, one_row).body == call("POST", PREDICT, one_row).body


def test_more_waiting_requests_than_the_queue_holds_are_refused(caller, one_row):
    call = caller(inline_rows=0, workers=1, queue=1)
    call.app._pending = 2
    answer = call("POST", PREDICT, one_row)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nope", 404), ("GET", PREDICT, 405), ("DELETE", "/models", 405),
     ("GET", "/models/nope/card", 404), ("POST", "/models/nope/predict", 404),
     ("POST", "/v2/models/nope/infer", 404), ("GET", f"/v2/models/{MODEL}/versions/9.9.9", 404),
     ("GET", "/models/../../etc/passwd", 404), ("BREW", "/models", 405)],
)  # fmt: skip
def test_what_is_not_there_is_a_problem_in_french(call, method, path, status):
    answer = call(method, path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert {"type", "title", "status", "detail"} <= set(answer.json())


@pytest.mark.parametrize("path", ["/boom", PREDICT])
def test_a_fault_of_the_server_tells_a_number_and_no_trace(
    serving_store, caller, monkeypatch, caplog, one_row, path
):
    """The trace goes to the server's log, under the number that the caller was told."""
    call = caller()
    (served,) = call.app.fleet.models.values()

    def fail(*_):
        raise RuntimeError("secret detail")

    async def boom(_request):
        fail()

    call.app.starlette.router.routes.append(Route("/boom", boom))
    monkeypatch.setattr(served, "predict", fail)
    answer = call("GET", path) if path == "/boom" else call("POST", path, one_row)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert answer.json()["detail"].split()[1] in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(("method", "path"), [*EVERY_PATH, ("GET", "/health/live")])
def test_every_answer_has_the_headers_that_keep_browsers_safe(call, method, path):
    headers = call(method, path, b"{}" if method == "POST" else b"").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_pages_of_ones_own_stand_behind_the_same_guard(serving_store, caller, keys):
    from starlette.responses import PlainTextResponse

    async def page(_request):
        return PlainTextResponse("bonjour")

    call = caller(keys=keys[0])
    call.app = create_app(
        Shelves(serving_store), ServerSettings(keys=keys[0]), [Route("/page", page)]
    )
    assert call("GET", "/page").status == 401
    assert call("GET", "/page", x_api_key=keys[1]).body == b"bonjour"


@pytest.mark.parametrize(
    "wrong",
    [{"port": -1}, {"port": 70000}, {"body_bytes": 0}, {"request_seconds": 0}, {"workers": 0},
     {"rate_per_second": -1}, {"watts_per_core": (3, 2, 1)}, {"rows": 0}],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_refused(wrong):
    with pytest.raises(UsageError):
        ServerSettings(**wrong)


def test_problems_hold_no_byte_that_is_not_json(call):
    answer = call(
        "POST", PREDICT, json.dumps({"\ud800": 1}).encode(), content_type="application/json"
    )
    assert answer.status == 400
