"""The comparison page: verdict, central table, figures, equity, robustness, what is unknown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import LEVELS, Comparison, Standing
from benchmarks.report import plots, words
from common.lab.pages import french
from common.lab.pages.figure import Figure
from common.lab.pages.rendering import OVER, render
from common.lab.record import Score

__all__ = ["comparison_page"]

_TEMPLATES = Path(__file__).parent / "templates"
_NONE = "—"
LEAST_PERCENT = 0.005
"""Below it a percentage prints as zero: an entry held against itself differs by rounding."""
_EXPLAINED = {"contributions": "prouvé", "declared": "déclaré", "none": "absent"}
Row = tuple[str, ...]


def comparison_page(
    comparison: Comparison,
    *,
    titles: Mapping[str, str],
    body_hash: str,
    created: str,
    units: str = "sites",
    figures: Sequence[Figure] = (),
) -> str:
    """Return the comparison as one HTML page (sections of ``briefs/platform.md`` 3.4).

    Parameters
    ----------
    comparison
        What was established.
    titles
        French title of each metric, the main one first.
    body_hash
        Of ``comparison.json``: what ``aune benchmark verify`` must find again.
    created
        ISO 8601 date of the report.
    units
        `Contest.units`: those that a solution may win; empty for none.
    figures
        Plots of the task's own, after ours.
    """
    main = next(iter(titles))
    return render(
        "comparaison.html.j2",
        _TEMPLATES,
        **_banner(comparison),
        **_tables(comparison, titles),
        figures=[
            plots.errors(comparison, main),
            plots.error_against_energy(comparison),
            *figures,
        ],
        units=units,
        unverified=comparison.unverified,
        facts=_facts(comparison, body_hash),
        command=_command(comparison.protocol),
        created=french.date_fr(created),
        body_hash=body_hash,
    )


def _banner(comparison: Comparison) -> dict[str, Any]:
    """Return what stands above the central table."""
    protocol = comparison.protocol
    return {
        "title": "Comparaison de solutions",
        "over": OVER,
        "question": protocol["question"],
        "simulated": bool(protocol.get("simulated")),
        "dataset": {key: protocol.get(key) for key in ("simulated", "proxy")},
        "demonstration": bool(protocol.get("demonstration")),
        "summary": words.summary(comparison),
        "verdict": words.verdict_lines(comparison),
        "badges": [
            words.badges(standing)
            for standing in comparison.standings
            if standing.entry.role == "candidate"
        ],
    }


def _tables(comparison: Comparison, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return the central table and those below the figures."""
    main = next(iter(titles))
    seen = [
        (standing.entry.title, words.severities((*standing.entry.findings, *standing.findings)))
        for standing in comparison.standings
    ]
    return {
        "central": [_central(standing, main) for standing in comparison.standings],
        "metric": titles[main],
        "margin": french.percent(comparison.protocol["margin"], 0),
        "metrics": _metrics(comparison, titles),
        "slices": _slices(comparison),
        "alerts": _alerts(comparison),
        "stress": _stress(comparison),
        "service": _service(comparison),
        "findings": [(title, rows) for title, rows in seen if rows],
        "evidence": _evidence(comparison),
    }


def _central(standing: Standing, main: str) -> dict[str, Any]:
    entry = standing.entry
    score = standing.scores.get(main)
    slowest = f"{french.number(entry.latency.p95)} ms" if entry.latency else _NONE
    size = french.quantity(entry.model_bytes / 1000, "ko") if entry.model_bytes else _NONE
    return {
        "title": entry.title,
        "role": {"no_ai": "sans IA", "reference": "référence", "candidate": "candidate"}[
            entry.role
        ],
        "kept": entry.role == "reference",
        "verdict": words.VERDICTS[standing.verdict] if entry.role == "candidate" else _NONE,
        "error": _scored(score),
        "difference": words.relative_loss(standing),
        "won": f"{standing.units_won}/{standing.n_units}" if standing.difference else _NONE,
        "worst": standing.worst_unit or _NONE,
        "energy": words.energy(entry.predict),
        "p95": slowest,
        "size": size,
        "cost": _cost(entry.declaration),
        "abroad": _abroad(entry.declaration),
    }


def _scored(score: Score | None) -> tuple[str, str]:
    if score is None:
        return _NONE, ""
    value, low, high = (_visible(each, score.unit) for each in (score.value, score.low, score.high))
    return french.quantity(value, score.unit), french.bounds(low, high, score.unit)


def _visible(value: float, unit: str) -> float:
    """Return a percentage that rounding alone made, as nothing.

    >>> _visible(-0.00004, "%"), _visible(-0.00004, "1")
    (0.0, -4e-05)
    """
    return 0.0 if unit == "%" and abs(value) < LEAST_PERCENT else value


def _cost(declaration: Mapping[str, Any]) -> str:
    costs = declaration.get("cost", {})
    known = [value for key, value in costs.items() if key.endswith("_eur_per_year")]
    return french.quantity(sum(known), "€/an", 0) if known else _NONE


def _abroad(declaration: Mapping[str, Any]) -> str:
    if not declaration:
        return "non"
    leaves = declaration.get("hosting", {}).get("data_leave_eu")
    return {True: "oui", False: "non (déclaré)"}.get(leaves, "non renseigné")


