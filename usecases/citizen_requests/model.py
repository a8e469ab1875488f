"""The rungs of the routing ladder, from counting services to words, letters and neighbours."""

from collections.abc import Callable, Sequence
from functools import partial

from common.lab.usecase import Array, Dataset, Examples, Fitted, Rung, Training
from usecases.citizen_requests.routing.fits import (
    Linear,
    bayes,
    from_votes,
    keywords,
    linear,
    majority,
)

__all__ = ["DESCRIBED", "MIXED", "PLAIN", "routing_rungs"]

PLAIN = Linear(("words", "letters"))
DESCRIBED = Linear(("words", "letters"), catalogue_weight=0.5)
MIXED = Linear(("words", "letters"), catalogue_weight=0.5, votes=True)


def of_the_site(dataset: Dataset, examples: Examples) -> dict[str, Array]:
    """Return nothing: the votes of a site's own closed requests come with its examples."""
    del dataset, examples
    return {}


def routing_rungs(
    n_services: int, phrases: Sequence[str] | None, *, own_votes: bool
) -> tuple[Rung, ...]:
    """Return the ladder of a choice among ``n_services``.

    Parameters
    ----------
    phrases
        What the catalogue says of each service; None where there is no catalogue.
    own_votes
        Whether votes are those of the site's own closed requests: rungs that read them are
        then ``per_site``, as no bundle carries a site's requests. Votes of the national
        sheets are for everyone.
    """
    rungs = [
        Rung("majority", "Le service le plus demandé", "no_ai", "global",
             partial(majority, n_services),
             note="Toujours les mêmes parts, quel que soit le texte.", counts=True),
        Rung("bayes", "Bayes naïf complémentaire sur les mots", "linear", "global",
             partial(bayes, n_services),
             note="Mots comptés par service, sans tenir compte les uns des autres."),
        _voting("retrieval", "Votes des textes les plus proches", partial(from_votes, n_services),
                "Les dix textes connus les plus proches votent pour leur service.",
                own_votes=own_votes),
        Rung("words", "Régression sur les mots", "linear", "global",
             partial(linear, Linear(("words",)), n_services),
             note="Mots et suites de deux mots, pondérés ensemble."),
        Rung("letters", "Régression sur les fragments de mots", "linear", "global",
             partial(linear, Linear(("letters",)), n_services),
             note="Suites de deux à cinq lettres : tient aux fautes de frappe."),
        Rung("plain", "Régression sur mots et fragments", "linear", "global",
             partial(linear, PLAIN, n_services),
             note="Mots et fragments de mots, pondérés ensemble."),
    ]  # fmt: skip
    if phrases is None:
        mixed = Linear(("words", "letters"), votes=True)
        return (*rungs, _mixed(mixed, n_services, own_votes=own_votes))
    rules = Rung("keywords", "Mots-clés du catalogue des services", "no_ai", "global",
                 partial(keywords, tuple(phrases)),
                 note="Compte les mots par lesquels chaque service se décrit ; "
                 "rien n'est appris.")  # fmt: skip
    described = Rung("described", "Mots et fragments, catalogue compris", "linear", "global",
                     partial(linear, DESCRIBED, n_services),
                     note="Apprend aussi des phrases par lesquelles chaque service se "
                     "décrit.")  # fmt: skip
    return (rungs[0], rules, *rungs[1:], described, _mixed(MIXED, n_services, own_votes=own_votes))


def _mixed(settings: Linear, n_services: int, *, own_votes: bool) -> Rung:
    note = "Le texte et les votes, dosés sur les demandes les plus récentes."
    fit = partial(linear, settings, n_services)
    return _voting("mixed", "Texte et votes des textes proches", fit, note, own_votes=own_votes)


def _voting(
    name: str, title: str, fit: Callable[[Training], Fitted], note: str, *, own_votes: bool
) -> Rung:
    """Return a rung that reads votes."""
    if own_votes:
        return Rung(name, title, "linear", "per_site", fit, state=of_the_site, note=note)
    return Rung(name, title, "linear", "global", fit, note=note)
