"""Changes from day to day: falls without a collection, spikes, flicker, an unusual pace."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from usecases.waste_collection.faults.examples import WINDOW_DAYS
from usecases.waste_collection.faults.windows import constant, last, number

__all__ = [
    "FULL_PERCENT",
    "LONG_DAYS",
    "SHORT_DAYS",
    "USUAL_POINTS_PER_DAY",
    "falls",
    "paces",
    "spikes",
    "steps_of",
    "usual_rate",
]

Steps = Mapping[str, Any]

USUAL_POINTS_PER_DAY, PRIOR_DAYS = 11.0, 7.0
"""Inflow of a container of which nothing is known (11.1 %/day in Wyndham, brief 4.5), and the
days that it counts for."""
RESET_FALL_PERCENT = 40.0
FULL_PERCENT = 100.0
FLASH_POINTS = 80.0
RETURN_POINTS = 60.0
SHORT_DAYS, LONG_DAYS = 7, 21
BEFORE_SHORT_DAYS = 14
"""What was usual before a week is counted up to a week before it: a fault of two weeks must not
become its own measure."""
MOVING_SHARE = 0.5
"""Days on which the level of a container of which nothing is known moves."""


def steps_of(xp: Any, read: Any, level: Any, heard: Any) -> dict[str, Any]:
    """Return the changes from day to day, sorted, shape (n, 55).

    Over an outage of the network nobody knows when a level moved, nor whether it was emptied:
    such a change is left out, but of ``emptied``.
    """
    change = level[:, 1:] - level[:, :-1]
    told = heard[:, 1:] * heard[:, :-1]
    known = number(xp, ~xp.isnan(read[:, 1:])) * told
    after = level[:, 1:]
    zero = constant(xp, 0.0)
    deep = change <= constant(xp, -RESET_FALL_PERCENT)
    to_zero = (after == zero) & (change < zero)
    emptied = number(xp, deep | to_zero)
    return {
        "change": change * told,
        "known": known,
        "moving": known * number(xp, (after < constant(xp, FULL_PERCENT)) | (change != zero)),
        "emptied": emptied,
        "reset": emptied * told,
        "low_reset": number(xp, to_zero & ~deep) * told,
        "partial_reset": number(xp, deep & (after > zero)) * told,
        "fall": number(xp, (change < zero) & ~(deep | to_zero)) * told,
        "dip": number(xp, (change < zero) & ~deep) * told,
        "gained": xp.where(emptied > zero, after, xp.maximum(change, zero)) * told,
        "after": after,
    }


def usual_rate(xp: Any, steps: Steps, days: Any) -> Any:
    """Return the points gained a day on the days marked, (n,), leaning on the usual inflow."""
    prior = constant(xp, PRIOR_DAYS)
    gained = xp.sum(steps["gained"] * days, axis=1)
    moving = xp.sum(steps["moving"] * days, axis=1)
    return (gained + constant(xp, USUAL_POINTS_PER_DAY) * prior) / (moving + prior)


def falls(xp: Any, steps: Steps) -> dict[str, Any]:
    """Return how often the level fell without a collection, lately and before."""
    week, long = last(xp, SHORT_DAYS), last(xp, LONG_DAYS)
    rate = usual_rate(xp, steps, constant(xp, 1.0) - long)
    today = steps["change"][:, WINDOW_DAYS - 2]
    found = {
        "small_falls": xp.sum(steps["fall"] * week, axis=1),
        "jump_points": xp.maximum(today - rate, constant(xp, 0.0)),
        "partial_resets": xp.sum(steps["partial_reset"] * week, axis=1),
        "usual_partial": _usual_week(xp, steps, steps["partial_reset"]),
    }
    for name, usual, marks in (
        ("small_falls_long", "usual_falls", "fall"),
        ("dips", "usual_dips", "dip"),
        ("low_resets", "usual_low_resets", "low_reset"),
    ):
        found[name] = xp.sum(steps[marks] * long, axis=1)
        found[usual] = _usual_weeks(xp, steps, steps[marks])
    return found


def spikes(xp: Any, steps: Steps) -> dict[str, Any]:
    """Return how often the level jumped and came back, or turned round, lately and before."""
    week, long = last(xp, SHORT_DAYS)[:, 1:], last(xp, LONG_DAYS)[:, 1:]
    marks = _turns(xp, steps)
    found = {name: xp.sum(marks[name] * week, axis=1) for name in ("up_spikes", "down_spikes")}
    jumps = marks["up_spikes"] + marks["down_spikes"] + marks["flashes"]
    found["flashes"] = xp.sum(marks["flashes"] * week, axis=1)
    found["usual_spikes"] = _usual_weeks(xp, steps, jumps) * np.float32(SHORT_DAYS / LONG_DAYS)
    found["returns"] = xp.sum(marks["returns"] * week, axis=1)
    found["usual_returns"] = _usual_week(xp, steps, marks["returns"])
    for name in ("wiggles", "flickers"):
        found[name] = xp.sum(marks[name] * long, axis=1)
        found[f"usual_{name}"] = _usual_weeks(xp, steps, marks[name])
    return found


def paces(xp: Any, steps: Steps) -> dict[str, Any]:
    """Return the recent inflow and unrest, relative to those before."""
    week, long = last(xp, SHORT_DAYS), last(xp, LONG_DAYS)
    one = constant(xp, 1.0)
    spans = (long, one - long)
    week_spans = (week, one - last(xp, BEFORE_SHORT_DAYS))
    rough = xp.abs(steps["change"])
    moved = number(xp, steps["change"] != constant(xp, 0.0))
    return {
        "pace_ratio": _log_ratio(xp, steps, steps["gained"], spans, USUAL_POINTS_PER_DAY),
        "roughness": _log_ratio(xp, steps, rough, spans, USUAL_POINTS_PER_DAY),
        "moves": _log_ratio(xp, steps, moved, spans, MOVING_SHARE),
        "week_pace": _log_ratio(xp, steps, steps["gained"], week_spans, USUAL_POINTS_PER_DAY),
        "week_roughness": _log_ratio(xp, steps, rough, week_spans, USUAL_POINTS_PER_DAY),
    }


def _turns(xp: Any, steps: Steps) -> dict[str, Any]:
    """Return where the level jumped for one day, and where it turned round, (n, 54).

    A jump up that ends at zero may be a collection; one that ends higher is none. Both sides
    of a flicker are small.
    """
    first, second = steps["change"][:, :-1], steps["change"][:, 1:]
    high, zero = constant(xp, RESET_FALL_PERCENT), constant(xp, 0.0)
    far, flash = constant(xp, RETURN_POINTS), constant(xp, FLASH_POINTS)
    least = xp.minimum(xp.abs(first), xp.abs(second))
    most = xp.maximum(xp.abs(first), xp.abs(second))
    turned = first * second < zero
    found = {
        "up_spikes": (first >= high) & (second <= -high) & (steps["after"][:, 1:] > zero),
        "down_spikes": (first <= -high) & (second >= high),
        "flashes": (first >= flash) & (second <= -flash),
        "returns": least >= far,
        "wiggles": turned & (steps["reset"][:, 1:] < constant(xp, 0.5)),
        "flickers": turned & (most <= high),
    }
    return {name: number(xp, holds) for name, holds in found.items()}


def _usual_week(xp: Any, steps: Steps, marks: Any) -> Any:
    """Return how many there were in a week, up to a fortnight ago."""
    before = constant(xp, 1.0) - last(xp, BEFORE_SHORT_DAYS)
    return _usual(xp, steps, marks, before) * constant(xp, float(SHORT_DAYS))


def _usual_weeks(xp: Any, steps: Steps, marks: Any) -> Any:
    """Return how many there were in three weeks, up to three weeks ago."""
    before = constant(xp, 1.0) - last(xp, LONG_DAYS)
    return _usual(xp, steps, marks, before) * constant(xp, float(LONG_DAYS))


def _usual(xp: Any, steps: Steps, marks: Any, days: Any) -> Any:
    """Return how many marks (n, 54 or 55) there are a day, drawn towards none."""
    counted = xp.sum(marks * days[:, days.shape[1] - marks.shape[1] :], axis=1)
    return counted / (xp.sum(steps["known"] * days, axis=1) + constant(xp, PRIOR_DAYS))


def _log_ratio(xp: Any, steps: Steps, values: Any, spans: tuple[Any, Any], usual: float) -> Any:
    """Return the logarithm of the ratio of two means, each leaning on a usual value."""
    known, prior = steps["known"], constant(xp, PRIOR_DAYS)
    means = [
        (xp.sum(values * known * span, axis=1) + constant(xp, usual) * prior)
        / (xp.sum(known * span, axis=1) + prior)
        for span in spans
    ]
    return xp.log(means[0] / means[1])
