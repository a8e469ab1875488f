"""What a run means, in plain French sentences with numbers computed from it."""

import re
from collections.abc import Sequence

from common.lab.metrics import CATALOGUE
from common.lab.pages import french
from common.lab.pages.figures import KINDS, main_metric, prediction_footprint
from common.lab.record import Run, RungResult, Score

__all__ = [
    "TIERS",
    "baseline",
    "best",
    "coverage",
    "digest",
    "drivers_in_words",
    "in_brief",
    "metric_title",
    "period",
    "unverified",
    "verdict",
]

# Evidence tiers of briefs/frugality.md 2.5, in words.
TIERS = {
    "A_wall": "A, mesurée au wattmètre",
    "B_counter": "B, mesurée par le compteur du processeur",
    "C_model": "C, estimée d'après le temps de processeur",
    "D_declared": "D, déclarée avec sa méthode",
    "E_bare": "E, déclarée sans méthode",
    "F_none": "F, sans preuve",
}
_PERIOD = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)")


def baseline(run: Run) -> RungResult:
    """Return the rung without AI that the others are held against: the best of them."""
    without = [row for row in run.ladder if row.kind == "no_ai"] or [run.ladder[0]]
    return min(without, key=lambda row: row.tune_loss)


def best(run: Run) -> RungResult:
    """Return the rung with the lowest loss on the tuning period."""
    return min(run.ladder, key=lambda row: row.tune_loss)


def coverage(row: RungResult) -> Score | None:
    """Return the coverage of the 80 % interval, or of the first interval that is scored."""
    names = ["coverage_80", *sorted(name for name in row.scores if name.startswith("coverage"))]
    return next((row.scores[name] for name in names if name in row.scores), None)


def digest(run: Run) -> str:
    """Return the data set's sha256, empty when the run does not tell."""
    return str(run.dataset.get("digest") or run.dataset.get("sha256") or "")


def metric_title(run: Run, name: str) -> str:
    """Return the French name of a metric: the run's own, else the catalogue's."""
    titles = run.facts.get("metric_titles", {})
    if name in titles:
        return str(titles[name])
    return CATALOGUE[name].title if name in CATALOGUE else name


def period(text: str) -> str:
    """Return ISO periods as French dates.

    Examples
    --------
    >>> period("2017-07-01..2018-01-01").replace("\u00a0", " ")
    'du 1er juil. 2017 au 1er janv. 2018 exclu'
    """
    return _PERIOD.sub(
        lambda found: f"du {french.date_fr(found[1])} au {french.date_fr(found[2])} exclu", text
    )


def verdict(run: Run) -> tuple[str, ...]:
    """Return the headline of a run, then why: which rung ships and what was ruled out."""
    chosen, naive = run.row(run.chosen), baseline(run)
    margin = french.percent(run.margin, 0)
    if chosen.kind == "no_ai":
        return f"Aucune IA n'est nécessaire : « {chosen.title} » suffit.", run.reason
    ruled_out = (
        f"Sans IA, « {naive.title} » fait moins bien que le meilleur barreau : "
        f"{_increase(naive)}, au-delà de la marge de {margin}."
    )
    if naive.qualifies:
        ruled_out = f"« {naive.title} », sans IA, convenait aussi : voir l'échelle."
    return f"Modèle retenu : « {chosen.title} ».", run.reason, ruled_out


def in_brief(run: Run) -> tuple[str, ...]:
    """Return three to five plain sentences: error, interval, cost, causes."""
    sentences = [_error_sentence(run), _coverage_sentence(run), _cost_sentence(run)]
    if run.explanation:
        sentences.append(drivers_in_words(run)[0])
    return tuple(sentence for sentence in sentences if sentence)


def drivers_in_words(run: Run) -> tuple[str, ...]:
    """Return what guides the prediction, the heaviest family of terms first."""
    total = sum(run.explanation.values())
    ranked = sorted(run.explanation.items(), key=lambda pair: (-pair[1], pair[0]))
    if not ranked or not total > 0:
        return ("Ce modèle ne donne pas de contributions par famille d'informations.",)
    shares = [(name, value / total) for name, value in ranked]
    sentences = [
        f"La prévision s'appuie d'abord sur « {shares[0][0]} » : "
        f"{french.percent(shares[0][1], 0)} de l'ampleur des contributions."
    ]
    major = [
        f"« {name} » ({french.percent(share, 0)})" for name, share in shares[1:] if share > 0.1
    ]
    minor = [
        f"« {name} » ({french.percent(share, 0)})" for name, share in shares[1:] if share <= 0.1
    ]
    if major:
        sentences.append(f"Elle tient compte aussi de {_listed(major)}.")
    if minor:
        sentences.append(f"Jouent peu : {_listed(minor)}.")
    return tuple(sentences)


