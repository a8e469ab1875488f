"""Damage is done when rows are read, and each row suffers the same whoever reads it."""

from functools import partial

import numpy as np
import pytest

from common.lab.windows import Windows
from usecases.building_energy.damage import Damage, Damaged, forget, lose_hours, outage, shift

SERIES = np.arange(2 * 40 * 24, dtype=np.float32).reshape(2, 40, 24)
WINDOWS = Windows(SERIES, np.array([0, 1, 1]), np.array([40, 30, 40]), length=30)
KINDS: tuple[Damage, ...] = (
    partial(forget, 7), lose_hours, partial(outage, np.nan, 20), partial(outage, 0.0, 20), shift,
)  # fmt: skip


@pytest.mark.parametrize("damage", KINDS)
def test_a_row_is_damaged_alike_alone_and_among_others(damage: Damage) -> None:
    """Chunks of any size give the same examples."""
    whole = Damaged.of(WINDOWS, damage)
    assert whole.shape == (3, 30, 24)
    np.testing.assert_array_equal(np.asarray(whole)[1:2], np.asarray(whole[1:2]))


@pytest.mark.parametrize("damage", KINDS)
def test_the_series_behind_the_windows_stay_whole(damage: Damage) -> None:
    """Other tracks read them too."""
    before = SERIES.copy()
    np.asarray(Damaged.of(WINDOWS, damage))
    np.testing.assert_array_equal(SERIES, before)


def test_only_the_last_days_are_left() -> None:
    """7 days of 30 are known: 23 are not."""
    known = np.isfinite(np.asarray(Damaged.of(WINDOWS, partial(forget, 7))))
    assert known.all(axis=2).sum(axis=1).tolist() == [7, 7, 7]
    assert known[:, -7:].all()


def test_an_outage_lasts_three_days() -> None:
    """3 days of 24 hours are zero, among the last 20 of 30."""
    values = np.asarray(Damaged.of(SERIES + 1, partial(outage, 0.0, 20)))
    assert (values == 0).sum(axis=(1, 2)).tolist() == [72, 72]
    assert (values[:, :20] > 0).all()


def test_one_hour_in_twenty_is_lost() -> None:
    """5 % of 960 hours are 48; three standard deviations are 20."""
    lost = np.isnan(np.asarray(Damaged.of(SERIES, lose_hours))).sum(axis=(1, 2))
    assert (abs(lost - 48) < 20).all()


def test_a_shifted_file_is_one_hour_late() -> None:
    """What was read at 0 h of the second day stands at 1 h; the first hour is unknown."""
    values = np.asarray(Damaged.of(SERIES, shift))
    assert values[0, 1, 1] == SERIES[0, 1, 0]
    assert values[0, 1, 0] == SERIES[0, 0, 23]
    assert np.isnan(values[:, 0, 0]).all()
