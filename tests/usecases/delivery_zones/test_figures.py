"""The verdict of each horizon: what the page may say of the queue and of the model."""

from datetime import date

import numpy as np
import pytest

from common.lab.usecase import Period
from usecases.delivery_zones.availability.examples import Scope, examples_of
from usecases.delivery_zones.features import availability_features
from usecases.delivery_zones.figures import availability_figures, verdicts
from usecases.delivery_zones.simulate import simulate

SCOPE = Scope(
    Period(date(2025, 1, 6), date(2025, 3, 10)), min_stays=20, train_start=date(2025, 1, 13)
)


@pytest.fixture(scope="module")
def week():
    return examples_of(simulate(3, n_zones=2), Period(date(2025, 3, 10), date(2025, 3, 17)), SCOPE)


@pytest.fixture(scope="module")
def of_queue(week):
    """Outputs of a model that gives exactly what the queue gives."""
    inputs = {name: np.asarray(values) for name, values in week.inputs.items()}
    features = availability_features(np, inputs)
    bays = week.inputs["bays"][:, None].astype(float)
    zeros = np.zeros((len(week), 3))
    return {
        "p_free": 1 / (1 + np.exp(-features.columns["queue"][:, 0])),
        "p_usual": 1 / (1 + np.exp(-features.context["usual"])),
        "occupied": zeros + bays / 2,
        "lower": zeros,
        "upper": zeros + bays,
    }


def test_a_model_that_is_the_queue_is_not_needed(week, of_queue):
    """A difference of exactly zero: the page says that no AI is needed."""
    for verdict in verdicts(week, of_queue):
        assert verdict.over_queue.estimate == 0
        assert "la file suffit : aucune IA n'est nécessaire" in verdict.sentence


def test_a_model_that_knows_better_may_say_so(week, of_queue):
    """The truth itself, softened, beats the queue at each horizon."""
    knowing = np.where(week.target[:, :3] == 1, 0.95, 0.05)
    for verdict in verdicts(week, {**of_queue, "p_free": knowing}):
        assert verdict.over_queue.high < 0
        assert "fait mieux" in verdict.sentence


def test_an_interval_from_none_to_all_bays_covers_everything(week, of_queue):
    """0 to the number of bays: 100 % in the last figure's table, and its width said."""
    counts = availability_figures(week, of_queue)[-1]
    assert [row[1].replace("\u00a0", " ") for row in counts.table.rows] == ["100,0 %"] * 3


def test_the_page_speaks_of_ia_in_capitals(week, of_queue):
    """The sentence begins with a capital, and « IA » keeps its own."""
    assert (
        "À 15 min, la file suffit : aucune IA"
        in availability_figures(week, of_queue)[0].description
    )
