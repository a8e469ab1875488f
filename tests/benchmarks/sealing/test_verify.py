"""Reveal and verify: anybody recomputes, and every single-value tampering is found."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.comparing import comparison
from benchmarks.records import Comparison, Standing
from benchmarks.sealing import papers
from benchmarks.sealing.digests import canonical_json, json_digest
from benchmarks.sealing.log import START
from benchmarks.sealing.pack import Pack
from benchmarks.sealing.reveal import reveal
from benchmarks.sealing.seal import Proof
from benchmarks.sealing.sums import file_digests, write_sums
from benchmarks.verify import pack_of, verify_pack, verify_report
from common.edge.errors import IntegrityError, UsageError
from common.lab.record import Score

DECLARATION = b'schema = 1\nlicence = "libre"\n[energy.predict]\nwh_per_1000 = 0.5\n'


def rescore(pack):
    """Mean absolute error of everybody: a small stand-in for `benchmarks.comparing.compare`."""
    truth = pack.labels().truth["load_kwh"]
    standings = []
    for entered in (*pack.opponents().values(), *pack.submissions().values()):
        loss = float(np.nanmean(np.abs(entered.submission.answers["q50"] - truth)))
        score = Score("mae", "kWh", "lower", loss, loss, loss, 2, 11)
        verdict = "reference" if entered.entry.role == "reference" else "undetermined"
        standings.append(Standing(entered.entry, {"mae": score}, verdict=verdict))
    return Comparison(
        protocol=pack.protocol, minimum_detectable=0.034, reference="linear",
        standings=tuple(standings), unverified=("Tout.",), seed=0,
        submissions_root=pack.head or pack.log.head,
    )  # fmt: skip


def refused(findings):
    return [finding.message for finding in findings if finding.severity == "refused"]


def write_report(pack):
    pack.record("opened", {})
    found = rescore(pack)
    folder = pack.folder / "results" / comparison.body_hash(found)[:12]
    folder.mkdir(parents=True)
    (folder / "comparison.json").write_text(comparison.to_json(found), encoding="utf-8")
    (folder / "comparaison.html").write_text("<p>Page.</p>", encoding="utf-8")
    pack.record_report(folder)
    return folder


@pytest.fixture
def scored(pack, candidate):
    """Two candidates handed in (one twice), scored, revealed; the report's folder."""
    stress = {"bruit": {"q50": np.arange(12.0)}}
    pack.submit(candidate("alpha", 1.0, declaration=DECLARATION))
    pack.submit(candidate("alpha", 2.0, declaration=DECLARATION, stress=stress))
    pack.submit(candidate("beta", 3.0, declaration=DECLARATION))
    report = write_report(pack)
    reveal(pack)
    return report


def test_an_untouched_pack_verifies_before_and_after_everything(pack, candidate):
    """No false alarm at any stage, and what is not checked is said."""
    assert verify_pack(pack.folder) == ()
    pack.submit(candidate("alpha", 1.0, declaration=DECLARATION))
    report = write_report(pack)
    assert verify_report(report, rescore) == ()
    pack.submit(candidate("late", 1.0))
    assert verify_report(report, rescore) == ()
    reveal(pack)
    assert verify_report(report, rescore) == ()
    assert [f.rule for f in verify_report(report)] == ["unchecked-report"]
    assert pack_of(report) == pack.folder.resolve()


def test_without_the_key_a_sealed_pack_says_what_was_not_checked(pack):
    """The key lies in a safe until the labels are opened."""
    (pack.folder / "buyer" / "key").unlink()
    (finding,) = verify_pack(pack.folder)
    assert (finding.rule, finding.severity) == ("unchecked-labels", "note")


def test_after_the_reveal_anybody_rescores_without_the_key(scored, paper):
    """Labels are read from revealed/, bit for bit, and held against the root."""
    folder = pack_of(scored)
    (folder / "buyer" / "key").unlink()
    assert verify_report(scored, rescore) == ()
    found = Pack.open(folder).labels().truth["load_kwh"]
    assert found.tobytes() == paper.labels.truth["load_kwh"].tobytes()


