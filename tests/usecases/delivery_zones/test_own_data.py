"""A commune's own bays are read as they are exported, or refused by file and line."""

import json
from pathlib import Path

import pandas as pd
import pytest

from common.edge.errors import TableError
from usecases.delivery_zones.kerb.cds import payload
from usecases.delivery_zones.kerb.cds_exchange import curb_events, curb_zones, events_to_csv
from usecases.delivery_zones.kerb.events import outages_of, sessions_of, zones_of
from usecases.delivery_zones.own_data import free_share, read
from usecases.delivery_zones.simulate import simulate

ZONES = "curb_zone_id;timezone;n_spaces\nhalles;Europe/Paris;2\ngare;Europe/Paris;1\n"
FRENCH = "aire;place;début;fin\n"


def folder(tmp_path: Path, **files: str | bytes) -> Path:
    """Write files named with an underscore for the point: ``zones_csv``."""
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name.replace("_", ".")).write_bytes(data)
    return tmp_path


def busy(day: str = "2025-03-0") -> str:
    """Both bays of halles and that of gare, taken 20 minutes in each half-hour from 7 to 20 h."""
    return "".join(
        f"{zone};{bay};{day}{number}T{hour:02d}:{minute:02d}:07;"
        f"{day}{number}T{hour:02d}:{minute + 20}:40\n"
        for number in (3, 4) for hour in range(7, 20) for minute in (1, 31)
        for zone, bay in (("halles", "h1"), ("halles", "h2"), ("gare", "g1"))
    )  # fmt: skip


def messages(path: Path) -> str:
    with pytest.raises(TableError) as refusal:
        read(path)
    return str(refusal.value)


def test_the_french_csv_is_read_in_local_time(tmp_path: Path) -> None:
    """Semicolons, Windows-1252, day/month/year, an end left empty."""
    lines = FRENCH + busy() + "gare;g1;05/03/2025 08:00;\n"
    found = read(folder(tmp_path, zones_csv=ZONES, sessions_csv=lines.encode("cp1252")))
    sessions = sessions_of(found)
    assert len(sessions) == 2 * 13 * 2 * 3 + 1  # days, hours, half-hours, bays, and the open one
    assert str(sessions["event_time_start"].iloc[0]) == "2025-03-03 06:01:07+00:00"
    assert sessions["event_time_end"].isna().sum() == 1
    assert (found.timezone, found.simulated) == ("Europe/Paris", False)
    assert zones_of(found).set_index("curb_zone_id")["n_spaces"].to_dict() == {
        "gare": 1, "halles": 2,
    }  # fmt: skip


def test_zones_keep_what_is_known_of_them(tmp_path: Path) -> None:
    """Decimal commas, a limit, a class; an empty cell stays unknown."""
    zones = (
        "aire;fuseau;places;longitude;latitude;quartier;durée max\n"
        "halles;Europe/Paris;;2,3461;48,8622;Centre;30\n"
        "gare;Europe/Paris;1;;;;\n"
    )
    found = zones_of(read(folder(tmp_path, zones_csv=zones, sessions_csv=FRENCH + busy())))
    halles = found.set_index("curb_zone_id").loc["halles"]
    assert halles[["lon", "lat", "max_stay_minutes", "n_spaces"]].tolist() == [
        2.3461,
        48.8622,
        30,
        2,
    ]
    assert halles["area_class"] == "Centre"
    assert found.set_index("curb_zone_id")["lon"].isna()["gare"]


def test_the_autumn_night_keeps_stays_in_order(tmp_path: Path) -> None:
    """2:50 to 2:10 on 26 October 2025: the second 2:10, twenty minutes later."""
    line = "gare;g1;26/10/2025 02:50;26/10/2025 02:10\n"
    found = read(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + busy() + line))
    last = sessions_of(found).iloc[-1]
    assert str(last["event_time_start"]) == "2025-10-26 00:50:00+00:00"
    assert str(last["event_time_end"]) == "2025-10-26 01:10:00+00:00"


