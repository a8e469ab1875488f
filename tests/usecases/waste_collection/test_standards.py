"""FIWARE and LwM2M fields are written as the public models name them, and read back."""

from datetime import UTC, datetime

import pytest

from common.edge.errors import TableError, UsageError
from usecases.waste_collection.fill.fiware import WasteContainer, from_ngsi_ld, to_ngsi_ld
from usecases.waste_collection.fill.lwm2m import (
    FillingLevel,
    from_resources,
    from_senml,
    to_resources,
    to_senml,
)

WHOLE = WasteContainer(
    "urn:ngsi-ld:WasteContainer:V1", -1.55, 47.21, filling_level=0.6, category=("underground",),
    cargo_weight_kg=312.5, temperature_celsius=21.0, methane_concentration=0.0, capacity_l=3000.0,
    threshold_percent=80.0, serial_number="A7", rfid="678", waste_kind="glass", status="ok",
    district="Centre", actuation_hours="Mo-Sa 07:00-20:00",
    read_at=datetime(2025, 3, 3, 5, 50, tzinfo=UTC),
    emptied_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC),
    to_empty_before=datetime(2025, 3, 5, 5, 0, tzinfo=UTC),
)  # fmt: skip

EVERYTHING = FillingLevel(
    62.5, container_full=False, container_empty=False, container_height_cm=180,
    filling_level_cm=112, high_threshold_percent=80.0, low_threshold_percent=5.0,
    average_filling_speed_percent_per_day=11.1, forecast_full_date=1_767_250_800,
    container_volume_max_m3=3.0, timestamp=1_767_000_000, measurement_quality=4, cover_open=False,
    out_of_location=False, temperature_alarm=True, installation_type="underground",
    type_of_materials="glass",
)  # fmt: skip


def test_a_container_survives_the_round_trip_through_ngsi_ld() -> None:
    assert from_ngsi_ld(to_ngsi_ld(WHOLE)) == WHOLE


def test_a_container_of_which_little_is_known_writes_only_that() -> None:
    """Absent is not zero: an unknown level must not be read as an empty container."""
    bare = WasteContainer("urn:ngsi-ld:WasteContainer:V2", -1.55, 47.21)
    assert set(to_ngsi_ld(bare)) == {"id", "type", "location", "@context"}
    assert from_ngsi_ld(to_ngsi_ld(bare)).filling_level is None


def test_the_level_says_when_it_was_observed_and_weights_say_their_unit() -> None:
    """The model names no unit of cargoWeight: KGM is the UN/CEFACT code of the kilogram."""
    entity = to_ngsi_ld(WHOLE)
    assert entity["fillingLevel"]["observedAt"] == "2025-03-03T05:50:00+00:00"
    assert entity["cargoWeight"]["unitCode"] == "KGM"
    assert entity["location"]["value"]["coordinates"] == [-1.55, 47.21]


def test_the_published_example_of_the_model_is_read() -> None:
    """As in the repository's examples/example-normalized.jsonld, shortened."""
    entity = {
        "id": "urn:ngsi-ld:wastecontainer:1021:AAWD", "type": "WasteContainer",
        "binCapacity": {"type": "Property", "value": 43},
        "binFullnessThreshold": {"type": "Property", "value": 80},
        "binLoggedTime": {
            "type": "Property",
            "value": {"@type": "DateTime", "@value": "2021-03-11T15:51:02+05:30"},
        },
        "location": {
            "type": "GeoProperty",
            "value": {"coordinates": [-8.768460000000001, 42.60214472222222], "type": "Point"},
        },
    }  # fmt: skip
    found = from_ngsi_ld(entity)
    assert (found.capacity_l, found.threshold_percent) == (43.0, 80.0)
    assert found.read_at == datetime(2021, 3, 11, 10, 21, 2, tzinfo=UTC)  # 15:51:02 - 05:30


def test_the_key_values_form_is_read_too() -> None:
    entity = {
        "id": "x", "type": "WasteContainer", "fillingLevel": 0.4, "category": ["ground"],
        "location": {"type": "Point", "coordinates": [2.0, 47.0]}, "address": {"district": "Nord"},
    }  # fmt: skip
    found = from_ngsi_ld(entity)
    assert (found.filling_level, found.category, found.district) == (0.4, ("ground",), "Nord")


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "WasteContainerIsle"},
        {"fillingLevel": 60},
        {"location": None},
        {"category": ["sous terre"]},
        {"dateLastEmptying": "2025-03-01T09:00:00"},
    ],
)
def test_an_entity_out_of_the_model_is_refused(wrong: dict[str, object]) -> None:
    """A level of 60 is a percentage where the model wants a share."""
    entity = {
        "id": "x", "type": "WasteContainer",
        "location": {"type": "Point", "coordinates": [2.0, 47.0]},
    } | wrong  # fmt: skip
    with pytest.raises(TableError):
        from_ngsi_ld(entity)


def test_an_instance_survives_both_round_trips_of_lwm2m() -> None:
    assert from_resources(to_resources(EVERYTHING)) == EVERYTHING
    other = FillingLevel(0.0, container_full=False, container_empty=True)
    assert from_senml(to_senml([EVERYTHING, other])) == [EVERYTHING, other]


def test_a_senml_pack_carries_its_base_name_once_per_instance() -> None:
    """RFC 8428: the base name holds until another one is given."""
    pack = to_senml([FillingLevel(50.0, container_full=False, container_empty=False)])
    assert pack[0] == {"bn": "/3435/0/", "n": "2", "v": 50.0}
    assert [record for record in pack if "bn" in record] == [pack[0]]


def test_other_objects_of_a_pack_are_left_aside() -> None:
    pack = [*to_senml([EVERYTHING]), {"bn": "/3303/0/", "n": "5700", "v": 21.5}]
    assert from_senml(pack) == [EVERYTHING]


def test_a_measurement_that_the_device_rejects_is_not_believed() -> None:
    """Quality 1 and 2 are rejected, 3 is only suspicious; an open cover hides the level."""

    def level(**fields: object) -> FillingLevel:
        return FillingLevel(50.0, container_full=False, container_empty=False, **fields)  # type: ignore[arg-type]

    assert not level(measurement_quality=2).is_believable
    assert not level(cover_open=True).is_believable
    assert level(measurement_quality=3).is_believable


@pytest.mark.parametrize(
    "resources",
    [
        {"2": 50.0, "5": False},
        {"2": "50", "5": False, "7": False},
        {"2": 50.0, "5": 0, "7": False},
        {"2": 500.0, "5": False, "7": False},
    ],
)
def test_an_instance_that_is_not_whole_is_refused(resources: dict[str, object]) -> None:
    with pytest.raises(TableError):
        from_resources(resources)


def test_a_level_beyond_the_models_range_is_refused_where_it_is_made() -> None:
    with pytest.raises(UsageError, match="0 to 1"):
        WasteContainer("x", 2.0, 47.0, filling_level=1.2)