def run_script(folder, *words):
    command = [sys.executable, "-I", "-S", str(folder / "verify_commitment.py"), *words]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return done.returncode, done.stdout.decode()


def test_a_script_without_our_program_recomputes_the_root(scored, tmp_path):
    """Taken out of the pack, with the commitment that the vendor kept."""
    folder = pack_of(scored)
    away = shutil.copytree(folder / "revealed", tmp_path / "away")
    kept = folder / "vendor" / "commitment.json"
    root = json.loads(kept.read_text(encoding="utf-8"))["root"]
    code, text = run_script(away, str(kept))
    assert (code, root in text) == (0, True)
    labels = away / "labels.csv"
    labels.write_text(labels.read_text(encoding="utf-8").replace("80.25", "80.26"), "utf-8")
    assert run_script(away, str(kept))[0] == 4
    assert run_script(away, "--wrong")[0] == 2


def test_one_label_is_provable_alone(scored):
    """Leaf and path, from the script, lead to the root by the RFC's rule."""
    folder = pack_of(scored)
    code, text = run_script(folder / "revealed", "--row", "7")
    proof = json.loads(text[: text.rindex("}") + 1])
    path = tuple(bytes.fromhex(digest) for digest in proof["path"])
    found = Proof(proof["row"], proof["n"], path).root(bytes.fromhex(proof["leaf"]))
    assert (code, found) == (0, Pack.open(folder).root)


def test_what_is_revealed_is_what_was_asked_and_the_key_stays_secret(scored):
    """Texts, order, and no byte of the key."""
    folder = pack_of(scored)
    with (folder / "revealed" / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["site", "issue_time_utc", "target_time_utc", "load_kwh"]
    assert [row[-1] for row in rows[1:4]] == ["10.5", "0.1", "nan"]
    key = (folder / "buyer" / "key").read_bytes().split()[2]
    assert not [p for p in (folder / "revealed").iterdir() if key in p.read_bytes()]


def test_nothing_is_revealed_twice_or_without_proof(scored, pack, paper):
    """A reveal of other labels than those sealed writes nothing."""
    with pytest.raises(UsageError, match="there already"):
        reveal(pack)
    shutil.rmtree(pack.folder / "revealed")
    forge_labels(pack, paper)
    with pytest.raises(IntegrityError, match="not those of the commitment"):
        reveal(pack)
    assert not list(pack.folder.glob(".staging-*"))
    assert not (pack.folder / "revealed").exists()


every = pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.slow)])
"""The unit suite tries every 23rd single-value change, the slow suite all of them."""


def forge_labels(pack, paper, row=0):
    """What a buyer with the key can do: seal another label, properly encrypted."""
    paper.labels.truth["load_kwh"][row] += 1
    sealed = pack.vault().encrypt(papers.labels_bytes(paper.labels), pack.sealed_with)
    (pack.folder / "buyer" / "labels.sealed").write_bytes(sealed)


def rewrite_log(pack, change):
    """Recompute the whole chain after a change, as a forger would."""
    previous, lines = START, []
    for text in pack.log.path.read_bytes().splitlines():
        raw = json.loads(text)
        del raw["hash"]
        change(raw)
        raw["previous"] = previous
        previous = json_digest(raw)
        lines.append(canonical_json({**raw, "hash": previous}) + b"\n")
    pack.log.path.write_bytes(b"".join(lines))


