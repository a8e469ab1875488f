"""The ladder: the smallest rung that ties, and the best where noise leaves it open."""

from dataclasses import dataclass

import numpy as np
import pytest

from common.edge.errors import DataError, UsageError
from common.lab.ladder import Choice, choose
from common.lab.statistics import Losses


@dataclass(frozen=True)
class Step:
    """A rung as the choice sees it."""

    name: str
    title: str
    kind: str


STEPS = (
    Step("week", "Semaine précédente", "no_ai"),
    Step("ridge", "Modèle linéaire", "linear"),
    Step("trees", "Arbres", "boosted"),
)
UNITS, BLOCKS = np.repeat(np.arange(12), 20), np.tile(np.arange(20), 12)


def losses(factor: float, noise: float = 0.0, seed: int = 0) -> Losses:
    """Twelve units by twenty weeks around ``factor``, with independent noise of one's own."""
    common = 1 + np.random.default_rng(99).random(240)
    own = noise * np.random.default_rng(seed).standard_normal(240)
    return UNITS, BLOCKS, common * (factor + own)


def ladder(week: float, ridge: float, noise: float = 0.01) -> dict[str, Losses]:
    return {
        "week": losses(week, noise, 1),
        "ridge": losses(ridge, noise, 2),
        "trees": losses(1.0, noise, 3),
    }


def test_equal_models_ship_the_smallest_and_say_that_no_ai_is_needed() -> None:
    """Two copies of the same losses tie exactly; the first rung has no AI."""
    choice = choose({name: losses(1.0) for name in ("week", "ridge", "trees")}, STEPS)
    assert choice.chosen == "week"
    assert choice.no_ai_needed
    assert "aucune IA n'est nécessaire" in choice.reason


def test_a_smaller_rung_within_the_margin_ships() -> None:
    """0.5 % worse with noise of 1 % over 240 cells: bound near 0.7 %, margin 2 %."""
    choice = choose(ladder(week=1.5, ridge=1.005), STEPS)
    assert (choice.best, choice.chosen) == ("trees", "ridge")
    assert 0.005 < choice.row("ridge").increase_high < 0.02
    assert not choice.no_ai_needed
    assert "plus petit barreau" in choice.reason
    assert "2\u00a0%" in choice.reason


def test_a_clear_gap_ships_the_best() -> None:
    choice = choose(ladder(week=1.5, ridge=1.2), STEPS)
    assert (choice.best, choice.chosen) == ("trees", "trees")
    assert choice.row("week").increase == pytest.approx(0.5, abs=0.01)
    assert not choice.row("ridge").undetermined(0.02)
    assert "aucun plus petit n'est montré équivalent" in choice.reason


def test_noise_leaves_the_smaller_rung_undetermined_and_the_best_ships() -> None:
    """1 % worse with noise of 50 %: standard error about 4 %, so 2 % cannot be shown."""
    choice = choose(
        {"week": losses(3.0), "ridge": losses(1.01, 0.5, 4), "trees": losses(1.0)}, STEPS
    )
    row = choice.row(next(n for n in ("ridge", "trees") if n != choice.best))
    assert row.undetermined(0.02)
    assert choice.chosen == choice.best


def test_the_reason_admits_what_the_data_cannot_tell() -> None:
    """10 % worse with noise of 120 %: standard error about 9 %, the lower bound is under 2 %."""
    noisy = {"week": losses(3.0), "ridge": losses(1.1, 1.2, 2), "trees": losses(1.0)}
    choice = choose(noisy, STEPS)
    assert choice.row("ridge").undetermined(0.02)
    assert choice.chosen == "trees"
    assert "ne permettent pas de conclure" in choice.reason


def test_a_wider_margin_only_ever_chooses_a_smaller_rung() -> None:
    """Margins of 1, 5, 10 and 30 % on rungs 20 and 3 % worse."""
    places = [
        [step.name for step in STEPS].index(
            choose(ladder(week=1.2, ridge=1.03), STEPS, margin).chosen
        )
        for margin in (0.01, 0.05, 0.1, 0.3)
    ]
    assert places == [2, 1, 1, 0]


def test_a_rung_that_cannot_ship_is_passed_over_but_stays_the_yardstick() -> None:
    choice = choose(ladder(week=1.5, ridge=1.2), STEPS, shippable=("week", "ridge"))
    assert (choice.best, choice.chosen) == ("trees", "ridge")
    assert not choice.row("ridge").qualifies
    assert "ne peut pas être livré" in choice.reason


def test_a_costly_best_may_come_anywhere_in_the_order() -> None:
    """The middle rung is best by far: the larger one after it is never chosen."""
    choice = choose({"week": losses(1.5), "ridge": losses(1.0), "trees": losses(1.001)}, STEPS)
    assert (choice.best, choice.chosen) == ("ridge", "ridge")


def test_the_transform_compares_roots_of_mean_squares() -> None:
    """Squared errors 4 % larger are root mean squared errors sqrt(1.04) - 1 = 1.98 % larger."""
    table = {"week": losses(4.0), "ridge": losses(1.04), "trees": losses(1.0)}
    assert choose(table, STEPS).chosen == "trees"
    choice = choose(table, STEPS, transform=np.sqrt)
    assert choice.row("ridge").increase == pytest.approx(np.sqrt(1.04) - 1)
    assert choice.chosen == "ridge"


def test_rungs_scored_on_different_rows_are_refused() -> None:
    """A rung silently scored on fewer hours would not be comparable."""
    table = ladder(week=1.5, ridge=1.2)
    unit, block, loss = table["ridge"]
    table["ridge"] = unit, np.roll(block, 1), loss
    with pytest.raises(DataError, match="same"):
        choose(table, STEPS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margin": 0.0}, "margin"),
        ({"margin": 0.6}, "margin"),
        ({"shippable": ()}, "may ship"),
        ({"steps": STEPS[:2]}, "the losses of every rung"),
    ],
)
def test_calls_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    call = {"losses": ladder(1.5, 1.2), "steps": STEPS} | change
    with pytest.raises(UsageError, match=message):
        choose(**call)  # type: ignore[arg-type]  # wrong on purpose


def test_an_unknown_rung_of_a_choice_is_named_with_those_that_exist() -> None:
    choice: Choice = choose(ladder(1.5, 1.2), STEPS)
    with pytest.raises(UsageError, match="week, ridge, trees"):
        choice.row("forest")


def test_the_choice_is_the_same_when_asked_twice() -> None:
    assert choose(ladder(1.5, 1.01), STEPS) == choose(ladder(1.5, 1.01), STEPS)
