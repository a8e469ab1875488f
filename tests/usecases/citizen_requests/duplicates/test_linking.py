"""Links are proposals: earlier requests on the same fault first, same street other fault after."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from common.edge.errors import UsageError
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.decision.inbox import authored_inbox
from usecases.citizen_requests.decision.router import closed_requests, learn
from usecases.citizen_requests.duplicates.fitting import fit_weights, simulated_pairs
from usecases.citizen_requests.duplicates.linking import (
    FITTED,
    THRESHOLD,
    Link,
    b_cubed_f1,
    clusters,
    links,
)
from usecases.citizen_requests.duplicates.signs import Rarity, Received, prepared, signs_of
from usecases.citizen_requests.simulate import simulate

NOON = datetime.fromisoformat("2026-03-02T12:00")
LEAST_PRECISION, LEAST_B_CUBED = 0.45, 0.95


@cache
def authored() -> tuple[Received, ...]:
    """Return the frozen requests as the linker sees them."""
    return tuple(prepared(r.id, r.received, r.text, r.service) for r in frozen_requests())


@cache
def ranked() -> list[tuple[float, bool, str, str]]:
    """Return all pairs of authored requests, likeliest first."""
    truth = true_groups()
    rarity = Rarity.of([each.grams for each in authored()])
    return sorted(
        (
            (FITTED.chance(signs_of(a, b, rarity)), truth[a.id] == truth[b.id], a.id, b.id)
            for a, b in combinations(authored(), 2)
        ),
        reverse=True,
    )


@cache
def on_pages() -> list[tuple[float, bool]]:
    """Return the same pairs as the agent's pages know them: services are the router's chances."""
    inbox = authored_inbox()
    router, _ = learn(closed_requests(simulate(0, 900), simulated=True))
    chances = router.read([each.text for each in inbox.requests]).p.tolist()
    known = [
        replace(each.signs, services=dict(zip(router.services, p, strict=True)))
        for each, p in zip(inbox.requests, chances, strict=True)
    ]
    truth, rarity = true_groups(), Rarity.of([each.grams for each in known])
    return sorted(
        (
            (FITTED.chance(signs_of(a, b, rarity)), truth[a.id] == truth[b.id])
            for a, b in combinations(known, 2)
        ),
        reverse=True,
    )


def true_groups() -> dict[str, str]:
    """Return the group of each authored request."""
    pairs = [(r.id, r.duplicate_of) for r in frozen_requests() if r.duplicate_of]
    return dict(clusters(pairs, [r.id for r in frozen_requests()]))


def test_precision_at_recall_80_on_authored_pairs() -> None:
    """Brief 3.A; 22,578 pairs of which 22 are duplicates and 14 share a street by design."""
    wanted = 0.8 * sum(same for _, same, _, _ in ranked())
    found = np.cumsum([same for _, same, _, _ in ranked()])
    depth = int(np.argmax(found >= wanted)) + 1
    assert found[depth - 1] / depth >= LEAST_PRECISION


def test_links_are_found_on_pages_where_no_service_is_known_yet() -> None:
    """They used to count on the service that dealt with a request: none was ever linked there.

    The router learnt from SIMULATED requests here and is wrong of most authored ones; 11 of 22
    duplicates are linked, with 15 other pairs of 22,578.
    """
    linked = [same for chance, same in on_pages() if chance >= THRESHOLD]
    assert sum(linked) >= 10
    assert len(linked) <= 30


def test_groups_of_authored_requests() -> None:
    """B-cubed F1; leaving all apart gives .95, so this says mostly that little is harmed."""
    pairs = [(b, a) for chance, _, a, b in ranked() if chance >= THRESHOLD]
    found = clusters(pairs, [r.id for r in frozen_requests()])
    assert b_cubed_f1(found, true_groups()) >= LEAST_B_CUBED


def test_the_same_fault_comes_before_another_fault_in_the_same_street() -> None:
    """The pair that agents complain about: one street, two troubles."""
    lamp = prepared("a", NOON, "Le lampadaire ne s'allume plus rue des Acacias.", "light")
    again = prepared("b", NOON + timedelta(1), "Lampadaire éteint rue des Accacias !", "light")
    waste = prepared("c", NOON + timedelta(1), "Un matelas traîne rue des Acacias.", "waste")
    rarity = Rarity.of([lamp.grams, again.grams, waste.grams])
    same = FITTED.chance(signs_of(lamp, again, rarity))
    other = FITTED.chance(signs_of(lamp, waste, rarity))
    assert same > 0.5 > other


def test_only_recent_earlier_requests_are_linked_and_said_why() -> None:
    """A link points backwards in time, to at most sixty days, with reasons in French."""
    old = prepared("old", NOON - timedelta(90), "Nid de poule rue Hoche", "roads")
    first = prepared("first", NOON, "Nid de poule rue Hoche", "roads")
    later = prepared("later", NOON + timedelta(2), "Nid de poule rue Hoche", "roads")
    (link,) = links(later, [old, first, later])
    assert link.earlier_id == "first"
    assert {"même rue", "même service"} <= set(link.reasons)
    assert links(first, [old, later]) == ()


def test_streets_that_only_look_alike_are_not_called_the_same() -> None:
    """« Tileul » may be « Tilleul » or not: the agent is told that it is a guess."""
    first = prepared("first", NOON, "Nid de poule rue du Tilleul", "roads")
    later = prepared("later", NOON + timedelta(2), "Nid de poule rue du Tileul", "roads")
    (link,) = links(later, [first])
    assert "rues aux noms proches" in link.reasons
    assert "même rue" not in link.reasons


def test_nothing_of_a_request_is_kept_but_grams() -> None:
    """Links are computed on sets of letters; names and numbers are not carried along."""
    request = prepared("a", NOON, "Nid de poule rue Hoche.\nCordialement,\nAïcha Sow", "roads")
    assert not any("aicha" in gram for gram in request.grams)


def test_weights_are_those_of_the_simulated_pairs() -> None:
    """The constants must be what the fit gives; fewer pairs here, hence the wide tolerance."""
    refitted = fit_weights(simulated_pairs(seed=0, n_pairs=120))
    signs = simulated_pairs(seed=1, n_pairs=40)
    rarity = Rarity.of([each.grams for pair in signs for each in (pair.one, pair.other)])
    chances = np.array(
        [
            [weights.chance(signs_of(pair.one, pair.other, rarity)) for pair in signs]
            for weights in (FITTED, refitted)
        ]
    )
    assert np.corrcoef(chances)[0, 1] > 0.9


def test_pairs_and_chances_out_of_range_are_refused() -> None:
    """A request is no duplicate of itself."""
    one = prepared("a", NOON, "x")
    with pytest.raises(UsageError, match="two requests"):
        signs_of(one, one, Rarity.of([]))
    with pytest.raises(UsageError, match="in \\[0, 1\\]"):
        Link("a", "b", 1.5, ())
