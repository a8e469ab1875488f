"""Read a commune's own meter files into a Dataset, or refuse them line by line.

A folder holds one or more CSV files with the columns ``meter_id;timestamp;load_kwh``
(French names are understood), optionally ``temperature.csv`` with
``timestamp;temperature_celsius``, ``closures.csv`` with ``first_day;last_day`` (days on which
the buildings are closed, school holidays among them) and ``meta.toml``::

    timezone = "Europe/Paris"   # IANA name of times written without an offset
    country = "FR"              # for public holidays
    energy = "electricity"      # refused if the other one is asked for
    unit = "kWh"                # Wh, kWh, MWh (energy of a step) or W, kW, MW (mean power)
    timestamp = "start"         # or "end": what a time marks of its step
"""

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.french_columns import is_timezone, places_of, texts, utc_seconds
from common.lab.french_csv import (
    UNITS,
    Problems,
    Table,
    column_index,
    numbers,
    plain,
    read_table,
    unit_in_header,
)
from common.lab.usecase import Array, Dataset
from usecases.building_energy.data import Energy
from usecases.building_energy.load_steps import hourly, steps_of, wall_seconds, without_duplicates
from usecases.building_energy.own_closures import CLOSURES_FILE, read_closures

__all__ = ["Meta", "read"]

METER_NAMES = (
    "meter_id", "meter", "compteur", "id_compteur", "numero_compteur", "prm", "identifiant_prm",
    "pdl", "pce", "point_de_livraison", "identifiant",
)  # fmt: skip
TIME_NAMES = (
    "timestamp", "horodate", "horodatage", "date_heure", "date_et_heure", "datetime",
    "date_de_la_mesure", "date_de_releve", "date",
)  # fmt: skip
HOUR_NAMES = ("heure", "heures", "hour")
LOAD_NAMES = (
    "load_kwh", "load", "consommation", "conso", "energie", "energie_consommee", "puissance",
    "puissance_moyenne", "valeur", "value", "kwh", "wh", "kw", "w",
)  # fmt: skip
UNIT_NAMES = ("unite", "unit")
TEMPERATURE_NAMES = (
    "temperature_celsius", "temperature", "temperature_exterieure", "temp", "t_ext", "valeur",
)  # fmt: skip

KILO = {"wh": 1e-3, "kwh": 1.0, "mwh": 1e3, "w": 1e-3, "kw": 1.0, "mw": 1e3}
MAX_ROWS = 5_000_000
MAX_FILES = 2_000
MAX_LOAD_KWH = 1e6
"""Per step; the largest building of the Cambridge estate takes about 1,300 kWh an hour."""
SUSPECT_MEAN_KWH = 5_000.0
"""Mean hourly load above which kilowatt-hours are taken to be watt-hours: seven times
the mean of the largest of the 46 Cambridge meters (754 kWh)."""
TEMPERATURE_CELSIUS = (-60.0, 60.0)
SECONDS_AHEAD = 86_400


@dataclass(frozen=True)
class Meta:
    """What ``meta.toml`` says of a folder.

    Parameters
    ----------
    timezone, country
        Where the meters are.
    energy
        ``electricity`` or ``gas``; empty if not said.
    unit
        Unit of the values where neither column nor header says it; said here, it also
        vouches for values that look too large.
    timestamp
        ``start`` or ``end`` of the step.
    """

    timezone: str = "Europe/Paris"
    country: str = "FR"
    energy: str = ""
    unit: str = ""
    timestamp: str = "start"

    def __post_init__(self) -> None:
        legal = {
            "energy": ("", "electricity", "gas"),
            "unit": ("", *UNITS),
            "timestamp": ("start", "end"),
        }
        for name, choices in legal.items():
            if str(getattr(self, name)).lower() not in choices:
                raise TableError(
                    f"meta.toml: {name} = {getattr(self, name)!r}",
                    expected="one of " + ", ".join(choice for choice in choices if choice),
                    remedy="correct this line of meta.toml",
                )
        if not is_timezone(self.timezone):
            raise TableError(
                f"meta.toml: timezone = {self.timezone!r}",
                expected="an IANA name such as Europe/Paris",
                remedy="correct this line of meta.toml",
            )


