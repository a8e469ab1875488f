"""Read a vendor's folder, as a vendor would: questions, history, weather, inputs, rules."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.edge.errors import DataError, UsageError
from common.lab.usecase import Array

__all__ = ["VendorFolder"]

ZONES = ("Europe/Paris", "Europe/London", "UTC")
"""Tried where ``protocol.json`` names no zone: the one in which every issue is at noon."""

_HOUR = np.timedelta64(3600, "s")


@dataclass(frozen=True, eq=False)
class VendorFolder:
    """The vendor's part of a pack of hourly forecasts.

    Parameters
    ----------
    path
        The folder.
    protocol
        ``protocol.json``.
    questions
        ``questions.csv`` with times as datetime64[s] in UTC, n rows.
    inputs
        ``inputs.npz`` without its two indices, leading axis n_examples.
    example, step
        Which example, and which of its hours, answers each question, shape (n,).
    """

    path: Path
    protocol: Mapping[str, Any]
    questions: pd.DataFrame
    inputs: Mapping[str, Array]
    example: Array
    step: Array

    @classmethod
    def open(cls, path: Path) -> "VendorFolder":
        """Read a folder; the tables of data are read when they are needed.

        Raises
        ------
        UsageError
            It is not a vendor's folder.
        """
        try:
            protocol = json.loads((path / "protocol.json").read_text(encoding="utf-8"))
            questions = pd.read_csv(path / "questions.csv", dtype=str)
            with np.load(path / "inputs.npz", allow_pickle=False) as file:
                inputs = {name: file[name] for name in file.files}
        except OSError as error:
            raise UsageError(
                f"{path}: {error.strerror} ({Path(error.filename or '').name})",
                expected="the folder PACK/vendor made by `aune benchmark pack`",
            ) from error
        for name in ("issue_time_utc", "target_time_utc"):
            if name not in questions:
                raise UsageError(f"questions without {name}", expected="a contest of forecasts")
            questions[name] = _seconds(questions[name])
        example, step = inputs.pop("question_example"), inputs.pop("question_step")
        return cls(path, protocol, questions, inputs, example, step)

    @property
    def meters(self) -> Array:
        """Meter of each question, shape (n,)."""
        meters: Array = self.questions["meter_id"].to_numpy(dtype=str)
        return meters

    @property
    def issued(self) -> Array:
        """Issue time of each question, datetime64[s] in UTC, shape (n,)."""
        issued: Array = self.questions["issue_time_utc"].to_numpy()
        return issued

    @property
    def target(self) -> Array:
        """Hour that each question asks for, datetime64[s] in UTC, shape (n,)."""
        target: Array = self.questions["target_time_utc"].to_numpy()
        return target

    @property
    def n_examples(self) -> int:
        """Predictions to make: one a meter and day."""
        return len(next(iter(self.inputs.values())))

    @cached_property
    def history(self) -> pd.DataFrame:
        """Hourly loads in kWh, a column per meter, indexed by datetime64[s] in UTC."""
        table = self._table("history.csv", "time_utc")
        full = pd.date_range(table.index[0], table.index[-1], freq="h").as_unit("s")
        return table.reindex(full)

    @cached_property
    def temperature(self) -> pd.Series:
        """Observed temperature in °C, indexed by datetime64[s] in UTC; empty where hidden."""
        return self._table("weather.csv", "time_utc")["temperature_celsius"]

    @cached_property
    def closures(self) -> Array:
        """Closed civil days, datetime64[D]."""
        table = pd.read_csv(self.path / "data" / "closures.csv", dtype=str)
        days: Array = table["day"].str.slice(0, 10).to_numpy(dtype=str)
        return days.astype("datetime64[D]")

    @cached_property
    def timezone(self) -> str:
        """Zone of the civil days."""
        named = self.protocol.get("data", {}).get("timezone")
        if named:
            return str(named)
        issues = pd.DatetimeIndex(np.unique(self.issued), tz="UTC")
        for zone in ZONES:
            if (issues.tz_convert(zone).hour == 12).all():
                return zone
        raise DataError("issues that are at noon in no known zone", expected=", ".join(ZONES))

    @cached_property
    def known_until(self) -> Array:
        """First hour that each question must not read: midnight of its issue day, shape (n,)."""
        issues, row = np.unique(self.issued, return_inverse=True)
        local = pd.DatetimeIndex(issues, tz="UTC").tz_convert(self.timezone).normalize()
        midnight: Array = local.tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[s]")
        return midnight[row]

    def lag(self, hours: int) -> Array:
        """Return the load that many hours before each target, kWh of shape (n,).

        NaN where it is unknown, sealed, or not before midnight of the issue day.
        """
        wanted = self.target - hours * _HOUR
        place = ((wanted - self.history.index[0].to_datetime64()) / _HOUR).astype(np.int64)
        column = self.history.columns.get_indexer(pd.Index(self.meters))
        inside = (place >= 0) & (place < len(self.history)) & (wanted < self.known_until)
        values = self.history.to_numpy()[np.clip(place, 0, len(self.history) - 1), column]
        loads: Array = np.where(inside, values, np.nan)
        return loads

    def at_hours(self, answers: Array) -> Array:
        """Return what answers each question, from (n_examples, n_hours) to (n,)."""
        picked: Array = answers[self.example, self.step]
        return picked

    def past(self) -> pd.DataFrame:
        """Return the loads before the first issue may not be read: what everybody trains on."""
        return self.history[self.history.index < pd.Timestamp(self.known_until.min())]

    def _table(self, name: str, time: str) -> pd.DataFrame:
        table = pd.read_csv(self.path / "data" / name)
        return table.set_index(_seconds(table[time]).to_numpy()).drop(columns=time)


def _seconds(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True).dt.tz_localize(None).dt.as_unit("s")
