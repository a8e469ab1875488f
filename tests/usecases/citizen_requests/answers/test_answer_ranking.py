"""Ranks count ties against the system; intervals draw sheets; a vendor's file is read by line."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import TableError, UsageError
from usecases.citizen_requests.answers import compare
from usecases.citizen_requests.answers.comparison_page import comparison_page
from usecases.citizen_requests.answers.ranking import (
    MEASURES,
    NOT_FOUND,
    clustered,
    difference,
    rank_in_list,
    rank_of,
    summary,
)
from usecases.citizen_requests.answers.vendor_run import from_lists, read_run, write_trec

ASKED = {"Q1", "Q2"}
DOCUMENTS = {"A", "B", "C"}


# -- ranks -------------------------------------------------------------------------------------


def test_ties_count_against_the_system():
    """Scores 3, 2, 2, 2: the right one of the three is fourth."""
    assert rank_of(np.array([3.0, 2.0, 2.0, 2.0]), [1]) == 4


def test_a_document_of_two_rows_counts_once_and_by_its_best_row():
    """Rows 1 and 2 are the same document: no tie with itself, only row 0 is before it."""
    assert rank_of(np.array([3.0, 2.0, 2.0]), [1, 2]) == 2


def test_a_score_of_zero_is_not_found_whatever_the_others():
    assert rank_of(np.zeros(3), [0]) == NOT_FOUND
    assert rank_in_list([], "A") == NOT_FOUND


def test_measures_of_a_known_set_of_ranks():
    """Ranks 1, 4, 11 and none: R@5 2/4; MRR@10 (1 + 1/4) / 4; nDCG@10 (1 + 1/log2 5) / 4."""
    ranks = [1.0, 4.0, 11.0, NOT_FOUND]
    found = {name: one.value for name, one in summary(ranks, list("abcd")).items()}
    assert found["R@5"] == 0.5
    assert found["R@20"] == 0.75
    assert found["MRR@10"] == pytest.approx(1.25 / 4)
    assert found["nDCG@10"] == pytest.approx((1 + 1 / np.log2(5)) / 4)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=30))
def test_every_measure_is_within_its_interval_and_in_0_1(ranks):
    sheets = [str(place // 2) for place in range(len(ranks))]
    for one in summary([float(rank) for rank in ranks], sheets).values():
        assert 0 <= one.low <= one.high <= 1
        assert one.low - 1e-9 <= one.value <= one.high + 1e-9 or len(set(sheets)) < 4


def test_questions_of_one_sheet_are_drawn_together():
    """Eight questions of 4 sheets that succeed or fail as a whole: wider than 8 free ones."""
    values = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    together = clustered(values, list("aabbccdd"))
    apart = clustered(values, list("abcdefgh"))
    assert together.high - together.low > apart.high - apart.low


def test_the_difference_with_oneself_is_zero():
    same = difference([1.0, 5.0], [1.0, 5.0], ["a", "b"])
    assert {(one.low, one.high) for one in same.values()} == {(0.0, 0.0)}
    assert set(same) == set(MEASURES)


def test_other_questions_than_ours_are_refused():
    with pytest.raises(UsageError):
        difference([1.0], [1.0, 2.0], ["a"])


# -- a vendor's file ---------------------------------------------------------------------------


def json_lines(*rows):
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def answer(question, *documents, **more):
    return {"qid": question, "ranked": [{"doc_id": one} for one in documents], **more}


def written(folder, text):
    path = folder / "run.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_both_formats_say_the_same(tmp_path):
    """TREC lines in any order: they are sorted by falling score, ties by rank."""
    lines = json_lines(
        answer("Q1", "B", "A", system="S", answerable_p=0.5), answer("Q2", "C", system="S")
    )
    trec = "Q2 Q0 C 1 9 S\nQ1 Q0 A 2 1.5 S\nQ1 Q0 B 1 1.5 S\n"
    first = read_run(written(tmp_path, lines), ASKED, DOCUMENTS)
    second = read_run(written(tmp_path, trec), ASKED, DOCUMENTS)
    assert first.ranked == second.ranked == {"Q1": ("B", "A"), "Q2": ("C",)}
    assert first.system == second.system == "S"
    assert first.answerable == {"Q1": 0.5}
    assert first.sha256 != second.sha256


def test_missing_questions_and_unknown_documents_are_counted(tmp_path):
    run = read_run(written(tmp_path, json_lines(answer("Q1", "Z", "A"))), ASKED, DOCUMENTS)
    assert run.missing == ("Q2",)
    assert run.unknown_documents == 1
    assert rank_in_list(run.ranked["Q1"], "A") == 2  # the unknown one took the first place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json_lines(answer("Q9", "A")), "line 1: question 'Q9' was not asked"),
        (json_lines(answer("Q1", "A"), answer("Q1", "B")), "line 2: question 'Q1' for the second"),
        (json_lines(answer("Q1", "A", "A")), "'Q1': a document ranked twice"),
        (json_lines({"qid": "Q1"}), "line 1: not"),
        (json_lines(answer("Q1", "A", answerable_p=1.5)), "line 1: answerable_p 1.5"),
        ('{"qid": "Q1", "ranked": [{"doc_id": 3}]}', "line 1: qid and doc_id"),
        ("{" * 5000, "line 1: not"),
        ("Q1 Q0 A 1 0.5\n", "line 1: 5 columns"),
        ("Q1 Q0 A one 0.5 S\n", "line 1: 6 columns or no numbers"),
        ("Q1 Q0 A 1 nan S\n", "line 1: score nan"),
        ("Q1 Q0 A 1 1 S\nQ1 Q0 A 2 0 S\n", "'Q1': a document ranked twice"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(TableError) as caught:
        read_run(written(tmp_path, text), ASKED, DOCUMENTS)
    assert message in caught.value.found


def test_an_absent_or_empty_file_is_refused(tmp_path):
    for path in (tmp_path / "nowhere", written(tmp_path, "\n")):
        with pytest.raises(TableError):
            read_run(path, ASKED, DOCUMENTS)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("runs") / "run"
    path.write_bytes(data)
    with suppress(TableError):
        assert read_run(path, ASKED, DOCUMENTS).ranked.keys() <= ASKED


def test_a_list_becomes_a_run_and_a_trec_file(tmp_path):
    """A document named twice keeps its first place."""
    run = from_lists("Moteur", {"Q1": ["B", "A", "B"], "Q2": []}, DOCUMENTS)
    assert run.missing == ("Q2",)
    trec = write_trec(run).replace("Moteur", "M")
    assert read_run(written(tmp_path, trec), ASKED, DOCUMENTS).ranked == {"Q1": ("B", "A")}


def made_up(gain):
    """A comparison of 40 questions where ours is right `gain` more often."""
    sheets = [str(place) for place in range(40)]
    theirs = [1.0 if place < 20 else NOT_FOUND for place in range(40)]
    ours = [1.0 if place < 20 + gain else NOT_FOUND for place in range(40)]
    return compare.Comparison(
        collection="questions inventées",
        run=from_lists("Moteur <b>", {}, set(), "0" * 64),
        n_questions=40,
        n_sheets=40,
        ours=summary(ours, sheets),
        theirs=summary(theirs, sheets),
        gain=difference(ours, theirs, sheets),
    )


@pytest.mark.parametrize(("gain", "verdict"), [(10, "better"), (0, "undetermined"), (-10, "worse")])
def test_the_verdict_is_where_the_interval_lies(gain, verdict):
    """10 of 40 questions more or less: 0.25, whose interval is far from 0."""
    assert made_up(gain).verdict == verdict


def test_the_page_is_french_and_escapes_what_the_vendor_wrote():
    page = comparison_page(made_up(10))
    assert "Moteur &lt;b&gt;" in page
    assert "0,750" in page
    assert "n'a pas été vérifié" in page.replace("\u2019", "'").replace("&#39;", "'")
    assert "<script" not in page
