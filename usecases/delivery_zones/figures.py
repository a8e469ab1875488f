"""Plots of the availability tasks for the run page: the verdict of each horizon, equity, counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from common.lab import probability_metrics as metrics
from common.lab.metrics import score
from common.lab.pages import french
from common.lab.pages.figures import Figure, Table, dots, slices
from common.lab.pages.reliability import reliability
from common.lab.probabilities import EVERYTHING, Probabilities
from common.lab.record import Score
from common.lab.statistics import PairedDifference, paired_block_bootstrap
from common.lab.usecase import Array, Examples
from usecases.delivery_zones.availability.kernels import HORIZON_MINUTES
from usecases.delivery_zones.features import availability_features

__all__ = ["Verdict", "availability_figures", "day_ahead_figures", "verdicts"]

CHUNK_ROWS = 2000
SEED = 0
COUNTS = (
    "Part des instants où le nombre de places occupées tombe dans l'intervalle annoncé à 80 %. "
    "Un nombre entier ne se coupe pas : avec une ou deux places l'intervalle couvre plus."
)
GAIN = (
    "Gain de Brier sur l'habitude de la zone : 0 % n'apporte rien. Le gain se compare d'un "
    "quartier à l'autre, le score brut non, car les quartiers ne sont pas également remplis."
)


@dataclass(frozen=True)
class Verdict:
    """One horizon: Brier scores on the same instants, and paired differences by day blocks.

    Parameters
    ----------
    minutes
        The horizon.
    shipped, queue, usual
        Brier scores.
    over_queue, over_usual
        Shipped minus the queue, and minus the usual share; negative is in its favour.
    """

    minutes: int
    shipped: Score
    queue: Score
    usual: Score
    over_queue: PairedDifference
    over_usual: PairedDifference

    @property
    def sentence(self) -> str:
        """What the horizon's figures allow to say, in French."""
        if self.over_queue.high < 0:
            return (
                f"à {self.minutes} min, le modèle retenu fait mieux que la file sans mémoire, "
                "intervalle sans zéro."
            )
        if self.over_usual.high < 0:
            return f"à {self.minutes} min, la file suffit : aucune IA n'est nécessaire."
        return (
            f"à {self.minutes} min, la file suffit : aucune IA n'est nécessaire, et l'habitude "
            "n'est pas moins bonne de façon démontrée."
        )


def verdicts(examples: Examples, outputs: Mapping[str, Array]) -> list[Verdict]:
    """Hold the shipped chances against the birth-death queue and the usual share.

    Parameters
    ----------
    examples, outputs
        The test period and the shipped graph's outputs.
    """
    queue = _queue(examples)
    return [
        _verdict(examples, step, (outputs["p_free"], queue, outputs["p_usual"]))
        for step in range(len(HORIZON_MINUTES))
    ]


def availability_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return the verdict by horizon, calibration, equity and counts of occupied bays."""
    held = Probabilities.from_examples(examples, outputs["p_free"], outputs["p_usual"])
    return [
        _verdict_figure(verdicts(examples, outputs)),
        *(
            reliability(
                f"La chance annoncée à {minutes} min se réalise-t-elle ?",
                metrics.calibration_bins(held.at_step(step)),
                "instants",
            )
            for step, minutes in enumerate(HORIZON_MINUTES)
        ),
        _gain_figure(examples, outputs),
        _counts_figure(examples, outputs, [f"à {minutes} min" for minutes in HORIZON_MINUTES]),
    ]


def day_ahead_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return calibration, equity and counts of occupied bays of the day-ahead forecast."""
    held = Probabilities.from_examples(examples, outputs["p_free"], outputs["p_usual"])
    return [
        reliability(
            "La chance annoncée la veille se réalise-t-elle ?",
            metrics.calibration_bins(held),
            "quarts d'heure",
        ),
        _gain_figure(examples, outputs),
        _counts_figure(examples, outputs, ["la veille"]),
    ]


def _queue(examples: Examples) -> Array:
    """Return the chance that M/M/c/c gives, (n, 3); 0.3 ms a row, in numpy."""
    pieces = []
    for start in range(0, len(examples), CHUNK_ROWS):
        part = examples.take(np.arange(start, min(start + CHUNK_ROWS, len(examples))))
        inputs = {name: np.asarray(values) for name, values in part.inputs.items()}
        log_odds = availability_features(np, inputs).columns["queue"][:, 0, :]
        pieces.append(1 / (1 + np.exp(-log_odds)))
    return np.concatenate(pieces)


