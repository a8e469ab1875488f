"""Sets that are only measured on: lay paraphrases with a vendor's answers, spans, probes.

The texts of the CNIL are not redistributed (their licence is unverified): they are read where
they lie and never copied into a bundle, a page or a fixture.
"""

import gzip
import json
from functools import cache
from pathlib import Path

import pandas as pd

from common.edge.errors import SourceError
from common.lab.sources import fetch, load_sources

__all__ = ["cnil_questions", "cnil_sheets", "development_probes", "spans"]

SOURCES = Path(__file__).parents[1] / "sources.toml"
FOLDER = "citizen_requests"
SOURCE = "prepared_measurement"


@cache
def cnil_sheets() -> pd.DataFrame:
    """Return the CNIL's questions and answers: sheet_id, title, theme, sub, text (506 rows).

    Three ids occur twice; a hit on either row counts.

    Raises
    ------
    SourceError
        If the prepared file is not at hand or not the pinned one.
    """
    with gzip.open(_file("cnil_faq.jsonl.gz"), "rt", encoding="utf-8") as lines:
        table = pd.DataFrame([json.loads(line) for line in lines])
    return _with_columns(table.rename(columns={"id": "sheet_id"}), "sheet_id title theme sub text")


@cache
def cnil_questions() -> pd.DataFrame:
    """Return the lay paraphrases of the CNIL's questions and what a vendor answered.

    Returns
    -------
    DataFrame
        question_id, text, sheet_id (the right one), in_corpus (bool: that sheet is among
        `cnil_sheets`), vendor_run (tuple of sheet ids, best first: the engine Eptica in
        July 2021, as Etalab published it). 66 rows, 60 of them in the corpus.

    Raises
    ------
    SourceError
        As `cnil_sheets`.
    """
    table = pd.read_csv(_file("cnil_queries_dev.csv"), dtype=str, keep_default_na=False)
    _with_columns(table, "qid query relevant in_corpus eptica_run")
    run = table["eptica_run"].map(lambda text: tuple(each for each in text.split("|") if each))
    return pd.DataFrame(
        {
            "question_id": table["qid"],
            "text": table["query"],
            "sheet_id": table["relevant"],
            "in_corpus": table["in_corpus"] == "1",
            "vendor_run": run,
        }
    )


@cache
def spans() -> pd.DataFrame:
    """Return questions with the words that answer them, in the sheet's text of 2020.

    Returns
    -------
    DataFrame
        sheet_id, question, answer, answer_start (character of ``context``), context.
        85 rows; ``context[answer_start:][:len(answer)] == answer`` in each.

    Raises
    ------
    SourceError
        As `cnil_sheets`, or if an answer is not where it is said to be.
    """
    table = pd.DataFrame(json.loads(_file("qa_spans_dev.json").read_text(encoding="utf-8")))
    table = _with_columns(
        table.rename(columns={"sheet": "sheet_id"}),
        "sheet_id question answer answer_start context",
    )
    for row in table.itertuples():
        if not row.context[row.answer_start :].startswith(row.answer):
            raise SourceError(
                f"qa_spans_dev.json: answer {row.Index} is not at character {row.answer_start}",
                expected="the words of the answer there",
            )
    return table


@cache
def development_probes() -> pd.DataFrame:
    """Return the 40 authored requests to tune on (the frozen ones are in ``authored``).

    Returns
    -------
    DataFrame
        request_id, channel, register, text, service, also_ok (joined by ``|``), urgency
        (0 to 2), action, duplicate_of, personal (kinds joined by ``|``), note.

    Raises
    ------
    SourceError
        As `cnil_sheets`.
    """
    table = pd.read_csv(_file("probes_authored_dev.csv"), dtype=str, keep_default_na=False)
    table = table.rename(columns={"id": "request_id", "pii": "personal"})
    table["urgency"] = table["urgency"].astype(int)
    return _with_columns(table, "request_id channel register text service also_ok urgency action")


def _file(name: str) -> Path:
    source = next(one for one in load_sources(SOURCES) if one.name == SOURCE)
    path = f"{FOLDER}/{name}"
    return fetch([source], only=[SOURCE], progress=False)[SOURCE, path]


def _with_columns(table: pd.DataFrame, names: str) -> pd.DataFrame:
    missing = sorted(set(names.split()) - set(table.columns))
    if missing:
        raise SourceError(
            f"prepared table without the column(s) {', '.join(missing)}", expected=names
        )
    return table
