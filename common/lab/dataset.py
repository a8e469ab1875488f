"""Data as the lab sees them: sources, periods, tables of measurements, examples."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Array", "Dataset", "Examples", "Period", "Source", "Split"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Source:
    """Where public data come from, and under which terms.

    Parameters
    ----------
    name
        Short name, unique in the use case.
    title
        What it is, in French.
    publisher, licence
        As they must be cited.
    origin
        ``github:owner/repo@commit``, ``npm:name@version`` or a URL prefix.
    files
        Path below the origin to sha256 (64 hex digits).
    period
        What the data span, in words.
    personal_data
        In French: none, or which and how they are protected.
    proxy
        In French, what the data stand in for when they are not the real thing.
    prepared_only
        True where only a prepared table exists and no public original can be fetched.
    """

    name: str
    title: str
    publisher: str
    licence: str
    origin: str
    files: Mapping[str, str]
    period: str
    personal_data: str
    proxy: str = ""
    prepared_only: bool = False

    def __post_init__(self) -> None:
        for path, digest in self.files.items():
            if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
                raise UsageError(
                    f"source {self.name}: sha256 of {path} is {digest!r}",
                    expected="64 lower-case hexadecimal digits",
                )


@dataclass(frozen=True)
class Period:
    """Civil days from ``start`` (included) to ``stop`` (excluded)."""

    start: date
    stop: date

    def __post_init__(self) -> None:
        if self.start >= self.stop:
            raise UsageError(f"period {self.start} to {self.stop}", expected="start before stop")

    def __str__(self) -> str:
        return f"{self.start.isoformat()}..{self.stop.isoformat()}"


@dataclass(frozen=True)
class Split:
    """A time-ordered split: fit, tune on rolling origins, test once.

    Parameters
    ----------
    train_start
        First day used for fitting.
    origins
        Refit dates of the tuning period: a rung is fitted on
        ``[train_start, origin)`` and scored on ``[origin, next origin)``; the last
        one runs to ``test.start``.
    test
        Scored once, by rungs fitted on ``[train_start, test.start)``.
    """

    train_start: date
    origins: tuple[date, ...]
    test: Period

    def __post_init__(self) -> None:
        days = (self.train_start, *self.origins, self.test.start)
        if not self.origins or list(days) != sorted(set(days)):
            raise UsageError(
                f"split dates {[day.isoformat() for day in days]}",
                expected="train_start < each origin < test.start, in order, at least one origin",
            )

    def folds(self) -> list[tuple[Period, Period]]:
        """Return the tuning folds as (fit period, score period)."""
        stops = (*self.origins[1:], self.test.start)
        return [
            (Period(self.train_start, origin), Period(origin, stop))
            for origin, stop in zip(self.origins, stops, strict=True)
        ]

    def final(self) -> tuple[Period, Period]:
        """Return the fold of the test period."""
        return Period(self.train_start, self.test.start), self.test


@dataclass(frozen=True)
class Dataset:
    """A long table of measurements, its mask and where it comes from.

    Parameters
    ----------
    name
        Short name; starts with ``SIMULATED`` where ``simulated``.
    columns
        Column name (with its unit) to array of shape (n_rows,).
    units
        Column name to unit.
    times
        UTC, time-zone aware, shape (n_rows,).
    groups
        The statistical unit of each row (meter, zone, container), shape (n_rows,).
    valid
        False where the measurement is missing or refused; never replaced by zero.
    timezone
        IANA name of the civil time of the place.
    sources
        What the rows were read from.
    simulated
        True for the simulator's output.
    proxy
        In French, what the data stand in for; empty when they are the real thing.
    extras
        Tables that are not per row (weather by hour, sites), by name.
    """

    name: str
    columns: Mapping[str, Array]
    units: Mapping[str, str]
    times: "pd.DatetimeIndex"
    groups: "pd.Categorical"
    valid: Array
    timezone: str
    sources: tuple[Source, ...] = ()
    simulated: bool = False
    proxy: str = ""
    extras: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_rows = len(self.times)
        for name, values in (*self.columns.items(), ("groups", self.groups), ("valid", self.valid)):
            if len(values) != n_rows:
                raise UsageError(
                    f"data set {self.name}: {name} has {len(values)} rows",
                    expected=f"{n_rows} rows, as many as times",
                )
        if self.times.tz is None or str(self.times.tz) != "UTC":
            raise UsageError(
                f"data set {self.name}: times are in {self.times.tz}", expected="UTC, aware"
            )
        if set(self.units) != set(self.columns):
            raise UsageError(
                f"data set {self.name}: units for {sorted(self.units)}",
                expected=f"a unit for each of {sorted(self.columns)}",
            )
        if self.simulated != self.name.startswith("SIMULATED"):
            raise UsageError(
                f"data set {self.name}: simulated={self.simulated}",
                expected="simulated data, and only they, have a name that starts with SIMULATED",
            )

    def at(self, rows: Array) -> "Dataset":
        """Return the rows of a mask; groups that are left empty go."""
        return replace(
            self,
            columns={name: values[rows] for name, values in self.columns.items()},
            times=self.times[rows],
            groups=self.groups[rows].remove_unused_categories(),
            valid=self.valid[rows],
        )

    @cached_property
    def digest(self) -> str:
        """The sha256 of times, groups, columns, mask and extras."""
        hasher = hashlib.sha256()
        hasher.update(self.times.as_unit("s").asi8.tobytes())
        hasher.update("\0".join(map(str, self.groups.categories)).encode())
        hasher.update(np.ascontiguousarray(self.groups.codes, dtype=np.int32).tobytes())
        for name in sorted(self.columns):
            hasher.update(name.encode())
            hasher.update(np.ascontiguousarray(self.columns[name]).tobytes())
        hasher.update(np.packbits(self.valid).tobytes())
        for name in sorted(self.extras):
            hasher.update(name.encode())
            hasher.update(self.extras[name].to_csv().encode())
        return hasher.hexdigest()


@dataclass(frozen=True)
class Examples:
    """Rows of the graph's raw inputs with the truth beside them.

    Parameters
    ----------
    inputs
        Graph input name to array with leading axis n.
    target
        Shape (n, n_slots); NaN where the truth is unknown.
    slots
        Shape (n, n_slots): which of the graph's ``n_steps`` outputs each target is held
        against (the hour that occurs twice in autumn uses one output twice); -1 none.
    units
        Statistical unit of each row, shape (n,), text.
    blocks
        Dependence block of each row (ISO weeks counted from the epoch), shape (n,).
    issued
        Issue time in UTC, datetime64[s], shape (n,).
    days
        Target day, datetime64[D], shape (n,).
    """

    inputs: Mapping[str, Array]
    target: Array
    slots: Array
    units: Array
    blocks: Array
    issued: Array
    days: Array

    def __len__(self) -> int:
        return len(self.units)

    def take(self, rows: Array) -> "Examples":
        """Return the examples at ``rows`` (indices, slice or mask)."""
        return replace(
            self,
            inputs={name: values[rows] for name, values in self.inputs.items()},
            target=self.target[rows],
            slots=self.slots[rows],
            units=self.units[rows],
            blocks=self.blocks[rows],
            issued=self.issued[rows],
            days=self.days[rows],
        )

    def on_slots(self, values: Array) -> Array:
        """Bring outputs of shape (n, n_steps, ...) to the targets' (n, n_slots, ...)."""
        index = np.maximum(self.slots, 0)
        index = index.reshape(index.shape + (1,) * (values.ndim - 2))
        return np.take_along_axis(values, index, axis=1)