def test_a_time_that_the_spring_clock_skipped_is_refused(tmp_path: Path) -> None:
    """2:30 on 30 March 2025 does not exist in Paris."""
    line = "gare;g1;30/03/2025 02:30;30/03/2025 03:10\n"
    text = messages(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + line))
    assert "sessions.csv line 2" in text
    assert "exists in Europe/Paris" in text


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("port;p1;2025-03-05T08:00;2025-03-05T08:20", "sessions.csv line 2", "zone of zones.csv"),
        ("gare;g1;2025-03-05T08:30;2025-03-05T08:20", "sessions.csv line 2", "after the start"),
        ("gare;g1;5 mars;2025-03-05T08:20", "sessions.csv line 2", "a time such as"),
        ("gare;g1;2025-03-05T08:30;2025-04-05T08:20", "sessions.csv line 2", "7 days"),
        ("gare;g1;2925-03-05T08:30;", "sessions.csv line 2", "a time such as"),
        ("gare;;2025-03-05T08:30;2025-03-05T08:50", "sessions.csv line 2", "id of a bay"),
        ("gare;g1;2025-03-05T08:30", "sessions.csv line 2", "4 cells"),
    ],
)
def test_a_wrong_line_is_refused_with_what_to_do(
    tmp_path: Path, line: str, place: str, words: str
) -> None:
    """File, line, found, expected, to do."""
    text = messages(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + line + "\n"))
    assert place in text
    assert words in text
    assert "to do:" in text


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        ("curb_zone_id;n_spaces\nhalles;2\n", "timezone"),
        ("curb_zone_id;timezone\nhalles;Paris\n", "IANA"),
        ("curb_zone_id;timezone\nhalles;Europe/Paris\ngare;Europe/London\n", "one time zone"),
        ("curb_zone_id;timezone\nhalles;Europe/Paris\nhalles;Europe/Paris\n", "once per zone"),
        ("curb_zone_id;timezone;n_spaces\nhalles;Europe/Paris;0\n", "1 to 200"),
        ("curb_zone_id;timezone;lat\nhalles;Europe/Paris;97\n", "-90 to 90"),
        ("curb_zone_id;timezone\n", "no zone"),
    ],
)
def test_wrong_zones_are_refused(tmp_path: Path, zones: str, words: str) -> None:
    """Before any stay is read."""
    assert words in messages(folder(tmp_path, zones_csv=zones, sessions_csv=FRENCH + busy()))


@pytest.mark.parametrize("column", ["plaque", "Immatriculation", "user_id", "N° badge"])
def test_a_column_that_identifies_somebody_is_refused(tmp_path: Path, column: str) -> None:
    """Personal data do not enter, not even by mistake."""
    header = FRENCH.strip() + f";{column}\n"
    line = "gare;g1;2025-03-05T08:30;2025-03-05T08:50;X\n"
    text = messages(folder(tmp_path, zones_csv=ZONES, sessions_csv=header + line))
    assert "identifies a vehicle or a person" in text


def test_bookings_are_refused_by_their_column_their_source_and_their_look(tmp_path: Path) -> None:
    """Check-ins say that a zone is free 99.5 % of the time; they are not occupancy."""
    header = "aire;place;début;fin;réservation\n"
    line = "gare;g1;2025-03-05T08:30;2025-03-05T08:50;1\n"
    assert "not occupancy" in messages(
        folder(tmp_path, zones_csv=ZONES, sessions_csv=header + line)
    )
    stated = "curb_zone_id;timezone;data_source_type\ngare;Europe/Paris;payment\n"
    text = messages(folder(tmp_path, zones_csv=stated, sessions_csv=FRENCH + line[:-3] + "\n"))
    assert "not occupancy" in text
    rare = "".join(
        f"gare;g1;2025-03-{d:02d}T08:30:07;2025-03-{d:02d}T08:35:40\n" for d in range(3, 30)
    )
    text = messages(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + rare))
    assert "free in" in text
    assert "data_source_type" in text
    vouched = ZONES.replace("n_spaces\n", "n_spaces;source\n").replace("2\n", "2;in_ground\n")
    vouched = vouched.replace("1\n", "1;in_ground\n")
    found = read(folder(tmp_path, zones_csv=vouched, sessions_csv=FRENCH + rare))
    assert found.extras["reading"]["operation"].str.startswith("alerte").any()