def unverified(run: Run) -> tuple[str, ...]:
    """Return what the run does not establish; never empty (DESIGN 8)."""
    footprints = [item for row in run.ladder for item in row.footprints.values()]
    sentences = [str(text) for text in run.facts.get("unverified", ())]
    if run.dataset.get("simulated"):
        sentences.append(
            "Tous les chiffres viennent de données simulées : ils ne disent rien du terrain."
        )
    if run.dataset.get("proxy"):
        sentences.append(f"Les données en remplacent d'autres. {run.dataset['proxy']}")
    sentences.append(
        "Le modèle n'a pas été essayé sur les données de votre commune : "
        "l'erreur chez vous peut être différente."
    )
    if any(item.tier not in ("A_wall", "B_counter") for item in footprints):
        sentences.append(
            "L'énergie est estimée ou déclarée, pas mesurée au wattmètre : "
            "ses intervalles sont larges exprès."
        )
    once = sum(any(f.quality == "low" for f in row.footprints.values()) for row in run.ladder)
    if once:
        sentences.append(
            f"Le calcul de {french.plural(once, 'barreau', 'barreaux')} n'a été mesuré qu'une "
            "fois ou variait trop : aucune comparaison d'énergie n'en est tirée."
        )
    sentences.append(
        "Les capteurs, le réseau, les terminaux et les effets indirects (dont l'effet rebond) "
        "n'ont pas été mesurés."
    )
    sentences.append("Personne d'extérieur au projet n'a audité ce rapport.")
    return tuple(sentences)


def _error_sentence(run: Run) -> str:
    """Compare the chosen rung with the naive one; no ratio where the intervals overlap."""
    metric = main_metric(run)
    chosen, other = run.row(run.chosen), baseline(run)
    if chosen.rung == other.rung:
        other = best(run)
    mine, theirs = chosen.scores.get(metric), other.scores.get(metric)
    if mine is None:
        return ""
    title = metric_title(run, metric)
    text = (
        f"Sur la période de test, {_lowered(title)} de « {chosen.title} » est de "
        f"{french.quantity(mine.value, mine.unit)} "
        f"({french.interval(mine.low, mine.high, mine.unit)})"
    )
    if theirs is None or other.rung == chosen.rung:
        return f"{text}."
    text += f", contre {french.quantity(theirs.value, theirs.unit)} pour « {other.title} »"
    text += f" ({KINDS.get(other.kind, other.kind)})"
    if mine.better == "lower" and mine.high < theirs.low and theirs.value > 0:
        return f"{text}, soit {french.percent(1 - mine.value / theirs.value, 0)} de moins."
    if mine.high < theirs.low or theirs.high < mine.low:
        return f"{text}."
    return text + _won(run, other.rung)


def _won(run: Run, other: str) -> str:
    """Say on how many units the chosen rung errs less: medians side by side prove nothing."""
    share = dict(run.facts.get("paired_wins", {})).get(other)
    if share is None:
        return " ; les intervalles se recouvrent, cet écart seul ne prouve rien."
    return (
        " ; les sites diffèrent entre eux plus que les modèles, mais site par site il se "
        f"trompe moins dans {french.percent(float(share), 0)} des cas."
    )


def _coverage_sentence(run: Run) -> str:
    score = coverage(run.row(run.chosen))
    if score is None:
        return ""
    share = 100 * score.value if score.unit == "1" else score.value
    return (
        "L'intervalle annoncé avec chaque prévision contient la valeur réelle dans "
        f"{french.quantity(share, '%')} des cas."
    )


def _cost_sentence(run: Run) -> str:
    chosen = run.row(run.chosen)
    footprint = prediction_footprint(chosen)
    size = f"Le fichier pèse {french.quantity(chosen.model_kb, 'ko')}"
    if footprint is None:
        return f"{size}. Le calcul n'a pas été mesuré."
    low, central, high = footprint.wh_per_1000
    return (
        f"{size} ; 1{french.THIN}000 prévisions demandent "
        f"{french.quantity(footprint.cpu_seconds_per_1000, 's')} de processeur, soit "
        f"{french.energy_wh(central)} ({french.interval(low, high, 'Wh')} ; preuve "
        f"{TIERS[footprint.tier]} ; {footprint.hardware})."
    )


def _increase(row: RungResult) -> str:
    return (
        f"{french.percent(row.loss_increase)} d'erreur en plus sur la période de réglage "
        f"(jusqu'à {french.percent(row.loss_increase_high)})"
    )


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} et {words[-1]}"


def _lowered(title: str) -> str:
    """Return a metric's title inside a sentence: « l'erreur… », else between quotes."""
    return f"l'{title[0].lower()}{title[1:]}" if title.startswith("Erreur") else f"« {title} »"
