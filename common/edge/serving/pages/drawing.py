"""A band with its central line, as SVG: what is predicted step by step, and how sure."""

import math
from collections.abc import Sequence
from html import escape

from common.edge.description import french_number

__all__ = ["band"]

_WIDTH, _HEIGHT = 680, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 34


def band(
    central: Sequence[float],
    lower: Sequence[float] | None,
    upper: Sequence[float] | None,
    unit: str,
    title: str,
    top: float | None = None,
) -> str:
    """Draw a prediction over its steps.

    Parameters
    ----------
    central
        Two values or more.
    lower, upper
        Bounds of the interval, or None.
    unit
        Of the values.
    title
        Read out in the place of the drawing.
    top
        Largest value of the scale; that of the values by default.
    """
    known = [value for line in (central, lower or (), upper or ()) for value in line]
    known = [value for value in known if math.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    high = top or (high if high > low else low + 1)

    def x(step: float) -> float:
        return _LEFT + step * (_WIDTH - _LEFT - _RIGHT) / max(1, len(central) - 1)

    def y(value: float) -> float:
        return _TOP + (high - value) * (_HEIGHT - _TOP - _BOTTOM) / (high - low)

    parts = [_axis(value, y(value), unit) for value in _ticks(low, high)]
    parts += [_step_label(step, x(step)) for step in _label_steps(len(central))]
    if lower is not None and upper is not None:
        around = [(x(i), y(v)) for i, v in enumerate(upper)]
        around += [(x(i), y(v)) for i, v in reversed(list(enumerate(lower)))]
        parts.append(f'<polygon class="band" points="{_points(around)}"/>')
    line = [(x(i), y(v)) for i, v in enumerate(central)]
    parts.append(f'<polyline class="line" points="{_points(line)}"/>')
    said = escape(title, quote=True)
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
    return "".join([head, *parts, "</svg>"])


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places if math.isfinite(x) and math.isfinite(y))


def _ticks(low: float, high: float) -> list[float]:
    """Return about four round values from low to high.

    >>> _ticks(0, 10)
    [0.0, 2.5, 5.0, 7.5, 10.0]
    """
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _label_steps(steps: int) -> list[int]:
    every = max(1, round(steps / 8))
    return list(range(0, steps, every))


def _axis(value: float, y: float, unit: str) -> str:
    shown = french_number(value) + ("" if unit == "1" else f"\u202f{escape(unit)}")
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'
    )


def _step_label(step: int, x: float) -> str:
    return f'<text x="{x:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{step + 1}</text>'
