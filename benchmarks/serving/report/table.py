"""Print a run as Markdown: goals and ratios first, figures after."""

from collections.abc import Iterable, Sequence

from benchmarks.serving.report.figures import GOALS, Choice, Spread, doors, of_windows, ratio
from benchmarks.serving.report.record import Run

__all__ = ["markdown"]

_OURS = "ours"


def markdown(run: Run) -> str:
    """Return the tables of a run."""
    sizes = sorted({window.rows for window in run.windows})
    parts = [_heading(run), _goals(run)]
    parts += [_ratios(run, rows) for rows in sizes]
    parts += [_speeds(run, rows) for rows in sizes]
    parts += [_starts(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(run: Run) -> str:
    rounds = 1 + max((window.round for window in run.windows), default=-1)
    return (
        f"Run of {run.started}, commit {run.commit}: {run.machine}, {run.cores} cores, load "
        f"{run.load_before:.1f} before and {run.load_after:.1f} after; {rounds} rounds, "
        f"{run.connections} connections. Median (its 95 % interval; below six rounds, lowest to "
        "highest)."
    )


def _goals(run: Run) -> str:
    rows = []
    for goal in GOALS:
        found = goal.found(run)
        if found is not None:
            rows.append([str(goal), goal.goal, _spread(found), goal.verdict(found).value])
    return _table(["goal of the issue", "goal", "found", ""], rows) if rows else ""


def _ratios(run: Run, rows: int) -> str:
    """Our doors down, the peers across: answers per core over the peer's."""
    every = doors(run, rows)
    ours = [choice for choice in every if choice[0].startswith(_OURS)]
    peers = [choice for choice in every if choice not in ours]
    if not ours or not peers:
        return ""
    lines = []
    for choice in ours:
        found = (ratio(run, choice, peer, rows) for peer in peers)
        lines.append([" ".join(choice), *(_spread(each) for each in found)])
    head = [f"answers per core, {_rows(rows)}, over", *(" ".join(peer) for peer in peers)]
    return _table(head, lines)


def _speeds(run: Run, rows: int) -> str:
    lines = [_speed(run, choice, rows) for choice in doors(run, rows)]
    columns = ["answers per CPU-second", "CPU ms an answer", "least", "p50 ms", "p99 ms"]
    return _table([f"{_rows(rows)} a request", *columns], lines)


def _speed(run: Run, choice: Choice, rows: int) -> list[str]:
    windows = of_windows(run, choice, rows)
    cost = Spread.of(window.cpu_ms for window in windows)
    figures = [
        " ".join(choice),
        _spread(Spread.of(window.per_core for window in windows)),
        _spread(cost),
        _digits(cost.least),
    ]
    waits = [(window.p50_ms, window.p99_ms) for window in windows]
    if None in waits[0]:
        return [*figures, "", ""]
    return [*figures, *(_spread(Spread.of(column)) for column in zip(*waits, strict=True))]


def _starts(run: Run) -> str:
    lines = []
    for server in dict.fromkeys(start.server for start in run.starts):
        starts = [start for start in run.starts if start.server == server]
        figures = (
            Spread.of(start.wall_s for start in starts),
            Spread.of(start.cpu_s for start in starts),
            Spread.of(start.pss_mb for start in starts),
        )
        lines.append([
            f"{server} ({run.versions.get(server, '')})",
            *map(_spread, figures),
            str(max(start.processes for start in starts)),
            f"{run.installed_mb.get(server, float('nan')):.0f}",
        ])  # fmt: skip
    columns = ["first answer s", "CPU s until then", "PSS MB", "processes", "MB installed"]
    return _table(["server", *columns], lines) if lines else ""


def _rows(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _spread(found: Spread | None) -> str:
    """Write a figure with its interval.

    >>> _spread(Spread(12.345, 11.0, 14.0, 10.0))
    '12.3 (11 to 14)'
    >>> _spread(Spread(3703.0, 3500.2, 3800.0, 3400.0))
    '3703 (3500 to 3800)'
    """
    if found is None:
        return ""
    if found.low == found.high:
        return _digits(found.median)
    return f"{_digits(found.median)} ({_digits(found.low)} to {_digits(found.high)})"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
