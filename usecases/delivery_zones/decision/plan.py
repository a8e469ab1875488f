"""A relocation plan as a council reads it: what is done where, why, and who gains or loses."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from common.lab.pages.french import number, plural, quantity, typeset
from common.lab.usecase import Array
from usecases.delivery_zones.decision.accessibility import (
    Network,
    metres_per_delivery,
    worst_communes,
)
from usecases.delivery_zones.decision.relocation import Settings, Solution, solve
from usecases.delivery_zones.decision.states import ALONE, states_today

__all__ = ["HYPOTHESIS", "Plan", "plan_relocation"]

HYPOTHESIS: Final = (
    "HYPOTHÈSE : la demande n'est pas mesurée, elle est déduite de la densité, de la longueur et "
    "des horaires des aires. Ce plan montre la méthode ; il ne se décide pas sans demand.csv."
)
SERVICE_QUARTILES: Final = (
    "Quart le moins bien servi", "Deuxième quart", "Troisième quart", "Quart le mieux servi",
)  # fmt: skip
ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class Plan:
    """A plan, its figures before and after, and its proof.

    Parameters
    ----------
    areas
        One row per area: ``area_id``, ``commune``, ``address``, ``lon``, ``lat``,
        ``bays_before``, ``bays_after``, ``action`` (``inchangée``, ``ajout``, ``retrait``,
        ``fermeture``, ``reprise``), ``reason`` (French), ``served_by`` (area id),
        ``deliveries_per_day``, ``lost_before``, ``lost_after`` (deliveries a day),
        ``metres_before``, ``metres_after`` (weighted metres a day).
    communes
        One row per commune: bays, lost deliveries and metres before and after, ``verdict``.
    equity
        One row per quarter of the areas by service today, the worst served first.
    solution
        Objective, bound, gap and time.
    settings
        The rules that the plan keeps.
    demand_is_hypothesis
        True where the demand is a proxy: every page that shows the plan says `HYPOTHESIS`.
    """

    areas: pd.DataFrame
    communes: pd.DataFrame
    equity: pd.DataFrame
    solution: Solution
    settings: Settings
    demand_is_hypothesis: bool

    @property
    def changed(self) -> pd.DataFrame:
        """The areas that the plan touches, the greatest gain first."""
        rows = self.areas[self.areas["action"] != "inchangée"]
        gain = rows["metres_before"] - rows["metres_after"]
        return rows.loc[gain.sort_values(ascending=False, kind="stable").index]

    def totals(self) -> dict[str, float]:
        """Return the figures of the whole plan.

        Returns
        -------
        dict
            Bays, lost deliveries a day, weighted metres a day before and after, bays painted
            and given up, areas closed, deliveries a day that walk from another area.
        """
        closed = self.areas["action"] == "fermeture"
        states = self.solution.states
        return {
            "bays_before": float(self.areas["bays_before"].sum()),
            "bays_after": float(self.areas["bays_after"].sum()),
            "lost_before": float(self.areas["lost_before"].sum()),
            "lost_after": float(self.areas["lost_after"].sum()),
            "metres_before": float(self.areas["metres_before"].sum()),
            "metres_after": float(self.areas["metres_after"].sum()),
            "bays_added": float(states.added.sum()),
            "bays_removed": float(states.removed.sum()),
            "areas_closed": float(closed.sum()),
            "deliveries_walking": float(self.areas.loc[closed, "deliveries_per_day"].sum()),
        }

    def write_csv(self, path: Path) -> None:
        """Write the touched areas for a French spreadsheet; the hypothesis is a column."""
        table = self.changed.assign(demande=self._demand_label())
        table.to_csv(
            path, sep=";", decimal=",", index=False, encoding="utf-8-sig", lineterminator="\n",
            float_format="%.6g",
        )  # fmt: skip

    def to_geojson(self) -> dict[str, Any]:
        """Return every area as a GeoJSON point with its part in the plan (RFC 7946)."""
        features = [
            {
                "type": "Feature",
                "geometry": {
                    "type": "Point",
                    "coordinates": [round(row.pop("lon"), 6), round(row.pop("lat"), 6)],
                },
                "properties": {name: _plain(value) for name, value in row.items()}
                | {"demande": self._demand_label()},
            }
            for row in self.areas.to_dict("records")
        ]
        return {"type": "FeatureCollection", "features": features}

    def write_geojson(self, path: Path) -> None:
        """Write `to_geojson`."""
        text = json.dumps(self.to_geojson(), ensure_ascii=False, separators=(",", ":"))
        path.write_text(text + "\n", encoding="utf-8")

    def _demand_label(self) -> str:
        return "HYPOTHÈSE" if self.demand_is_hypothesis else "donnée de la commune"


def plan_relocation(network: Network, settings: Settings | None = None) -> Plan:
    """Solve and lay out the best plan under the rules.

    Raises
    ------
    UsageError
        If no plan keeps all the rules.

    Examples
    --------
    >>> import numpy as np
    >>> area = dict(commune=np.array(["A", "A"]), address=np.array(["1 rue", "2 rue"]),
    ...             lon=np.array([2.0, 2.01]), lat=np.array([48.9, 48.9]),
    ...             stay_hours=np.full(2, 0.5), goods_hours_per_day=np.full(2, 10.0),
    ...             movable=np.full(2, True), weight=np.ones(2), demand_is_hypothesis=False)
    >>> network = Network(area_id=np.array(["quiet", "busy"]), bays=np.array([3, 1]),
    ...                   deliveries_per_day=np.array([2.0, 20.0]), **area)
    >>> plan_relocation(network).areas["bays_after"].tolist()
    [2, 2]
    """
    rules = settings or Settings()
    solution = solve(network, rules)
    areas = _areas(network, solution, rules)
    return Plan(
        areas=areas,
        communes=_communes(areas, worst_communes(network, rules.walking)),
        equity=_equity(areas, metres_per_delivery(network, rules.walking)),
        solution=solution,
        settings=rules,
        demand_is_hypothesis=network.demand_is_hypothesis,
    )


def _areas(network: Network, solution: Solution, rules: Settings) -> pd.DataFrame:
    """Return the plan's row of every area."""
    states, today = solution.states, states_today(network, rules.walking)
    paired = states.guest != ALONE
    served_by = np.full(len(network), ALONE)
    served_by[states.guest[paired]] = states.host[paired]
    takes = np.full(len(network), ALONE)
    takes[states.host] = states.guest
    bays = np.zeros(len(network), dtype=np.int64)
    bays[states.host] = states.bays
    table = pd.DataFrame({
        "area_id": network.area_id, "commune": network.commune, "address": network.address,
        "lon": network.lon, "lat": network.lat,
        "bays_before": network.bays, "bays_after": bays,
        "action": _actions(network.bays, bays, takes, served_by),
        "served_by": ["" if j == ALONE else str(network.area_id[j]) for j in served_by],
        "deliveries_per_day": network.deliveries_per_day,
        "lost_before": today.host_lost,
        "lost_after": _by_area(solution, "lost", len(network)),
        "metres_before": today.host_metres,
        "metres_after": _by_area(solution, "metres", len(network)),
    })  # fmt: skip
    walk = np.zeros(len(network))
    walk[states.guest[paired]] = states.walk[paired]
    table.insert(8, "reason", _reasons(table, takes, walk))
    return table


