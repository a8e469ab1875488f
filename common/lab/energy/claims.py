"""What may be said about energy, in French: never a joule without its tier, interval and hardware.

The claims engine of ``briefs/frugality.md`` 2.5.10 writes "X fois moins" or nothing.
"""

import math
from types import MappingProxyType

from common.lab.pages.french import NO_BREAK, number
from common.lab.record import Footprint

__all__ = ["TIERS", "describe_energy", "times_less", "times_less_cpu"]

TIERS = MappingProxyType(
    {
        "A_wall": "mesuré à la prise",
        "B_counter": "compteur du processeur",
        "C_model": "modélisé à partir du temps processeur",
        "D_declared": "déclaré, méthode fournie",
        "E_bare": "déclaré sans méthode",
        "F_none": "non renseigné",
    }
)
"""Evidence tiers in French."""

_CLASSES = MappingProxyType({"A_wall": "measured", "B_counter": "measured", "C_model": "modelled"})
_UNITS = (("kWh", 1.0), ("Wh", 1e-3), ("mWh", 1e-6), ("µWh", 1e-9))


def describe_energy(footprint: Footprint) -> str:
    r"""Return the energy in French with unit, interval, tier and hardware.

    Energy of predictions is given for 1,000 of them. Tier F prints no number.

    Examples
    --------
    >>> describe_energy(Footprint(
    ...     stage="train", cpu_seconds=147.6, wall_seconds=150.0, peak_rss_mib=300.0,
    ...     kwh_low=0.000166, kwh_central=0.00041, kwh_high=0.00103, tier="C_model",
    ...     hardware="AMD EPYC, 2 vCPU", repetitions=5, cv=0.02, quality="medium",
    ... )).replace("\u00a0", " ")
    '0,41 Wh [0,17–1,0] (niveau C : modélisé à partir du temps processeur, AMD EPYC, 2 vCPU)'
    """
    letter = footprint.tier[0]
    evidence = f"niveau{NO_BREAK}{letter}{NO_BREAK}: {TIERS[footprint.tier]}"
    if footprint.tier == "F_none":
        return f"énergie non renseignée ({evidence})"
    low, central, high = _kwh(footprint)
    unit, scale = next((pair for pair in _UNITS if central >= 0.1 * pair[1]), _UNITS[-1])
    at_most = "au plus " if "below_resolution" in footprint.conditions.get("flags", ()) else ""
    per = " pour 1\u202f000 prédictions" if footprint.predictions else ""
    interval = f"[{_two_figures(low / scale)}–{_two_figures(high / scale)}]"
    value = f"{at_most}{_two_figures(central / scale)}{NO_BREAK}{unit}"
    return f"{value} {interval}{per} ({evidence}, {footprint.hardware})"


def times_less(a: Footprint, b: Footprint) -> str | None:
    """Return "au moins X fois moins d'énergie" of ``a`` against ``b``, or None.

    Said only where both are measured (tiers A and B) or both modelled (C), for the same stage,
    neither of low quality, and the ratio of the intervals excludes 1. X is the smallest ratio that
    the intervals allow (``b`` low over ``a`` high), rounded down to one significant digit, so the
    sentence holds over the whole of both intervals.
    """
    tier_class = _CLASSES.get(a.tier)
    if tier_class is None or tier_class != _CLASSES.get(b.tier) or not _comparable(a, b):
        return None
    times = _one_figure_down(_kwh(b)[0] / _kwh(a)[2])
    if times is None:
        return None
    per = " pour 1\u202f000 prédictions" if a.predictions else " pour l'entraînement"
    levels = "/".join(sorted({a.tier[0], b.tier[0]}))
    return f"au moins {times} fois moins d'énergie{per} (niveau{NO_BREAK}{levels}, processeur seul)"


def times_less_cpu(a: Footprint, b: Footprint) -> str | None:
    """Return "au moins X fois moins de temps processeur" of ``a`` against ``b``, or None.

    As `times_less`, on CPU-seconds of one machine with their bootstrap intervals: the primary
    comparable figure where energy is only modelled (``briefs/frugality.md`` 2.5.1).
    """
    of_a, of_b = (each.conditions.get("cpu_seconds_interval") for each in (a, b))
    if a.hardware != b.hardware or not of_a or not of_b or not _comparable(a, b):
        return None
    least_b = of_b[0] / max(b.predictions, 1)
    most_a = of_a[1] / max(a.predictions, 1)
    times = _one_figure_down(least_b / most_a)
    if times is None:
        return None
    per = " pour 1\u202f000 prédictions" if a.predictions else " pour l'entraînement"
    return f"au moins {times} fois moins de temps processeur{per} ({a.hardware})"


def _comparable(a: Footprint, b: Footprint) -> bool:
    same_unit = a.stage == b.stage and bool(a.predictions) == bool(b.predictions)
    return same_unit and "low" not in (a.quality, b.quality)


def _kwh(footprint: Footprint) -> tuple[float, float, float]:
    """Return the energy of 1,000 predictions, or of the whole training, in kWh."""
    scale = 1000 / footprint.predictions if footprint.predictions else 1.0
    return (
        footprint.kwh_low * scale,
        footprint.kwh_central * scale,
        footprint.kwh_high * scale,
    )


def _one_figure_down(ratio: float) -> str | None:
    """Round down to one significant digit and print; None unless it reaches 2.

    Examples
    --------
    >>> [_one_figure_down(ratio) for ratio in (0.5, 1.9, 7.9, 47.0)]
    [None, None, '7', '40']
    """
    if not math.isfinite(ratio) or ratio < 2:
        return None
    power = 10 ** math.floor(math.log10(ratio))
    return number(math.floor(ratio / power) * power, 0)


def _two_figures(value: float) -> str:
    if value <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(value))
    return number(round(value, digits), max(0, digits))
