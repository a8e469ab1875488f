"""A map of the rounds as one plain SVG: no tiles, no request; a trip has colour, dash and label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from common.lab.pages.figure import Figure, Table
from common.lab.pages.french import plural, quantity
from common.lab.pages.svg import ACCENT, INK, MUTED, RUST, Canvas, text_width
from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.decision.terrain import DEPOT_ID, TIP_ID
from usecases.waste_collection.routing.day import Trip
from usecases.waste_collection.routing.network import Place

__all__ = ["round_maps", "trip_style"]

WIDTH, MARGIN, ROW = 760.0, 30.0, 22.0
LEAST_HEIGHT = 180.0
COLOURS = (ACCENT, RUST, "#2b5c9e", "#7a3b78", INK)
DASHES = ("", "9 4", "2 4", "12 4 2 4")
METRES_PER_DEGREE = 111_195.0
"""Of latitude: the Earth's mean circumference over 360."""
CLOSE_SHARE = 0.5
"""A second map goes closer where the containers fill less than this share of the first."""
MANY_STOPS = 80
"""Beyond, stops are dots without their number: the sheets number them."""

Points = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _Frame:
    points: Points
    metres_per_pixel: float
    height: float


class _MapCanvas(Canvas):
    """A canvas with lines of any dash and texts with a halo."""

    def track(self, points: Sequence[tuple[float, float]], colour: str, dash: str) -> None:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._body.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.2"'
            f' stroke-linejoin="round" stroke-linecap="butt"{dashed}/>'
        )

    def halo(self, place: tuple[float, float], words: str, colour: str, size: float) -> None:
        self._body.append(
            f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="middle" fill="{colour}"'
            f' font-size="{size:g}" font-weight="600" stroke="#fff" stroke-width="3"'
            f' paint-order="stroke">{escape(words)}</text>'
        )


def trip_style(number: int) -> tuple[str, str]:
    """Return colour and dash of the trip at a place in the plan: twenty pairs before one returns.

    >>> len({trip_style(number) for number in range(20)})
    20
    """
    return COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]


def round_maps(proposal: Proposal) -> list[Figure]:
    """Return the map of the day, and one that goes closer where the containers stand together."""
    places = proposal.case.terrain.places
    near = {name: place for name, place in places.items() if name not in (DEPOT_ID, TIP_ID)}
    maps = [_figure(proposal, places, "Les tournées du jour")]
    if len(near) > 1 and _reach(near) < CLOSE_SHARE * _reach(places):
        title = "Les tournées de plus près, sans le trajet du dépôt et du quai"
        maps.append(_figure(proposal, near, title))
    return maps


def _reach(places: Mapping[str, Place]) -> float:
    east, north = _metres(list(places.values())).T
    return float(max(np.ptp(east), np.ptp(north)))


def _metres(places: Sequence[Place]) -> npt.NDArray[np.float64]:
    """Return metres east and north of the first place, on the plane that touches there."""
    lat, lon = np.array([(place.lat, place.lon) for place in places]).T
    shrink = np.cos(np.radians(lat.mean()))
    metres = METRES_PER_DEGREE * np.stack([(lon - lon[0]) * shrink, lat - lat[0]], axis=1)
    return np.asarray(metres)


def _frame(places: Mapping[str, Place]) -> _Frame:
    metres = _metres(list(places.values()))
    low, span = metres.min(axis=0), np.maximum(np.ptp(metres, axis=0), 1.0)
    across = WIDTH - 2 * MARGIN
    per_pixel = float(max(span[0] / across, span[1] / across))
    height = max(LEAST_HEIGHT, float(span[1] / per_pixel) + 2 * MARGIN)
    spare_x = (across - span[0] / per_pixel) / 2
    spare_y = (height - 2 * MARGIN - span[1] / per_pixel) / 2
    points = {
        name: (
            MARGIN + spare_x + float((east - low[0]) / per_pixel),
            height - MARGIN - spare_y - float((north - low[1]) / per_pixel),
        )
        for name, (east, north) in zip(places, metres, strict=True)
    }
    return _Frame(points, per_pixel, height)


