"""Write a run's pages: report, index, model card and frugality sheet, in French.

A page is one static file: own CSS, no script, no request, at most 150 KiB
(``briefs/platform.md`` 3.3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.lab.pages import french, frugality, sentences
from common.lab.pages.figures import KINDS, Figure, main_metric, prediction_footprint
from common.lab.pages.rendering import OVER, render
from common.lab.record import Footprint, Run, RungResult, Score
from common.lab.usecase import UseCase

__all__ = ["frugality_sheet", "index_page", "model_card", "run_page"]

_NONE = "—"
Row = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]


def run_page(run: Run, figures: Sequence[Figure], usecase: UseCase) -> str:
    """Return the report of a run as one HTML page.

    Parameters
    ----------
    run
        What was established.
    figures
        The plots, in the order of the page.
    usecase
        Its title, summary, sources and limits are printed.
    """
    return render(
        "run.html.j2",
        **_common(run, usecase),
        title=usecase.title,
        figures=figures,
        ladder=_ladder(run),
        tracks=_tracks(run),
        slices=_slices(run),
        sources=[
            (
                source.title + (f" ({source.proxy})" if source.proxy else ""),
                source.publisher,
                source.licence,
                source.period,
                source.personal_data,
            )
            for source in usecase.sources
        ],
        command=_command(run),
    )


def model_card(run: Run, usecase: UseCase) -> str:
    """Return the model card that travels inside the bundle: the run page without its proofs."""
    return render(
        "card.html.j2", **_common(run, usecase), title=f"Carte du modèle : {usecase.title}"
    )


def frugality_sheet(run: Run, usecase: UseCase) -> str:
    """Return the frugality sheet alone: necessity test, life-cycle lines, declaration."""
    return render(
        "frugality.html.j2",
        **_common(run, usecase),
        title=f"Fiche de frugalité : {usecase.title}",
        ladder=_ladder(run),
    )


def index_page(
    runs: Sequence[Run],
    usecases: Sequence[UseCase] = (),
    links: Mapping[str, str] | None = None,
) -> str:
    """Return the page that lists the runs, a card each and a table of all tasks.

    Parameters
    ----------
    runs
        In the order of the page.
    usecases
        For their French titles; a run of another use case shows its folder name.
    links
        Run id to the address of its page, relative to the index; ``<id>/page.html`` else.
    """
    titles = {usecase.name: usecase.title for usecase in usecases}
    cards = [_card(run, titles.get(run.usecase, _own_title(run)), links or {}) for run in runs]
    header = (
        "Tâche", "Essai", "Données", "Modèle retenu", "Erreur", "Sans IA", "Taille",
        "CPU-s pour 1\u202f000 prévisions",
    )  # fmt: skip
    return render(
        "index.html.j2",
        title="À l'aune de modèles sobres",
        over=OVER,
        lead="Le plus petit modèle qui fait aussi bien que le meilleur, "
        "son erreur et ce qu'il consomme, tâche par tâche.",
        simulated=any(run.dataset.get("simulated") for run in runs),
        cards=cards,
        header=header,
        rows=[_index_row(run, card) for run, card in zip(runs, cards, strict=True)],
    )


TRACK_METRICS = ("daily_wape", "wape", "pinball", "coverage_80", "accuracy", "brier")
"""Metrics that the table of side results shows beside the main one, where they exist."""


@dataclass(frozen=True)
class _Row:
    """A rung as text cells; pairs are (figure, its interval or evidence)."""

    title: str
    tags: tuple[str, ...]
    kept: bool
    kind: str
    error: tuple[str, str]
    increase: tuple[str, str]
    qualifies: str
    coverage: tuple[str, str]
    size: str
    train: tuple[str, str]
    predict: tuple[str, str]


def _common(run: Run, usecase: UseCase) -> dict[str, Any]:
    """Return what the pages of one run share."""
    return {
        "over": OVER,
        "question": run.question,
        "dataset": {key: run.dataset.get(key) for key in ("simulated", "proxy")},
        "simulated": bool(run.dataset.get("simulated")),
        "verdict": sentences.verdict(run),
        "brief": sentences.in_brief(run),
        "drivers": sentences.drivers_in_words(run),
        "summary": usecase.summary,
        "limits": tuple(usecase.limits),
        "unverified": sentences.unverified(run),
        "sheet": _sheet(run),
        "data": _data(run),
        "environment": _environment(run),
        "run_id": run.id,
        "created": french.date_fr(run.created),
    }


def _ladder(run: Run) -> dict[str, Any]:
    metric = main_metric(run)
    margin = french.percent(run.margin, 0)
    return {
        "metric": sentences.metric_title(run, metric),
        "caption": (
            "Les barreaux, du plus simple au plus lourd"
            + (" — données SIMULÉES" if run.dataset.get("simulated") else "")
        ),
        "rows": [_row(run, row, metric) for row in run.ladder],
        "note": (
            "Erreur et couverture : période de test, intervalle à 95\u00a0%. Écart au meilleur : "
            f"période de réglage ; un barreau convient si la borne haute reste sous {margin}. "
            f"1{french.THIN}000 prévisions : temps de processeur, la grandeur à comparer. Énergie "
            f"avec son niveau de preuve ({_tiers(run)}), sur {_hardware(run)}."
        ),
        "data": _data_line(run),
    }


def _row(run: Run, row: RungResult, metric: str) -> _Row:
    score, covered = row.scores.get(metric), sentences.coverage(row)
    tags = ["retenu"] if row.rung == run.chosen else []
    if row.rung == sentences.baseline(run).rung:
        tags.append("référence sans IA")
    leads = row.rung == sentences.best(run).rung
    return _Row(
        title=row.title,
        tags=tuple(tags),
        kept=row.rung == run.chosen,
        kind=KINDS.get(row.kind, row.kind) + (", à régler sur place" * (row.scope == "per_site")),
        error=_scored(score),
        increase=("le meilleur", "")
        if leads
        else (
            _signed(row.loss_increase),
            f"jusqu'à {_signed(row.loss_increase_high)}",
        ),
        qualifies="oui" if row.qualifies else "non",
        coverage=_scored(covered),
        size=french.quantity(row.model_kb, "ko"),
        train=("aucun", "") if row.kind == "no_ai" else _consumed(row.footprints.get("train")),
        predict=_consumed(prediction_footprint(row)),
    )


def _scored(score: Score | None) -> tuple[str, str]:
    if score is None:
        return _NONE, ""
    return (
        french.quantity(score.value, score.unit),
        french.bounds(score.low, score.high, score.unit),
    )


def _consumed(footprint: Footprint | None) -> tuple[str, str]:
    """Return CPU-seconds, and the energy with its interval and tier."""
    if footprint is None:
        return french.MISSING, ""
    low, high = 1000 * footprint.kwh_low, 1000 * footprint.kwh_high
    seconds = footprint.cpu_seconds
    if footprint.predictions:
        low, _, high = footprint.wh_per_1000
        seconds = footprint.cpu_seconds_per_1000
    return (
        french.quantity(seconds, "CPU-s"),
        f"{french.bounds(low, high, 'Wh')} ({footprint.tier[0]})",
    )


def _signed(ratio: float) -> str:
    return ("+" if ratio > 0 else "") + french.percent(ratio)


def _tracks(run: Run) -> dict[str, Any]:
    """Return the side results, a row per track in the task's order; the record has the rest."""
    main = main_metric(run)
    found = {name for scores in run.tracks.values() for name in scores}
    metrics = [name for name in dict.fromkeys((main, *TRACK_METRICS)) if name in found]
    titles = run.facts.get("track_titles", {})
    order = {track: place for place, track in enumerate(run.facts.get("track_order", ()))}
    rows = []
    for track in sorted(run.tracks, key=lambda name: (order.get(name, len(order)), name)):
        cells = [_scored(run.tracks[track].get(name)) for name in metrics]
        rows.append(
            (titles.get(track, track), *(f"{a} ({b})" if b else a for a, b in cells)),
        )
    return {
        "header": ("Épreuve", *(sentences.metric_title(run, name) for name in metrics)),
        "rows": rows,
    }


