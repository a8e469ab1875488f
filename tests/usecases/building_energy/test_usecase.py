"""The use case is wired: tasks, sources, simulator, limits."""

import re

import pytest

from common.edge.errors import UsageError
from usecases.building_energy.tasks import ENERGY_OF
from usecases.building_energy.usecase import USECASE


def test_tasks_are_found_by_id_and_the_first_is_the_headline() -> None:
    """Electricity is asked where nobody says which."""
    assert USECASE.task(None).id == "forecast"
    assert [USECASE.task(name).id for name in ("forecast", "forecast_gas")] == [
        "forecast", "forecast_gas",
    ]  # fmt: skip
    assert set(ENERGY_OF) == {task.id for task in USECASE.tasks}


def test_an_unknown_task_is_refused_with_the_names_that_exist() -> None:
    """The message is the list."""
    with pytest.raises(UsageError, match="one of forecast, forecast_gas"):
        USECASE.task("steam")


@pytest.mark.parametrize("source", USECASE.sources, ids=lambda source: source.name)
def test_a_source_says_who_publishes_what_under_which_terms(source) -> None:
    """Publisher, licence, period, personal data, and a pinned origin with its files."""
    for name in ("title", "publisher", "licence", "period", "personal_data"):
        assert getattr(source, name).strip(), name
    assert source.files
    assert re.match(r"(github:[\w.-]+/[\w.-]+@[0-9a-f]{40}|npm:.+@\d|https://)", source.origin)


def test_the_public_data_of_both_energies_have_a_source() -> None:
    """Meters of either energy and the weather beside them; substitutes say so."""
    by_name = {source.name: source for source in USECASE.sources}
    assert {"ucam_electricity", "ucam_gas", "bedford_weather"} <= set(by_name)
    assert by_name["ucam_electricity"].proxy
    assert by_name["ucam_gas"].proxy


@pytest.mark.parametrize("task", USECASE.tasks, ids=lambda task: task.id)
def test_simulated_data_say_that_they_are(task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, flag and proxy sentence, for either energy; two draws of a seed are one."""
    from usecases.building_energy import usecase

    asked = []

    def small(energy: str, seed: int):
        asked.append((energy, seed))
        return simulate(energy, seed, n_meters=1, years=(2022,))

    simulate = usecase.simulate.simulate
    monkeypatch.setattr(usecase.simulate, "simulate", small)
    dataset = USECASE.simulate(task, 3)
    assert asked == [(ENERGY_OF[task.id], 3)]
    assert dataset.simulated
    assert dataset.name == f"SIMULATED building_energy {ENERGY_OF[task.id]}"
    assert "simulées" in dataset.proxy


def test_limits_tell_substitute_data_simulated_weather_and_who_decides() -> None:
    """Every page carries them."""
    text = " ".join(USECASE.limits)
    for words in ("Données de remplacement", "Covid", "simulée", "Une personne décide"):
        assert words in text
    assert all(limit.endswith(".") for limit in USECASE.limits)


def test_ladders_begin_without_ai_and_rise_in_kind() -> None:
    """No-AI rungs, then linear, additive, boosted; every name once, every rung explained."""
    order = ["no_ai", "linear", "additive", "boosted"]
    for task in USECASE.tasks:
        kinds = [order.index(rung.kind) for rung in task.rungs]
        assert kinds == sorted(kinds)
        names = [rung.name for rung in task.rungs]
        assert len(set(names)) == len(names)
        assert all(rung.title and rung.note.endswith(".") for rung in task.rungs)
