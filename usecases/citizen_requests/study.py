"""How few local examples are enough, and how much noise is too much: tables beside the ladder.

``python -m usecases.citizen_requests.study`` fits on Paris up to 2018 and reads 2019,
the edition that everything is tuned on; later editions are left to the harness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.edge.textcodes import codes_of, text_of
from common.lab import choice_metrics as metrics
from common.lab import graph
from common.lab.choices import Choices
from common.lab.metrics import Metric, value
from common.lab.usecase import Array, Dataset, Examples, Fitted, Rung, Task, Training
from usecases.citizen_requests.routing.lessons import CATALOGUE_UNIT
from usecases.citizen_requests.routing.spelling import Spelling
from usecases.citizen_requests.text.cleaning.cleaner import clean
from usecases.citizen_requests.text.noise import TRANSFORMS, noisy

__all__ = ["FEW", "Line", "few_shot", "robustness", "table"]

FEW = (0, 50, 200, 500)
"""Local requests beside the catalogue; the whole of the training period comes last."""
DRAWS = 5
"""Random choices of the local requests, whose mean and extremes are reported."""
SHOWN: tuple[Metric, ...] = (metrics.ACCURACY, metrics.MACRO_F1, metrics.TOP_3, metrics.BRIER)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Parameters
    ----------
    name
        What was done, in French.
    figures
        Metric name to its mean.
    low, high
        Least and largest value of each over the draws.
    """

    name: str
    figures: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]


def few_shot(
    task: Task, rung: Rung, dataset: Dataset, *, few: Sequence[int] = FEW, draws: int = DRAWS
) -> list[Line]:
    """Fit on the catalogue and a few local requests, drawn at random, and read the next year.

    Parameters
    ----------
    task, rung
        What is fitted.
    dataset
        With the service catalogue.
    few
        How many local requests are drawn; more than there are means all of them, once.
    draws
        How often each number is drawn, with seeds 0, 1, ...
    """
    fit, period = task.split.folds()[0]
    training = graph.training(task, task.examples(dataset, fit), 0)
    asked = task.examples(dataset, period)
    n_services = asked.target.shape[1]
    local = np.flatnonzero(training.units[::n_services] != CATALOGUE_UNIT)
    lines = []
    for n in (*few, len(local)):
        chosen = [
            np.random.default_rng(seed).permutation(local)[:n]
            for seed in range(1 if n in (0, len(local)) else draws)
        ]
        fitted = [rung.fit(_with_local(training, rows, n_services)) for rows in chosen]
        lines.append(_line(f"{n} demandes locales", task, fitted, [asked]))
    return lines


def robustness(task: Task, rung: Rung, dataset: Dataset) -> list[Line]:
    """Fit once on clean texts and read the next year's as badly written ones.

    As they come; without politeness, threads and signatures; misspelt words repaired too.
    """
    fit, period = task.split.folds()[0]
    learnt = task.examples(dataset, fit)
    fitted = [rung.fit(graph.training(task, learnt, 0))]
    spelling = Spelling.of(text_of(codes) for codes in learnt.inputs["codes"])
    asked = task.examples(dataset, period)
    lines = [_line("texte tel quel", task, fitted, [asked])]
    texts = [text_of(codes) for codes in asked.inputs["codes"]]
    for name in TRANSFORMS:
        written = noisy(texts, name)
        cleaned = [clean(text).kept for text in written]
        lines.append(_line(name, task, fitted, [_rewritten(asked, written)]))
        lines.append(_line(f"{name}, nettoyé", task, fitted, [_rewritten(asked, cleaned)]))
        spelt = [spelling.repaired(text).text for text in cleaned]
        lines.append(_line(f"{name}, nettoyé et réparé", task, fitted, [_rewritten(asked, spelt)]))
    return lines


def table(lines: Sequence[Line]) -> str:
    """Return the lines as text, ranges where there are several draws."""
    head = f"{'':34s}" + "".join(f"{metric.name:>22s}" for metric in SHOWN)
    rows = [
        f"{line.name:34s}" + "".join(f"{_cell(line, metric.name):>22s}" for metric in SHOWN)
        for line in lines
    ]
    return "\n".join([head, *rows])


def _cell(line: Line, name: str) -> str:
    mean = f"{line.figures[name]:.3f}"
    if line.low[name] == line.high[name]:
        return mean
    return f"{mean} ({line.low[name]:.3f}-{line.high[name]:.3f})"


def _with_local(training: Training, rows: Array, n_services: int) -> Training:
    """Keep the catalogue and some requests, given by their place among the examples."""
    units = training.units.reshape(-1, n_services)[:, 0]
    kept = units == CATALOGUE_UNIT
    kept[rows] = True
    lines = np.repeat(kept, n_services)
    examples = None if training.rows is None else training.rows[lines]
    return replace(
        training,
        matrix=training.matrix[lines],
        target=training.target[lines],
        weight=training.weight[lines],
        units=training.units[lines],
        days=training.days[lines],
        rows=examples,
    )


def _line(name: str, task: Task, fitted: Sequence[Fitted], asked: Sequence[Examples]) -> Line:
    """Score heads in numpy, where parity holds them to the graph's answers."""
    found: dict[str, list[float]] = {metric.name: [] for metric in SHOWN}
    for each in fitted:
        for examples in asked:
            scored = Choices.of(examples, _chances(task, each, examples))
            for metric in SHOWN:
                found[metric.name].append(value(metric, scored))
    return Line(
        name,
        {key: float(np.mean(values)) for key, values in found.items()},
        {key: min(values) for key, values in found.items()},
        {key: max(values) for key, values in found.items()},
    )


def _chances(task: Task, fitted: Fitted, examples: Examples) -> Array:
    from common.lab.textmodel import softmax

    matrix = np.moveaxis(task.features(np, examples.inputs).columns["votes"], 1, 2)
    lines = matrix.reshape(-1, 1) if fitted.point.reads else None
    raw, _ = fitted.point(np, lines, examples.inputs)
    return softmax(np.asarray(raw, dtype=np.float64).reshape(len(examples), -1))


def _rewritten(examples: Examples, texts: Sequence[str]) -> Examples:
    """Return the examples with other texts; votes are left out, as they are not asked again."""
    votes = np.zeros_like(examples.inputs["votes"])
    return replace(examples, inputs={**examples.inputs, "codes": codes_of(texts), "votes": votes})


def main() -> None:
    """Print both tables for the rung that reads text and catalogue."""
    from usecases.citizen_requests.usecase import USECASE

    task = USECASE.task("routing")
    rung = next(one for one in task.rungs if one.name == "described")
    dataset = USECASE.load(task, "full")
    print(table(few_shot(task, rung, dataset)))  # noqa: T201 - a command
    print(table(robustness(task, rung, dataset)))  # noqa: T201 - a command


if __name__ == "__main__":
    main()