def test_every_label_changed_by_its_own_buyer_is_found(scored, pack, paper):
    """All twelve (the unknown one set), key in hand, log rewritten: the root remains."""
    kept = paper.labels.truth["load_kwh"].copy()
    for row in range(12):
        paper.labels.truth["load_kwh"][:] = kept
        paper.labels.truth["load_kwh"][row] = np.nextafter(np.nan_to_num(kept[row]), 1e9)
        sealed = pack.vault().encrypt(papers.labels_bytes(paper.labels), pack.sealed_with)
        (pack.folder / "buyer" / "labels.sealed").write_bytes(sealed)
        digest = file_digests(pack.folder / "buyer")["labels.sealed"]

        def change(raw, digest=digest):
            if raw["event"] == "pack":
                raw["facts"]["files"]["buyer/labels.sealed"] = digest

        rewrite_log(pack, change)
        assert "the labels are not those of the commitment" in refused(verify_pack(pack.folder))


def changed(path, data):
    """Write other bytes, tell what verify finds, put the old ones back."""
    kept = path.read_bytes()
    assert data != kept
    path.write_bytes(data)
    try:
        return refused(verify_pack(pack_of(path)))
    finally:
        path.write_bytes(kept)


@every
def test_every_revealed_label_and_salt_changed_is_found(scored, step):
    """Each cell of labels.csv, each digit of the salt secret."""
    folder = pack_of(scored) / "revealed"
    rows = (folder / "labels.csv").read_text(encoding="utf-8").splitlines()
    for number in range(1, 13, min(step, 4)):
        other = [*rows]
        other[number] += "1"
        assert changed(folder / "labels.csv", "\n".join(other).encode() + b"\n")
    secret = (folder / "salt_secret.txt").read_bytes()
    for place in range(0, 64, step):
        digit = b"1" if secret[place : place + 1] == b"0" else b"0"
        assert changed(folder / "salt_secret.txt", secret[:place] + digit + secret[place + 1 :])


@every
def test_every_prediction_changed_is_found(scored, step):
    """Each value of each column, by the smallest step, in a well-formed file."""
    folder = pack_of(scored) / "submissions" / "alpha"
    path = folder / "predictions.parquet"
    table = pq.read_table(path)
    kept = path.read_bytes()
    for column in ("q50", "q90"):
        for row in range(0, 12, min(step, 4)):
            values = table[column].to_numpy().copy()
            values[row] = np.nextafter(values[row], 1e9)
            place = table.column_names.index(column)
            pq.write_table(table.set_column(place, column, [values]), path)
            found = refused(verify_pack(pack_of(scored)))
            assert any("submissions/alpha/predictions.parquet a été modifié" in m for m in found)
            assert any("not those of entry.json" in m for m in found)
    path.write_bytes(kept)


@every
def test_every_byte_of_a_declaration_is_found(scored, step):
    """Vendors' words are kept to the letter."""
    path = pack_of(scored) / "submissions" / "beta" / "declaration.toml"
    for place in range(0, len(DECLARATION), step):
        data = bytearray(DECLARATION)
        data[place] ^= 1
        assert changed(path, bytes(data))


def scalars(value, path=()):
    """Every leaf of a JSON value with the way to it."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from scalars(item, (*path, key))
    else:
        yield path


def with_leaf(value, path):
    """The same JSON value with one leaf changed."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    leaf = inner[path[-1]]
    inner[path[-1]] = {bool: lambda: not leaf, str: lambda: leaf + "x"}.get(
        type(leaf), lambda: (leaf or 0) + 1
    )()
    return copy


@every
@pytest.mark.parametrize("name", [
    "submissions/alpha/entry.json", "submissions/beta/entry.json", "superseded/alpha.1/entry.json",
    "buyer/opponents/linear/entry.json", "vendor/protocol.json", "vendor/commitment.json",
])  # fmt: skip
def test_every_energy_figure_rule_and_commitment_changed_is_found(scored, name, step):
    """Each value of each record, one at a time: energy, findings, margin, root."""
    path = pack_of(scored) / name
    value = json.loads(path.read_text(encoding="utf-8"))
    for leaf in [*scalars(value)][::step]:
        data = json.dumps(with_leaf(value, leaf), indent=1, sort_keys=True, ensure_ascii=False)
        assert changed(path, data.encode() + b"\n"), leaf