def _figure(proposal: Proposal, places: Mapping[str, Place], title: str) -> Figure:
    frame, trips = _frame(places), proposal.plan.trips
    canvas = _MapCanvas(WIDTH, frame.height + ROW * (len(trips) + 3))
    _draw_left_out(canvas, proposal, frame.points)
    for number, trip in enumerate(trips):
        _draw_trip(canvas, trip, frame.points, trip_style(number))
    _draw_stops(canvas, trips, frame.points)
    _draw_labels(canvas, trips, frame.points)
    _draw_ends(canvas, frame.points)
    _legend(canvas, proposal, frame.height + ROW)
    _scale_bar(canvas, frame)
    description = (
        f"{plural(len(trips), 'tournée')} et {plural(len(proposal.plan.served), 'arrêt')} à leur "
        "place, sans fond de carte. Chaque tournée a sa couleur, son tireté et son étiquette ; "
        "traits droits d'arrêt en arrêt, pas le tracé des rues ; le nord est en haut."
    )
    rows = tuple(
        (
            f"{trip.truck_id} · {trip.number}",
            str(len(trip.sequence)),
            quantity(trip.distance_m / 1000, "km", 1),
            ", ".join(trip.sequence),
        )
        for trip in trips
    )
    table = Table(("Tournée", "Arrêts", "Distance", "Conteneurs dans l'ordre"), rows)
    return Figure(title, canvas.render(title, description), description, table)


def _draw_trip(canvas: _MapCanvas, trip: Trip, points: Points, style: tuple[str, str]) -> None:
    driven = [visit.place_id for visit in trip.visits if visit.stop_type != "pause"]
    path = [points[name] for name in driven if name in points]
    if len(path) > 1:
        canvas.track(path, *style)


def _draw_stops(canvas: _MapCanvas, trips: Sequence[Trip], points: Points) -> None:
    many = sum(len(trip.sequence) for trip in trips) > MANY_STOPS
    for number, trip in enumerate(trips):
        colour, _ = trip_style(number)
        for order, name in enumerate(trip.sequence, start=1):
            x, y = points[name]
            canvas.mark((x, y), "circle", colour, 3 if many else 5)
            if not many:
                canvas.halo((x, y - 8), str(order), colour, 12)


def _draw_left_out(canvas: _MapCanvas, proposal: Proposal, points: Points) -> None:
    served = set(proposal.plan.served)
    for name, place in points.items():
        if name not in served and name not in (DEPOT_ID, TIP_ID):
            canvas.mark(place, "circle", MUTED, 2.5, hollow=True)


def _draw_ends(canvas: _MapCanvas, points: Points) -> None:
    for name, words, shape in (
        (DEPOT_ID, "dépôt", "square"),
        (TIP_ID, "quai de vidage", "triangle"),
    ):
        if name in points:
            x, y = points[name]
            canvas.mark((x, y), shape, INK, 7)  # type: ignore[arg-type]  # two of the shapes
            half = text_width(words, bold=True) / 2
            canvas.halo((min(max(x, half), WIDTH - half), y + 22), words, INK, 13)


def _draw_labels(canvas: _MapCanvas, trips: Sequence[Trip], points: Points) -> None:
    """Write each trip's name at its stop that is farthest from the labels before."""
    taken: list[tuple[float, float]] = []
    for number, trip in enumerate(trips):
        spots = [points[name] for name in trip.sequence]
        if not spots:
            continue
        best = max(spots, key=lambda spot: min((_gap(spot, one) for one in taken), default=0.0))
        taken.append(best)
        canvas.halo(
            (best[0], best[1] + 19), f"{trip.truck_id}·{trip.number}", trip_style(number)[0], 13
        )


def _gap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))


def _legend(canvas: _MapCanvas, proposal: Proposal, top: float) -> None:
    for line, trip in enumerate(proposal.plan.trips):
        y = top + ROW * line
        canvas.track([(MARGIN, y - 4), (MARGIN + 48, y - 4)], *trip_style(line))
        words = (
            f"{trip.truck_id} · tournée {trip.number} : {plural(len(trip.sequence), 'arrêt')}, "
            f"{quantity(trip.distance_m / 1000, 'km', 1)}"
        )
        canvas.text((MARGIN + 58, y), words, colour=INK)
    y = top + ROW * len(proposal.plan.trips)
    canvas.mark((MARGIN + 24, y - 4), "circle", MUTED, 2.5, hollow=True)
    canvas.text((MARGIN + 58, y), "conteneur laissé aujourd'hui", colour=INK)


def _scale_bar(canvas: Canvas, frame: _Frame) -> None:
    """Draw a bar of a round number of metres, at most a fifth of the width."""
    longest = WIDTH / 5 * frame.metres_per_pixel
    power = 10.0 ** np.floor(np.log10(longest))
    metres = next(step * power for step in (5, 2, 1) if step * power <= longest)
    right, y = WIDTH - MARGIN, frame.height + ROW
    canvas.line((right - metres / frame.metres_per_pixel, y), (right, y), INK, 2)
    words = quantity(metres / 1000, "km", 0) if metres >= 1000 else quantity(metres, "m", 0)
    canvas.text((right, y + 16), words, anchor="end", colour=INK)
