"""The rounds as GeoJSON (RFC 7946): a line per trip, a point per stop, longitude first."""

from typing import Any

from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.routing.day import Trip, Visit
from usecases.waste_collection.routing.plan_lines import PlanContext

__all__ = ["rounds_geojson"]

DECIMALS = 6
"""About ten centimetres: RFC 7946 11.2 advises no more."""


def rounds_geojson(proposal: Proposal, context: PlanContext) -> dict[str, Any]:
    """Return the FeatureCollection; properties of points are those of ``plan.csv``.

    Lines are straight between stops: the roads driven are not known to the plan.
    """
    features: list[dict[str, Any]] = []
    for trip in proposal.plan.trips:
        features.append(_line(proposal, context, trip))
        features += [
            _point(context, trip, seq, visit) for seq, visit in enumerate(trip.visits, start=1)
        ]
    return {"type": "FeatureCollection", "features": features}


def _line(proposal: Proposal, context: PlanContext, trip: Trip) -> dict[str, Any]:
    driven = [visit.place_id for visit in trip.visits if visit.stop_type != "pause"]
    return {
        "type": "Feature",
        "geometry": {
            "type": "LineString",
            "coordinates": [_position(context, name) for name in driven],
        },
        "properties": _named(context, trip)
        | {
            "distance_m": trip.distance_m,
            "duration_s": trip.duration_s,
            "load_kg": trip.load_kg,
            "roads": proposal.case.terrain.roads.source,
            "shape": "straight between stops",
        },
    }


def _point(context: PlanContext, trip: Trip, seq: int, visit: Visit) -> dict[str, Any]:
    container = visit.place_id if visit.stop_type == "container" else ""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": _position(context, visit.place_id)},
        "properties": _named(context, trip)
        | {
            "seq": seq,
            "stop_type": visit.stop_type,
            "container_id": container,
            "eta": context.stamp(visit.arrive_s),
            "etd": context.stamp(visit.leave_s),
            "leg_m": visit.leg_m,
            "leg_s": visit.leg_s,
            "load_after_kg": visit.load_kg,
            "fill_assumed": context.fill_percent.get(container),
        },
    }


def _named(context: PlanContext, trip: Trip) -> dict[str, Any]:
    return {
        "plan_id": context.plan_id,
        "date": context.day.isoformat(),
        "vehicle_id": trip.truck_id,
        "trip": trip.number,
    }


def _position(context: PlanContext, name: str) -> list[float]:
    place = context.places[name]
    return [round(place.lon, DECIMALS), round(place.lat, DECIMALS)]
