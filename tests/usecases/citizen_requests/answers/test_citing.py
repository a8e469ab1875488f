"""What an agent is shown stands word for word in a sheet, with its date; silence is learnt."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.retrieval.citing import is_fresh, is_verbatim, propose
from common.edge.retrieval.inputs import Index
from common.lab import scoring
from common.lab.candidate import Bench
from common.lab.index import build
from usecases.citizen_requests.answers.abstention.features import ALL_FEATURES, FEATURES
from usecases.citizen_requests.answers.abstention.searches import (
    searches,
    simulate_searches,
    taken_out,
)
from usecases.citizen_requests.answers.abstention.tasks import ANSWER_TASKS
from usecases.citizen_requests.answers.collections import Collection
from usecases.citizen_requests.answers.documents import LABELS, cnil_documents, sheet_documents
from usecases.citizen_requests.answers.plan import STOP_WORDS, plan
from usecases.citizen_requests.sheets.tables import SheetTables

TODAY = date(2026, 11, 23)
SHEETS = (
    ("F1", "particuliers", "Carte d'identité perdue", "Papiers - Citoyenneté", "2020-10-01",
     "mairie|police_gendarmerie", (("Coût", "Le timbre coûte 25 €."), ("", "Déclarez la perte."))),
    ("F2", "particuliers", "Comment payer la cantine ?", "Famille", "2026-09-01", "mairie",
     (("", "La cantine se paie en ligne."), ("Aides", "Le CCAS aide à payer la cantine."))),
    ("F3", "associations", "Subvention d'une association", "", "2020-01-01", "",
     (("", "La mairie aide les associations et leur cantine."),)),
    ("F4", "particuliers", "Impôt sur le revenu", "Argent", "", "impots",
     (("", "L'impôt se déclare au printemps."),)),
)  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    columns = ["sheet_id", "audience", "title", "theme", "date", "counters"]
    sheets = pd.DataFrame([row[:6] for row in SHEETS], columns=columns)
    sheets = sheets.assign(dossier="Dossier", url="https://www.service-public.fr", lead="Premiers")
    sections = pd.DataFrame(
        [
            (row, at, heading, text)
            for row, one in enumerate(SHEETS)
            for at, (heading, text) in enumerate(one[6])
        ],
        columns=["sheet_row", "position", "heading", "text"],
    )
    return SheetTables(sheets, sections, pd.DataFrame())


@pytest.fixture(scope="module")
def index(tables):
    return Index.open(*build(sheet_documents(tables), plan(LABELS)))


# -- documents ---------------------------------------------------------------------------------


def test_a_hidden_title_is_in_no_field(tables):
    """Title-blind: the record keeps it to be shown, the index does not hold it."""
    hidden = sheet_documents(tables, untitled={"F2"})[1]
    assert hidden.fields["title"] == ""
    assert hidden.record["title"] == "Comment payer la cantine ?"
    assert not any("payer la cantine ?" in text for text in hidden.fields.values())


def test_a_sheet_votes_for_its_theme_and_the_town_hall(tables):
    labels = [one.labels for one in sheet_documents(tables)]
    assert labels == [("Papiers - Citoyenneté", "mairie"), ("Famille", "mairie"), (), ("Argent",)]


def test_audiences_can_be_left_out(tables):
    taken = sheet_documents(tables, audiences=("particuliers",))
    assert [one.record["id"] for one in taken] == ["F1", "F2", "F4"]


def test_a_flat_text_is_its_own_section():
    sheets = pd.DataFrame([{"sheet_id": "7", "title": "T", "theme": "Internet", "text": "x" * 900}])
    (one,) = cnil_documents(sheets)
    assert (len(one.fields["lead"]), len(one.sections[0].text)) == (500, 900)


def test_stop_words_are_folded_and_sorted():
    assert all(word.isascii() and word == word.lower() for word in STOP_WORDS)


# -- what is shown -----------------------------------------------------------------------------


def test_the_lead_comes_first_then_the_best_section_with_its_date(index):
    answer = propose(index, "qui aide à payer la cantine ?", TODAY)
    first = answer.citations[0]
    assert first.sheet_id == "F2"
    assert first.lead.text == "La cantine se paie en ligne."
    assert (first.section.heading, first.section.text) == (
        "Aides",
        "Le CCAS aide à payer la cantine.",
    )
    assert (first.day, first.current) == ("2026-09-01", True)


def test_the_lead_is_the_text_without_heading_wherever_it_stands(index):
    """The cost is written before the introduction in the file."""
    first = propose(index, "carte d'identité perdue", TODAY).citations[0]
    assert first.lead.text == "Déclarez la perte."


def test_every_passage_is_word_for_word_in_its_sheet(index):
    for text in ("cantine", "carte perdue", "impot", "timbre"):
        for citation in propose(index, text, TODAY).citations:
            shown = [one for one in (citation.lead, citation.section) if one is not None]
            assert shown
            assert all(is_verbatim(index, one) for one in shown)


def test_a_sheet_of_2020_is_never_presented_as_current(index):
    first = propose(index, "carte perdue", TODAY).citations[0]
    assert not first.current
    assert "1er octobre 2020" in first.warning
    assert "pas le droit en vigueur" in first.warning


@pytest.mark.parametrize(
    ("day", "today", "fresh"),
    [
        ("2025-05-23", TODAY, True),  # 18 months to the day
        ("2025-05-22", TODAY, False),
        ("", TODAY, False),
        ("hier", TODAY, False),
    ],
)
def test_eighteen_months_is_the_limit(day, today, fresh):
    assert is_fresh(day, today) is fresh


def test_a_sheet_of_another_audience_does_not_answer(index):
    """F3 holds « cantine » too, for associations only."""
    shown = [one.sheet_id for one in propose(index, "association cantine", TODAY).citations]
    assert "F3" not in shown
    both = propose(index, "association cantine", TODAY, ("particuliers", "associations"))
    assert both.citations[0].sheet_id == "F3"


def test_nothing_found_is_said_by_an_empty_answer(index):
    assert propose(index, "zzz", TODAY).citations == ()


# -- abstention --------------------------------------------------------------------------------


def test_the_graph_s_input_is_what_the_operator_fills(index):
    """Names and order are the index's own: a bundle fills the input from a text alone."""
    assert index.retrieval.feature_names == ALL_FEATURES
    assert set(FEATURES) <= set(ALL_FEATURES)


