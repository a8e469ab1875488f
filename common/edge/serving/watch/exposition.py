"""What the watch on data knows, in Prometheus' text format."""

from collections.abc import Iterator, Mapping

from common.edge.drift.report import STATES, DriftReport
from common.edge.serving.metrics import family

__all__ = ["watch_text"]

_SHARES = (
    ("missing", "Part des valeurs manquantes dans la fenêtre."),
    ("outside", "Part des valeurs que l'apprentissage n'a jamais vues."),
    ("stuck", "Part des lignes dont la valeur ne bouge plus."),
)


def watch_text(reports: Mapping[str, DriftReport], dropped_rows: int) -> bytes:
    """Return the exposition.

    Parameters
    ----------
    reports
        The last report of each model.
    dropped_rows
        Rows that were answered and not counted.
    """
    lines: list[str] = []
    inputs = [
        ({"model": name, "input": item.name}, item)
        for name, report in sorted(reports.items())
        for item in report.inputs
    ]
    family(
        lines,
        "aune_drift_state",
        "gauge",
        "Veille : 0 habituel, 1 sans verdict, 2 à surveiller, 3 inhabituel.",
        ((labels, STATES.index(item.state)) for labels, item in inputs),
    )
    family(
        lines,
        "aune_drift_psi",
        "gauge",
        "Indice de stabilité face à la même saison de l'apprentissage.",
        ((labels, item.psi) for labels, item in inputs if item.psi_usual is not None),
    )
    family(
        lines,
        "aune_drift_psi_usual",
        "gauge",
        "Ce que des données habituelles montrent.",
        ((labels, item.psi_usual) for labels, item in inputs if item.psi_usual is not None),
    )
    for part, text in _SHARES:
        samples = ((labels, float(getattr(item, part))) for labels, item in inputs)
        family(lines, f"aune_drift_{part}_share", "gauge", text, samples)
    family(
        lines,
        "aune_drift_rows",
        "gauge",
        "Lignes comptées dans la fenêtre.",
        (({"model": name}, report.rows) for name, report in sorted(reports.items())),
    )
    family(
        lines,
        "aune_drift_dropped_rows_total",
        "counter",
        "Lignes non comptées : la file de comptage était pleine.",
        (({}, dropped_rows),),
    )
    _coverage(lines, reports)
    return ("\n".join(lines) + "\n").encode()


def _coverage(lines: list[str], reports: Mapping[str, DriftReport]) -> None:
    known = {name: item for name, item in sorted(reports.items()) if item.coverage is not None}
    family(
        lines,
        "aune_coverage_share",
        "gauge",
        "Part des valeurs réelles dans l'intervalle, ses bornes à 99 %, la part annoncée.",
        (
            ({"model": name, "bound": bound}, value)
            for name, report in known.items()
            for bound, value in _bounds(report)
        ),
    )
    family(
        lines,
        "aune_coverage_state",
        "gauge",
        "Etat de l'intervalle, comme aune_drift_state.",
        (({"model": name}, STATES.index(report.coverage_state)) for name, report in known.items()),
    )
    family(
        lines,
        "aune_truth_rows",
        "gauge",
        "Lignes dont la valeur réelle est revenue.",
        (({"model": name}, report.truths.rows) for name, report in known.items()),
    )


def _bounds(report: DriftReport) -> Iterator[tuple[str, float]]:
    if report.share is not None and report.coverage is not None:
        yield "low", report.coverage_low
        yield "central", report.share
        yield "high", report.coverage_high
        yield "promised", report.coverage
