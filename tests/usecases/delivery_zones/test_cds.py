"""CDS 1.0.1 objects keep every field, both ways, and an offline sensor is never a free bay."""

import json
from dataclasses import fields

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import TableError
from common.lab.usecase import Dataset
from usecases.delivery_zones.kerb.cds import (
    EVENT_TYPES,
    CurbEvent,
    CurbPolicy,
    CurbZone,
    Rule,
    TimeSpan,
    from_json,
    payload,
    read_payload,
    to_json,
    uuid_of,
)
from usecases.delivery_zones.kerb.cds_exchange import (
    AGGREGATE_COLUMNS,
    OFFLINE,
    SESSION_FIELDS,
    aggregates,
    curb_events,
    curb_zones,
    events_from_csv,
    events_to_csv,
    metric_sessions,
)
from usecases.delivery_zones.kerb.events import Place, dataset_of, sessions_of
from usecases.delivery_zones.simulate import simulate

# The specification's own example of a time span (curbs/README.md, Time Span).
EXAMPLE_SPAN = {"days_of_week": ["mon", "tue"], "time_of_day_start": "10:00",
                "time_of_day_end": "13:00"}  # fmt: skip


def policy(**changes: object) -> dict[str, object]:
    whole = {
        "curb_policy_id": uuid_of("p"), "published_date": 1_736_139_322_000, "priority": 1,
        "rules": [{"activity": "loading", "max_stay": 30, "max_stay_unit": "minute",
                   "user_classes": ["delivery"],
                   "rate": [{"rate": 0, "rate_unit": "hour"}]}],
        "time_spans": [EXAMPLE_SPAN],
    }  # fmt: skip
    return whole | changes


def one_bay(
    *minutes: tuple[float, float], lost: tuple[float, float | None] | None = None
) -> Dataset:
    """Stays of one bay of zone z from 8 h on Monday 3 March 2025 in Paris (7 h UTC)."""
    first = pd.Timestamp("2025-03-03T07:00Z")
    at = [(first + pd.Timedelta(minutes=s), first + pd.Timedelta(minutes=e)) for s, e in minutes]
    stays = pd.DataFrame(
        {"curb_zone_id": "z", "curb_space_id": "z-1", "event_time_start": [pair[0] for pair in at],
         "event_time_end": [pair[1] for pair in at], "quality": "ok"}
    )  # fmt: skip
    outages = None
    if lost is not None:
        end = pd.NaT if lost[1] is None else first + pd.Timedelta(minutes=lost[1])
        outages = pd.DataFrame(
            {"curb_zone_id": ["z"], "curb_space_id": ["z-1"],
             "start": [first + pd.Timedelta(minutes=lost[0])],
             "end": pd.to_datetime([end], utc=True)}
        )  # fmt: skip
    zones = pd.DataFrame({"curb_zone_id": ["z"], "lon": [2.25], "lat": [48.9]})
    return dataset_of(Place("test", "Europe/Paris"), zones, stays, outages)


def metric(dataset: Dataset, name: str) -> dict[int, float]:
    table = aggregates(dataset)
    rows = table[table["metric_type"] == name]
    return dict(zip(rows["hour"], rows["value"], strict=True))


def test_a_policy_with_its_rules_and_time_spans_survives_the_round_trip() -> None:
    """Every name is CDS's; what is absent stays absent."""
    record = from_json(CurbPolicy, policy(), "p.json")
    assert record.time_spans == (
        TimeSpan(days_of_week=("mon", "tue"), time_of_day_start="10:00", time_of_day_end="13:00"),
    )
    assert record.rules[0].max_stay == 30
    assert to_json(record) == policy()


