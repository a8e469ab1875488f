"""The demand of each area: the commune's own `demand.csv`, or a proxy called HYPOTHÈSE.

The public inventory holds no demand, no shops and no counts. The proxy spreads an assumed number
of deliveries over the areas by density, length and hours: it makes the machinery run and shows
what a plan looks like; it is no measurement, and every record made of it says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from common.edge.errors import TableError, UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.decision.accessibility import Network
from usecases.delivery_zones.inventory.geometry import local_metres
from usecases.delivery_zones.inventory.opening_hours import daily_hours

__all__ = ["DEMAND_COLUMNS", "Proxy", "bays_from_length", "network_of", "read_demand"]

DEMAND_COLUMNS: Final = {
    "area_id": "identifiant de l'aire, comme ID dans l'inventaire (obligatoire)",
    "deliveries_per_day": "livraisons qui cherchent une place, par jour ouvré (obligatoire)",
    "mean_stay_minutes": "durée moyenne d'arrêt en minutes (25 si absente)",
    "bays": "nombre de places (calculé de la longueur si absent)",
    "weight": "importance d'une livraison ici (1 si absente)",
}
"""Columns of a commune's ``demand.csv``: semicolons, decimal comma or point, one row per area."""

LONGEST_DAY_HOURS: Final = 13.0
"""Deliveries of an area without hours spread over 07:00 to 20:00."""
KERNEL_METRES: Final = 150.0


@dataclass(frozen=True)
class Proxy:
    """The assumptions behind the proxy demand; none is a measurement (HYPOTHÈSE).

    Parameters
    ----------
    deliveries_per_bay_day
        Mean over all areas, above 0.
    mean_stay_minutes
        25: the mean of Dundee's rapid charging bays (24.8 min), a substitute for deliveries.
    metres_per_bay
        Length of kerb that one bay takes.
    """

    deliveries_per_bay_day: float = 8.0
    mean_stay_minutes: float = 25.0
    metres_per_bay: float = 10.0

    def __post_init__(self) -> None:
        if min(self.deliveries_per_bay_day, self.mean_stay_minutes, self.metres_per_bay) <= 0:
            raise UsageError(f"{self}", expected="three numbers above 0")


def bays_from_length(length_m: Array, metres_per_bay: float = 10.0) -> Array:
    """Return the whole bays that fit a length; at least one, also where it is not known.

    >>> bays_from_length(np.array([9.0, 25.0, np.nan])).tolist()
    [1, 2, 1]
    """
    fit = np.floor(np.nan_to_num(length_m, nan=0.0) / metres_per_bay)
    bays: Array = np.maximum(fit, 1).astype(np.int64)
    return bays


def network_of(
    areas: pd.DataFrame, demand: pd.DataFrame | None = None, proxy: Proxy | None = None
) -> Network:
    """Join areas and demand into what a plan is made of.

    Parameters
    ----------
    areas
        As from `inventory.areas_of`; areas without a point are left out.
    demand
        As from `read_demand`; None takes the proxy.
    proxy
        Assumptions; also the stay and length per bay where ``demand`` does not say.

    Notes
    -----
    Proxy: deliveries are proportional to
    sqrt(density / mean) * sqrt(length / median) * sqrt(hours / 13), density being the Gaussian
    sum (150 m) of the areas around, and hours the goods hours of a day, at most 13; scaled to
    ``deliveries_per_bay_day`` times the bays. Square roots, because an area twice as long is
    not known to be twice as asked for.
    """
    assumed = proxy or Proxy()
    kept = areas[areas["lon"].notna() & areas["lat"].notna()].reset_index(drop=True)
    hours = np.minimum([daily_hours(text) for text in kept["hours"]], LONGEST_DAY_HOURS)
    bays = bays_from_length(kept["length_m"].to_numpy(), assumed.metres_per_bay)
    if demand is None:
        known = _proxy_demand(kept, bays, hours, assumed)
    else:
        known = _own_demand(kept, demand, bays, assumed)
    return Network(
        area_id=kept["area_id"].to_numpy(object),
        commune=kept["commune"].to_numpy(object),
        address=kept["address"].to_numpy(object),
        lon=kept["lon"].to_numpy(float),
        lat=kept["lat"].to_numpy(float),
        bays=known["bays"].to_numpy(np.int64),
        deliveries_per_day=known["deliveries_per_day"].to_numpy(float),
        stay_hours=known["mean_stay_minutes"].to_numpy(float) / 60,
        goods_hours_per_day=np.where(hours > 0, hours, LONGEST_DAY_HOURS),
        movable=kept["regime"].isin(["Livraison", "Mixte"]).to_numpy(bool),
        weight=known["weight"].to_numpy(float),
        demand_is_hypothesis=demand is None,
    )


