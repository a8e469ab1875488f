"""How the sheets are indexed: channels, weights of fields, words left out.

Tuned on 450 development questions asked title-blind and on the 123 development anchors, by random
search on R@5 and the reciprocal rank; never on the lay paraphrases, nor on the held-out questions
(``docs/decisions/retrieval.md``).
"""

from collections.abc import Mapping

from common.edge.retrieval.settings import Channel
from common.lab.index import ChannelPlan, FieldWeight, IndexPlan

__all__ = ["FIELDS", "STOP_WORDS", "plan"]

FIELDS = ("title", "dossier", "headings", "lead", "body")

_WORDS = """
    a ai aie aient ait as au aura aurai aurait auras aurez aurons auront aux avaient avais avait
    avec avez avons c ce ceci cela ces cet cette ceux combien comme comment d dans de des dois
    doit doivent donc dont du elle elles en es est et etaient etais etait etant ete etes eu eux
    faut furent fut il ils j je l la le les leur leurs lui m ma mais me meme memes mes moi mon n
    ne nos notre nous on ont ou par pas peut peuvent peux pour pourquoi qu quand que quel quelle
    quelles quels qui s sa sans se sera serai serait seras serez serons seront ses si soit
    sommes son sont suis sur t ta te tes toi ton tu un une vos votre vous y
"""
STOP_WORDS = tuple(_WORDS.split())
"""Folded function words and the frames of questions ("est-ce que", "faut-il", "peut-on")."""

WORD_FIELDS: Mapping[str, FieldWeight] = {
    "title": FieldWeight(3.2, 0.0),
    "dossier": FieldWeight(5.9, 0.5),
    "lead": FieldWeight(1.6, 0.65),
    "body": FieldWeight(0.3, 1.0),
}
LETTER_FIELDS: Mapping[str, FieldWeight] = {
    "title": FieldWeight(8.8, 0.8),
    "dossier": FieldWeight(0.8, 0.15),
    "headings": FieldWeight(0.3, 1.0),
    "lead": FieldWeight(2.6, 0.8),
    "body": FieldWeight(0.4, 1.0),
}
SATURATION = 2.8


def plan(labels: tuple[str, ...] = ()) -> IndexPlan:
    """Return the plan of an index of sheets.

    Parameters
    ----------
    labels
        Names of the votes: themes, services...
    """
    return IndexPlan(
        channels=(
            ChannelPlan(Channel("words", "words", 1.0), WORD_FIELDS, SATURATION),
            ChannelPlan(
                Channel("pairs", "words", 0.25, 2, 2), WORD_FIELDS, SATURATION, fewest_documents=2
            ),
            ChannelPlan(
                Channel("letters", "letters", 1.5, 3, 5),
                LETTER_FIELDS,
                SATURATION,
                largest_share=0.5,
                least_impact=0.35,
            ),
            ChannelPlan(Channel("meaning", "meaning", 0.5), dimensions=200),
        ),
        passages=ChannelPlan(
            Channel("passages", "words", 1.0),
            {"heading": FieldWeight(2.0, 0.3), "text": FieldWeight(1.0, 0.6)},
        ),
        stop_words=STOP_WORDS,
        labels=labels,
        spelling_documents=3,
    )
