"""The alert file of a model: written when its state changes, read by people and by `doctor`."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from common.edge.drift.report import STATES, DriftReport, State

__all__ = ["Alert", "alert_path", "counts_path", "read_alert", "write_alert"]

INTERVAL = "intervalle"
"""Stands among the inputs concerned for the interval that holds too seldom."""


@dataclass(frozen=True)
class Alert:
    """The state of a model's data.

    Parameters
    ----------
    state
        The most serious state of its inputs and of its interval.
    concerned
        What is in that state where it is worth a look: inputs, or ``intervalle``.
    since
        UTC day on which this state began, ISO 8601; empty before any verdict.
    """

    state: State = "undetermined"
    concerned: tuple[str, ...] = ()
    since: str = ""

    @classmethod
    def of(cls, report: DriftReport, now: datetime, former: "Alert") -> "Alert":
        """Return the alert that a report calls for; it is as old as its state."""
        concerned = [item.name for item in report.inputs if item.state in ("watch", "alert")]
        if report.coverage_state == "alert":
            concerned.append(INTERVAL)
        since = former.since if report.state == former.state else str(now.date())
        return cls(report.state, tuple(concerned), since)


def alert_path(folder: Path, model: str) -> Path:
    """Return where the alert of a model is."""
    return folder / f"{model}.alerte.json"


def counts_path(folder: Path, model: str) -> Path:
    """Return where the counts of a model are."""
    return folder / f"{model}.compte.json"


def write_alert(path: Path, alert: Alert, report: DriftReport, **beside: Any) -> None:
    """Write an alert with the report that called for it, whole or not at all.

    Parameters
    ----------
    path
        Of `alert_path`.
    alert, report
        The state, and the figures behind it.
    beside
        More of it: model, version, French sentences.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    report.write(path, concerned=list(alert.concerned), since=alert.since, **beside)


def read_alert(path: Path) -> Alert | None:
    """Return a written alert; None where there is none or it cannot be read."""
    try:
        raw = json.loads(path.read_bytes())
        state = next(item for item in STATES if item == raw["state"])
        return Alert(state, tuple(map(str, raw["concerned"])), str(raw["since"]))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
