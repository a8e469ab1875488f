"""The public files become the reference tables, stay by stay."""

import hashlib
import os

import pandas as pd
import pytest

from common.edge.errors import UsageError
from common.lab.sources import load_sources
from common.lab.usecase import Dataset
from usecases.delivery_zones.data import HAMBURG_HEADLINE, SOURCES, load, sessions_of, zones_of
from usecases.delivery_zones.kerb.events import outages_of, spaces_seen

# sha256 over the sorted lines "zone start end class quality" of the reference tables
# dundee_sessions.csv.gz (50,451 rows) and hamburg_sessions.csv.gz (13,526 rows).
REFERENCE = {
    "dundee": (50_451, 36, "afbedbf61f5ee532eaba7333504a4204ae606ae6dc93163e22b172b080a14949"),
    "hamburg": (13_526, 307, "fbb4e504416949b754cb654667f1ad99e78d566be0cc6f36d04e9536199422b7"),
}


@pytest.fixture(scope="module")
def dundee() -> Dataset:
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")
    return load("dundee")


@pytest.fixture(scope="module")
def hamburg() -> Dataset:
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")
    return load("hamburg")


def digest(sessions: pd.DataFrame) -> str:
    lines = sorted(
        f"{zone} {start:%Y-%m-%dT%H:%M:%S} {end:%Y-%m-%dT%H:%M:%S} {use_class} {quality}"
        for zone, start, end, use_class, quality in zip(
            sessions["curb_zone_id"], sessions["event_time_start"], sessions["event_time_end"],
            sessions["use_class"], sessions["quality"], strict=True,
        )
    )  # fmt: skip
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.public_data
def test_dundee_is_the_reference_table_to_the_last_stay(dundee: Dataset) -> None:
    """Rebuilt from the events, every stay has its zone, times, class and flag."""
    sessions = sessions_of(dundee)
    found = (len(sessions), sessions["curb_zone_id"].nunique(), digest(sessions))
    assert found == REFERENCE["dundee"]
    assert zones_of(dundee)["n_spaces"].sum() == 125


@pytest.mark.public_data
def test_hamburg_headline_is_the_reference_table_and_all_399_sites_are_there(
    hamburg: Dataset,
) -> None:
    """The reference figures stand on 307 sites; the other 92 are a second row."""
    zones = zones_of(hamburg)
    headline = set(zones.loc[zones["headline"], "curb_zone_id"])
    sessions = sessions_of(hamburg)
    kept = sessions[sessions["curb_zone_id"].isin(headline)]
    found = (len(kept), kept["curb_zone_id"].nunique(), digest(kept))
    assert found == REFERENCE["hamburg"]
    assert (len(zones), len(sessions), len(HAMBURG_HEADLINE)) == (399, 17_521, 307)
    assert zones.loc[zones["headline"], "n_spaces"].sum() == 611


@pytest.mark.public_data
def test_hamburg_sites_lie_in_hamburg(hamburg: Dataset) -> None:
    """Site 94 is at 9.937653 E, 53.552634 N in the reference table; all lie within 40 km."""
    zones = zones_of(hamburg).set_index("curb_zone_id")
    assert zones.loc["hh-94", ["lon", "lat"]].tolist() == [9.937653, 53.552634]
    assert zones["lon"].between(9.6, 10.4).all()
    assert zones["lat"].between(53.35, 53.75).all()
    assert zones["area_class"].value_counts().index.isin(["UR", "SU", "CC", "WA"]).all()


@pytest.mark.public_data
def test_what_was_dropped_is_counted(dundee: Dataset) -> None:
    """Read minus dropped is kept, and 482 + 1,063 = 1,545 are of no or impossible length."""
    steps = dundee.extras["cleaning"]
    counts = dict(zip(steps["operation"], steps["lignes"], strict=True))
    read = steps.loc[steps["operation"] == "lignes lues", "lignes"].sum()
    dropped = steps.loc[steps["operation"].str.endswith("écartées"), "lignes"].sum()
    assert read == 15_502 + 1_250 + 16_773 + 19_227
    assert counts["durée nulle ou négative : écartées"] == 482
    assert counts["plus de 48 h : écartées"] == 1_063
    assert read - dropped == counts["stationnements gardés"] == 50_451


@pytest.mark.public_data
def test_the_winter_without_data_is_unknown_for_every_bay(dundee: Dataset) -> None:
    """No bay is free while nobody was recording: 2 December to 22 February, and two more."""
    outages = outages_of(dundee)
    spells = outages.groupby(["start", "end"]).size()
    starts = [str(start) for start in spells.index.get_level_values("start")]
    ends = [str(end) for end in spells.index.get_level_values("end")]
    assert starts == [
        "2017-12-01 12:09:00+00:00", "2018-03-02 23:50:00+00:00", "2018-06-05 10:11:00+00:00",
    ]  # fmt: skip
    assert ends == [
        "2018-02-22 11:44:00+00:00", "2018-03-05 00:00:00+00:00", "2018-06-05 23:00:00+00:00",
    ]  # fmt: skip
    sessions = sessions_of(dundee)
    inside = sessions["event_time_start"].between("2017-12-02T00:00Z", "2018-02-22T11:00Z")
    assert not inside.any()


@pytest.mark.public_data
def test_a_site_that_opened_late_has_no_bay_before_its_first_arrival(dundee: Dataset) -> None:
    """Princes Street opened in 2018: no bay seen in 2017, and its first arrival is kept."""
    zones = zones_of(dundee).set_index("curb_zone_id")
    opened = zones.loc["du-princes-street-charging-hub-rapid", "valid_from"]
    assert opened > pd.Timestamp("2018-03-01", tz="UTC")
    seen = spaces_seen(
        dundee, pd.Timestamp("2017-09-01", tz="UTC"), pd.Timestamp("2018-01-01", tz="UTC")
    )
    assert seen["du-princes-street-charging-hub-rapid"] == 0
    assert seen["du-dundee-ice-arena-rapid"] == 1


@pytest.mark.public_data
def test_the_quick_profile_says_what_it_takes(dundee: Dataset, hamburg: Dataset) -> None:
    """Seven rapid zones of Dundee; one in five of 307 headline sites, 62, of Hamburg."""
    quick = load("dundee", "quick")
    assert set(zones_of(quick)["use_class"]) == {"rapid"}
    whole = sessions_of(dundee)
    assert len(sessions_of(quick)) == (whole["use_class"] == "rapid").sum()
    few = load("hamburg", "quick")
    assert len(zones_of(few)) == 62  # ceil(307 / 5)
    assert zones_of(few)["headline"].all()


@pytest.mark.public_data
def test_nothing_that_names_a_user_is_read(dundee: Dataset) -> None:
    """The summer file holds 19,227 user identifiers; none of its cells gets in."""
    texts = [table.to_csv() for table in dundee.extras.values()]
    assert not any("601838" in text for text in texts)  # the file's first user
    assert dundee.proxy.startswith("Données de substitution")


def test_the_paris_files_cannot_be_fetched() -> None:
    """They carry personal data: no source lists them."""
    files = [path for source in load_sources(SOURCES) for path in source.files]
    assert len(files) == 9
    assert not any("paris" in path.lower() for path in files)


def test_an_unknown_city_or_profile_is_refused() -> None:
    """A typing mistake must not load something else."""
    with pytest.raises(UsageError, match="dundee or hamburg"):
        load("paris")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="quick or full"):
        load("dundee", "fast")  # type: ignore[arg-type]
