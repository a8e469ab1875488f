"""What ``aune doctor`` says, on machines where something is missing."""

from pathlib import Path

import pytest

from common.lab.dataset import Source
from common.lab.diagnosis import diagnose
from common.lab.keys import ensure_key, trust

PUBLIC = Source(
    "counts", "Comptages", "Ville inventée", "CC0", "github:ville/comptages@abc123",
    {"a.csv": "0" * 64, "b.csv": "1" * 64}, "2022", "aucune",
)  # fmt: skip


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder without key, data or run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUNE_SIGNING_KEY", raising=False)
    monkeypatch.setenv("AUNE_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def told(out, sources=()):
    return "\n".join(diagnose(out, sources))


def test_a_bare_folder_is_described_without_an_error_and_without_a_trace(bare):
    """Nothing is written: asking how one is must not change it."""
    text = told(bare / "results")
    for what in ("aucune (.aune/signing_key.pem)", "0 dans .aune/trusted", "aucune dans"):
        assert what in text
    assert "tout est en place" in text
    assert list(bare.iterdir()) == []


def test_files_at_hand_are_counted_in_mirror_and_cache_and_not_hashed(bare):
    """The contents are wrong on purpose: a count is not a check, and the line says so."""
    for place in (
        "mirror/ville/comptages/abc123/a.csv",
        "cache/files/ville/comptages/abc123/b.csv",
    ):
        (bare / place).parent.mkdir(parents=True)
        (bare / place).write_text("?", encoding="utf-8")
    assert "counts : 2 fichiers présents sur 2, non vérifiés" in told(bare, [PUBLIC])
    (bare / "mirror/ville/comptages/abc123/a.csv").unlink()
    text = told(bare, [PUBLIC])
    assert "counts : 1 fichiers présents sur 2" in text
    assert "1 fichiers publics manquent : aune data fetch" in text


def test_the_key_is_told_by_its_fingerprint(bare):
    from common.edge.signature import fingerprint

    public = ensure_key().public_key()
    trust(public)
    text = told(bare)
    assert fingerprint(public) in text
    assert "1 dans .aune/trusted" in text


def test_an_unreadable_run_is_named_and_does_not_stop_the_others(bare):
    folder = bare / "results" / "case" / "task" / "20260101T000000Z-00000000"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{", encoding="utf-8")
    text = told(bare / "results")
    assert "run.json illisible (JSONDecodeError)" in text
    assert "conseil" in text


def test_threads_that_are_not_limited_are_advised_on(bare, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "OMP_NUM_THREADS=non défini" in told(bare)
    assert "(1 est conseillé)" in told(bare)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert "(1 est conseillé)" not in told(bare)


def test_a_full_disk_comes_first(bare, monkeypatch):
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=5e8))
    assert "libérer de la place" in told(Path("results"), [PUBLIC])
