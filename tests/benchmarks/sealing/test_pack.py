"""Packs: what is handed out, what is kept, that both come back as they were."""

import csv
import hashlib
import json
import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sealing.pack import Pack
from benchmarks.sealing.packing import write_pack
from common.edge.errors import ChecksumError, IntegrityError, UsageError

VENDOR = {
    "LISEZMOI.md", "README.md", "protocol.json", "commitment.json", "questions.csv",
    "data/history.csv", "inputs.npz", "example_submission.csv", "declaration.toml",
    "check_submission.py", "SHA256SUMS",
}  # fmt: skip


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def same(left, right):
    """Bit for bit: type, shape and bytes."""
    return left.dtype == right.dtype and left.shape == right.shape and (
        left.tobytes() == right.tobytes()
    )  # fmt: skip


def test_a_pack_has_exactly_the_files_that_its_seams_name(pack):
    """Colleagues and vendors rely on these names."""
    assert names(pack.folder / "vendor") == VENDOR
    assert names(pack.folder / "buyer") == {
        "key", "labels.sealed", "questions.npz", "reference.zip",
        "opponents/last_week/entry.json", "opponents/last_week/predictions.parquet",
        "opponents/linear/entry.json", "opponents/linear/predictions.parquet",
    }  # fmt: skip
    assert not list(pack.folder.parent.glob(".staging-*"))


def test_questions_and_labels_come_back_bit_for_bit(pack, paper):
    """Scores are recomputed from files: a lost bit would be another score."""
    found = Pack.open(pack.folder).questions()
    for name in ("units", "blocks", "example", "step", "scale", "level"):
        assert same(getattr(found, name), getattr(paper.questions, name))
    for group in ("keys", "inputs", "later", "slices"):
        asked = getattr(paper.questions, group)
        assert list(getattr(found, group)) == list(asked)
        assert all(same(getattr(found, group)[name], asked[name]) for name in asked)
    labels = pack.labels()
    assert list(labels.truth) == ["load_kwh"]
    assert same(labels.truth["load_kwh"], paper.labels.truth["load_kwh"])


