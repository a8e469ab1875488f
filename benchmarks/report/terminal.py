"""The central table of a comparison, for a terminal."""

from benchmarks.records import Comparison
from benchmarks.report import words
from common.lab.pages import french

__all__ = ["text_table"]


def text_table(comparison: Comparison, metric: str) -> str:
    """Return entries down; error, difference, verdict, energy and its evidence across."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    columns = ("solution", metric, "écart à la référence", "verdict", "Wh / 1 000", "preuve")
    for column in columns:
        table.add_column(column)
    for standing in comparison.standings:
        score = standing.scores.get(metric)
        centre, spread = words.relative_loss(standing)
        amount, level = words.energy(standing.entry.predict)
        table.add_row(
            standing.entry.title,
            french.quantity(score.value, score.unit) if score else "—",
            f"{centre} ({spread})" if spread else centre,
            words.VERDICTS[standing.verdict] if standing.entry.role == "candidate" else "",
            amount,
            level,
        )
    console = Console(width=150)
    with console.capture() as captured:
        console.print(table)
    lines = "\n".join((words.summary(comparison), *words.verdict_lines(comparison)))
    return f"{captured.get()}{lines}"