@settings(max_examples=50, deadline=None)
@given(
    days=st.none() | st.lists(st.sampled_from(("mon", "wed", "sun")), unique=True, max_size=3),
    months=st.none() | st.lists(st.integers(1, 12), max_size=3),
    start=st.none() | st.times().map(lambda time: f"{time:%H:%M}"),
    stay=st.none() | st.integers(0, 10_000),
    activity=st.sampled_from(("parking", "loading", "no stopping")),
    negated=st.none() | st.booleans(),
)
def test_any_time_span_and_rule_survives_json(
    days: list[str] | None, months: list[int] | None, start: str | None, stay: int | None,
    activity: str, negated: bool | None,
) -> None:  # fmt: skip
    """Lists, numbers, booleans and absences, through text."""
    span = TimeSpan(
        days_of_week=None if days is None else tuple(days),
        months=None if months is None else tuple(months),
        time_of_day_start=start, designated_period_except=negated,
    )  # fmt: skip
    whole = CurbPolicy("p", 1, 2, (Rule(activity, max_stay=stay),), (span,))
    text = json.dumps(payload("policies", [whole], "Europe/Paris", 3))
    assert read_payload(CurbPolicy, "policies", text, "p.json") == ([whole], "Europe/Paris")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"priority": None}, "no priority"),
        ({"priority": "1"}, "priority: '1'"),
        ({"priority": True}, "priority: True"),
        ({"rules": []}, "no rule"),
        ({"rules": [{"activity": "sleeping"}]}, r"rules\[0\].*sleeping"),
        ({"rules": {"activity": "loading"}}, "rules"),
        ({"time_spans": [{"days_of_week": ["lun"]}]}, r"time_spans\[0\].*lun"),
        ({"time_spans": [{"time_of_day_start": "7:00"}]}, "7:00"),
        ({"time_spans": [{"months": [13]}]}, "13"),
    ],
)
def test_what_breaks_the_specification_is_refused_at_its_place(
    changes: dict[str, object], message: str
) -> None:
    """The message says where in the file, and what is legal."""
    with pytest.raises(TableError, match=message) as refusal:
        from_json(CurbPolicy, policy(**changes), "p.json")
    assert refusal.value.expected


def test_no_record_has_a_field_that_identifies_a_vehicle() -> None:
    """And one that comes along is not kept."""
    names = {item.name for item in fields(CurbEvent)}
    assert not names & {"vehicle_id", "vehicle_license_plate", "vehicle_permit_number"}
    event = to_json(curb_events(one_bay((0, 20)))[0]) | {"vehicle_license_plate": "AA-123-AA"}
    assert "AA-123-AA" not in json.dumps(to_json(from_json(CurbEvent, event, "e")))


def test_events_and_zones_survive_json_and_csv() -> None:
    """A simulated fortnight with outages, through both forms."""
    dataset = simulate(seed=3, n_zones=4, weeks=2)
    events, zones = curb_events(dataset), curb_zones(dataset)
    assert {event.event_type for event in events} <= set(EVENT_TYPES)
    text = json.dumps(payload("events", events, dataset.timezone, 1))
    assert read_payload(CurbEvent, "events", text, "e.json")[0] == events
    assert events_from_csv(events_to_csv(events), "e.csv") == events
    kerbs = json.dumps(payload("zones", zones, dataset.timezone, 1))
    assert read_payload(CurbZone, "zones", kerbs, "z.json")[0] == zones
    assert [zone.user_zone_id for zone in zones] == ["sim-01", "sim-02", "sim-03", "sim-04"]


def test_an_answer_that_is_not_cds_is_refused() -> None:
    """An error page, another layout."""
    for text in (
        "<html>",
        "[]",
        '{"data": {"zones": []}}',
        '{"data": {"events": 3}, "time_zone": ""}',
    ):
        with pytest.raises(TableError, match=r"e\.json"):
            read_payload(CurbEvent, "events", text, "e.json")


def test_a_csv_line_of_another_width_is_refused_with_its_number() -> None:
    """The third line has a cell too many."""
    lines = events_to_csv(curb_events(one_bay((0, 20)))).splitlines()
    text = "\n".join([*lines[:2], lines[2] + ",more"])
    with pytest.raises(TableError, match="line 3"):
        events_from_csv(text, "e.csv")


