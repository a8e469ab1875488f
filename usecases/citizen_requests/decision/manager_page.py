"""The manager's page: how many, for whom, how sure, how fair, what changes."""

from collections.abc import Sequence
from typing import Final

from common.lab.pages import french
from common.lab.pages.reliability import reliability
from usecases.citizen_requests.decision.manager import WRITING, Alert, Group, Management, Share
from usecases.citizen_requests.decision.request_page import Edition

__all__ = ["manager_html"]

EQUITY_GAP: Final = 0.05
"""Points between the best and the worst third of writing, at equal abstention (issue 6)."""
NO_TRANSFERS: Final = (
    "Non calculé : il faut vos propres demandes closes, avec la colonne service_initial."
)


def manager_html(management: Management, edition: Edition) -> str:
    """Return the page."""
    view = {
        "lead": "Combien de demandes, pour qui, avec quelle sûreté, et ce qui change.",
        "verdict": _verdict(management),
        "volumes": _volumes(management),
        "left": _left(management),
        "plot": reliability(
            "La chance annoncée du premier service se réalise-t-elle ?",
            management.bins,
            "demandes",
        ),
        "transfers": _transfers(management),
        "groups": [_group(each) for each in management.groups],
        "gap": _gap(management),
        "alerts": [_alert(each) for each in management.alerts],
    }  # fmt: skip
    return edition.fill("manager.html.j2", "Le pilotage des demandes", view=view)


def _verdict(management: Management) -> tuple[str, ...]:
    loud = [each.name for each in management.alerts if each.level]
    said = _kept_promises(management)
    if not management.alerts:
        return *said, "Trop peu de demandes attendent pour parler de dérive (moins de 30)."
    return *said, (
        f"Dérive : {' ; '.join(loud)}. Relisez les pages concernées, puis réapprenez."
        if loud
        else "Aucun signe de dérive."
    )


def _kept_promises(management: Management) -> tuple[str, ...]:
    right = management.precision
    if management.simulated:
        return (
            "Aucun chiffre de cette page n'est une mesure : le modèle a appris et relu des "
            "demandes SIMULÉES.",
            "Donnez vos demandes closes avec --closed pour savoir ce qu'il vaut chez vous.",
        )
    if not right.count:
        return ("Aucune proposition ferme sur les demandes closes les plus récentes.",)
    return (
        f"{_share(right)} des propositions fermes étaient justes.",
        f"{_share(management.left_held)} des demandes restaient à une personne. Mesuré sur "
        f"{french.plural(management.left_held.count, 'demande close', 'demandes closes')}, les "
        "plus récentes, jamais lues à l'apprentissage.",
    )


def _volumes(management: Management) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    header = (
        "Service",
        *(f"sem. du {week:%d/%m}" for week in management.weeks),
        "en attente (proposé)",
    )
    rows = [
        (title, *(french.number(count, 0) for count in counts), french.number(waiting, 0))
        for (title, counts), waiting in zip(management.volumes, management.waiting, strict=True)
    ]
    return header, rows


def _left(management: Management) -> list[tuple[str, str]]:
    return [
        ("demandes closes récentes", _share(management.left_held)),
        ("demandes en attente", _share(management.left_waiting)),
    ]


def _transfers(management: Management) -> Sequence[str]:
    found = management.transfers
    if found is None:
        return (NO_TRANSFERS,)
    return (
        f"{_share(found.passed_on)} des demandes ont changé de service.",
        f"De celles-là, {_share(found.avoided)} auraient été proposées d'emblée au service final.",
        f"De celles que l'accueil avait bien orientées, {_share(found.misled)} auraient été "
        "proposées ailleurs : c'est le prix, à mettre en face.",
        "Le service final est pris pour juste ; il ne l'est pas toujours.",
    )


def _group(group: Group) -> tuple[str, ...]:
    return (
        group.name if group.family == WRITING else f"{group.family} : {group.name}",
        french.number(group.right.count, 0),
        _share(group.proposed),
        _share(group.right),
        _share(group.right_surer),
    )


def _gap(management: Management) -> str:
    values = [group.right_surer.value for group in management.groups if group.family == WRITING]
    if len(values) < 2:
        return ""
    gap = max(values) - min(values)
    end = "dans la limite" if gap <= EQUITY_GAP else "au-delà de la limite"
    return (
        f"Entre les tiers d'écriture, à abstention égale : {french.number(100 * gap, 1)} points "
        f"d'écart, {end} de {french.number(100 * EQUITY_GAP, 0)} points. L'écriture ne sert qu'à "
        "cette vérification : aucune décision ne la lit."
    )


def _alert(alert: Alert) -> tuple[str, str, str, str]:
    shown = [
        french.number(value, 2) if alert.unit == "index" else french.percent(value, 0)
        for value in (alert.reference, alert.now)
    ]
    return alert.name, shown[0], shown[1], alert.level or "rien à signaler"


def _share(share: Share) -> str:
    if not share.count:
        return french.MISSING
    low, high = share.interval
    value = french.percent(share.value, 0)
    return f"{value} ({french.bounds(100 * low, 100 * high, '%', 0)})"