def test_no_label_is_in_what_the_vendor_receives(pack):
    """Values that only the truth has are nowhere in the vendor's bytes."""
    for name in names(pack.folder / "vendor") - {"inputs.npz"}:
        text = (pack.folder / "vendor" / name).read_bytes()
        assert b"80.25" not in text
        assert b"1e-07" not in text
    with np.load(pack.folder / "vendor" / "inputs.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {"load_kwh", "day", "question_example", "question_step"}


def test_questions_are_keys_only_in_utc(pack):
    """An hour without its offset would be guessed at."""
    with (pack.folder / "vendor" / "questions.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["site", "issue_time_utc", "target_time_utc"]
    assert rows[1] == ["école", "2022-03-25T11:00:00Z", "2022-03-26T00:00:00Z"]
    assert len(rows) == 13


def test_sums_are_those_of_the_stock_tool(pack):
    """A vendor checks with sha256sum, not with our program."""
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=pack.folder / "vendor", check=False
    )
    assert done.returncode == 0


def test_the_protocol_says_all_that_was_decided(pack, protocol):
    """Whoever reads protocol.json alone can redo the comparison."""
    said = pack.protocol
    assert said["schema"] == 1
    assert said["protocol_version"] == 1
    assert (said["usecase"], said["task"], said["task_version"]) == ("toy", "visits", 1)
    assert said["window"] == "2022-03-25..2022-03-28"
    assert said["margin"] == 0.02
    assert said["metrics"] == ["wape", "mase"]
    assert said["columns"][3]["name"] == "q10"
    assert said["ordered"] == ["q10", "q50", "q90"]
    assert said["reference"] == {
        "id": "linear", "title": "Solution linear", "training": "2021-01-01..2022-01-01",
        "bundle_sha256": hashlib.sha256(b"a signed bundle").hexdigest(),
    }  # fmt: skip
    assert said["minimum_detectable"] == 0.034
    assert (said["demonstration"], said["simulated"]) == (True, True)
    assert said["proxy"] == "Bibliothèques inventées."
    assert said["merkle_root"] == pack.commitment["root"]
    assert said["sealed_share"] == "Un jour sur huit est demandé."


def test_both_guides_carry_the_warnings_and_no_placeholder_is_left(pack):
    """Simulated never looks like measured, a demonstration never like a tender."""
    french = (pack.folder / "vendor" / "LISEZMOI.md").read_text(encoding="utf-8")
    english = (pack.folder / "vendor" / "README.md").read_text(encoding="utf-8")
    for text, words in (
        (french, ("SIMULATED", "Scellé de démonstration", "substitution", "2\u00a0%", "| `q50` |")),
        (english, ("SIMULATED", "Demonstration seal", "Proxy", "2%", "| `q50` |")),
    ):
        assert all(word in text for word in words)
        assert "${" not in text


def test_a_real_tender_has_no_demonstration_notice(
    sealed_task, paper, protocol, opponents, tmp_path
):
    """The notice means something only if it is absent elsewhere."""
    real = replace(protocol, demonstration=False, data={"name": "ville", "sha256": "ef" * 32})
    pack = write_pack(sealed_task, paper, real, opponents, tmp_path / "real")
    text = (pack.folder / "vendor" / "LISEZMOI.md").read_text(encoding="utf-8")
    assert "démonstration" not in text
    assert "SIMULATED" not in text


def test_two_packs_differ_by_salts_and_times_only(
    sealed_task, paper, protocol, opponents, tmp_path
):
    """The pack is a function of the paper; only the commitment is random."""
    later = replace(protocol, sealed_at=datetime(2026, 11, 24, tzinfo=UTC))
    one = write_pack(sealed_task, paper, protocol, opponents, tmp_path / "one")
    two = write_pack(sealed_task, paper, later, opponents, tmp_path / "two")
    assert one.commitment["root"] != two.commitment["root"]
    for name in VENDOR - {"commitment.json", "protocol.json", "SHA256SUMS"}:
        assert (one.folder / "vendor" / name).read_bytes() == (
            two.folder / "vendor" / name
        ).read_bytes(), name
    assert {**one.protocol, "merkle_root": ""} == {**two.protocol, "merkle_root": ""}


def test_a_folder_with_anything_in_it_is_refused(pack, sealed_task, paper, protocol, opponents):
    """A pack written over another would break its commitment."""
    with pytest.raises(UsageError, match="not empty"):
        write_pack(sealed_task, paper, protocol, opponents, pack.folder)


def test_a_failure_leaves_nothing_behind(sealed_task, paper, protocol, opponents, tmp_path):
    """Half a pack could be handed out by mistake."""
    paper.tables["history.csv"]["time"] = paper.tables["history.csv"]["time"].dt.tz_localize(None)
    with pytest.raises(UsageError, match="times without a zone"):
        write_pack(sealed_task, paper, protocol, opponents, tmp_path / "half")
    assert [path.name for path in tmp_path.iterdir()] == ["reference-bundle.zip"]


def test_a_question_asked_twice_is_refused(sealed_task, paper, protocol, opponents, tmp_path):
    """Its answer could not be told from the other's."""
    paper.questions.keys["target_time_utc"][1] = paper.questions.keys["target_time_utc"][0]
    with pytest.raises(UsageError, match="question 1 is asked twice"):
        write_pack(sealed_task, paper, protocol, opponents, tmp_path / "twice")


def test_the_key_is_for_its_owner_only(pack):
    """Mode 0600 on writing, and refused on reading where it was opened up."""
    key = pack.folder / "buyer" / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    with pytest.raises(UsageError, match="0644"):
        pack.labels()


def test_two_people_open_together_and_neither_alone(
    sealed_task, paper, protocol, opponents, tmp_path
):
    """The two shares in either order; one of them is no key."""
    two = replace(protocol, two_keys=True)
    pack = write_pack(sealed_task, paper, two, opponents, tmp_path / "shared")
    buyer = pack.folder / "buyer"
    assert not (buyer / "key").exists()
    taken = [(buyer / f"key.{n}").rename(tmp_path / f"safe-{n}") for n in (2, 1)]
    assert len(pack.labels(taken).truth["load_kwh"]) == 12
    with pytest.raises(UsageError, match="1 key files that hold share-2"):
        pack.labels(taken[:1])
    with pytest.raises(UsageError, match="0 key files"):
        pack.labels()


def test_the_seal_does_not_open_under_another_protocol(pack):
    """The protocol is the seal's associated data: rules cannot change after sealing."""
    path = pack.folder / "vendor" / "protocol.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.02", "0.03"), encoding="utf-8")
    with pytest.raises(IntegrityError, match="do not open"):
        pack.labels()