def test_sessions_have_cds_columns_and_milliseconds() -> None:
    """8 h in Paris on 3 March 2025 is 1,740,985,200 s after 1970; 20 min are 1,200,000 ms."""
    table = metric_sessions(one_bay((0, 20)))
    assert tuple(table.columns) == SESSION_FIELDS
    assert table["event_time_start"].tolist() == [1_740_985_200_000]
    assert table["event_time_end"].tolist() == [1_740_986_400_000]
    assert table["event_location_start_latitude"].tolist() == [48.9]


def test_hourly_occupancy_is_the_share_of_the_hour_that_was_taken() -> None:
    """8:15-9:30 takes 45 of 60 min then 30 of 60; one arrival, at 8 h; mean stay 75 min."""
    dataset = one_bay((0, 5), (15, 90), (150, 160))
    assert tuple(aggregates(dataset).columns) == AGGREGATE_COLUMNS
    # 8 h: (5 + 45) / 60 = 0.8333; 9 h: 30 / 60; 10 h: 10 / 60 = 0.1667.
    assert metric(dataset, "occupancy_percent") == {8: 0.8333, 9: 0.5, 10: 0.1667}
    assert metric(dataset, "total_sessions") == {8: 2, 9: 0, 10: 1}
    assert metric(dataset, "average_dwell_time") == {8: 40.0, 10: 10.0}  # (5 + 75) / 2


def test_an_hour_in_which_the_sensor_was_mostly_offline_is_minus_one() -> None:
    """Lost from 9:10 to 10:20: 50 of 60 min of 9 h are unknown, and 20 of 60 of 10 h."""
    dataset = one_bay((0, 10), (140, 160), lost=(70, 140))
    occupancy = metric(dataset, "occupancy_percent")
    assert occupancy[9] == OFFLINE
    assert metric(dataset, "total_sessions")[9] == OFFLINE
    # 10 h: taken from 10:20 to 10:40, known from 10:20 on: 20 / 40.
    assert occupancy[10] == 0.5


def test_what_lies_in_an_outage_counts_as_unknown_even_inside_a_stay() -> None:
    """Taken 8:00-8:50 with 8:20-8:40 unknown: (20 + 10) taken of 40 known minutes."""
    dataset = one_bay((0, 50), lost=(20, 40))
    assert metric(dataset, "occupancy_percent") == {8: 0.75}


def test_a_sensor_that_never_came_back_stays_offline() -> None:
    """From 8:30 on nothing is known, whatever the clock says."""
    two = one_bay((0, 10), lost=(30, None))
    later = one_bay((0, 10), (200, 210), lost=(30, 199))
    assert metric(later, "occupancy_percent")[9] == OFFLINE
    assert len(sessions_of(two)) == 1
    assert metric(two, "occupancy_percent") == {8: 0.3333}  # 10 of the 30 known minutes


def test_the_autumn_hour_that_occurs_twice_is_one_row_of_two_hours() -> None:
    """26 October 2025, 2 h in Paris: taken 30 of 120 minutes, one arrival, 0.5 an hour."""
    first = pd.Timestamp("2025-10-26T00:00Z")
    at = [first, first + pd.Timedelta(hours=1, minutes=10), first + pd.Timedelta(hours=3)]
    stays = pd.DataFrame(
        {"curb_zone_id": "z", "curb_space_id": "z-1", "event_time_start": at,
         "event_time_end": [time + pd.Timedelta(minutes=15) for time in at], "quality": "ok"}
    )  # fmt: skip
    zones = pd.DataFrame({"curb_zone_id": ["z"]})
    dataset = dataset_of(Place("test", "Europe/Paris"), zones, stays)
    # UTC 0:00 and 1:10 are both 2 h local: two arrivals in two hours, 15 + 15 of 120 min.
    assert metric(dataset, "total_sessions")[2] == 2
    assert metric(dataset, "turnover")[2] == 1
    assert metric(dataset, "occupancy_percent")[2] == 0.25