def _metrics(comparison: Comparison, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return every metric of every entry as a table."""
    rows = []
    for standing in comparison.standings:
        if standing.verdict != "refused":
            cells = [_scored(standing.scores.get(name)) for name in titles]
            rows.append((standing.entry.title, *(f"{a} ({b})" if b else a for a, b in cells)))
    return {"header": ("Solution", *titles.values()), "rows": rows}


def _slices(comparison: Comparison) -> list[tuple[str, Row, list[Row]]]:
    """Return a table per slice: entries down, classes across."""
    shown = [standing for standing in comparison.standings if standing.slices]
    names = dict.fromkeys(name for standing in shown for name in standing.slices)
    unit = _main_unit(comparison)
    tables: list[tuple[str, Row, list[Row]]] = []
    for name in names:
        classes = sorted({label for standing in shown for label in standing.slices[name]})
        rows = [
            (each.entry.title, *(french.quantity(each.slices[name].get(c), unit) for c in classes))
            for each in shown
        ]
        tables.append((name, ("Solution", *classes), rows))
    return tables


def _main_unit(comparison: Comparison) -> str:
    for standing in comparison.standings:
        for score in standing.scores.values():
            return score.unit
    return ""


def _alerts(comparison: Comparison) -> list[str]:
    """Say, slice by slice, for whom the error varies by more than a quarter."""
    scored = [standing for standing in comparison.standings if standing.slices]
    names = dict.fromkeys(name for standing in scored for name in standing.alert_slices)
    lines = []
    for name in names:
        concerned = [each.entry.title for each in scored if name in each.alert_slices]
        who = "toutes les solutions" if len(concerned) == len(scored) else ", ".join(concerned)
        lines.append(f"« {name} » : l'erreur varie de plus de 25 % entre classes ({who}).")
    return lines


def _stress(comparison: Comparison) -> dict[str, Any]:
    names = dict.fromkeys(name for s in comparison.standings for name in s.stress)
    rows = [
        (
            standing.entry.title,
            *(
                words.signed(standing.stress[name]) if name in standing.stress else "non vérifiable"
                for name in names
            ),
        )
        for standing in comparison.standings
    ]
    return {"header": ("Solution", *names), "rows": rows if names else []}


def _service(comparison: Comparison) -> dict[str, Any]:
    """Return the service-year lines: energy and cost of a year, as intervals."""
    names = dict.fromkeys(name for s in comparison.standings for name in s.service_year)
    rows = []
    for standing in comparison.standings:
        cells = []
        for name in names:
            low, high = standing.service_year.get(name, (float("nan"), float("nan")))
            unit = "€" if name.startswith("coût") else "Wh"
            cells.append(french.bounds(low, high, unit))
        rows.append((standing.entry.title, *cells))
    return {"header": ("Solution", *names), "rows": rows if names else []}


def _evidence(comparison: Comparison) -> list[Row]:
    """Return what is proven, declared or absent for each entry."""
    rows: list[Row] = []
    for standing in comparison.standings:
        entry, declared = standing.entry, standing.entry.declaration
        own = entry.role != "candidate"
        rows.append(
            (
                entry.title,
                LEVELS[entry.predict.level],
                LEVELS[entry.train.level],
                {"contributions": "prouvé", "declared": "déclaré", "none": "absent"}[
                    entry.explains
                ],
                "prouvé" if own else _said(declared.get("licence")),
                "prouvé" if own else _said(declared.get("hosting", {}).get("country")),
                "exécutée ici" if entry.door in ("own", "model") else "non exécutée ici",
            )
        )
    return rows


def _said(value: object) -> str:
    return f"déclaré : {value}" if value else "absent"


def _facts(comparison: Comparison, body_hash: str) -> list[tuple[str, str]]:
    protocol = comparison.protocol
    reference = protocol.get("reference", {})
    pairs = [
        ("Protocole", f"version {protocol.get('protocol_version', _NONE)}"),
        ("Tâche", f"{protocol.get('usecase')} · {protocol.get('task')}, "
         f"version {protocol.get('task_version')}"),
        ("Période demandée", str(protocol.get("window", _NONE))),
        ("Part scellée", str(protocol.get("sealed_share", _NONE))),
        ("Marge d'équivalence", french.percent(protocol["margin"], 0)),
        ("Référence", str(reference.get("title", comparison.reference))),
        ("Empreinte des données (SHA-256)", str(protocol.get("data_sha256", _NONE))),
        ("Engagement sur les réponses (SHA-256)", str(protocol.get("merkle_root", _NONE))),
        ("Journal des remises (SHA-256)", comparison.submissions_root),
        ("Corps du rapport (SHA-256)", body_hash),
        ("Version du code", str(protocol.get("code_commit", _NONE))),
        ("Graine", str(comparison.seed)),
    ]  # fmt: skip
    return [(name, value) for name, value in pairs if value]


def _command(protocol: Mapping[str, Any]) -> str:
    return (
        f"./run aune benchmark verify {protocol.get('pack', 'DOSSIER')}/results/…\n"
        "# doit retrouver l'empreinte du corps du rapport"
    )
