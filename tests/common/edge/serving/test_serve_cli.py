"""The commands that start a server and make its keys."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest
from typer.testing import CliRunner

from common.edge.serving.gate.keys import KeyRing
from usecases.cli import app

MODEL = "building_energy.day_ahead"


@pytest.mark.parametrize(
    "command",
    [["-m", "usecases.cli", "serve"], ["-m", "common.edge.serving"]],
    ids=["aune serve", "service"],
)
def test_a_server_says_where_it_is_answers_and_ends_on_a_signal(command, serving_store):
    words = [sys.executable, *command, "--store", str(serving_store), "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            line = next(line for line in process.stdout if "127.0.0.1:" in line)
            port = int(line.partition("127.0.0.1:")[2].split("/")[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/models", timeout=10) as answer:
                (model,) = json.load(answer)["models"]
            assert model["name"] == MODEL
        finally:
            process.send_signal(signal.SIGTERM)
        process.wait(15)


def test_the_service_imports_nothing_of_the_command_line(tmp_path):
    """Asked of a service that has loaded everything, and fails only at its port."""
    program = (
        "import sys; from common.edge.serving.__main__ import main; "
        "main(['--store', 'nowhere', '--host', '192.0.2.1', '--keys', 'none.json']); "
        "found = set(sys.modules); assert 'common.edge.serving.app' in found; "
        "print(sorted({'typer', 'pydantic', 'mlflow', 'pandas'} & found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "cannot listen on 192.0.2.1" in done.stderr
    assert done.stdout.strip() == "[]"


def test_a_key_is_shown_once_and_may_be_taken_away(tmp_path):
    words = ["key", "accueil", "--store", str(tmp_path)]
    made = CliRunner().invoke(app, words)
    secret = made.output.split()[0]
    assert KeyRing.load(tmp_path / "keys.json").find(secret).role == "predict"
    assert CliRunner().invoke(app, [*words, "--revoke"]).exit_code == 0
    assert KeyRing.load(tmp_path / "keys.json").keys == ()
