"""Attacks on a server and what must come of each; `benchmarks.serving.hostile` has the loud half.

Those that a defence's own test holds already are not repeated: see ``docs/security.md``.
"""

import asyncio

import pytest

from common.edge.errors import UsageError
from common.edge.serving.keys import KeyFile, KeyRing

MODEL = "building_energy.day_ahead"
PREDICT = f"/models/{MODEL}/predict"


# Keys


@pytest.fixture
def key_file(tmp_path):
    """A file with one key, and its secret."""
    ring, secret = KeyRing().issued("accueil", "predict")
    ring.save(tmp_path / "keys.json")
    return tmp_path / "keys.json", secret


def test_a_key_that_leaks_is_shut_out_without_a_restart(caller, key_file, one_row):
    path, leaked = key_file
    call = caller(keys=path)
    assert call("POST", PREDICT, one_row, x_api_key=leaked).status == 200
    ring, fresh = KeyRing.load(path).revoked("accueil").issued("guichet", "predict")
    ring.save(path)
    asyncio.run(call.app.refresh())
    assert call("POST", PREDICT, one_row, x_api_key=leaked).status == 401
    assert call("POST", PREDICT, one_row, x_api_key=fresh).status == 200


def test_a_file_of_keys_that_is_torn_later_leaves_the_former_keys_in_force(key_file, caplog):
    path, secret = key_file
    file = KeyFile(path)
    path.write_text("[{")
    assert file.look().find(secret).name == "accueil"
    assert "former keys" in caplog.text


def test_a_file_of_keys_that_is_removed_lets_nobody_in(key_file):
    """Not everybody, as a server without keys would."""
    path, secret = key_file
    file = KeyFile(path)
    path.unlink()
    assert file.look().keys == ()
    assert file.look().find(secret) is None


def test_a_file_of_keys_that_is_torn_at_the_start_is_refused(tmp_path):
    (tmp_path / "keys.json").write_text("[{")
    with pytest.raises(UsageError, match="aune key"):
        KeyFile(tmp_path / "keys.json")
