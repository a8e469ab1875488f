"""A map of the areas as one plain SVG: no tiles, no request, readable without colour.

Points stand on a local projection; each commune is outlined by the convex hull of its own areas
(coordinates only: it is no administrative limit and the description says so). Every class of
value has its own shape beside its own colour (WCAG 2.1, 1.4.1), and a legend with its count.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
from scipy.spatial import ConvexHull

from common.edge.errors import UsageError
from common.lab.pages.french import number, quantity
from common.lab.pages.svg import ACCENT, GRID, INK, MUTED, RUST, Canvas, text_width
from common.lab.usecase import Array
from usecases.delivery_zones.inventory.geometry import local_metres

__all__ = ["MAX_CLASSES", "Mark", "area_map"]

WIDTH: Final = 760.0
MARGIN: Final = 22.0
ROW: Final = 22.0
"""Height of a line of the legend."""
BLUE: Final = "#2b5c9e"
PLUM: Final = "#7a3b78"

# Shape and colour go together; the size of a symbol is about 8 pixels.
SYMBOLS: Final = (
    ('<circle r="3.2"/>', ACCENT),
    ('<path d="M0-4.6 4.4 3.4-4.4 3.4Z"/>', RUST),
    ('<path d="M-3.6-3.6h7.2v7.2h-7.2Z"/>', BLUE),
    ('<path d="M0-5 5 0 0 5-5 0Z"/>', PLUM),
    ('<path d="M-4-1.3h2.7V-4h2.6v2.7H4v2.6H1.3V4h-2.6V1.3H-4Z"/>', INK),
    ('<circle r="2.4" fill="#fff" stroke-width="1.4"/>', MUTED),
)
MAX_CLASSES: Final = len(SYMBOLS)
HULL_POINTS: Final = 3
DECIMALS: Final = 1
LINE: Final = 16.0
"""Height of a name."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class Mark:
    """One class of areas on the map.

    Parameters
    ----------
    label
        French text of the legend.
    symbol
        Place in the six symbols: 0 disc, 1 triangle, 2 square, 3 diamond, 4 cross, 5 ring (for
        what is not known or not touched). Symbols are drawn in the order of the marks: the
        last lie on top.
    """

    label: str
    symbol: int

    def __post_init__(self) -> None:
        if not 0 <= self.symbol < MAX_CLASSES:
            raise UsageError(f"symbol {self.symbol}", expected=f"0 to {MAX_CLASSES - 1}")


class _MapCanvas(Canvas):
    """A canvas that also places one symbol many times."""

    def define(self, key: str, shape: str, colour: str) -> None:
        self._body.append(
            f'<defs><g id="{key}" fill="{colour}" stroke="{colour}" stroke-width=".3">{shape}</g>'
            "</defs>"
        )

    def place(self, key: str, point: tuple[float, float], title: str = "") -> None:
        at = f'href="#{key}" x="{_short(point[0])}" y="{_short(point[1])}"'
        inside = f"><title>{escape(title)}</title></use>" if title else "/>"
        self._body.append(f"<use {at}{inside}")

    def name(self, point: tuple[float, float], words: str) -> None:
        self._body.append(
            f'<text x="{_short(point[0])}" y="{_short(point[1])}" text-anchor="middle"'
            f' fill="{INK}" font-weight="600" stroke="#fff" stroke-width="3"'
            f' paint-order="stroke">{escape(words)}</text>'
        )

    def outline(self, points: Array) -> None:
        path = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
        self._body.append(
            f'<path d="M{path}Z" fill="#f4f6f8" stroke="{GRID}" stroke-width="1.5"'
            ' stroke-linejoin="round"/>'
        )


def area_map(
    lon_lat: Array,
    communes: Sequence[str],
    classes: Sequence[int],
    marks: Sequence[Mark],
    *,
    title: str,
    description: str,
    labels: Sequence[str] | None = None,
) -> str:
    """Return the map as an SVG element for a page.

    Parameters
    ----------
    lon_lat
        Degrees, shape (n, 2), all finite.
    communes
        Commune of each area, n names.
    classes
        Place of each area's class in ``marks``, n numbers.
    marks
        The classes, at most six, each with its own symbol.
    title, description
        Text alternative, in French: what the map shows and what can be read off it.
    labels
        Text shown when the pointer rests on an area; empty ones cost nothing. None for no text.

    Raises
    ------
    UsageError
        If lengths differ, a class is unknown or two marks share a symbol.
    """
    places, kinds = np.asarray(lon_lat, dtype=float), np.asarray(classes, dtype=int)
    names = np.asarray(communes, dtype=object)
    texts = list(labels) if labels is not None else [""] * len(places)
    _refuse_odd(places, names, kinds, marks, texts)
    points, metres_per_pixel, height = _fit(places)
    canvas = _MapCanvas(WIDTH, height + ROW * (len(marks) + 1))
    hulls = {name: _hull(points[names == name]) for name in sorted(set(names))}
    for hull in hulls.values():
        canvas.outline(hull)
    keys = _symbols(canvas, points, kinds, marks, title)
    for kind, key in enumerate(keys):
        for row in np.flatnonzero(kinds == kind):
            canvas.place(key, (points[row, 0], points[row, 1]), texts[row])
    _write_names(canvas, hulls)
    _legend(canvas, keys, marks, np.bincount(kinds, minlength=len(marks)), height)
    _scale_bar(canvas, metres_per_pixel, height)
    note = "Contours : enveloppe des aires de chaque commune, pas sa limite administrative."
    return canvas.render(title, f"{description} {note}")


