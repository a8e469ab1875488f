"""Rows that answer no question because their times are all off by the same amount."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from common.lab.contest.lookup import Lookup
from common.lab.usecase import Array

__all__ = ["Sample"]

_ROWS_PER_BLOCK, _ROWS = 2048, 16_384
_MINUTES = (15, 30, 45, *range(60, 15 * 60, 60), 24 * 60, 7 * 24 * 60)
_MATCHED, _GAIN = 0.99, 0.01
"""A shift is named where it lets 99 % of the rows match, 1 point more than none does: a target
shifted by an hour leaves 23 hours of 24 in place, so that the gain can be as small as 4 points."""


@dataclass
class Sample:
    """Some rows of each block, spread at random, with their times as given.

    Parameters
    ----------
    lookup
        The questions.
    """

    lookup: Lookup
    _parts: list[list[Array]] = field(default_factory=list)

    def add(self, given: Sequence[Array]) -> None:
        """Keep some rows of a block: per key, places of texts or seconds of times."""
        n_rows = len(given[0])
        rows = np.random.default_rng(n_rows).permutation(n_rows)[:_ROWS_PER_BLOCK]
        self._parts.append([values[rows].astype(np.int64) for values in given])

    def explain(self) -> str:
        """Return a French sentence on the shift that explains the rows not asked, or nothing."""
        if not self._parts:
            return ""
        given = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        rows = np.random.default_rng(0).permutation(len(given[0]))[:_ROWS]
        given = [values[rows] for values in given]
        unshifted = self._matched(given)
        for names, shifted, words in self._candidates(given):
            matched = self._matched(shifted)
            if matched >= _MATCHED and matched >= unshifted + _GAIN:
                return f"{names} : {words}"
        return ""

    def _candidates(self, given: list[Array]) -> Iterator[tuple[str, list[Array], str]]:
        keys = self.lookup.keys
        times = [at for at, column in enumerate(keys) if column.kind == "time"]
        for chosen in (times, *([at] for at in reversed(times) if len(times) > 1)):
            if not chosen:
                return
            names = ", ".join(keys[at].name for at in chosen)
            for minutes in _MINUTES:
                for sign in (1, -1):
                    step = -sign * minutes * 60
                    moved = [v + step if at in chosen else v for at, v in enumerate(given)]
                    yield names, moved, _words(sign * minutes)
            civil = [_from_paris(v) if at in chosen else v for at, v in enumerate(given)]
            yield names, civil, "heures locales de Paris données pour de l'UTC"

    def _matched(self, given: list[Array]) -> float:
        places = [
            self.lookup.place(column.name, values) if column.kind == "time" else values
            for column, values in zip(self.lookup.keys, given, strict=True)
        ]
        return float(np.mean(self.lookup.rows(places) >= 0))


def _words(minutes: int) -> str:
    """Say a shift in French.

    >>> _words(120)
    'tout est décalé de +2 h 00 (heure locale donnée pour UTC\u202f?)'
    """
    hours, rest = divmod(abs(minutes), 60)
    local = " (heure locale donnée pour UTC\u202f?)" if minutes in (60, 120) else ""
    sign = "+" if minutes > 0 else "\u2212"
    return f"tout est décalé de {sign}{hours} h {rest:02d}{local}"


def _from_paris(seconds: Array) -> Array:
    """Read seconds as civil time of Paris and return UTC."""
    from zoneinfo import ZoneInfo

    import pandas as pd

    wall = pd.DatetimeIndex(seconds.astype("datetime64[s]"))
    aware = wall.tz_localize(
        ZoneInfo("Europe/Paris"),
        ambiguous=np.zeros(len(wall), bool),
        nonexistent=timedelta(hours=1),
    )
    utc: Array = aware.tz_convert("UTC").as_unit("s").asi8
    return utc
