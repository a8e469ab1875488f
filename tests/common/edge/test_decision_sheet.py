"""A past decision is explained from the journal and the bundle, or the sheet is refused."""

import hashlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from common.edge.bundle import Bundle
from common.edge.errors import ChecksumError, GoldenRowError, JournalError, UsageError
from common.edge.explanation import explain_rows
from common.edge.inputs import prepare
from common.edge.journal.chain import segments
from common.edge.journal.entries import Batch, Decision, Settings, canonical_rows
from common.edge.journal.log import Journal
from common.edge.journal.sheet import decision_sheet


@pytest.fixture(scope="module")
def bundle(sealed_zip, signing_key):
    return Bundle.open(sealed_zip, [signing_key[1]])


def write(folder, bundle, inputs, keep="numbers"):
    with Journal(folder, Settings(keep=keep)) as journal:
        numbers = journal.append(Batch.of(bundle, inputs, bundle.predict(inputs)))
        journal.decide(numbers[1], Decision("modified", "agent-12", (42.5,)))
    return numbers


@pytest.fixture
def journal(tmp_path, bundle, example_inputs):
    write(tmp_path / "journal", bundle, example_inputs)
    return tmp_path / "journal"


def test_the_reasons_in_the_journal_are_those_of_the_explanation(bundle, example_inputs):
    """Two ways to the same order and totals: all rows at once, and row by row."""
    outputs = bundle.predict(example_inputs)
    for quick, slow in zip(
        Batch.of(bundle, example_inputs, outputs).reasons,
        explain_rows(bundle.manifest, outputs),
        strict=True,
    ):
        assert [name for name, _ in quick] == [group.name for group in slow.groups]
        np.testing.assert_allclose([v for _, v in quick], [group.total for group in slow.groups])


def test_the_sheet_holds_the_four_items_of_the_law_in_order(journal, bundle):
    """CRPA R311-3-1-2, 1 to 4, after the result and before the means to check it."""
    titles = [section.title for section in decision_sheet(journal, 2, bundle).sections]
    assert [title[:2] for title in titles[1:5]] == ["1.", "2.", "3.", "4."]
    assert titles[0] == "Ce qui a été calculé"
    assert titles[5] == "Pour vérifier"


def test_the_weights_of_the_sheet_add_up_to_the_journals_forecast(journal, bundle, example_inputs):
    """Baseline 2 kWh over 24 hours is 48; the total is the sum of the journalled forecast."""
    section = decision_sheet(journal, 2, bundle).sections[3]
    assert "Point de départ, avant toute raison : +48\u00a0kWh" in section.lines
    total = round(float(bundle.predict(example_inputs)["forecast"][1].sum()), 1)
    shown = section.lines[-1].removeprefix("Total : +").removesuffix("\u00a0kWh")
    found = float(shown.replace("\u202f", "").replace(",", "."))
    assert found == pytest.approx(total, abs=0.5)  # printed whole from 1 000 on, else 4 digits


def test_the_same_journal_and_bundle_give_the_same_bytes(
    journal, bundle, sealed_folder, signing_key
):
    """Also from the unpacked bundle: the digest names the content, not the container."""
    sheet = decision_sheet(journal, 2, bundle)
    again = decision_sheet(journal, 2, Bundle.open(sealed_folder, [signing_key[1]]))
    assert sheet.text() == again.text()
    assert sheet.fragment() == again.fragment()


def test_the_sheet_says_who_decided_what_was_simulated_and_what_stood_in(journal, bundle):
    text = decision_sheet(journal, 2, bundle).text()
    assert "l'agent a modifié la proposition et retenu 42,5" in text
    assert "SIMULÉ" in text
    assert "Un campus écossais" in text
    assert "Aucune décision d'agent" in decision_sheet(journal, 1, bundle).text()


def test_the_fragment_escapes_everything_and_closes_what_it_opens(journal, bundle):
    """A question or proxy is the lab's text, yet no text may become markup."""
    manifest = replace(bundle.manifest, question="<script>alert(1)</script>")
    fragment = decision_sheet(journal, 2, replace(bundle, manifest=manifest)).fragment()
    assert "<script>" not in fragment
    opened = []

    class Nesting(HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Nesting().feed(fragment)
    assert not opened


def test_another_bundle_is_refused(journal, bundle):
    with pytest.raises(ChecksumError, match="bundle ffff") as caught:
        decision_sheet(journal, 2, replace(bundle, digest="f" * 64))
    assert bundle.digest[:12] in caught.value.expected


def test_without_kept_inputs_the_sheet_asks_for_them_and_checks_them(
    tmp_path, bundle, example_inputs
):
    """The person brings the request again; the hash proves that it is the same."""
    write(tmp_path / "j", bundle, example_inputs, keep="hash")
    with pytest.raises(UsageError, match="not kept"):
        decision_sheet(tmp_path / "j", 2, bundle)
    row = {name: values[1:2] for name, values in example_inputs.items()}
    sheet = decision_sheet(tmp_path / "j", 2, bundle, inputs=row)
    assert "Résultat recalculé, identique" in sheet.text()
    other = {name: values[2:3] for name, values in example_inputs.items()}
    with pytest.raises(JournalError, match="inputs of sha256"):
        decision_sheet(tmp_path / "j", 2, bundle, inputs=other)


def test_a_forecast_changed_in_the_journal_is_refused(journal, bundle):
    """Even before anybody verifies the chain, the recomputed forecast gives it away."""
    path = segments(journal)[0].path
    head, tail = path.read_bytes().split(b'"forecast":[', 1)
    path.write_bytes(head + b'"forecast":[9' + tail)
    with pytest.raises(GoldenRowError, match="output forecast of line 1"):
        decision_sheet(journal, 1, bundle)


def test_the_hash_of_inputs_is_reproducible_by_hand(bundle, example_inputs):
    """sha256 of the header line and of the little-endian values, defaults filled in."""
    row = {name: values[:1] for name, values in example_inputs.items()}
    del row["temperature_c"]  # its default, 24 times 12 °C
    prepared = prepare(bundle.manifest.inputs, row, bundle.limits)
    header, (data,) = canonical_rows(prepared)
    shapes = {"load_kwh": "[28,24]", "temperature_c": "[24]"}
    kinds = {"weekday": "<i8", "holiday": "|b1"}
    fields = [
        f'["{name}","{kinds.get(name, "<f4")}",{shapes.get(name, "[]")}]' for name in prepared
    ]
    assert header.decode() == f"[{','.join(fields)}]\n"
    by_hand = b"".join(values.tobytes() for values in prepared.values())
    assert hashlib.sha256(header + data).digest() == hashlib.sha256(header + by_hand).digest()