@every
def test_every_figure_of_a_report_changed_is_found(scored, step):
    """Each value of the body, its hash recomputed and its folder renamed, as a forger would."""
    path = scored / "comparison.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for leaf in [*scalars(document["body"])][::step]:
        body = with_leaf(document["body"], leaf)
        forged = {**document, "body": body, "body_sha256": json_digest(body)}
        folder = scored.with_name(forged["body_sha256"][:12])
        shutil.copytree(scored, folder)
        (folder / "comparison.json").write_text(json.dumps(forged), encoding="utf-8")
        assert refused(verify_report(folder, rescore)), leaf
        shutil.rmtree(folder)
    (scored / "comparaison.html").write_text("<p>Autre.</p>", encoding="utf-8")
    assert any("comparaison.html a été modifié" in m for m in refused(verify_report(scored)))


@pytest.mark.parametrize("number", range(1, 7))
def test_a_log_rewritten_whole_no_longer_has_the_report_s_head(scored, pack, number):
    """Each line up to the report, its time moved and the chain recomputed."""

    def change(raw):
        if raw["n"] == str(number):
            raw["time"] = "2027" + raw["time"][4:]

    count = len(pack.log.lines())
    rewrite_log(pack, change)
    assert len(pack.log.lines()) == count
    found = refused(verify_report(scored, rescore))
    assert bool(found) == (number <= 5), "line 6 tells of the report and comes after its head"


def test_a_cut_log_and_unlogged_folders_are_found(scored, pack):
    """A submission taken out of the log, or put beside it."""
    lines = pack.log.path.read_bytes().splitlines(keepends=True)
    pack.log.path.write_bytes(b"".join(lines[:3]))
    found = refused(verify_report(scored, rescore))
    assert "submissions/beta n'est pas dans le journal" in found
    assert any(message.startswith("no line") for message in found)


def test_a_forged_handout_is_found_though_its_sums_agree(pack):
    """SHA256SUMS itself is in the log."""
    path = pack.folder / "vendor" / "data" / "history.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("3.0", "4.0"), encoding="utf-8")
    write_sums(pack.folder / "vendor")
    assert refused(verify_pack(pack.folder)) == [
        "vendor/SHA256SUMS a été modifié depuis le scellement"
    ]


def flipped(scored, data):
    """Flip one bit of one file; tell what verify finds; put it back."""
    folder = pack_of(scored)
    path = data.draw(st.sampled_from(sorted(p for p in folder.rglob("*") if p.is_file())))
    kept = path.read_bytes()
    place = data.draw(st.integers(0, len(kept) - 1))
    bad = bytearray(kept)
    bad[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bad)
    try:
        assert refused(verify_report(scored, rescore)), (path.name, place)
    finally:
        path.write_bytes(kept)


FLIPS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@given(data=st.data())
@settings(max_examples=15, **FLIPS)
def test_any_flipped_bit_of_any_file_is_found(scored, data):
    """Whatever the file, wherever the bit: the property that the others are cases of."""
    flipped(scored, data)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=1000, **FLIPS)
def test_any_of_a_thousand_flipped_bits_is_found(scored, data):
    """The same, long enough to meet every file."""
    flipped(scored, data)


def test_a_damaged_record_is_a_finding_and_never_a_traceback(scored):
    """Verify is run on what may be hostile."""
    folder = pack_of(scored)
    for name in ("vendor/protocol.json", "submissions.jsonl", "submissions/alpha/entry.json",
                 "buyer/questions.npz", "revealed/labels.csv",
                 "submissions/alpha/predictions.parquet", "buyer/key"):  # fmt: skip
        for content in (b"", b"{}", b"[]\n", b"\xff\xfe" * 50, b"[" * 100_000):
            assert changed(folder / name, content), name
    report = scored.with_name("none")
    report.mkdir()
    assert refused(verify_report(report, rescore))
    with pytest.raises(UsageError, match="lies in no pack"):
        verify_report(folder.parent / "elsewhere", rescore)
