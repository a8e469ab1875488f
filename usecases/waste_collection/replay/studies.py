"""Side studies with the chosen policy: fewer sensors, faulty ones, a real road matrix."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from usecases.waste_collection.replay.policies.calendars import FixedCadence
from usecases.waste_collection.replay.policies.worth import WorthOfVisit
from usecases.waste_collection.replay.runs import replay_all
from usecases.waste_collection.replay.scoring.comparison import OWN_CADENCE_DAYS
from usecases.waste_collection.replay.scoring.outcome import Outcome
from usecases.waste_collection.replay.sensing.faults import (
    FAULTY_SHARE,
    Distrustful,
    faulty_sensing,
)
from usecases.waste_collection.replay.sensing.sensors import SHARES, equipped
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Sensing

__all__ = ["FAULT_CASES", "OVERFLOW_KM", "Sites", "fault_study", "network_study", "sensor_study"]

OVERFLOW_KM = 30.0
"""km per overflow-day of the chosen policy: about the own round's overflows."""
FAULT_SEED = 5
FAULT_CASES: Mapping[str, str] = {
    "sound": "Capteurs justes",
    "faulty": "5 % de capteurs en panne, lus comme s'ils étaient justes",
    "sound_checked": "Capteurs justes, règle de la ligne plate",
    "faulty_checked": "5 % de capteurs en panne, règle de la ligne plate",
}
"""Cases of the study of faults, in French."""

Sites = Sequence[Callable[[], Site]]


def sensor_study(
    sites: Sites, folder: Path, *, iterations: int
) -> Mapping[float, tuple[Outcome, ...]]:
    """Replay with growing shares of containers equipped, outcomes by share."""
    return {
        share: tuple(
            replay_all(
                sites,
                (WorthOfVisit(OVERFLOW_KM, name=f"sensors_{100 * share:g}"),),
                folder,
                sensing=equipped(share),
                iterations=iterations,
            )
        )
        for share in SHARES
    }


def fault_study(
    sites: Sites, folder: Path, *, iterations: int
) -> Mapping[str, tuple[Outcome, ...]]:
    """Replay with sound and with faulty sensors, with and without the flat-line rule."""

    def broken(site: Site) -> Sensing:
        return faulty_sensing(site, FAULT_SEED, FAULTY_SHARE)

    found = {}
    for name, sensing in (("sound", None), ("faulty", broken)):
        plain = WorthOfVisit(OVERFLOW_KM, name=name)
        for policy in (plain, Distrustful(plain)):
            found[policy.family] = tuple(
                replay_all(sites, (policy,), folder, sensing=sensing, iterations=iterations)
            )
    return found


def network_study(
    sites: Sites, folder: Path, *, iterations: int
) -> Mapping[str, tuple[Outcome, ...]]:
    """Replay the own round and the chosen policy on another road network."""
    policies = (FixedCadence(OWN_CADENCE_DAYS), WorthOfVisit(OVERFLOW_KM))
    outcomes = tuple(replay_all(sites, policies, folder, iterations=iterations))
    return {
        policy.family: tuple(one for one in outcomes if one.family == policy.family)
        for policy in policies
    }
