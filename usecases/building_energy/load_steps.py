"""Add a meter's steps of 10 to 60 minutes up to whole hours.

Rows are tables with ``meter``, ``second`` (UTC seconds since 1970), ``value`` (kWh of the
step, or mean kW where ``power``), ``file`` and ``line``.
"""

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.french_csv import MAX_PROBLEMS, Problems
from common.lab.usecase import Array

__all__ = ["hourly", "steps_of", "wall_seconds", "without_duplicates"]

STEPS_SECONDS = (600, 900, 1800, 3600)
MAX_CELLS = 50_000_000


def without_duplicates(rows: pd.DataFrame, problems: Problems) -> tuple[pd.DataFrame, pd.Series]:
    """Drop rows that say the same twice; refuse those that contradict each other."""
    key = ["meter", "second"]
    rows = rows.sort_values(key, kind="stable", ignore_index=True)
    again = rows.duplicated(key).to_numpy()
    same = _equal(rows["value"].to_numpy(), rows["value"].shift().to_numpy()) & (
        rows["power"] == rows["power"].shift()
    ).to_numpy(dtype=bool)
    for row in np.flatnonzero(again & ~same)[:MAX_PROBLEMS]:
        here, before = rows.iloc[row], rows.iloc[row - 1]
        problems.add(
            f"{here['file']} line {here['line']}",
            f"meter {here['meter']} has {here['value']:g} for the time for which "
            f"{before['file']} line {before['line']} has {before['value']:g}",
            "one value for a meter and a time",
            "remove the wrong line",
        )
    dropped = rows["meter"][again].value_counts()
    return rows[~again].reset_index(drop=True), dropped


def _equal(left: Array, right: Array) -> Array:
    equal: Array = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal


def steps_of(rows: pd.DataFrame, timezone: str, problems: Problems) -> pd.Series:
    """Return each meter's step in seconds: the commonest gap between its times."""
    gap = rows.groupby("meter", sort=True)["second"].diff()
    steps = gap.groupby(rows["meter"]).agg(_commonest).fillna(3600).astype(np.int64)
    for meter, step in steps.items():
        if step not in STEPS_SECONDS:
            first = rows[rows["meter"] == meter].iloc[0]
            problems.add(
                f"{first['file']} line {first['line']}",
                f"meter {meter} has a time every {step / 60:g} minutes",
                "a step of 10, 15, 30 or 60 minutes",
                "export the load curve, not daily or monthly totals",
            )
    since_midnight = wall_seconds(rows["second"].to_numpy(), timezone)
    off = since_midnight % rows["meter"].map(steps).to_numpy() != 0
    for row in np.flatnonzero(off)[:MAX_PROBLEMS]:
        here = rows.iloc[row]
        problems.add(
            f"{here['file']} line {here['line']}",
            f"a time that is off the step of {steps[here['meter']] / 60:g} minutes",
            "times on round steps of the clock",
            "export again with round times; one step per meter",
        )
    return steps


def _commonest(gaps: pd.Series) -> float:
    counts = gaps.dropna().value_counts()
    return float(counts.index[counts == counts.max()].min()) if len(counts) else float("nan")


def wall_seconds(seconds: Array, timezone: str) -> Array:
    """Return the local clock's seconds since 1970 at UTC ``seconds``."""
    utc = pd.DatetimeIndex(seconds.astype("datetime64[s]")).tz_localize("UTC")
    wall: Array = utc.tz_convert(timezone).tz_localize(None).as_unit("s").asi8
    return wall


def hourly(rows: pd.DataFrame, steps: pd.Series, timezone: str, *, marks_end: bool) -> pd.DataFrame:
    """Add steps up to hours: a table of hours by meters, NaN where a step lacks."""
    step = rows["meter"].map(steps).to_numpy()
    start = rows["second"].to_numpy() - (step if marks_end else 0)
    hour = start - wall_seconds(start, timezone) % 3600
    kwh = rows["value"].to_numpy() * np.where(rows["power"], step / 3600, 1.0)
    known = pd.DataFrame({"meter": rows["meter"], "hour": hour, "kwh": kwh}).dropna()
    sums = known.groupby(["meter", "hour"], sort=True)["kwh"].agg(["sum", "size"])
    whole = sums["size"] * sums.index.get_level_values("meter").map(steps) == 3600
    first, last = int(hour.min()), int(hour.max())
    if ((hour - first) % 3600).any():
        raise TableError(
            f"hours that begin at different minutes of UTC in {timezone}",
            expected="a time zone whose clock shifts by whole hours",
            remedy='write times in UTC, and timezone = "UTC" in meta.toml',
        )
    n_hours = (last - first) // 3600 + 1
    if n_hours * len(steps) > MAX_CELLS:
        raise TableError(
            f"{len(steps)} meters over {n_hours} hours",
            expected=f"at most {MAX_CELLS} hours in all",
            remedy="correct the dates, or split the folder",
        )
    index = first + 3600 * np.arange(n_hours)
    table = sums["sum"][whole].unstack("meter")
    return table.reindex(index=index, columns=steps.index)