def _verdict(examples: Examples, step: int, chances: tuple[Array, Array, Array]) -> Verdict:
    truth = examples.target[:, step]
    known = np.isfinite(truth) & (examples.slots[:, step] >= 0)
    losses = [
        (
            np.full(known.sum(), EVERYTHING),
            examples.blocks[known],
            (p[known, step] - truth[known]) ** 2,
        )
        for p in chances
    ]
    scores = [
        score(
            metrics.BRIER,
            Probabilities.from_examples(examples, p).at_step(step),
            np.random.default_rng(SEED),
        )
        for p in chances
    ]
    return Verdict(
        HORIZON_MINUTES[step],
        scores[0],
        scores[1],
        scores[2],
        paired_block_bootstrap(losses[0], losses[1], seed=SEED),
        paired_block_bootstrap(losses[0], losses[2], seed=SEED),
    )


def _verdict_figure(found: list[Verdict]) -> Figure:
    title = "Échéance par échéance : faut-il autre chose que la file d'attente ?"
    description = " ".join(v.sentence[:1].upper() + v.sentence[1:] for v in found)
    names = ("modèle retenu", "file sans mémoire (M/M/c/c)", "habitude")
    labels = [f"{v.minutes} min · {name}" for v in found for name in names]
    scores = [row for v in found for row in (v.shipped, v.queue, v.usual)]
    chosen = [name == names[0] for _ in found for name in names]
    header = ("Échéance", "Retenu", "File M/M/c/c", "Habitude", "Retenu moins file",
              "Retenu moins habitude", "Ce que l'on peut dire")  # fmt: skip
    table = Table(header, tuple(_verdict_row(verdict) for verdict in found))
    return Figure(title, dots(title, description, labels, scores, chosen), description, table)


def _verdict_row(verdict: Verdict) -> tuple[str, ...]:
    def apart(difference: PairedDifference) -> str:
        bounds = french.bounds(1e4 * difference.low, 1e4 * difference.high, digits=1)
        return f"{french.number(1e4 * difference.estimate, 1)} dix-millièmes ({bounds})"

    return (
        f"{verdict.minutes} min",
        french.number(verdict.shipped.value, 4),
        french.number(verdict.queue.value, 4),
        french.number(verdict.usual.value, 4),
        apart(verdict.over_queue),
        apart(verdict.over_usual),
        verdict.sentence,
    )


def _gain_figure(examples: Examples, outputs: Mapping[str, Array]) -> Figure:
    """Return the skill over the usual share by area class, with day-block intervals."""
    areas = np.asarray(examples.inputs["area_class"])
    gains = {}
    for area in np.unique(areas):
        rows = areas == area
        held = Probabilities.from_examples(
            examples.take(rows), outputs["p_free"][rows], outputs["p_usual"][rows]
        )
        gains[str(area)] = score(metrics.BRIER_SKILL, held, np.random.default_rng(SEED))
    return slices("Ce que la prévision apporte, par quartier", gains, "%", GAIN)


def _counts_figure(examples: Examples, outputs: Mapping[str, Array], names: list[str]) -> Figure:
    """Return coverage of the 80 % interval of occupied bays; width and error in the table."""
    n_steps = outputs["occupied"].shape[1]
    count = examples.target[:, n_steps:].reshape(len(examples), len(names), -1)
    shaped = {name: outputs[name].reshape(count.shape) for name in ("occupied", "lower", "upper")}
    covered, rows = {}, []
    for place, name in enumerate(names):
        truth = count[:, place]
        known = np.isfinite(truth)
        low, high, mean = (shaped[key][:, place][known] for key in ("lower", "upper", "occupied"))
        inside = (low <= truth[known]) & (truth[known] <= high)
        covered[name] = 100 * float(inside.mean())
        rows.append(
            (
                name,
                french.quantity(covered[name], "%", 1),
                french.number(float((high - low).mean()), 2),
                french.number(float(np.abs(mean - truth[known]).mean()), 3),
            )
        )
    header = ("Échéance", "Couverture", "Largeur moyenne (places)", "Erreur absolue (places)")
    figure = slices("L'intervalle annoncé des places occupées", covered, "%", COUNTS)
    return Figure(figure.title, figure.svg, figure.description, Table(header, tuple(rows)))
