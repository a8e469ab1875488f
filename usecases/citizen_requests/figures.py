"""Plots of the routing pages: calibration, what may be acted on, which services."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from common.lab.choice_metrics import calibration_floor, equal_mass_bins
from common.lab.choices import Choices
from common.lab.pages import french
from common.lab.pages.figures import Figure, slices
from common.lab.pages.reliability import reliability, wilson
from common.lab.record import Score
from common.lab.usecase import Array, Examples
from usecases.citizen_requests.routing.answers import DECISIONS

__all__ = ["routing_figures"]

COVERAGES = (0.2, 0.4, 0.6, 0.8, 1.0)


def routing_figures(
    services: Sequence[str], examples: Examples, outputs: Mapping[str, Array]
) -> list[Figure]:
    """Return calibration, abstention curve, decisions and score by service.

    Parameters
    ----------
    services
        French names, in the order of the outputs.
    examples, outputs
        The test period and the shipped graph's outputs.
    """
    decision = np.asarray(outputs["decision"])[:, 0]
    scored = Choices.of(examples, outputs["p_service"], decision == 0)
    known = np.isfinite(examples.target).all(axis=1)
    return [
        _calibration(scored),
        _abstention(scored),
        _decisions(scored, decision[known]),
        _by_service(services, scored),
    ]


def _calibration(scored: Choices) -> Figure:
    bins = equal_mass_bins(scored.confidence, np.ones(len(scored)))
    rows = [
        (
            float(scored.confidence[bins == b].mean()),
            float(scored.hit[bins == b].mean()),
            int((bins == b).sum()),
        )
        for b in np.unique(bins)
    ]
    mean, high = calibration_floor(scored)
    drawn = reliability("La chance du premier service se réalise-t-elle ?", rows, "demandes")
    floor = (
        f" Sur {len(scored)} demandes, un modèle parfaitement calibré montrerait déjà une "
        f"erreur de calibration de {french.number(mean, 3)} en moyenne ; dans 95 % des cas, de "
        f"{french.number(high, 3)} au plus."
    )
    return replace(drawn, description=drawn.description + floor)


def _abstention(scored: Choices) -> Figure:
    order = np.argsort(-scored.confidence, kind="stable")
    shares = {
        f"les {round(100 * coverage)} % les plus sûres": _share(
            scored.hit[order[: max(1, round(coverage * len(order)))]]
        )
        for coverage in COVERAGES
    }
    return slices(
        "Justesse selon la part des demandes traitées sans question",
        shares,
        description="Un point par part traitée, des plus sûres à toutes ; intervalle de Wilson "
        "à 95 %.",
    )


def _decisions(scored: Choices, decision: Array) -> Figure:
    shares = {
        f"{name} ({int((decision == code).sum())})": _share(scored.hit[decision == code])
        for code, name in enumerate(DECISIONS)
        if (decision == code).any()
    }
    return slices(
        "Justesse du premier service selon la décision proposée",
        shares,
        description="Un point par décision, nombre de demandes entre parenthèses ; les seuils "
        "ont été fixés sur la période de réglage.",
    )


def _by_service(services: Sequence[str], scored: Choices) -> Figure:
    truth = scored.truth
    shares = {
        f"{name} ({int((truth == k).sum())})": _share(scored.hit[truth == k])
        for k, name in enumerate(services)
        if (truth == k).any()
    }
    return slices(
        "Part des demandes de chaque service qui lui parviennent du premier coup",
        shares,
        description="Un point par service, nombre de demandes entre parenthèses ; intervalle de "
        "Wilson à 95 %.",
    )


def _share(hits: Array) -> Score:
    share, n = float(hits.mean()), len(hits)
    low, high = wilson(share, n)
    return Score("share", "%", "higher", 100 * share, 100 * low, 100 * high, n, n)