def read(folder: Path, energy: Energy) -> Dataset:
    """Read every CSV file of a folder.

    Steps of 10, 15 or 30 minutes are added up to hours (mean powers are turned into
    energy first); an hour that lacks a step is missing. Identical rows that come twice
    are dropped and counted. Nothing is imputed and nothing is guessed: what cannot be
    read for sure is refused.

    Parameters
    ----------
    folder
        See the module's text.
    energy
        What the meters measure.

    Returns
    -------
    Dataset
        Column ``load_kwh`` on the hours from the first to the last for each meter, NaN
        and not ``valid`` where missing; ``extras["reading"]`` says by meter how many
        rows were read and dropped, the step in minutes and the share of missing hours;
        ``extras["weather"]`` where there is a ``temperature.csv``, ``extras["closures"]``
        where there is a ``closures.csv``.

    Raises
    ------
    TableError
        Naming file, line, what was found, what was expected and what to do, for up to
        20 problems at once.
    """
    meta = _meta(folder, energy)
    problems = Problems()
    files = _files(folder)
    tables = _tables(files, meta, problems)
    weather = _weather(folder, meta, problems)
    closures = read_closures(folder, problems)
    problems.refuse()
    rows = pd.concat(tables, ignore_index=True)
    if not len(rows):
        raise TableError(
            f"{folder.name}: no row of data in {len(files)} file(s)",
            expected="at least one row below the header",
            remedy="export the files again",
        )
    rows, dropped = without_duplicates(rows, problems)
    problems.refuse()
    steps = steps_of(rows, meta.timezone, problems)
    problems.refuse()
    hours = hourly(rows, steps, meta.timezone, marks_end=meta.timestamp == "end")
    _refuse_wrong_scale(hours, meta, problems)
    problems.refuse()
    beside = {"weather": weather, "closures": closures}
    return _dataset(folder, energy, meta, hours, _report(rows, dropped, steps), beside)


def _meta(folder: Path, energy: Energy) -> Meta:
    path = folder / "meta.toml"
    if not path.is_file():
        return Meta()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        meta = Meta(**{name: str(value) for name, value in raw.items()})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, OSError) as error:
        raise TableError(
            f"meta.toml: {error}",
            expected='lines such as timezone = "Europe/Paris"; known names are timezone, '
            "country, energy, unit, timestamp",
            remedy="correct meta.toml, or remove it to use the defaults",
        ) from error
    if meta.energy and meta.energy.lower() != energy:
        raise TableError(
            f"meta.toml: energy = {meta.energy!r}",
            expected=f"{energy!r}, which was asked for",
            remedy="ask for the other energy, or give the right folder",
        )
    return meta


def _files(folder: Path) -> list[Path]:
    """Return the meter files, in the order of their names."""
    if not folder.is_dir():
        raise TableError(
            f"{folder} is not a folder",
            expected="a folder of CSV files",
            remedy="give the folder, not a file in it",
        )
    files = sorted(
        path for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() == ".csv"
        and path.name.lower() not in ("temperature.csv", CLOSURES_FILE)
    )  # fmt: skip
    if not 0 < len(files) <= MAX_FILES:
        raise TableError(
            f"{folder.name}: {len(files)} CSV files",
            expected=f"from 1 to {MAX_FILES} files *.csv with meter_id;timestamp;load_kwh",
            remedy="export the meters as CSV into this folder",
        )
    return files


def _tables(files: list[Path], meta: Meta, problems: Problems) -> list[pd.DataFrame]:
    """Return the rows of each file that can be read, within the bound on all rows."""
    tables: list[pd.DataFrame] = []
    for path in files:
        rows = _meter_rows(path, meta, problems)
        if rows is not None:
            tables.append(rows)
        if sum(map(len, tables)) > MAX_ROWS:
            problems.add(
                path.name,
                f"more than {MAX_ROWS} rows in all up to this file",
                f"at most {MAX_ROWS} rows in a folder",
                "split the folder",
            )
        if problems.full:
            break
    return tables


