"""``aune install``, ``rollback`` and ``installed`` as an IT officer meets them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from common.edge.errors import AuneError, SignatureError, UsageError, VersionError
from common.lab.export import write_bundle
from usecases.cli import store as commands
from usecases.cli.shared import group


@pytest.fixture(scope="module")
def zips(bundle_content, signing_key, tmp_path_factory):
    place = tmp_path_factory.mktemp("zips")
    return {
        version: write_bundle(
            place / f"{version}.zip", replace(bundle_content, version=version), signing_key[0]
        )
        for version in ("1.0.0", "1.1.0")
    }


@pytest.fixture
def aune(tmp_path, monkeypatch):
    """Call the commands in an empty folder with a store of its own; returns what was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUNE_STORE", str(tmp_path / "store"))
    app = group("test")
    for command in (commands.install, commands.rollback, commands.installed):
        app.command()(command)

    def call(*words):
        result = CliRunner().invoke(app, list(map(str, words)))
        if isinstance(result.exception, AuneError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def test_install_list_and_go_back(aune, zips, signing_key, tmp_path):
    """Each command ends with its three lines; the key is given once."""
    said = aune("install", zips["1.0.0"], "--key", signing_key[1])
    assert "fait    : building_energy/day_ahead 1.0.0 installé, 64 lignes étalons" in said
    assert f"où      : {tmp_path / 'store'}" in said
    assert "SIMULATED" in said
    assert "clé désormais reconnue" in said
    said = aune("install", zips["1.1.0"], "--key", signing_key[1])
    assert "clé désormais reconnue" not in said
    assert "1.1.0 installé à la place de 1.0.0" in said
    assert "ensuite : aune rollback building_energy/day_ahead" in said
    said = aune("rollback")
    assert "1.0.0 remis en service à la place de 1.1.0" in said
    said = aune("installed")
    assert "building_energy/day_ahead 1.0.0, installé le 2" in said
    assert "retirée  1.1.0" in said
    assert "fait    : 1 modèle installé\n" in said


def test_a_key_that_lies_beside_the_bundle_is_not_trusted(aune, zips, signing_key, tmp_path):
    """A stick could bring both; `aune bundle verify` reads that folder, an install does not."""
    (tmp_path / ".aune" / "trusted").mkdir(parents=True)
    shutil.copy(signing_key[1], tmp_path / ".aune" / "trusted" / "evil.pem")
    with pytest.raises(SignatureError, match="not signed by a trusted key") as caught:
        aune("install", zips["1.0.0"])
    assert "--key" in caught.value.remedy


def test_machines_get_json(aune, zips, signing_key):
    installed = json.loads(aune("install", zips["1.0.0"], "--key", signing_key[1], "--json"))
    assert installed["current"]["version"] == "1.0.0"
    aune("install", zips["1.1.0"])
    back = json.loads(aune("rollback", "building_energy/day_ahead", "--json"))
    assert (back["replaced"], back["current"]["version"]) == ("1.1.0", "1.0.0")
    listed = json.loads(aune("installed", "--json"))
    assert listed["installed"][0]["withdrawn"][0]["version"] == "1.1.0"
    forward = json.loads(aune("rollback", "--to", "1.1.0", "--json"))
    assert forward["current"]["version"] == "1.1.0"


def test_the_shadow_run_is_told_in_french(aune, zips, signing_key, example_inputs, tmp_path):
    np.savez(tmp_path / "recent.npz", **example_inputs)
    said = aune("install", zips["1.0.0"], "--key", signing_key[1], "--shadow", "recent.npz")
    assert "à blanc : 5 lignes récentes, sans comparaison" in said
    said = aune("install", zips["1.1.0"], "--shadow", "recent.npz", "--largest-gap", "0.1")
    assert "à blanc : 5 lignes récentes, comparées à la version 1.0.0" in said
    assert "forecast : écart moyen 0\u00a0kWh (0\u00a0%)" in said


def test_an_older_version_needs_its_option(aune, zips, signing_key):
    aune("install", zips["1.1.0"], "--key", signing_key[1])
    with pytest.raises(VersionError, match="is older than"):
        aune("install", zips["1.0.0"])
    assert "1.0.0 installé" in aune("install", zips["1.0.0"], "--allow-downgrade")


def test_the_model_must_be_named_where_there_are_several_or_none(
    aune, zips, signing_key, bundle_content, tmp_path
):
    with pytest.raises(UsageError, match="0 models are installed"):
        aune("rollback")
    assert "fait    : 0 modèle installé" in aune("installed")
    aune("install", zips["1.0.0"], "--key", signing_key[1])
    other = replace(bundle_content, task="week_ahead")
    aune("install", write_bundle(tmp_path / "other.zip", other, signing_key[0]))
    with pytest.raises(UsageError, match="2 models are installed") as caught:
        aune("rollback")
    assert "building_energy/week_ahead" in caught.value.expected
    assert "fait    : 2 modèles installés" in aune("installed")
