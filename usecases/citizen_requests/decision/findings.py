"""What is proposed to the agent for each request, before it is printed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from common.edge.retrieval.citing import Answer, Citation, propose
from common.edge.retrieval.inputs import Index
from usecases.citizen_requests.answers.abstention.features import ALL_FEATURES
from usecases.citizen_requests.decision.inbox import Inbox, Waiting
from usecases.citizen_requests.decision.pieces import Piece, underlined
from usecases.citizen_requests.decision.router import Opinion, Router
from usecases.citizen_requests.decision.similar import Neighbour, Neighbours
from usecases.citizen_requests.duplicates.linking import Link, links
from usecases.citizen_requests.duplicates.signs import Received
from usecases.citizen_requests.requests.services import HUMAN, OUT_OF_COMPETENCE
from usecases.citizen_requests.routing.answers import CLARIFY, ROUTE
from usecases.citizen_requests.sheets.counters import TOWN_HALL
from usecases.citizen_requests.text.cleaning.cleaner import clean
from usecases.citizen_requests.urgency.levels import Urgency, urgency_of

__all__ = ["BODIES", "Finding", "Sources", "findings"]

PLACEHOLDER = re.compile(r"\[[^\]\n]*\]")
N_SERVICES: Final = 5
LEAST_SURE_ANSWER: Final = 0.8
"""Chance from which a passage is proposed; under it only titles and links are shown."""
WORDS_SHARE: Final = ALL_FEATURES.index("words_share")
LEAST_WORDS_SHARE: Final = 0.6
"""Without the learnt chance: the share of the best possible word score that a sheet must reach,
the raw rule of the task ``answers``; the level is a choice, not a measurement."""
BODIES = {
    "mairie": "la mairie",
    "ccas": "le centre communal d'action sociale",
    "departement_region": "le département ou la région",
    "region": "la région",
    "prefecture": "la préfecture ou la sous-préfecture",
    "police_gendarmerie": "la police ou la gendarmerie",
    "impots": "le service des impôts",
    "securite_sociale": "la CAF, la CPAM, la Carsat ou la MSA",
    "assurance_maladie": "l'Assurance maladie",
    "caf": "la CAF",
    "emploi_travail": "l'inspection du travail, France Travail ou la mission locale",
    "france_travail": "France Travail",
    "logement_adil_anah": "l'ADIL ou l'ANAH",
    "justice_droit": "un tribunal, un notaire ou un point-justice",
    "tribunal": "le tribunal",
    "etranger_consulat": "le consulat ou l'ambassade",
    "banque_de_france": "la Banque de France",
}
"""French names of the counters that sheets name and of the bodies of closed requests."""


@dataclass(frozen=True)
class Sources:
    """What findings draw on.

    Parameters
    ----------
    router
        Of the town hall's services.
    neighbours
        Its closed requests.
    index
        Of the national sheets; None where they cannot be had.
    today
        Against which the age of a sheet is told.
    chance
        From the search's features to the chance that the sheet answers; None without the
        bundle of the task ``answers``.
    """

    router: Router
    neighbours: Neighbours
    index: Index | None
    today: date
    chance: Callable[[Sequence[float]], float] | None = None


@dataclass(frozen=True)
class Finding:
    """What is proposed for one request.

    Parameters
    ----------
    request
        As it waits.
    pieces, words
        Its text underlined, and the words underlined, `pieces.underlined`.
    services
        French titles of the likeliest services and their chances.
    action
        ``route``, ``clarify``, ``elsewhere`` or ``human``.
    bodies
        Who is competent, for ``elsewhere``; French.
    urgency
        Level, cues and numbers.
    duplicates, neighbours
        Earlier open requests on the same fault; closed ones that are alike.
    citations
        Passages of sheets, the best first.
    p_answer
        Chance that the first sheet answers; None where nothing has learnt it.
    proposed
        Whether the passages may be proposed as an answer.
    """

    request: Waiting
    pieces: tuple[Piece, ...]
    words: tuple[tuple[str, int], ...]
    services: tuple[tuple[str, float], ...]
    action: str
    bodies: tuple[str, ...]
    urgency: Urgency
    duplicates: tuple[Link, ...]
    neighbours: tuple[Neighbour, ...]
    citations: tuple[Citation, ...]
    p_answer: float | None
    proposed: bool


def findings(inbox: Inbox, sources: Sources) -> tuple[Opinion, tuple[Finding, ...]]:
    """Return what the router says, and what is proposed for each request, in their order."""
    opinion = sources.router.read([each.text for each in inbox.requests])
    services = sources.router.services
    signs = [
        replace(each.signs, services=dict(zip(services, chances.tolist(), strict=True)))
        for each, chances in zip(inbox.requests, opinion.p, strict=True)
    ]
    return opinion, tuple(
        _finding(inbox, place, opinion, sources, signs) for place in range(len(inbox.requests))
    )


def _finding(
    inbox: Inbox, place: int, opinion: Opinion, sources: Sources, signs: Sequence[Received]
) -> Finding:
    router, request = sources.router, inbox.requests[place]
    pieces, words = underlined(request.pieces, opinion.parts[place])
    bare = PLACEHOLDER.sub(" ", request.text)
    neighbours = sources.neighbours.of(request.text, request.id)
    answer = propose(sources.index, bare, sources.today) if sources.index else None
    p_answer = sources.chance(answer.features) if answer and sources.chance else None
    urgency = urgency_of(clean(request.text).kept, request.agent_level)
    best = router.services[int(opinion.ranked[place, 0])]
    action = _action(best, int(opinion.decision[place]), urgency)
    order = np.argsort(-opinion.p[place], kind="stable")[:N_SERVICES]
    return Finding(
        request=request,
        pieces=pieces,
        words=words,
        services=tuple(
            (router.titles[router.services[at]], float(opinion.p[place, at])) for at in order
        ),
        action=action,
        bodies=_bodies(bare, neighbours, sources.index) if action == "elsewhere" else (),
        urgency=urgency,
        duplicates=links(signs[place], signs[:place]),
        neighbours=neighbours,
        citations=answer.citations if answer else (),
        p_answer=p_answer,
        proposed=answer is not None and _proposed(answer, p_answer),
    )


def _action(best: str, decision: int, urgency: Urgency) -> str:
    """Return what to do; what is urgent reaches a person whatever the router says."""
    if urgency.needs_human or best == HUMAN:
        return "human"
    if decision == ROUTE:
        return "elsewhere" if best == OUT_OF_COMPETENCE else "route"
    return "clarify" if decision == CLARIFY else "human"


def _proposed(answer: Answer, p_answer: float | None) -> bool:
    """Return whether a passage is shown: by the learnt chance, else by the rule of words."""
    if p_answer is not None:
        return p_answer >= LEAST_SURE_ANSWER
    return answer.features[WORDS_SHARE] >= LEAST_WORDS_SHARE


def _bodies(text: str, neighbours: Sequence[Neighbour], index: Index | None) -> tuple[str, ...]:
    """Return who dealt with closed requests that are alike; else whom the first sheet names."""
    codes = [each.body for each in neighbours if each.body]
    if not codes and index is not None:
        found = index.retrieval.search(text, 1).documents.tolist()
        named = str(index.library.record(found[0]).get("counters", "")) if found else ""
        codes = [code for code in named.split("|") if code in BODIES and code != TOWN_HALL]
    return tuple(dict.fromkeys(BODIES.get(code, code.replace("_", " ")) for code in codes))
