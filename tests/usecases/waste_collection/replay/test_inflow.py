"""The inflow is read off the levels as brief 3.3 says."""

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError
from usecases.waste_collection.replay.ground.inflow import Inflow, blocks, daily_inflow, increments


def log(levels: list[float], alert: list[bool] | None = None) -> pd.DataFrame:
    """Return one container's readings from Monday 6 January 2020; NaN days are left out."""
    days = pd.date_range("2020-01-06", periods=len(levels))
    table = pd.DataFrame(
        {
            "container_id": "a",
            "day": days,
            "level_percent": levels,
            "alert": alert or [False] * len(levels),
        }
    )
    return table.dropna(subset="level_percent")


def test_a_rise_counts_a_fall_of_40_or_to_0_is_a_collection_and_a_smaller_one_settling() -> None:
    """Each branch of the rule once."""
    found = increments(log([0.0, 60.0, 20.0, 100.0, 80.0, 80.0, 0.0]))[0].ravel()
    # 60 - 0; fall of 40: 20; 100 - 20; fall of 20: 0; 0; fall to 0: 0
    assert found[1:].tolist() == [60.0, 20.0, 80.0, 0.0, 0.0, 0.0]


def test_days_missing_or_under_alert_get_the_mean_of_the_same_weekday_and_are_flagged() -> None:
    """Three weeks rise by 20 a day from 0 on Monday; the third Thursday is under alert."""
    week = [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 100.0]
    alert = [False] * 21
    alert[17] = True  # Thursday of week 3
    inflow = daily_inflow(log(week * 3, alert))
    # Thursdays of weeks 1 and 2 brought 20 each, Fridays too: their means stand in.
    assert inflow.percent[17:19].ravel().tolist() == [20.0, 20.0]
    assert inflow.guessed[17:19].all()
    assert not inflow.guessed[10:17].any()


def test_a_container_never_read_on_some_weekday_is_refused() -> None:
    """A mean over nothing would be invented."""
    with pytest.raises(DataError, match="no increment on weekday"):
        daily_inflow(log([0.0, 20.0, 40.0]))


def test_blocks_keep_the_weekdays_together() -> None:
    """Day d of every block is the same weekday, whatever the year."""
    percent = np.arange(21.0).reshape(21, 1)
    laid = blocks(Inflow(("a",), percent, percent > 99, 2), count=3, days=7)
    assert laid.ids == ("a#1", "a#2", "a#3")
    assert laid.percent[0].tolist() == [0.0, 7.0, 14.0]
    with pytest.raises(DataError, match="whole weeks"):
        blocks(Inflow(("a",), percent, percent > 99, 2), count=3, days=6)
