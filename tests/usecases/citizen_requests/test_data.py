"""The public texts become data sets whose periods are their splits."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from common.edge.errors import SourceError, UsageError
from usecases import discover
from usecases.citizen_requests.data import SYNTHETIC_DAYS, load, requests_of
from usecases.citizen_requests.sheets.library import sheet_tables
from usecases.cli.orders import dataset_of


def test_unknown_names_are_refused() -> None:
    """Before anything is fetched."""
    with pytest.raises(UsageError, match="'london'"):
        load("london")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="profile 'huge'"):
        load("paris", "huge")  # type: ignore[arg-type]


@pytest.fixture
def no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither cache, mirror nor npm client: the sheets cannot be had."""
    for name in ("cache", "mirror", "bin"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUNE_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    sheet_tables.cache_clear()
    yield
    sheet_tables.cache_clear()


@pytest.mark.usefixtures("no_package")
def test_without_npm_the_use_case_says_so_and_runs_on_the_simulator(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`auto` falls back loudly, `open` refuses and says what to install."""
    case = discover()["citizen_requests"]
    task = case.task("routing_themes")
    dataset = dataset_of(case, task, "auto", "quick")
    assert dataset.name.startswith("SIMULATED")
    said = capsys.readouterr().err
    assert "there is no npm client on the PATH" in said
    assert "données SIMULÉES" in said
    with pytest.raises(SourceError, match="no npm client") as error:
        dataset_of(case, task, "open", "quick")
    assert "apt install npm" in error.value.remedy


@pytest.mark.public_data
@pytest.mark.parametrize(
    ("name", "n_rows", "n_services"), [("paris", 1_333, 11), ("themes", 2_908, 10),
                                       ("answers", 1_700, 10)],
)  # fmt: skip
def test_each_data_set_has_its_rows_and_says_what_it_stands_in_for(
    name: str, n_rows: int, n_services: int
) -> None:
    """1,333 = 787 + 189 + 357 titles; 2,908 = 2,228 + 680; 1,700 = 1,429 titles + 271 anchors."""
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")
    dataset = load(name)  # type: ignore[arg-type]
    texts = requests_of(dataset)
    assert len(texts) == n_rows
    assert len(dataset.extras["services"]) == n_services
    assert texts["request_id"].is_unique
    assert (texts["text"].str.len() > 2).all()
    assert dataset.proxy.startswith("Données de substitution")
    assert not dataset.simulated


@pytest.mark.public_data
def test_paris_is_cut_by_edition_and_themes_by_dossier() -> None:
    """A year of the calendar is an edition; an invented year is a split, a dossier one of it."""
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")
    paris = load("paris")
    np.testing.assert_array_equal(paris.times.year, requests_of(paris)["edition"])
    themes = load("themes")
    split = requests_of(themes)["split"]
    for name, first in SYNTHETIC_DAYS.items():
        assert set(themes.times.year[split == name]) <= {first.year}
    assert len(set(zip(themes.groups, themes.times, strict=True))) == 223  # one day per dossier