def test_the_free_share_is_that_of_goods_hours() -> None:
    """One bay taken 12:00-18:00 in Paris, asked from 8:00 (7 UTC) to 18:00: 24 of 41 quarters."""
    at = [pd.Timestamp(f"2025-03-03T{text}Z") for text in ("07:00", "07:01", "11:00", "17:00")]
    stays = pd.DataFrame(
        {"curb_zone_id": "z", "curb_space_id": "a",
         "event_time_start": [at[0], at[2], at[3]],
         "event_time_end": [at[1], at[3], at[3] + pd.Timedelta(minutes=1)]}
    )  # fmt: skip
    zones = pd.DataFrame({"curb_zone_id": ["z"], "n_spaces": [1]})
    # 41 instants 8:00, 8:15, ..., 18:00. Taken at 8:00, at 12:00 ... 17:45 (24) and at 18:00.
    assert free_share(zones, stays, "Europe/Paris") == pytest.approx(1 - 26 / 41)


def test_without_bay_ids_stays_take_the_first_free_bay(tmp_path: Path) -> None:
    """Three at once where there are two bays is refused with its line."""
    header = "aire;début;fin\n"
    two = busy().replace(";h1", "").replace(";h2", "").replace(";g1", "")
    found = read(folder(tmp_path, zones_csv=ZONES, sessions_csv=header + two))
    assert found.extras["spaces"]["curb_space_id"].tolist() == ["gare-1", "halles-1", "halles-2"]
    third = "halles;2025-03-03T07:05;2025-03-03T07:15\n"
    text = messages(folder(tmp_path, zones_csv=ZONES, sessions_csv=header + two + third))
    assert f"line {2 + two.count(chr(10))}" in text
    assert "3 vehicles at once" in text


def test_an_outage_is_unknown_and_one_of_a_zone_is_one_of_its_bays(tmp_path: Path) -> None:
    """The zone's outage reaches both bays of halles; the bay's own is merged with it."""
    lines = (
        "aire;place;début;fin\nhalles;;04/03/2025 21:00;05/03/2025 06:00\n;h1;05/03/2025 05:00;\n"
    )
    found = read(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + busy(), outages_csv=lines))
    outages = outages_of(found)
    assert len(outages) == 2
    assert outages["end"].isna().tolist() == [True, False]
    text = messages(folder(tmp_path, outages_csv="place;début;fin\nx9;05/03/2025 05:00;\n"))
    assert "outages.csv line 2" in text


def test_bays_that_overlap_all_the_time_are_no_bays(tmp_path: Path) -> None:
    """A device's id given for the bay's: every stay overlaps another."""
    lines = busy().replace(";h2;", ";h1;")
    text = messages(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + lines))
    assert "one vehicle at a time" in text


def test_more_bays_than_the_zone_has_are_refused(tmp_path: Path) -> None:
    """zones.csv says one bay, the stays name two."""
    text = messages(
        folder(tmp_path, zones_csv=ZONES.replace("Paris;2", "Paris;1"),
               sessions_csv=FRENCH + busy())
    )  # fmt: skip
    assert "2 bays in the stays, n_spaces 1" in text


def test_the_cadence_of_polls_is_found(tmp_path: Path) -> None:
    """Times on the quarter hour come from polls every 15 minutes; dwell needs better."""
    lines = busy().replace(":01:07", ":00:00").replace(":31:07", ":30:00")
    lines = lines.replace(":21:40", ":15:00").replace(":51:40", ":45:00")
    found = read(folder(tmp_path, zones_csv=ZONES, sessions_csv=FRENCH + lines))
    reading = found.extras["reading"].set_index("operation")["lignes"]
    assert reading["cadence d'observation en minutes (0 : événements)"] == 15


def cds_folder(tmp_path: Path, source: str = "in_ground") -> Path:
    dataset = simulate(seed=4, n_zones=4, weeks=3)
    events = json.dumps(payload("events", curb_events(dataset, source), dataset.timezone, 1))
    zones = json.dumps(payload("zones", curb_zones(dataset), dataset.timezone, 1))
    return folder(tmp_path, events_json=events, zones_json=zones)