def _meter_rows(path: Path, meta: Meta, problems: Problems) -> pd.DataFrame | None:
    """Return a file's rows: meter, second, value in kWh or kW, power, place."""
    table = read_table(path, problems)
    if table is None:
        return None
    wanted = {"meter_id": METER_NAMES, "timestamp": TIME_NAMES, "load_kwh": LOAD_NAMES}
    columns = places_of(table, wanted, "name the columns meter_id;timestamp;load_kwh", problems)
    if columns is None:
        return None
    meter, time, load = columns.values()
    meters = texts(table, meter)
    nameless = np.array([not name for name in meters], dtype=bool)
    problems.add_lines(table, nameless, meters, "a meter id", "fill it in, or remove the line")
    seconds = _seconds(table, time, meters, meta, problems)
    values, power = _values(table, load, meta, problems)
    frame = pd.DataFrame(
        {"meter": meters, "second": seconds, "value": values, "power": power, "line": table.lines}
    )
    frame["file"] = pd.Categorical.from_codes(np.zeros(len(frame), int), categories=[path.name])
    return frame.astype({"file": str})


def _seconds(table: Table, column: int, meters: list[str], meta: Meta, problems: Problems) -> Array:
    """Return the UTC second of each row; what cannot be one is noted as a problem."""
    cells = table.cells[column]
    hour = column_index(table.header, HOUR_NAMES)
    if hour is not None and hour != column:
        cells = [
            f"{day.strip()} {clock.strip()}"
            for day, clock in zip(cells, table.cells[hour], strict=True)
        ]
    seconds, _ = utc_seconds(table, (cells, meters), meta.timezone, problems)
    ahead = seconds > datetime.now(UTC).timestamp() + SECONDS_AHEAD
    problems.add_lines(
        table, ahead, cells, "a time that is past", "correct the date (day and month swapped?)"
    )
    return seconds


def _values(table: Table, column: int, meta: Meta, problems: Problems) -> tuple[Array, Array]:
    """Return each row's value in kWh or kW, and whether it is a mean power."""
    cells = table.cells[column]
    values, wrong = numbers(cells)
    problems.add_lines(
        table, wrong, cells, "a number, or an empty cell where there is none",
        "correct this cell; decimal comma or point",
    )  # fmt: skip
    out = ~wrong & _breaks_contract(values, 0.0, MAX_LOAD_KWH * 1e3)
    problems.add_lines(
        table, out, cells, f"a value from 0 to {MAX_LOAD_KWH * 1e3:g}",
        "correct it, or empty the cell; keep production apart from consumption",
    )  # fmt: skip
    units = _units(table, column, meta)
    unknown = np.array([unit not in KILO for unit in units], dtype=bool)
    if unknown.any() and len(set(units)) == 1:
        problems.add(
            f"{table.path.name} line 1",
            f"column {table.header[column]!r} and unit {units[0]!r}",
            "a unit among Wh, kWh, MWh, W, kW, MW",
            "name the column load_kwh, add a column unit, or set unit in meta.toml",
        )
    elif unknown.any():
        problems.add_lines(table, unknown, units, "Wh, kWh, MWh, W, kW or MW", "correct the unit")
    factor = np.array([KILO.get(unit, np.nan) for unit in units])
    power = np.array([unit in ("w", "kw", "mw") for unit in units], dtype=bool)
    return values * factor, power


def _breaks_contract(values: Array, low: float, high: float) -> Array:
    """Tell which values lie outside [low, high], by a pandera contract; NaN is allowed."""
    import pandera.pandas as pa

    column = pa.Column(float, pa.Check.in_range(low, high), nullable=True)
    wrong = np.zeros(len(values), dtype=bool)
    try:
        pa.DataFrameSchema({"value": column}).validate(pd.DataFrame({"value": values}), lazy=True)
    except pa.errors.SchemaErrors as refusal:
        wrong[refusal.failure_cases["index"].to_numpy(dtype=np.int64)] = True
    return wrong