def _slices(run: Run) -> list[tuple[str, Row, list[Row]]]:
    """Return a table per slice: the main metric of the chosen rung beside the naive one's."""
    chosen, naive = run.row(run.chosen), sentences.baseline(run)
    score = chosen.scores.get(main_metric(run))
    unit = score.unit if score else ""
    columns = 2 if chosen.rung == naive.rung else 3
    header = ("Classe", chosen.title, naive.title)
    tables: list[tuple[str, Row, list[Row]]] = []
    for name, classes in sorted(chosen.slices.items()):
        ranked = sorted(classes.items(), key=lambda pair: (-pair[1], pair[0]))
        known = naive.slices.get(name, {})
        rows = [
            (label, french.quantity(value, unit), french.quantity(known.get(label), unit))
            for label, value in ranked
        ]
        tables.append((name, header[:columns], [row[:columns] for row in rows]))
    return tables


def _sheet(run: Run) -> dict[str, Any]:
    filled = run.facts.get("frugality", {})
    return {
        "statement": frugality.statement(run),
        "unit": frugality.functional_unit(run),
        "declaration": frugality.declaration(run),
        "lines": [
            (line.post, line.energy, line.use, line.embodied, line.evidence)
            for line in frugality.lines(run)
        ],
        "sensitivity": frugality.sensitivity(run),
        "factor": _factor(run),
        "hardware": _hardware(run),
        "rebound": [
            (title, str(filled.get(key, frugality.BLANK)))
            for key, title in (
                ("rebound", "Effet rebond attendu"),
                ("usage_cap", "Plafond annuel d'usage et compteur"),
                ("owner", "Responsable du suivi"),
                ("stop_criterion", "Critère d'arrêt du service"),
            )
        ],
    }