def read_demand(path: Path) -> pd.DataFrame:
    """Read a commune's ``demand.csv``; its columns are `DEMAND_COLUMNS`.

    Returns
    -------
    DataFrame
        Indexed by area_id, numbers as float, NaN where a cell is empty.

    Raises
    ------
    TableError
        If a column is missing, an area comes twice or a cell is no number of 0 or more.
    """
    text = pd.read_csv(path, sep=";", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    absent = {"area_id", "deliveries_per_day"} - set(text)
    if absent:
        raise TableError(
            f"{path.name}: columns {', '.join(text)}",
            expected="; ".join(DEMAND_COLUMNS),
            remedy=f"add {', '.join(sorted(absent))}; cells between semicolons",
        )
    twice = text["area_id"].duplicated()
    if twice.any():
        raise TableError(
            f"{path.name} line {int(twice.idxmax()) + 2}: an area that was there before",
            expected="one row per area",
            remedy="keep one of the rows",
        )
    columns = [name for name in DEMAND_COLUMNS if name in text and name != "area_id"]
    numbers = pd.DataFrame({name: _numbers(text[name], path) for name in columns})
    return numbers.set_axis(text["area_id"]).reindex(columns=list(DEMAND_COLUMNS)[1:])


def _numbers(cells: pd.Series, path: Path) -> pd.Series:
    """Return cells as numbers, decimal comma or point; empty ones as NaN."""
    numbers = pd.to_numeric(cells.str.strip().str.replace(",", "."), errors="coerce")
    wrong = (cells.str.strip() != "") & ~(numbers >= 0)
    if wrong.any():
        row = int(wrong.idxmax())
        raise TableError(
            f"{path.name} line {row + 2}, {cells.name}: {cells[row]!r}",
            expected="a number of 0 or more, such as 12 or 12,5",
            remedy="correct this cell, or leave it empty where it is not known",
        )
    return numbers


def _own_demand(
    areas: pd.DataFrame, demand: pd.DataFrame, bays: Array, proxy: Proxy
) -> pd.DataFrame:
    """Return the commune's demand in the order of the areas, gaps filled as documented."""
    unknown = sorted(set(areas["area_id"]) - set(demand.index))
    strangers = sorted(set(demand.index) - set(areas["area_id"]))
    if unknown or strangers:
        raise TableError(
            f"demand.csv: {len(unknown)} areas without a row {unknown[:3]}, "
            f"{len(strangers)} rows without an area {strangers[:3]}",
            expected="one row for each area of the inventory",
            remedy="write 0 deliveries for an area that nobody asks for",
        )
    own = demand.loc[areas["area_id"]].reset_index(drop=True)
    if own["deliveries_per_day"].isna().any():
        row = int(own["deliveries_per_day"].isna().idxmax())
        raise TableError(
            f"demand.csv: area {areas['area_id'][row]} without deliveries_per_day",
            expected="a number; missing is never zero",
            remedy="count them, or write 0 where there are none",
        )
    own["bays"] = own["bays"].fillna(pd.Series(bays))
    return own.fillna({"mean_stay_minutes": proxy.mean_stay_minutes, "weight": 1.0})


def _proxy_demand(areas: pd.DataFrame, bays: Array, hours: Array, proxy: Proxy) -> pd.DataFrame:
    """Return the proxy demand of `network_of`."""
    length = areas["length_m"].fillna(areas["length_m"].median()).fillna(proxy.metres_per_bay)
    density = _density(local_metres(areas["lon"].to_numpy(float), areas["lat"].to_numpy(float)))
    share = np.sqrt(density / density.mean() * length / length.median() * hours / LONGEST_DAY_HOURS)
    total = proxy.deliveries_per_bay_day * bays.sum()
    return pd.DataFrame({
        "deliveries_per_day": total * share / share.sum(),
        "mean_stay_minutes": proxy.mean_stay_minutes,
        "bays": bays,
        "weight": 1.0,
    })  # fmt: skip


def _density(metres: Array) -> Array:
    """Return the Gaussian sum of the areas around each one, itself included."""
    pairs = cKDTree(metres).sparse_distance_matrix(
        cKDTree(metres), 3 * KERNEL_METRES, output_type="coo_matrix"
    )
    weights = np.exp(-0.5 * (pairs.data / KERNEL_METRES) ** 2)
    return np.bincount(pairs.row, weights, minlength=len(metres))