def _by_area(solution: Solution, what: str, n_areas: int) -> Array:
    """Return lost deliveries or metres of each area's own deliveries after the plan."""
    states = solution.states
    values = np.zeros(n_areas)
    values[states.host] = getattr(states, f"host_{what}")
    paired = states.guest != ALONE
    values[states.guest[paired]] = getattr(states, f"guest_{what}")[paired]
    return values


def _actions(before: Array, after: Array, takes: Array, served_by: Array) -> Array:
    """Name what happens to each area."""
    closed = (served_by != ALONE) & (before > 0)
    cases = [closed, takes != ALONE, after > before, after < before]
    return np.select(cases, ["fermeture", "reprise", "ajout", "retrait"], "inchangée")


def _reasons(table: pd.DataFrame, takes: Array, walk: Array) -> list[str]:
    """Say in French why each area is touched; nothing where it is not."""
    ids = table["area_id"].to_numpy()
    rows = table.itertuples(index=False)
    return [
        typeset(_reason(row, "" if guest == ALONE else str(ids[guest]), float(metres)))
        for row, guest, metres in zip(rows, takes, walk, strict=True)
    ]


def _reason(row: Any, guest: str, walk_m: float) -> str:
    """Return the sentence of one area."""
    deliveries = plural(row.deliveries_per_day, "livraison", digits=1)
    change = row.bays_after - row.bays_before
    lost = f"perdues : {number(row.lost_before, 1)} puis {number(row.lost_after, 1)} par jour"
    if row.action == "fermeture":
        return (
            f"L'aire {row.served_by}, à {quantity(walk_m, 'm', 0)} à pied, reprend ses "
            f"{deliveries} par jour ; {lost}."
        )
    if row.action == "reprise":
        gained = f"{change:+d} place ; " if change else ""
        return f"{gained}reprend les livraisons de l'aire {guest} ; {lost}."
    if row.action == "inchangée":
        return ""
    noun = "place" if abs(change) == 1 else "places"
    return f"{change:+d} {noun} pour {deliveries} par jour ; {lost}.".replace("-", "\u2212", 1)


def _communes(areas: pd.DataFrame, worst: list[str]) -> pd.DataFrame:
    """Return who gains and who loses, commune by commune."""
    figures = [
        "bays_before", "bays_after", "deliveries_per_day", "lost_before", "lost_after",
        "metres_before", "metres_after",
    ]  # fmt: skip
    table = areas.groupby("commune")[figures].sum().reset_index()
    table["worst_served"] = table["commune"].isin(worst)
    change = table["metres_after"] - table["metres_before"]
    table["verdict"] = np.select([change < -ROUNDING, change > ROUNDING], ["gagne", "perd"], "égal")
    return table


def _equity(areas: pd.DataFrame, badness: Array) -> pd.DataFrame:
    """Return the figures of each quarter of the areas, by how they are served today."""
    order = np.argsort(-badness, kind="stable")
    quarter = np.empty(len(areas), dtype=int)
    size = -(-len(areas) // len(SERVICE_QUARTILES))
    quarter[order] = np.arange(len(areas)) // size
    worse = areas["metres_after"] > areas["metres_before"] + ROUNDING
    better = areas["metres_after"] < areas["metres_before"] - ROUNDING
    figures = ["deliveries_per_day", "lost_before", "lost_after", "metres_before", "metres_after"]
    table = areas.assign(areas=1, worse=worse, better=better, quarter=quarter)
    sums = table.groupby("quarter")[["areas", *figures, "better", "worse"]].sum().reset_index()
    sums["quarter"] = [SERVICE_QUARTILES[place] for place in sums["quarter"]]
    return sums


def _plain(value: Any) -> Any:
    """Return a JSON value; figures with six significant digits."""
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}")
    return value.item() if isinstance(value, np.generic) else value
