"""The table that ends a run on a terminal."""

import io
from collections.abc import Sequence

from common.lab.pages.figures import prediction_footprint
from common.lab.pages.french import number, percent
from common.lab.record import Run, RungResult

__all__ = ["text_table"]

WIDTH = 118


def text_table(runs: Sequence[Run]) -> str:
    """Return the ladders of some runs as aligned French text.

    Parameters
    ----------
    runs
        One table each; the rung that ships carries an arrow.
    """
    return "\n\n".join(_table(run) for run in runs)


def _table(run: Run) -> str:
    from rich.console import Console
    from rich.table import Table

    metric = str(run.facts.get("main_metric", "nrmse"))
    data = f"{run.dataset['name']}, {run.dataset['n_units']} sites"
    table = Table(title=f"{run.usecase} / {run.task} : {data}", title_justify="left")
    table.add_column("barreau")
    unit = run.ladder[0].scores[metric].unit
    for header in (
        metric if unit == "1" else f"{metric} ({unit})",
        "IC 95 %",
        "hausse",
        "taille kB",
        "CPU-s appr.",
        "CPU-s / 1000",
    ):
        table.add_column(header, justify="right")
    for row in run.ladder:
        style = "bold" if row.rung == run.chosen else None
        table.add_row(*_cells(run, row, metric), style=style)
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    console.print(table)
    console.print(run.reason, soft_wrap=False)
    return console.export_text().rstrip()


def _cells(run: Run, row: RungResult, metric: str) -> tuple[str, ...]:
    score = row.scores[metric]
    predict, train = prediction_footprint(row), row.footprints.get("train")
    digits = (2, 1) if score.unit == "%" else (4, 4)
    mark = "→ " if row.rung == run.chosen else "  "
    return (
        mark + row.title,
        number(score.value, digits[0]),
        f"{number(score.low, digits[1])} à {number(score.high, digits[1])}",
        percent(row.loss_increase, 1),
        number(row.model_kb, 0),
        number(train.cpu_seconds, 1) if train else "",
        number(predict.cpu_seconds_per_1000, 3) if predict else "",
    )
