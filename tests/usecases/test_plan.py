"""``aune plan`` hands each use case the options that it declares, and no others."""

from pathlib import Path

import pytest

from common.edge.errors import UsageError
from usecases import discover
from usecases.cli.plan import _file, _pairs

CASE = discover()["delivery_zones"]


def test_an_option_of_the_use_case_is_read_in_both_spellings() -> None:
    """People write --demand FILE as well as --demand=FILE."""
    given = _pairs(CASE, ["--demand", "a.csv", "--inventory=b=c.csv"])
    assert given == {"demand": ("a.csv",), "inventory": ("b=c.csv",)}


@pytest.mark.parametrize("words", [["--fleet", "a.csv"], ["demand", "a.csv"], ["--demand"]])
def test_another_option_is_refused_with_those_that_exist(words: list[str]) -> None:
    """A wrong name is how one learns the right ones."""
    with pytest.raises(UsageError, match="--inventory"):
        _pairs(CASE, words)


def test_a_file_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    """Reading the observations takes minutes: a typing error must not wait for it."""
    with pytest.raises(UsageError, match="--demand"):
        _file("demand", (str(tmp_path / "none.csv"),))
    assert _file("demand", (str(tmp_path),)) == tmp_path
