"""What is ahead, counted or from a bundle."""

from types import SimpleNamespace

import numpy as np
import pytest

from usecases.waste_collection.decision.outlook import counted, newest_bundle, predicted


def test_chances_rise_over_the_week_and_80_comes_before_full(case):
    """Whoever overflows has passed 80 % before."""
    found = case.outlook
    assert (np.diff(found.p_full, axis=1) >= -1e-12).all()
    assert (found.p_ge80 >= found.p_full - 1e-12).all()
    assert ((found.p_full >= 0) & (found.p_full <= 1 + 1e-12)).all()


def test_a_container_that_gains_a_step_a_day_overflows_on_the_second_day(case):
    """c1 stands at 80 % and gains 20 points a day: 100 % tomorrow, over it the day after."""
    c1 = case.outlook.p_full[0]
    assert c1[0] < 0.1
    assert c1[1] > 0.7
    assert case.outlook.q50_percent[0, 0] == 100.0


def test_after_two_days_the_third_is_tomorrow(case):
    """Columns move by two; the level reckoned with is the median of the second day."""
    later = case.outlook.after(2)
    assert np.array_equal(later.p_full[:, 0], case.outlook.p_full[:, 2])
    assert np.array_equal(later.p_full[:, 6], case.outlook.p_full[:, 6])
    assert np.array_equal(later.now_percent, case.outlook.q50_percent[:, 1])


def test_without_a_bundle_the_page_says_that_no_model_stands_behind(case, tmp_path):
    """An empty folder of results holds no bundle."""
    assert newest_bundle(tmp_path, simulated=True) is None
    assert not case.outlook.ai
    assert "sans IA" in case.outlook.source


def test_a_bundle_answers_in_the_order_of_the_containers(case):
    """A stand-in answers the container's last level: rows may not be mixed up."""

    def predict(inputs):
        level = np.nan_to_num(inputs["level_percent"][:, -1:]) / 100
        week = np.repeat(level, 7, axis=1)
        parts = np.stack([week, 0.5 - week], axis=2)  # above 50 % the level, below the pace
        return {"p_full": week, "p_ge80": week, "q50": 100 * week, "q90": 100 * week,
                "contributions": parts}  # fmt: skip

    names = ("level_percent", "alert", "weekday", "city_steps", "city_pace")
    fields = [SimpleNamespace(name=name) for name in names]
    terms = [SimpleNamespace(label="niveau"), SimpleNamespace(label="rythme")]
    manifest = SimpleNamespace(inputs=fields, version="1.0.0", terms=terms)
    bundle = SimpleNamespace(manifest=manifest, digest="0" * 64, predict=predict)
    found = predicted(case.situation, bundle, "essai.zip")
    assert found.p_full[:, 0] == pytest.approx(case.situation.level_percent / 100)
    assert found.ai
    high = case.situation.level_percent >= 50
    assert [one == "niveau" for one in found.driver] == high.tolist()
    assert found.of(np.array([6])).driver == found.driver[6:7]
    assert "essai.zip" in found.source
    assert counted(case.situation).now_percent.tolist() == found.now_percent.tolist()