def _refuse_odd(
    places: Array, names: Array, kinds: Array, marks: Sequence[Mark], texts: Sequence[str]
) -> None:
    """Refuse what cannot be drawn."""
    lengths = {len(places), len(names), len(kinds), len(texts)}
    if len(lengths) != 1 or not len(places) or places.shape[1:] != (2,):
        raise UsageError(
            f"{sorted(lengths)} points, communes, classes and labels, shape {places.shape}",
            expected="as many of each, 1 or more, points of shape (n, 2)",
        )
    if kinds.min() < 0 or kinds.max() >= len(marks):
        raise UsageError(
            f"class {kinds.max() if kinds.max() >= len(marks) else kinds.min()}",
            expected=f"0 to {len(marks) - 1}, a place in the marks",
        )
    if len({mark.symbol for mark in marks}) != len(marks):
        raise UsageError("two classes with the same symbol", expected="one symbol per class")


def _fit(places: Array) -> tuple[Array, float, float]:
    """Return the points in pixels (y down), metres per pixel and the height of the map."""
    metres = local_metres(places[:, 0], places[:, 1])
    low, high = metres.min(axis=0), metres.max(axis=0)
    span = np.maximum(high - low, 1.0)
    across = WIDTH - 2 * MARGIN
    metres_per_pixel = float(max(span[0] / across, span[1] / across))
    east, north = (metres - low).T / metres_per_pixel
    spare = (across - span[0] / metres_per_pixel) / 2
    height = float(span[1] / metres_per_pixel + 2 * MARGIN)
    return (
        np.column_stack([MARGIN + spare + east, height - MARGIN - north]),
        metres_per_pixel,
        height,
    )


def _hull(points: Array) -> Array:
    """Return the corners of the convex hull; the points themselves where there is none."""
    distinct = np.unique(points, axis=0)
    if len(distinct) < HULL_POINTS or np.linalg.matrix_rank(distinct - distinct[0]) < 2:
        return distinct
    corners: Array = distinct[ConvexHull(distinct).vertices]
    return corners


def _symbols(
    canvas: _MapCanvas, points: Array, kinds: Array, marks: Sequence[Mark], title: str
) -> list[str]:
    """Define each class's symbol once; ids come from the content, so that maps do not clash."""
    content = points.round(DECIMALS).tobytes() + kinds.tobytes() + title.encode()
    key = hashlib.sha256(content).hexdigest()[:4]
    keys = [f"m{key}{place}" for place in range(len(marks))]
    for name, mark in zip(keys, marks, strict=True):
        canvas.define(name, *SYMBOLS[mark.symbol])
    return keys


def _write_names(canvas: _MapCanvas, hulls: dict[str, Array]) -> None:
    """Write each commune's name beside its outline, where it covers no other name."""
    taken: list[Box] = []
    for name, hull in hulls.items():
        wide = text_width(name, bold=True)
        boxes = [_kept_inside(box) for box in _places(hull, wide)]
        free = [box for box in boxes if not any(_meet(box, other) for other in taken)]
        box = (free or boxes)[0]
        taken.append(box)
        canvas.name(((box[0] + box[2]) / 2, box[3] - 4), name)


def _places(hull: Array, wide: float) -> list[Box]:
    """Return where a name may stand: above, below, right, left of its outline, or on it."""
    left, top = hull.min(axis=0)
    right, bottom = hull.max(axis=0)
    middle, centre = (left + right) / 2, (top + bottom) / 2
    corners = [
        (middle - wide / 2, top - LINE - 2),
        (middle - wide / 2, bottom + 4),
        (right + 6, centre - LINE / 2),
        (left - wide - 6, centre - LINE / 2),
        (middle - wide / 2, centre - LINE / 2),
    ]
    return [(float(x), float(y), float(x) + wide, float(y) + LINE) for x, y in corners]


def _kept_inside(box: Box) -> Box:
    """Return a box moved into the width of the drawing and below its top."""
    left, top, right, bottom = box
    across = max(0.0, -left) - max(0.0, right - WIDTH)
    down = max(0.0, -top)
    return left + across, top + down, right + across, bottom + down


def _meet(box: Box, other: Box) -> bool:
    """Tell whether two boxes overlap."""
    apart = box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
    return not apart


def _legend(
    canvas: _MapCanvas, keys: Sequence[str], marks: Sequence[Mark], counts: Array, top: float
) -> None:
    """Write each symbol, what it means and how many areas it stands for."""
    for line, (key, mark, count) in enumerate(zip(keys, marks, counts, strict=True)):
        y = top + ROW * (line + 0.7)
        canvas.place(key, (MARGIN, y - 4))
        canvas.text((MARGIN + 14, y), f"{mark.label} ({number(int(count), 0)})", colour=INK)


def _scale_bar(canvas: Canvas, metres_per_pixel: float, top: float) -> None:
    """Draw a bar of a round number of metres, at most a fifth of the width."""
    longest = WIDTH / 5 * metres_per_pixel
    power = 10.0 ** np.floor(np.log10(longest))
    metres = next(step * power for step in (5, 2, 1) if step * power <= longest)
    right, y = WIDTH - MARGIN, top + ROW * 0.7
    canvas.line((right - metres / metres_per_pixel, y), (right, y), INK, 2)
    words = quantity(metres / 1000, "km", 0) if metres >= 1000 else quantity(metres, "m", 0)
    canvas.text((right, y + 16), words, anchor="end", colour=INK)


def _short(value: float) -> str:
    """Return a pixel with one decimal and no trailing zero."""
    return f"{value:.{DECIMALS}f}".removesuffix(".0")
