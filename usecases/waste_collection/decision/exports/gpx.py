"""A trip as GPX 1.1: waypoints and a route, for OsmAnd, Organic Maps and sat navs."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from usecases.waste_collection.routing.day import Trip, Visit
from usecases.waste_collection.routing.plan_lines import PlanContext

__all__ = ["trip_gpx"]

NAMESPACE = "http://www.topografix.com/GPX/1/1"
"""The name of the format's elements, not an address that anything asks."""
KINDS = {"depot": "Dépôt", "tip": "Quai de vidage", "container": "Conteneur"}


def trip_gpx(trip: Trip, context: PlanContext, words: Mapping[str, str]) -> str:
    """Return the file of one trip.

    Elements stand in the order of the schema (metadata, wpt, rte; in a point: time, name,
    desc, type).

    Parameters
    ----------
    trip
        The trip; pauses are no places and are left out.
    context
        Day, zone and positions.
    words
        Description by container.
    """
    stops = [visit for visit in trip.visits if visit.stop_type != "pause"]
    title = escape(f"{context.day.isoformat()} {trip.truck_id}, tournée {trip.number}")
    points = list(_points(stops, context, words))
    body = "".join(f"<wpt {point}</wpt>\n" for point in points)
    route = "".join(f"<rtept {point}</rtept>\n" for point in points)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<gpx version="1.1" creator="Aune" xmlns="{NAMESPACE}">\n'
        f"<metadata><name>{title}</name></metadata>\n"
        f"{body}<rte><name>{title}</name><number>{trip.number}</number>\n{route}</rte>\n</gpx>\n"
    )


def _points(stops: list[Visit], context: PlanContext, words: Mapping[str, str]) -> Iterator[str]:
    for seq, visit in enumerate(stops):
        place = context.places[visit.place_id]
        container = visit.stop_type == "container"
        name = f"{seq} {visit.place_id}" if container else KINDS[visit.stop_type]
        text = words.get(visit.place_id, "") if container else ""
        described = f"<desc>{escape(text)}</desc>" if text else ""
        yield (
            f'lat="{place.lat:.6f}" lon="{place.lon:.6f}"><time>{_utc(context, visit)}</time>'
            f"<name>{escape(name)}</name>{described}<type>{KINDS[visit.stop_type]}</type>"
        )


def _utc(context: PlanContext, visit: Visit) -> str:
    """Return the arrival in UTC, as the format asks."""
    local = datetime.fromisoformat(context.stamp(visit.arrive_s))
    return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
