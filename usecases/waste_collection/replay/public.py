"""The public material of the bench: Wyndham's inflow, Nantes' columns, Blantyre's roads."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from usecases.waste_collection.data import blantyre, containers_of, load, nantes_points, readings_of
from usecases.waste_collection.fill.blantyre import DEPOT, TIP
from usecases.waste_collection.replay.ground.inflow import BLOCK_DAYS, Inflow, blocks, daily_inflow
from usecases.waste_collection.replay.ground.scenarios import Scenario, Stock
from usecases.waste_collection.replay.site import (
    Assumptions,
    Site,
    read_assumptions,
    site_of,
    site_on_roads,
)
from usecases.waste_collection.routing.network import Roads

__all__ = ["BLANTYRE_SITES", "Material", "blantyre_sites", "public_material"]

STREAM = "glass"
BLANTYRE_SITES = 3
BLANTYRE_SEED = 2022


@dataclass(frozen=True, eq=False)
class Material:
    """What scenarios are built from.

    Parameters
    ----------
    inflow
        66 containers: the 22 headline bins of Wyndham in three blocks of 301 days.
    points
        The 584 points of Nantes that take glass.
    assumptions
        Trucks and loads.
    """

    inflow: Inflow
    points: pd.DataFrame
    assumptions: Assumptions

    @property
    def stock(self) -> Stock:
        """What scenarios are drawn from."""
        ids = tuple(sorted(self.points["container_id"]))
        return Stock(ids, len(self.inflow.ids), len(self.inflow.percent))

    def site(self, scenario: Scenario) -> Site:
        """Build the site of a scenario."""
        return site_of(scenario, self.inflow, self.points, self.assumptions)


@cache
def public_material() -> Material:
    """Read the public files.

    Raises
    ------
    SourceError
        If a file cannot be had, or is not the pinned one.
    """
    log = load("wyndham")
    containers = containers_of(log)
    headline = containers.loc[containers["headline"], "container_id"]
    readings = readings_of(log)
    inflow = daily_inflow(readings[readings["container_id"].isin(headline)])
    points = nantes_points()
    glass = points[points["streams"].str.contains(STREAM)]
    return Material(blocks(inflow), glass, read_assumptions())


def blantyre_sites(material: Material, count: int = BLANTYRE_SITES) -> tuple[Site, ...]:
    """Put the same inflows on the real, asymmetric road matrix of Blantyre's skips.

    Speeds are the matrix's own; the depot is the storage in the centre, the tip the dump.
    Which container stands where, and the first day, are drawn.
    """
    roads = Roads.read_csv(blantyre().matrix, depot=DEPOT, tip=TIP)
    rng = np.random.default_rng(BLANTYRE_SEED)
    found = []
    for number in range(count):
        columns = rng.permutation(len(material.inflow.ids))
        first_day = int(rng.integers(BLOCK_DAYS - 116))
        shuffled = Inflow(
            tuple(material.inflow.ids[column] for column in columns),
            material.inflow.percent[:, columns],
            material.inflow.guessed[:, columns],
            material.inflow.first_weekday,
        )
        name = f"blantyre-{number + 1}"
        found.append(site_on_roads(name, roads, shuffled, first_day, material.assumptions))
    return tuple(found)