@pytest.mark.parametrize("name", sorted(VENDOR))
def test_opening_names_a_changed_vendor_file(pack, name):
    """One byte in any of the handed-out files."""
    path = pack.folder / "vendor" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError):
        Pack.open(pack.folder)


def test_opening_names_what_was_added_or_taken_away(pack):
    """A leftover file in vendor/ might be labels."""
    extra = pack.folder / "vendor" / "labels.csv"
    extra.write_text("1", encoding="utf-8")
    with pytest.raises(ChecksumError, match=r"labels\.csv: added"):
        Pack.open(pack.folder)
    extra.unlink()
    (pack.folder / "buyer" / "opponents" / "linear" / "entry.json").unlink()
    with pytest.raises(ChecksumError, match=r"linear/entry\.json: missing"):
        Pack.open(pack.folder)


def test_a_submission_comes_back_as_it_was_handed_in(pack, candidate):
    """Answers, line numbers, findings, declaration, answers under stress."""
    given = candidate("alpha", 1.0, declaration=b"schema = 1\n", stress={
        "bruit": {"q50": np.arange(12.0)}, "capteur perdu": {"q50": np.full(12, np.nan)},
    })  # fmt: skip
    line = pack.submit(given)
    found = pack.submissions()["alpha"]
    assert line.hash == pack.log.head
    assert same(found.submission.answers["q50"], given.submission.answers["q50"])
    assert (found.submission.line == given.submission.line).all()
    assert found.submission.sha256 == "ab" * 32
    assert found.submission.findings == given.entry.findings == found.entry.findings
    assert found.declaration == b"schema = 1\n"
    assert set(found.stress) == {"bruit", "capteur perdu"}
    assert found.entry.sha256 == line.facts["answers_sha256"]
    assert np.isnan(found.entry.train.high)


def test_the_second_submission_counts_and_the_third_is_refused(pack, candidate):
    """One scored submission per lot, at most two handed in; the first is kept."""
    pack.submit(candidate("alpha", 1.0))
    first = pack.log.head
    pack.submit(candidate("alpha", 2.0))
    with pytest.raises(UsageError, match="alpha has handed in 2 times"):
        pack.submit(candidate("alpha", 3.0))
    assert pack.submissions()["alpha"].submission.answers["q50"][0] == 2.0
    assert pack.at(first).submissions()["alpha"].submission.answers["q50"][0] == 1.0
    assert names(pack.folder / "superseded" / "alpha.1") == {"entry.json", "predictions.parquet"}
    assert not list((pack.folder / "submissions").glob(".staging-*"))


def test_what_comes_after_the_opening_is_marked_and_after_the_reveal_refused(pack, candidate):
    """Whoever has seen the labels cannot be told from a good forecaster."""
    assert pack.submit(candidate("alpha", 1.0)).facts["after_opening"] is False
    pack.record("opened", {})
    assert pack.submit(candidate("beta", 1.0)).facts["after_opening"] is True
    pack.record("revealed", {})
    with pytest.raises(UsageError, match="revealed"):
        pack.submit(candidate("gamma", 1.0))


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "linear", "é", "a..b"])
def test_an_id_that_is_no_folder_name_is_refused(pack, candidate, name):
    """Ids become folders; an opponent's would hide behind it."""
    with pytest.raises(UsageError):
        pack.submit(candidate(name, 1.0))


def test_a_folder_left_by_a_crash_is_replaced(pack, candidate):
    """The log decides what was handed in, not the disk."""
    left = pack.folder / "submissions" / "alpha"
    left.mkdir()
    (left / "entry.json").write_text("{", encoding="utf-8")
    pack.submit(candidate("alpha", 1.0))
    assert json.loads((left / "entry.json").read_text(encoding="utf-8"))["id"] == "alpha"


def test_the_declaration_template_is_valid_as_it_stands(pack):
    """A vendor who changes three names has a declaration that is read."""
    from benchmarks.declaration import read_declaration

    assert read_declaration(Path(pack.folder / "vendor")).id == "mon-modele"
