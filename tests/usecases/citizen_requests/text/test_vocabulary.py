"""The shipped list of words is what the public texts give."""

import pytest

from usecases.citizen_requests.text.vocabulary import SHIPPED, counted_words, ordinary_words


@pytest.mark.public_data
@pytest.mark.slow
def test_the_shipped_words_are_those_of_the_public_texts() -> None:
    """Anyone can count them again: sheets of 2020 and titles up to 2018."""
    from usecases.citizen_requests import data

    sheets, sections, titles = data.sheets(), data.sections(), data.paris()
    texts = [*sheets["title"], *sheets["lead"], *sections["heading"], *sections["text"]]
    early = titles.loc[titles["edition"] <= 2018, "text"]
    assert SHIPPED.read_text(encoding="utf-8").split() == counted_words(texts, early)


def test_names_of_people_are_hardly_among_the_ordinary_words() -> None:
    """They are written with a capital in the sources; common first names must stay out."""
    names = {"mohamed", "fatima", "nathalie", "kevin", "sandrine", "ibrahim"}
    assert not names & ordinary_words()
    assert {"mairie", "trottoir", "voiture", "demande"} <= ordinary_words()
