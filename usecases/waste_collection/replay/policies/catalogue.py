"""The policies that the bench compares, and the parameters that each is swept over."""

from collections.abc import Callable, Mapping, Sequence

from common.edge.errors import UsageError
from usecases.waste_collection.replay.policies.calendars import FixedCadence, OwnFrequencies
from usecases.waste_collection.replay.policies.foresight import ForesightInPassing, LastMoment
from usecases.waste_collection.replay.policies.lookahead import RollingWeek
from usecases.waste_collection.replay.policies.prizes import PlainPrize
from usecases.waste_collection.replay.policies.risks import LevelThreshold, RiskThreshold
from usecases.waste_collection.replay.policies.worth import WorthOfVisit
from usecases.waste_collection.replay.world import Policy

__all__ = ["FAMILIES", "TITLES", "policies_of"]

_SWEEPS: Mapping[str, tuple[Callable[[float], Policy], tuple[float, ...]]] = {
    "fixed": (FixedCadence, (2, 3, 4)),
    "fair_2d": (lambda p: WorthOfVisit(p, 2), (20, 40, 80)),
    "fair_3d": (lambda p: WorthOfVisit(p, 3), (40, 80)),
    "worth_2d": (lambda p: WorthOfVisit(p, 2, evenness=0.0), (20, 40, 60)),
    "worth_3d": (lambda p: WorthOfVisit(p, 3, evenness=0.0), (20, 40, 80)),
    "risk_2d": (lambda p: RiskThreshold(p, 2), (0.01, 0.03, 0.06, 0.12)),
    "foresight_2d": (lambda p: ForesightInPassing(p, 2), (2.0, 4.0)),
    "worth_1d": (lambda p: WorthOfVisit(p, 1, evenness=0.0), (6, 12, 24)),
    "threshold_1d": (lambda p: LevelThreshold(p, 1), (40, 60, 80)),
    "threshold_2d": (lambda p: LevelThreshold(p, 2), (20, 40, 60)),
    "risk_1d": (lambda p: RiskThreshold(p, 1), (0.005, 0.02, 0.06)),
    "risk_3d": (lambda p: RiskThreshold(p, 3), (0.01, 0.05, 0.12)),
    "week_2d": (lambda p: RollingWeek(p, 2), (0.02, 0.05, 0.12)),
    "calendar": (lambda p: OwnFrequencies(p, 2), (5, 12, 30)),
    "plain_prize": (PlainPrize, (20, 60)),
    "last_moment": (LastMoment, (1, 2)),
}

FAMILIES = tuple(_SWEEPS)
"""Names of the curves, those that the verdict rests on first."""

TITLES: Mapping[str, str] = {
    "fixed": "Tournée fixe, tout le monde, tous les k jours",
    "calendar": "Calendrier fixe, une fréquence par conteneur",
    "threshold_1d": "Seuil de niveau, chaque jour",
    "threshold_2d": "Seuil de niveau, tous les 2 jours",
    "risk_1d": "Risque avant la prochaine tournée, chaque jour",
    "risk_2d": "Risque avant la prochaine tournée, tous les 2 jours",
    "risk_3d": "Risque avant la prochaine tournée, tous les 3 jours",
    "week_2d": "Semaine glissante, voisins regroupés, tous les 2 jours",
    "plain_prize": "Prime simple au débordement attendu, chaque jour",
    "fair_2d": "Valeur du passage à risque égal, tous les 2 jours",
    "fair_3d": "Valeur du passage à risque égal, tous les 3 jours",
    "worth_1d": "Valeur du passage et tournée ensemble, chaque jour",
    "worth_2d": "Valeur du passage et tournée ensemble, tous les 2 jours",
    "worth_3d": "Valeur du passage et tournée ensemble, tous les 3 jours",
    "last_moment": "Prescience, dernier moment (référence)",
    "foresight_2d": "Prescience, vidé en passant (référence)",
}
"""French names of the curves."""


def policies_of(families: Sequence[str]) -> tuple[Policy, ...]:
    """Return the policies of some families, their parameters swept.

    Raises
    ------
    UsageError
        If a family is unknown.
    """
    unknown = [name for name in families if name not in _SWEEPS]
    if unknown:
        raise UsageError(f"no policy {unknown[0]!r}", expected="one of " + ", ".join(FAMILIES))
    return tuple(
        make(parameter)
        for name in families
        for make, sweep in [_SWEEPS[name]]
        for parameter in sweep
    )
