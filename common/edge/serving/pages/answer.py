"""An answer as agents read it: the prediction and its interval, the reasons, what to be wary of."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.description import french_number
from common.edge.explanation import APART
from common.edge.manifest import FieldSpec
from common.edge.retrieval.citing import Citation
from common.edge.serving.models.observing import UNUSUAL_SHARE
from common.edge.serving.models.served import Result, Served
from common.edge.serving.pages.drawing import band
from common.edge.serving.pages.underlined import underlined
from common.edge.serving.values.numbers import is_text

__all__ = ["answer_html", "joules_words", "summary_table"]

Array = npt.NDArray[Any]

_REASONS = 5
_MOST_STEPS = 400
_CHOICES = 5
_ONE_CHOICE = 1e-4


def answer_html(served: Served, result: Result, row: int) -> str:
    """Return what is said of one row.

    Parameters
    ----------
    served, result
        The model and what it answered.
    row
        Counted from 0.
    """
    text = next((item for item in served.manifest.inputs if is_text(item)), None)
    outputs = [field for field in served.manifest.outputs if field.name not in APART]
    first, *others = (
        _output(served, result, field, row, first=not place)
        for place, field in enumerate(outputs)
        if text is None or field.shape[1:] != text.shape[1:]
    )
    letters = "".join(
        f"<p>{escape(field.meaning)}</p>"
        + underlined(result.inputs[text.name][row], result.outputs[field.name][row])
        for field in outputs
        if text is not None and field.shape[1:] == text.shape[1:]
    )
    more = ""
    if others:
        more = f"<details><summary>Autres sorties du modèle</summary>{''.join(others)}</details>"
    reasons = _reasons(served, result, outputs[0], row)
    return "".join([first, reasons, letters, _sources(result, row), _data(result, row), more])


def joules_words(seconds: float, watts: tuple[float, float, float]) -> str:
    r"""Say what an answer drew: a model of a core's power, never a measurement.

    >>> joules_words(0.001, (4.0, 10.0, 25.0)).replace("\u202f", " ").replace("\xa0", " ")
    '1 ms de calcul, soit environ 0,01 J [0,004 ; 0,025] (estimation : 10 W par cœur occupé)'
    """
    low, central, high = (french_number(float(f"{seconds * watt:.2g}")) for watt in watts)
    return (
        f"{french_number(float(f'{1000 * seconds:.2g}'))}\u00a0ms de calcul, soit environ "
        f"{central}\u00a0J [{low} ; {high}] (estimation : {french_number(watts[1])}\u00a0W "
        "par cœur occupé)"
    )


def _output(served: Served, result: Result, field: FieldSpec, row: int, *, first: bool) -> str:
    values = np.ravel(result.outputs[field.name][row]).astype(np.float64)
    bounds = _bounds(served, result, field, row)
    title = f"<h3>{escape(field.meaning.rstrip('.'))}</h3>"
    if values.size == 1:
        big = ' class="big"' if first else ""
        return f"{title}<p{big}>{_with_interval(field, values[0], bounds, 0)}</p>"
    if values.size > _MOST_STEPS:
        return f"{title}<p>{values.size} valeurs : les demander en CSV.</p>"
    lower, upper = bounds if bounds is not None else (None, None)
    drawn = ""
    if _is_choice(field, values):
        return title + _choices(field, values)
    if len(field.shape) == 2:
        drawn = _drawn(field, values, lower, upper)
    return f"{title}{drawn}{_table(field, values, bounds)}"


def _is_choice(field: FieldSpec, values: Array) -> bool:
    """Say whether an output shares one chance between named answers."""
    return bool(field.labels) and _is_chance(field) and abs(values.sum() - 1) < _ONE_CHOICE


def _choices(field: FieldSpec, values: Array) -> str:
    """List what is most likely first, where the chances are shares of one choice."""
    order = np.argsort(-values, kind="stable")[:_CHOICES]
    items = "".join(
        f"<li>{escape(field.labels[place])} : {_number(field, values[place])} "
        f'<meter min="0" max="1" value="{values[place]:.3f}" '
        f'aria-label="{escape(field.labels[place], quote=True)}"></meter></li>'
        for place in order.tolist()
    )
    return f"<ol class='choices'>{items}</ol>"


def _drawn(
    field: FieldSpec, values: Array, lower: list[float] | None, upper: list[float] | None
) -> str:
    """Draw a chance from 0 to 100 %, anything else from zero to its largest value."""
    if not _is_chance(field):
        return band(values.tolist(), lower, upper, field.unit, field.meaning)
    low, high = (None if line is None else [100 * each for each in line] for line in (lower, upper))
    return band((100 * values).tolist(), low, high, "%", field.meaning, top=100)


def _is_chance(field: FieldSpec) -> bool:
    """Say whether an output is a probability: a name that begins with ``p_``, and no unit."""
    return field.name.startswith("p_") and field.unit == "1"


def _bounds(
    served: Served, result: Result, field: FieldSpec, row: int
) -> tuple[list[float], list[float]] | None:
    """Return the interval of an output: bounds stand right behind what they bound."""
    names = [item.name for item in served.manifest.outputs]
    place = names.index(field.name)
    if names[place + 1 : place + 3] != ["lower", "upper"]:
        return None
    low, high = (np.ravel(result.outputs[name][row]) for name in ("lower", "upper"))
    return low.tolist(), high.tolist()


def _with_interval(
    field: FieldSpec, value: float, bounds: tuple[list[float], list[float]] | None, step: int
) -> str:
    text = _number(field, value)
    if bounds is None:
        return text
    low, high = _number(field, bounds[0][step]), _number(field, bounds[1][step])
    return f"{text} <span class='muted'>(sans doute entre {low} et {high})</span>"


def _table(field: FieldSpec, values: Array, bounds: tuple[list[float], list[float]] | None) -> str:
    head = "<th scope='col'>Pas</th><th scope='col'>Valeur</th>"
    if bounds is not None:
        head += "<th scope='col'>Au moins</th><th scope='col'>Au plus</th>"
    lines = []
    for step, value in enumerate(values.tolist()):
        cells = [_number(field, value)]
        if bounds is not None:
            cells += [_number(field, bounds[0][step]), _number(field, bounds[1][step])]
        lines.append(
            f"<tr><th scope='row'>{_step_name(field, step)}</th>"
            + "".join(f"<td class='n'>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    return (
        f"<details><summary>Les {len(values)} valeurs</summary><div class=scroll tabindex=0 "
        'role=region aria-label="Tableau des valeurs">'
        f"<table><caption>{escape(field.meaning)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _step_name(field: FieldSpec, step: int) -> str:
    return escape(field.labels[step]) if field.labels else str(step + 1)


def _number(field: FieldSpec, value: float) -> str:
    """Write a value: a chance in percent, anything else with its unit."""
    if math.isnan(value):
        return "non connu"
    if _is_chance(field):
        return f"{french_number(round(100 * value, 1))}\u00a0%"
    text = french_number(float(f"{value:.4g}"))
    return text if field.unit == "1" else f"{text}\u00a0{escape(field.unit)}"


def _reasons(served: Served, result: Result, headline: FieldSpec, row: int) -> str:
    """Say why: for the likeliest of named answers, else over all steps."""
    contributions = result.outputs.get("contributions")
    if contributions is None or not served.manifest.terms:
        return ""
    unit = next(f.unit for f in served.manifest.outputs if f.name == "contributions")
    given, about = contributions[row : row + 1], ""
    values = np.ravel(result.outputs[headline.name][row])
    if _is_choice(headline, values):
        best = int(np.argmax(values))
        given, about = given[:, best : best + 1], f" : {headline.labels[best]}"
    steps = 1 if unit != "1" else given[0].size // given.shape[-1]
    items = "".join(
        f"<li>{escape(label)} : {_pull(total / steps, unit)}</li>"
        for label, total in served.reasons.strongest(given, _REASONS)[0]
    )
    kind = "Ces raisons s'ajoutent exactement à la base du modèle" + (
        "." if served.manifest.additive else " ; ce ne sont pas des valeurs de Shapley."
    )
    return (
        f"<h3>Pourquoi{escape(about)}</h3><ul class='reasons'>{items}</ul>"
        f"<p class='muted'>{kind}</p>"
    )


def _pull(total: float, unit: str) -> str:
    rounded = float(f"{total:.3g}")
    sign = "+" if rounded > 0 else ""
    shown = f"{sign}{french_number(rounded)}"
    if unit != "1":
        return f"{shown}\u00a0{escape(unit)}"
    words = (
        "rien" if not rounded else "pousse vers le haut" if rounded > 0 else "pousse vers le bas"
    )
    return f"{words} ({shown} sur l'échelle du modèle)"


def _sources(result: Result, row: int) -> str:
    """Show the documents that a text finds, with passages that stand in them word for word."""
    if not result.sources:
        return ""
    shown = "".join(_source(one) for one in result.sources[row].citations)
    none = "<p>Aucune fiche n'y ressemble.</p>"
    return f"<h3>Fiches officielles les plus proches</h3>{shown or none}"


def _source(citation: Citation) -> str:
    quotes = "".join(
        f"<blockquote><p><strong>{escape(one.heading)}</strong> {escape(one.text)}</p></blockquote>"
        for one in (citation.lead, citation.section)
        if one is not None
    )
    link = (
        f'<a href="{escape(citation.url, quote=True)}" rel="noreferrer">{escape(citation.url)}</a>'
    )
    warning = f"<p class='fault'>{escape(citation.warning)}</p>" if citation.warning else ""
    if not citation.url.startswith("https://"):
        link = escape(citation.url)
    return f"<h4>{escape(citation.title)}</h4>{quotes}<p class='muted'>{link}</p>{warning}"


def _data(result: Result, row: int) -> str:
    outside = result.observation.row_outside[row]
    missing = result.observation.row_missing[row]
    lines: list[str] = []
    if outside > UNUSUAL_SHARE:
        lines.append(
            f"<div class='alarm'><p><strong>Données inhabituelles :</strong> {_share(outside)} des "
            "valeurs sortent de ce que le modèle a appris. Sa réponse est moins sûre.</p></div>"
        )
    else:
        lines.append("<p>Données habituelles : le modèle en a appris de semblables.</p>")
    if missing:
        lines.append(f"<p>Valeurs non connues : {_share(missing)}.</p>")
    if result.lines:
        lines.append(f"<p>Inscrit au journal, ligne {result.lines[row]}.</p>")
    return "<h3>Fiabilité de cette réponse</h3>" + "".join(lines)


def _share(share: float) -> str:
    return f"{french_number(round(100 * share, 1))}\u00a0%"


def summary_table(served: Served, result: Result, ids: Sequence[str] | None) -> str:
    """Return one line per row, for tables that were sent: the answer and the first reason."""
    field = served.headline
    values = result.outputs[field.name].reshape(len(result.outputs[field.name]), -1)
    reasons: list[list[tuple[str, float]]] = []
    if "contributions" in result.outputs and served.manifest.terms:
        reasons = served.reasons.strongest(result.outputs["contributions"], 1)
    lines = []
    for row, row_values in enumerate(values):
        name = ids[row] if ids is not None else str(row + 1)
        first = "".join(escape(label) for label, _ in reasons[row]) if reasons else ""
        unusual = result.observation.row_outside[row] > UNUSUAL_SHARE
        cells = [
            ", ".join(_number(field, value) for value in row_values[:7].tolist()),
            first,
            "inhabituelles" if unusual else "habituelles",
        ]
        lines.append(
            f"<tr><th scope='row'>{escape(name)}</th>"
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    head = "".join(
        f"<th scope='col'>{title}</th>"
        for title in ("Ligne", "Réponse", "Première raison", "Données")
    )
    return (
        '<div class=scroll tabindex=0 role=region aria-label="Réponses ligne par ligne">'
        f"<table><caption>{escape(field.meaning)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