def _factor(run: Run) -> str:
    known = next((f.factor for f in run.row(run.chosen).footprints.values() if f.factor), None)
    if not known:
        return frugality.BLANK
    value = french.quantity(known.get("value"), "g CO₂e/kWh")
    origin = (known.get("publisher"), known.get("year"), known.get("scope"))
    return f"{value} ({', '.join(str(part) for part in origin if part)})"


def _hardware(run: Run) -> str:
    names = {item.hardware for row in run.ladder for item in row.footprints.values()}
    return ", ".join(sorted(names)) or frugality.BLANK


def _tiers(run: Run) -> str:
    found = {item.tier for row in run.ladder for item in row.footprints.values()}
    return " ; ".join(sentences.TIERS[tier] for tier in sorted(found)) or french.MISSING


def _data_line(run: Run) -> str:
    data = run.dataset
    simulated = "SIMULÉ, " if data.get("simulated") else ""
    digest = sentences.digest(run) or frugality.BLANK
    return f"{simulated}{data.get('name', frugality.BLANK)}, sha256 {digest[:16]}."


def _data(run: Run) -> Pairs:
    data = run.dataset
    licences = data.get("licences", ())
    split = {"train": "Apprentissage", "tune": "Réglage", "test": "Test"}
    pairs = [
        ("Jeu de données", str(data.get("name", frugality.BLANK))),
        ("Lignes", french.number(data.get("n_rows"), 0)),
        ("Unités statistiques", french.number(data.get("n_units"), 0)),
        ("Licences", licences if isinstance(licences, str) else " ; ".join(licences)),
        *(
            (split.get(name, name), sentences.period(run.split[name]))
            for name in sorted(run.split, key=lambda name: [*split, name].index(name))
        ),
        ("Empreinte des données (SHA-256)", sentences.digest(run) or frugality.BLANK),
    ]
    return tuple((name, value) for name, value in pairs if value)


def _environment(run: Run) -> Pairs:
    where = run.environment
    packages = where.get("packages", {})
    names = {
        "python": "Python",
        "platform": "Système",
        "cpu": "Processeur",
        "threads": "Fils de calcul",
        "code_commit": "Version du code",
        "code_sha256": "Empreinte du code (SHA-256)",
        "lock_sha256": "Verrou des dépendances (SHA-256)",
    }
    known = [(title, str(where[key])) for key, title in names.items() if where.get(key)]
    if isinstance(packages, Mapping) and packages:
        listed = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
        known.append(("Bibliothèques", listed))
    return (*known, ("Graine", str(run.seed)), ("Profil", run.profile))


def _command(run: Run) -> str:
    if "command" in run.facts:
        return str(run.facts["command"])
    data = " --data simulated" if run.dataset.get("simulated") else ""
    return f"./run aune run {run.usecase} --task {run.task}{data} --profile {run.profile}"


def _card(run: Run, usecase: str, links: Mapping[str, str]) -> dict[str, Any]:
    metric = main_metric(run)
    value, interval = _scored(run.row(run.chosen).scores.get(metric))
    naive, _ = _scored(sentences.baseline(run).scores.get(metric))
    return {
        "usecase": usecase,
        "question": run.question,
        "link": links.get(run.id, f"{run.id}/page.html"),
        "simulated": bool(run.dataset.get("simulated")),
        "proxy": bool(run.dataset.get("proxy")),
        "verdict": sentences.verdict(run)[0],
        "value": value,
        "metric": sentences.metric_title(run, metric),
        "interval": f"intervalle à 95\u00a0% : {interval or french.MISSING}",
        "naive": naive,
    }


def _own_title(run: Run) -> str:
    """Return the French title that a run carries, else its folder name."""
    return str(run.facts.get("usecase_title", run.usecase))


def _index_row(run: Run, card: Mapping[str, Any]) -> tuple[str, ...]:
    chosen = run.row(run.chosen)
    footprint = prediction_footprint(chosen)
    return (
        f"{card['usecase']} · {run.task}",
        french.date_fr(run.created),
        _data_line(run),
        f"{chosen.title} ({KINDS.get(chosen.kind, chosen.kind)})",
        f"{card['value']} ({card['interval'].split(' : ')[1]})",
        card["naive"],
        french.quantity(chosen.model_kb, "ko"),
        french.number(footprint.cpu_seconds_per_1000 if footprint else None),
    )
