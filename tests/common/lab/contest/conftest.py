"""Questions made up for the tests of parsing, checking and auditing."""

import numpy as np
import pytest

from common.lab.contest import Column, Questions

COLUMNS = (
    Column("site", "text", "", "Bâtiment.", "Building."),
    Column("issue_utc", "time", "", "Émission.", "Issue time."),
    Column("target_utc", "time", "", "Heure visée.", "Target hour."),
    Column("forecast_kwh", "number", "kWh", "Prévision.", "Forecast.", low=0),
    Column("q10_kwh", "number", "kWh", "Quantile 10 %.", "Quantile.", low=0, required=False),
    Column("q90_kwh", "number", "kWh", "Quantile 90 %.", "Quantile.", low=0, required=False),
)
START = np.datetime64("2022-01-10T12:00:00", "s")


def make_questions(n_units=4, n_days=5, n_steps=24):
    """Every unit, day and hour of the day after the issue at noon; level 50 kWh."""
    unit, day, hour = (axis.ravel() for axis in np.meshgrid(
        np.arange(n_units), np.arange(n_days), np.arange(n_steps), indexing="ij"))  # fmt: skip
    issue = START + (day * 86400).astype("timedelta64[s]")
    target = issue + ((12 + hour) * 3600).astype("timedelta64[s]")
    sites = np.array([f"bat-{i:03d}" for i in range(n_units)], dtype=object)[unit]
    n_rows = len(unit)
    return Questions(
        keys={"site": sites, "issue_utc": issue, "target_utc": target},
        units=sites,
        blocks=(day // 7).astype(np.int32),
        example=(unit * n_days + day).astype(np.int32),
        step=hour.astype(np.int32),
        inputs={},
        scale=np.full(n_rows, 50.0, np.float32),
        level=np.full(n_rows, 50.0, np.float32),
    )


@pytest.fixture(scope="session")
def questions():
    """4 units, 5 days, 24 hours: 480 rows."""
    return make_questions()


@pytest.fixture(scope="session")
def columns():
    """Three keys, a forecast, two optional quantiles."""
    return COLUMNS
