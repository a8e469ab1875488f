"""What the watch found, in French sentences: one line for a page, all of it for `doctor`."""

from collections.abc import Mapping

from common.edge.description import french_number
from common.edge.drift.report import STATES, DriftReport, InputState

__all__ = ["explain", "french_day", "short"]

_NBSP = "\u00a0"
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
    *("août", "septembre", "octobre", "novembre", "décembre"),
)
_CHECK = {
    "missing": "Vérifier d'abord la liaison et le capteur.",
    "stuck": "Vérifier d'abord le capteur : il répète la même valeur.",
    "outside": "Vérifier d'abord l'unité et le branchement ; sinon le modèle n'a rien appris de "
    "tel, et sa prévision ne vaut pas mieux qu'un pari.",
    "psi": "Ce peut être un capteur, une unité, ou un vrai changement : vérifier dans cet ordre.",
}


def french_day(day: str) -> str:
    """Return an ISO day as people write it.

    >>> french_day("2026-11-03"), french_day("2026-02-01")
    ('3 novembre 2026', '1er février 2026')
    """
    year, month, number = day.split("-")
    count = "1er" if number == "01" else str(int(number))
    return f"{count} {_MONTHS[int(month) - 1]} {year}"


def short(report: DriftReport, meanings: Mapping[str, str], since: str) -> str:
    """Return the state in one line.

    Parameters
    ----------
    report
        What the window says.
    meanings
        French meaning of each input, from the manifest.
    since
        Day on which this state began, ISO 8601; empty where it is not known.
    """
    if report.state == "undetermined":
        return (
            f"Données pas encore jugées : {french_number(report.rows)}{_NBSP}ligne(s) sur "
            f"{report.days}{_NBSP}jour(s) ; il faut {report.thresholds.rows} lignes et "
            f"{report.thresholds.days} jours."
        )
    begun = f" depuis le {french_day(since)}" if since else ""
    if report.state == "usual":
        return f"Données habituelles{begun}."
    names = [_label(meanings, item.name) for item in report.inputs if item.state == report.state]
    what = "Données inhabituelles" if report.state == "alert" else "Données à surveiller"
    parts = [f"{what}{begun} : {', '.join(names)}."] if names else []
    if report.coverage_state == "alert":
        parts.append("L'intervalle annoncé ne tient plus.")
    return " ".join(parts)


def explain(report: DriftReport, meanings: Mapping[str, str]) -> tuple[str, ...]:
    """Return French sentences for ``aune doctor``, the most serious first.

    Parameters
    ----------
    report
        What the window says.
    meanings
        French meaning of each input, from the manifest.
    """
    if not report.first:
        return ("Dérive : aucune donnée reçue pour l'instant.",)
    sentences = []
    if report.state == "usual":
        sentences.append(f"Dérive : données habituelles ({report.days} jour(s) observé(s)).")
    sentences += [
        _input_sentence(item, _label(meanings, item.name))
        for item in sorted(report.inputs, key=lambda item: -STATES.index(item.state))
        if item.state in ("watch", "alert")
    ]
    if not report.season_learned:
        sentences.append(
            "Saison : l'apprentissage n'a rien vu de cette période de l'année ; la répartition "
            "des valeurs n'est pas jugée, et les prévisions sont à prendre avec réserve."
        )
    if report.coverage is not None:
        sentences.append(_coverage_sentence(report, report.coverage))
    waiting = sum(item.state == "undetermined" for item in report.inputs)
    if waiting:
        sentences.append(
            f"{waiting} entrée(s) sans verdict : moins de {report.thresholds.rows} lignes ou de "
            f"{report.thresholds.days} jours."
        )
    return tuple(sentences)


def _input_sentence(item: InputState, label: str) -> str:
    what = "inhabituelles" if item.state == "alert" else "à surveiller"
    found = "".join(f" ; {_finding(item, cause)}" for cause in item.causes)
    return f"«{_NBSP}{label}{_NBSP}» : données {what}{found}. {_CHECK[item.causes[0]]}"


def _finding(item: InputState, cause: str) -> str:
    if cause == "missing":
        return (
            f"{_percent(item.missing)} de valeurs manquantes, "
            f"{_percent(item.missing_training)} à l'apprentissage"
        )
    if cause == "outside":
        return f"{_percent(item.outside)} des valeurs hors de ce que le modèle a appris"
    if cause == "stuck":
        return f"{_percent(item.stuck)} des lignes ont une valeur figée"
    usual = french_number(round(item.psi_usual or 0.0, 2))
    like = ""
    if item.nearest_month:
        month = _MONTHS[item.nearest_month - 1]
        like = f" ; cela ressemble plutôt à {month}"
    return (
        f"répartition loin de celle de la saison (indice de stabilité "
        f"{french_number(round(item.psi, 2))}, d'habitude jusqu'à {usual}){like}"
    )


def _coverage_sentence(report: DriftReport, promised_share: float) -> str:
    share = report.share
    if report.coverage_state == "undetermined" or share is None:
        return (
            f"Intervalle : valeurs réelles renvoyées pour {report.truths.rows} ligne(s), il en "
            f"faut {report.thresholds.rows} pour juger."
        )
    between = f"entre {_percent(report.coverage_low)} et {_percent(report.coverage_high)}"
    promised = _percent(promised_share)
    if report.coverage_state == "alert":
        return (
            f"Intervalle : il ne contient la valeur réelle que {_percent(share)} du temps "
            f"({between}), {promised} annoncés. Recaler avec aune calibrate ; ne pas s'y fier "
            "d'ici là."
        )
    return (
        f"Intervalle : il contient la valeur réelle {_percent(share)} du temps ({between}), "
        f"{promised} annoncés."
    )


def _label(meanings: Mapping[str, str], name: str) -> str:
    return meanings.get(name, name).rstrip(".")


def _percent(share: float) -> str:
    return f"{french_number(round(100 * share, 1))}{_NBSP}%"