def _units(table: Table, column: int, meta: Meta) -> list[str]:
    """Return each row's unit: its unit column, else the header's, else meta.toml's."""
    index = column_index(table.header, UNIT_NAMES)
    if index is not None and index != column:
        return [plain(cell) for cell in table.cells[index]]
    unit = unit_in_header(table.header[column]) or meta.unit.lower()
    return [unit] * len(table.lines)


def _refuse_wrong_scale(hourly: pd.DataFrame, meta: Meta, problems: Problems) -> None:
    """Refuse kWh that look like Wh, unless meta.toml vouches for the unit."""
    if meta.unit:
        return
    means = hourly.mean()
    for meter, mean in means[means > SUSPECT_MEAN_KWH].items():
        problems.add(
            f"meter {meter}",
            f"a mean of {mean:.0f} kWh an hour",
            f"at most {SUSPECT_MEAN_KWH:g} kWh an hour in a municipal building",
            "if the values are Wh, name the column load_wh; if they are right, set unit in "
            "meta.toml",
        )


def _report(rows: pd.DataFrame, dropped: pd.Series, steps: pd.Series) -> pd.DataFrame:
    kept = rows["meter"].value_counts().reindex(steps.index)
    duplicates = dropped.reindex(steps.index).fillna(0).astype(np.int64)
    return pd.DataFrame(
        {
            "rows_read": kept + duplicates,
            "duplicates_dropped": duplicates,
            "step_minutes": steps // 60,
        }
    ).rename_axis("meter_id")


def _weather(folder: Path, meta: Meta, problems: Problems) -> pd.DataFrame | None:
    """Return the hourly mean of ``temperature.csv``, or None where there is none."""
    path = next((path for path in folder.iterdir() if path.name.lower() == "temperature.csv"), None)
    table = None if path is None else read_table(path, problems)
    if table is None:
        return None
    time = column_index(table.header, TIME_NAMES)
    value = column_index(table.header, TEMPERATURE_NAMES)
    if time is None or value is None:
        problems.add(
            f"{table.path.name} line 1", f"columns {', '.join(table.header)!r}",
            "timestamp;temperature_celsius", "name the columns so",
        )  # fmt: skip
        return None
    seconds = _seconds(table, time, [""] * len(table.lines), meta, problems)
    celsius, wrong = numbers(table.cells[value])
    low, high = TEMPERATURE_CELSIUS
    wrong |= _breaks_contract(celsius, low, high)
    problems.add_lines(
        table, wrong, table.cells[value], f"degrees Celsius from {low:g} to {high:g}",
        "correct this cell, or empty it",
    )  # fmt: skip
    hour = seconds - wall_seconds(seconds, meta.timezone) % 3600
    mean = pd.Series(celsius).groupby(hour).mean()
    index = pd.DatetimeIndex(mean.index.to_numpy().astype("datetime64[s]"), tz="UTC")
    return pd.DataFrame({"temperature_celsius": mean.to_numpy()}, index=index)


def _dataset(
    folder: Path, energy: Energy, meta: Meta, hourly: pd.DataFrame,
    report: pd.DataFrame, beside: dict[str, pd.DataFrame | None],
) -> Dataset:  # fmt: skip
    load_kwh = hourly.to_numpy(np.float64).T
    values = np.ascontiguousarray(load_kwh).reshape(-1)
    hours = hourly.index.to_numpy().astype("datetime64[s]")
    extras = {
        "place": pd.DataFrame({"country": [meta.country]}),
        "reading": report.assign(missing_share=np.isnan(load_kwh).mean(axis=1)),
    }
    extras |= {name: table for name, table in beside.items() if table is not None}
    return Dataset(
        name=f"own_{energy}_{folder.name}",
        columns={"load_kwh": values},
        units={"load_kwh": "kWh"},
        times=pd.DatetimeIndex(np.tile(hours, len(report)), tz="UTC"),
        groups=pd.Categorical.from_codes(
            np.repeat(np.arange(len(report)), len(hours)), categories=list(report.index)
        ),
        valid=~np.isnan(values),
        timezone=meta.timezone,
        extras=extras,
    )
