"""Draw small accessible SVG charts by hand: scales, ticks, marks, labels.

Hand-written SVG weighs a fifth of matplotlib's (9 against 42 KiB for 672 points,
``briefs/platform.md`` 3.3), is deterministic and needs no font, script or request.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from common.edge.errors import UsageError
from common.lab.pages import french

__all__ = [
    "ACCENT",
    "GRID",
    "INK",
    "MUTED",
    "RUST",
    "TINT",
    "Canvas",
    "Scale",
    "Shape",
    "axes",
    "log_scale",
    "text_width",
    "value_scale",
    "whisker",
]

# Okabe-Ito hues darkened to a contrast of at least 4.5:1 on white (WCAG 2.1, 1.4.3).
INK = "#1c2733"
MUTED = "#51606f"
ACCENT = "#0a6b5c"
RUST = "#a3410b"
GRID = "#dde3e8"
TINT = "#cfe6e0"

Shape = Literal["circle", "square", "triangle", "diamond"]
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif"
_CHARACTER = 0.54  # mean advance of a system sans-serif, in em
_BOLD = 1.15  # of the same in semi-bold


@dataclass(frozen=True)
class Scale:
    """Map data from [low, high] to pixels from [start, stop], linear or logarithmic.

    Examples
    --------
    >>> Scale(0, 10, 100, 200)(5)
    150.0
    >>> Scale(1, 100, 0, 200, log=True)(10)
    100.0
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise UsageError(
                f"scale from {self.low} to {self.high}, log={self.log}",
                expected="low < high, and 0 < low on a logarithmic scale",
            )

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values inside the scale: powers of ten, or steps of 1, 2 or 5.

        Examples
        --------
        >>> Scale(0, 10, 0, 1).ticks()
        [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        >>> Scale(0.02, 30, 0, 1, log=True).ticks()
        [0.1, 1.0, 10.0]
        """
        if self.log:
            first = math.ceil(math.log10(self.low) - 1e-9)
            last = math.floor(math.log10(self.high) + 1e-9)
            return [float(f"1e{power}") for power in range(first, last + 1)]
        raw = (self.high - self.low) / about
        base = 10.0 ** math.floor(math.log10(raw))
        step = next(base * factor for factor in (1, 2, 5, 10) if base * factor >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]

    def label(self, tick: float, unit: str = "") -> str:
        r"""Return the French text of a tick, with the decimals that tell ticks apart.

        Examples
        --------
        >>> [Scale(0, 1, 0, 1).label(tick) for tick in (0.0, 0.2)]
        ['0', '0,2']
        """
        if tick == 0:
            return french.quantity(0.0, unit, 0)
        step = tick if self.log else self.ticks()[1] - self.ticks()[0]
        return french.quantity(tick, unit, max(0, -math.floor(math.log10(step) + 1e-9)))


class Canvas:
    """Elements of one drawing, in pixels of its viewBox.

    Parameters
    ----------
    width, height
        Size of the viewBox; the page stretches it.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._body: list[str] = []

    def line(
        self,
        start: tuple[float, float],
        stop: tuple[float, float],
        colour: str = GRID,
        width: float = 1,
        *,
        dashed: bool = False,
    ) -> None:
        """Draw a straight line."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._body.append(
            f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{stop[0]:.1f}" y2="{stop[1]:.1f}"'
            f' stroke="{colour}" stroke-width="{width:g}"{dash}/>'
        )

    def text(
        self,
        place: tuple[float, float],
        words: str,
        *,
        anchor: Literal["start", "middle", "end"] = "start",
        colour: str = MUTED,
        bold: bool = False,
    ) -> None:
        """Write a line of text; its baseline starts (or ends) at ``place``."""
        weight = ' font-weight="600"' if bold else ""
        self._body.append(
            f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}"'
            f' fill="{colour}"{weight}>{escape(words)}</text>'
        )

    def rect(
        self, corner: tuple[float, float], size: tuple[float, float], colour: str = ACCENT
    ) -> None:
        """Fill a rectangle."""
        self._body.append(
            f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{max(size[0], 0):.1f}"'
            f' height="{size[1]:.1f}" rx="2" fill="{colour}"/>'
        )

    def polyline(
        self,
        points: Sequence[tuple[float, float]],
        colour: str = ACCENT,
        width: float = 1.8,
        *,
        dashed: bool = False,
    ) -> None:
        """Draw a line through points; a NaN breaks it."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        if path := _path(points):
            self._body.append(
                f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"'
                f' stroke-linejoin="round"{dash}/>'
            )

    def band(
        self,
        lower: Sequence[tuple[float, float]],
        upper: Sequence[tuple[float, float]],
        colour: str = TINT,
    ) -> None:
        """Fill between two lines, over the points where both are known."""
        known = [
            (low, high)
            for low, high in zip(lower, upper, strict=True)
            if math.isfinite(low[1]) and math.isfinite(high[1])
        ]
        outline = [low for low, _ in known] + [high for _, high in reversed(known)]
        if path := _path(outline):
            self._body.append(f'<path d="{path}Z" fill="{colour}"/>')

    def mark(
        self,
        place: tuple[float, float],
        shape: Shape = "circle",
        colour: str = ACCENT,
        size: float = 5,
        *,
        hollow: bool = False,
    ) -> None:
        """Draw a mark, filled or hollow."""
        x, y = place
        fill = "#fff" if hollow else colour
        paint = f'fill="{fill}" stroke="{colour}" stroke-width="1.8"'
        if shape == "circle":
            self._body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" {paint}/>')
            return
        corners = {
            "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            "triangle": [(0, -1.15), (1.1, 0.9), (-1.1, 0.9)],
            "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        }[shape]
        points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
        self._body.append(f'<polygon points="{points}" {paint}/>')

    def render(self, title: str, description: str) -> str:
        """Return the SVG element with its text alternative.

        It stands inside an HTML page, so that it needs no namespace (which is a URL). The ids
        come from the content: two equal drawings have equal ids, different ones do not clash.
        """
        body = "".join(self._body)
        key = hashlib.sha256(f"{title}\0{description}\0{body}".encode()).hexdigest()[:8]
        return (
            f'<svg role="img" aria-labelledby="t{key} d{key}" width="100%"'
            f' viewBox="0 0 {self.width:g} {self.height:g}" font-family="{_FONT}" font-size="13">'
            f'<title id="t{key}">{escape(title)}</title>'
            f'<desc id="d{key}">{escape(description)}</desc>{body}</svg>'
        )


def text_width(words: str, size: float = 13, *, bold: bool = False) -> float:
    """Return about how wide a text is, in pixels.

    Examples
    --------
    >>> round(text_width("dix lettres"), 1)  # 11 characters x 0.54 x 13
    77.2
    """
    return len(words) * _CHARACTER * size * (_BOLD if bold else 1)


def value_scale(values: Sequence[float], start: float, stop: float) -> Scale:
    """Return a linear scale around the finite values, with a margin of a tenth."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    spread = (max(known) - min(known)) or abs(known[0]) or 1.0
    low = min(known) - 0.1 * spread
    return Scale(0.0 if min(known) >= 0 > low else low, max(known) + 0.1 * spread, start, stop)


def log_scale(values: Sequence[float], start: float, stop: float) -> Scale:
    """Return a logarithmic scale over whole decades around positive values."""
    low = 10.0 ** math.floor(math.log10(min(values)) - 0.15)
    high = 10.0 ** math.ceil(math.log10(max(values)) + 0.15)
    return Scale(low, high, start, stop, log=True)


def axes(
    canvas: Canvas, across: Scale, up: Scale, unit: str, *, days: Sequence[float] = ()
) -> None:
    """Draw horizontal grid lines with the values and vertical ones with ``days`` or ticks."""
    for tick in up.ticks():
        canvas.line((across.start, up(tick)), (across.stop, up(tick)))
        canvas.text((across.start - 6, up(tick) + 4), up.label(tick, unit), anchor="end")
    for tick in days or across.ticks():
        canvas.line((across(tick), up.start), (across(tick), up.stop))
        words = french.number(tick, 0) if days else across.label(tick)
        canvas.text((across(tick), up.start + 17), words, anchor="middle")


def whisker(
    canvas: Canvas, start: tuple[float, float], stop: tuple[float, float], colour: str
) -> None:
    """Draw an interval; nothing where a bound is not known."""
    if all(math.isfinite(value) for value in (*start, *stop)):
        canvas.line(start, stop, colour, 2)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return path data with one decimal; every known point after a gap starts anew."""
    parts = []
    pen = "M"
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            parts.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)
