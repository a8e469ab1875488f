"""The files for other software: GeoJSON, GPX, NGSI-LD, plan.csv and what changed."""

import json
import xml.etree.ElementTree as ET

import pytest

from common.edge.errors import TableError
from usecases.waste_collection.decision.exports.fiware import entities
from usecases.waste_collection.decision.exports.geojson import rounds_geojson
from usecases.waste_collection.decision.exports.gpx import NAMESPACE, trip_gpx
from usecases.waste_collection.decision.former import change_between, read_former
from usecases.waste_collection.decision.writing import context_of
from usecases.waste_collection.fill.fiware import from_ngsi_ld
from usecases.waste_collection.routing.plan_file import check_plan, write_plan

WPT_ORDER = (
    "ele", "time", "magvar", "geoidheight", "name", "cmt", "desc", "src", "link", "sym", "type",
    "fix", "sat", "hdop", "vdop", "pdop", "ageofdgpsdata", "dgpsid", "extensions",
)  # fmt: skip
"""Order of the elements of wptType in the schema of GPX 1.1."""
RTE_ORDER = (
    "name", "cmt", "desc", "src", "link", "number", "type", "extensions", "rtept",
)  # fmt: skip
GPX_ORDER = ("metadata", "wpt", "rte", "trk", "extensions")


def tags(element: ET.Element) -> list[str]:
    found = [child.tag for child in element]
    assert all(tag.startswith(f"{{{NAMESPACE}}}") for tag in found)
    return [tag.rpartition("}")[2] for tag in found]


def in_order(found: list[str], order: tuple[str, ...]) -> bool:
    places = [order.index(tag) for tag in found]
    return places == sorted(places)


def test_gpx_has_the_structure_of_the_schema(proposal):
    """Elements in the order that the schema gives them; numbers within its ranges."""
    trip = proposal.plan.trips[0]
    root = ET.fromstring(trip_gpx(trip, context_of(proposal), {"c1": "plein & loin <100 m>"}))
    assert root.tag == f"{{{NAMESPACE}}}gpx"
    assert root.attrib["version"] == "1.1"
    assert root.attrib["creator"]
    assert in_order(tags(root), GPX_ORDER)
    waypoints = root.findall(f"{{{NAMESPACE}}}wpt")
    route = root.find(f"{{{NAMESPACE}}}rte")
    assert in_order(tags(route), RTE_ORDER)
    points = route.findall(f"{{{NAMESPACE}}}rtept")
    # depot, stops, tip, and the depot again on the last trip
    assert len(points) == len(waypoints) == sum(v.stop_type != "pause" for v in trip.visits)
    for point in (*waypoints, *points):
        assert in_order(tags(point), WPT_ORDER)
        assert -90 <= float(point.attrib["lat"]) <= 90
        assert -180 <= float(point.attrib["lon"]) < 180
        assert point.find(f"{{{NAMESPACE}}}time").text.endswith("Z")


def test_geojson_follows_rfc_7946(proposal):
    """Longitude first, a line per trip, a point per visit, no crs member."""
    found = json.loads(json.dumps(rounds_geojson(proposal, context_of(proposal))))
    assert found["type"] == "FeatureCollection"
    assert "crs" not in found
    kinds = [one["geometry"]["type"] for one in found["features"]]
    assert kinds.count("LineString") == len(proposal.plan.trips)
    assert kinds.count("Point") == sum(len(trip.visits) for trip in proposal.plan.trips)
    for one in found["features"]:
        assert one["type"] == "Feature"
        coordinates = one["geometry"]["coordinates"]
        for lon, lat in coordinates if one["geometry"]["type"] == "LineString" else [coordinates]:
            assert -2 < lon < -1  # Nantes lies at 1.55 degrees west, 47.2 north
            assert 47 < lat < 48


def test_fiware_entities_are_read_back(case):
    """fillingLevel is a share; c1 (80 %, full the day after tomorrow) gets a deadline."""
    found = [from_ngsi_ld(one) for one in json.loads(json.dumps(entities(case)))]
    first = found[0]
    assert first.id == "urn:ngsi-ld:WasteContainer:c1"
    assert (first.filling_level, first.waste_kind) == (0.8, "glass")
    assert first.read_at.isoformat() == "2026-04-10T06:00:00+02:00"
    assert first.to_empty_before.isoformat() == "2026-04-12T06:00:00+02:00"
    assert found[4].to_empty_before is None  # c5 gains 2 points a day


def test_the_plan_file_passes_the_checker_of_files_and_is_read_as_a_former_plan(proposal, tmp_path):
    """plan.csv is accepted line by line by the independent reader; nothing changes against it."""
    path = tmp_path / "plan.csv"
    write_plan(path, proposal.plan, context_of(proposal))
    checked = check_plan(path, proposal.problem, {}, context_of(proposal))
    assert checked.served == proposal.plan.served
    former = read_former(path)
    change = change_between(former, proposal.plan)
    assert (change.came, change.went, dict(change.moved), change.metres) == ((), (), {}, 0)
    assert change.kept == len(proposal.plan.served)
    kept = former.within(frozenset({"B1", "B2", "B3"}), frozenset({"c1"}))
    assert kept.served == ("c1",)


def test_a_former_plan_that_is_none_is_refused(tmp_path):
    """A file without the columns, and one with an unreadable trip."""
    path = tmp_path / "plan.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(TableError, match="no column date"):
        read_former(path)
    path.write_text(
        "date,vehicle_id,trip,seq,stop_type,container_id,leg_m\n"
        "2026-04-10,B1,first,1,container,c1,10\n",
        encoding="utf-8",
    )
    with pytest.raises(TableError, match=r"plan.csv line 2: 'first'"):
        read_former(path)