def test_cds_events_give_back_the_stays_and_keep_outages_unknown(tmp_path: Path) -> None:
    """Same stays to the second; an outage lasts at least as long as the sensor's silence."""
    dataset = simulate(seed=4, n_zones=4, weeks=3)
    found = read(cds_folder(tmp_path))
    columns = ["event_time_start", "event_time_end"]
    ours, theirs = sessions_of(dataset), sessions_of(found)
    assert sorted(map(tuple, ours.loc[ours["quality"] == "ok", columns].to_numpy())) == sorted(
        map(tuple, theirs.loc[theirs["quality"] == "ok", columns].to_numpy())
    )
    assert set(zones_of(found)["name"]) == set(zones_of(dataset)["name"])
    assert len(outages_of(found)) == len(outages_of(dataset))
    assert (
        outages_of(found)["end"].fillna(found.times[-1]).max() >= outages_of(dataset)["end"].max()
    )


def test_events_as_csv_give_the_same_as_json(tmp_path: Path) -> None:
    """Zones come from zones.csv then, as their time zone must."""
    dataset = simulate(seed=4, n_zones=2, weeks=3)
    events = curb_events(dataset, "camera")
    ids = sorted({str(event.curb_zone_id) for event in events})
    zones = "curb_zone_id;timezone\n" + "".join(f"{name};Europe/Paris\n" for name in ids)
    found = read(folder(tmp_path, events_csv=events_to_csv(events), zones_csv=zones))
    assert len(sessions_of(found)) == len(sessions_of(dataset))


@pytest.mark.parametrize("source", ["payment", "data_feed", "in_person"])
def test_cds_events_of_customers_are_refused(tmp_path: Path, source: str) -> None:
    """An app sees its own customers, not the bay."""
    assert "customers" in messages(cds_folder(tmp_path, source))


def event(kind: str, minute: int, **changes: object) -> dict[str, object]:
    """An event of bay b1 of zone halles at a minute from 8 h on 3 March 2025 in Paris."""
    return {
        "event_id": f"{kind}-{minute}", "event_type": kind, "event_location": None,
        "event_time": 1_740_985_200_000 + 60_000 * minute, "event_publication_time": 0,
        "data_source_type": "camera", "data_source_device_id": "d", "curb_zone_id": "halles",
        "curb_space_id": "b1",
    } | changes  # fmt: skip


def events_file(*events: dict[str, object]) -> str:
    return json.dumps({"data": {"events": list(events)}, "time_zone": "Europe/Paris"})


def test_a_bay_stays_unknown_until_something_happens_on_it(tmp_path: Path) -> None:
    """Lost at 30 while taken, back at 60, a departure at 90: was it the same vehicle? Unknown.

    The stay is cut at 30 and the outage lasts to 90; the return of the sensor tells nothing.
    """
    found = read(folder(tmp_path, events_json=events_file(
        event("park_start", 0), event("comms_lost", 30), event("comms_restored", 60),
        event("park_end", 90), event("park_start", 100), event("park_end", 160),
    )))  # fmt: skip
    sessions = sessions_of(found)
    assert sessions["quality"].tolist() == ["cut_by_outage", "ok"]
    minutes = (sessions["event_time_end"] - sessions["event_time_start"]).dt.total_seconds() / 60
    assert minutes.tolist() == [30, 60]
    outage = outages_of(found).iloc[0]
    assert (outage["end"] - outage["start"]).total_seconds() == 60 * 60


def test_lost_events_are_repaired_and_counted(tmp_path: Path) -> None:
    """A departure without arrival goes; an arrival on a taken bay ends the stay before it."""
    found = read(folder(tmp_path, events_json=events_file(
        event("park_end", 0), event("park_start", 10), event("park_start", 40),
        event("park_end", 70), event("park_end", 70), event("enter_area", 80),
    )))  # fmt: skip
    reading = found.extras["reading"].set_index("operation")["lignes"]
    assert reading["départs sans arrivée connue, écartés"] == 1
    assert reading["événements répétés, comptés une fois"] == 1
    assert reading["événements sans effet sur l'occupation"] == 1
    assert sessions_of(found)["quality"].tolist() == ["truncated_at_next_arrival", "ok"]


def test_an_event_without_a_bay_is_refused_by_its_id(tmp_path: Path) -> None:
    """Occupancy of a zone cannot be told from events whose bay is unknown."""
    text = messages(
        folder(tmp_path, events_json=events_file(event("park_start", 0, curb_space_id=None)))
    )
    assert "park_start-0" in text
    assert "curb_space_id" in text


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    """The message says which names are expected."""
    assert "zones.csv with sessions.csv" in messages(tmp_path)
    assert "not a folder" in messages(tmp_path / "none")
