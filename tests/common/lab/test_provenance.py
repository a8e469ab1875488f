"""A figure names the code, lock and packages that it comes from."""

import hashlib
import json
import re

from common.lab import provenance
from common.lab.provenance import ROOT, code_digest, environment, lock_digest


def test_code_digest_changes_with_a_byte_of_the_lab_or_the_use_case(tmp_path, monkeypatch):
    """It is part of the key under which fitted rungs are remembered."""
    for name in ("common/lab/a.py", "usecases/one/model.py", "usecases/two/model.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)

    def digests():
        code_digest.cache_clear()
        return code_digest("one"), code_digest("two")

    try:
        first = digests()
        (tmp_path / "usecases/one/model.py").write_text("x = 2\n")
        second = digests()
        (tmp_path / "common/lab/a.py").write_text("x = 2\n")
        third = digests()
    finally:
        code_digest.cache_clear()
    assert first[0] != second[0]
    assert first[1] == second[1]
    assert second[1] != third[1]


def test_lock_digest_is_that_of_sha256sum():
    """Anybody can compute it: ``sha256sum requirements.lock``."""
    expected = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
    assert lock_digest() == expected


def test_environment_is_plain_json_and_names_what_computes():
    told = environment("building_energy")
    assert json.loads(json.dumps(told)) == told
    assert re.fullmatch(r"[0-9a-f]{40}\+?|unknown", told["code_commit"])
    assert re.fullmatch(r"[0-9]+\.[0-9]+.*", told["packages"]["onnxruntime"])
    assert "absent" not in told["packages"].values()


def test_a_package_that_is_not_installed_is_called_absent():
    assert provenance._version("no-such-distribution-of-ours") == "absent"