def test_half_of_the_questions_lose_their_sheet_always_the_same_ones():
    """1,000 ids: 500 more or less 3 standard deviations of 16."""
    taken = [taken_out(f"T-F{number}") for number in range(1_000)]
    assert 450 < sum(taken) < 550
    assert taken == [taken_out(f"T-F{number}") for number in range(1_000)]


def test_a_sheet_that_is_taken_out_is_never_the_first(tables):
    """The question is answered by another sheet, or by none, and counted as unanswerable."""
    documents = sheet_documents(tables)
    arrays, settings = build(documents, plan(LABELS))
    asked = pd.DataFrame(
        {
            "question_id": [f"Q{number}" for number in range(20)],
            "text": ["cantine"] * 20,
            "sheet_id": ["F2"] * 20,
            "split": ["development"] * 20,
        }
    )
    ids = tuple(str(one.record["id"]) for one in documents)
    found = searches(Collection("titles", "", arrays, settings, ids, asked))
    assert (found["first_right"] == found["answerable"]).all()
    assert 0 < found["answerable"].sum() < 20


def test_the_simulated_searches_say_so_and_depend_on_the_seed_alone():
    one, same, other = (simulate_searches(seed) for seed in (1, 1, 2))
    assert one.simulated
    assert one.digest == same.digest != other.digest


@pytest.mark.slow
def test_learning_beats_the_raw_score_on_the_simulator(tmp_path):
    """Brier of the logistic rung below that of the raw share; contributions add up."""
    bench = Bench("citizen_requests", ANSWER_TASKS[0], simulate_searches(3), tmp_path)
    tuned = scoring.tune(bench)
    final = scoring.test(bench, tuned)
    scores = scoring.scores(bench, final)
    assert scores["logistic"]["brier"].value < scores["raw_score"]["brier"].value
    for outputs in final.outputs.values():
        total = outputs["baseline"] + outputs["contributions"].sum(axis=-1)
        assert np.allclose(total, outputs["log_odds"], atol=1e-5)
