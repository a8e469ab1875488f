"""A small run of ``aune`` that the tests of the command line share."""

import importlib.util
import sys
from pathlib import Path

import pytest

import usecases
from usecases import cli

PROGRAM = Path(__file__).with_name("aune_small.py")


def _small():
    spec = importlib.util.spec_from_file_location("aune_small", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SMALL = _small()


@pytest.fixture
def small(monkeypatch):
    """Have the command line see three simulated meters and a short ladder."""
    monkeypatch.setattr(usecases, "discover", SMALL.small_discover)
    return SMALL


@pytest.fixture(scope="session")
def program():
    """Run ``aune`` in a process of its own."""
    return SMALL.program


@pytest.fixture
def aune(small, monkeypatch, capsys, workplace):
    """Call ``aune`` as a shell would; returns exit code, stdout and stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["aune", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call


@pytest.fixture
def workplace(place, monkeypatch):
    """The folder of the shared run, its key and its trusted keys."""
    monkeypatch.chdir(place)
    monkeypatch.delenv("AUNE_SIGNING_KEY", raising=False)
    return place


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """One run of the first task, made by the command in a process of its own."""
    folder = tmp_path_factory.mktemp("commune")
    done = SMALL.program(folder, "run", "building_energy", "--data", "simulated", "--json")
    assert done.returncode == 0, done.stderr
    (folder / "said.json").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def bundle(place):
    return next(place.glob("results/*/*/*/*.zip"))


@pytest.fixture
def ends_well():
    """Every command ends with what was done, where it is and what to do next."""

    def judge(out):
        done, where, following = out.rstrip().splitlines()[-3:]
        return done.startswith("fait    : ") and where.startswith("où      : ") and (
            following.startswith("ensuite : ")
        )  # fmt: skip

    return judge
