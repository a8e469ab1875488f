"""The reliability plot says which promises were kept, and on how many cases."""

import pytest

from common.edge.errors import UsageError
from common.lab.pages.reliability import FEWEST, reliability, wilson


def test_the_description_counts_the_cases_whose_promise_was_kept() -> None:
    """30 % of 1,000 lies within 2.8 points; 80 % announced and 60 % seen of 3,000 does not."""
    found = reliability("Essai", [(0.31, 0.3, 1000), (0.8, 0.6, 3000)])
    assert "25\u00a0% des cas" in found.description
    assert [row[0] for row in found.table.rows] == ["31\u00a0%", "80\u00a0%"]
    assert found.table.rows[1][3] == "3\u202f000"


def test_classes_with_few_cases_are_hollow() -> None:
    """Form says it, not colour alone."""
    few = reliability("Essai", [(0.5, 0.5, FEWEST - 1)])
    many = reliability("Essai", [(0.5, 0.5, FEWEST)])
    assert "<circle" in few.svg
    assert 'fill="#fff"' in few.svg
    assert 'fill="#fff"' not in many.svg


def test_an_interval_never_leaves_the_possible() -> None:
    """No case of ten: from 0 to 28 % (Wilson: 3.84 / 13.84)."""
    low, high = wilson(0.0, 10)
    assert low == 0
    assert high == pytest.approx(3.8415 / 13.8415, abs=1e-4)
    assert wilson(1.0, 10)[1] == pytest.approx(1)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        reliability("Essai", [])
