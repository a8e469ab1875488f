"""`python -m usecases.waste_collection.replay`: replay policies, compare them, write the page."""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from common.lab.pages.section import Section
from usecases.waste_collection.replay.bounds import lower_bound
from usecases.waste_collection.replay.driving import ITERATIONS
from usecases.waste_collection.replay.ground.scenarios import SCENARIOS, Scenario, read_scenarios
from usecases.waste_collection.replay.policies.catalogue import FAMILIES, policies_of
from usecases.waste_collection.replay.public import Material, blantyre_sites, public_material
from usecases.waste_collection.replay.report.page import replay_page
from usecases.waste_collection.replay.report.studies import (
    fault_section,
    network_section,
    sensors_section,
)
from usecases.waste_collection.replay.runs import outcomes_in, replay_all
from usecases.waste_collection.replay.scoring.comparison import Comparison, compare
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.studies import (
    Sites,
    fault_study,
    network_study,
    sensor_study,
)

__all__ = ["main"]

STUDIES = ("sensors", "faults", "blantyre")


def main(words: Sequence[str] | None = None) -> None:
    """Replay what is not in the folder yet, then compare and write the page."""
    options = _options(words)
    material = public_material()
    scenarios = [one for one in read_scenarios(options.scenarios) if one.kind == options.kind]
    scenarios = scenarios[: options.first or None]
    sites: Sites = [partial(_site, material, one, options.days) for one in scenarios]
    folder = Path(options.out)
    policies = policies_of(options.policies)
    total = len(sites) * len(policies)
    replayed = replay_all(sites, policies, folder / "outcomes", iterations=options.iterations)
    for number, one in enumerate(replayed, start=1):
        _say(
            f"{number}/{total}  {one.scenario}  {one.family} {one.parameter:g}  {one.km:.0f} km  "
            f"{one.rate:.1f} overflow-days per 1,000"
        )
    compared = compare(outcomes_in(folder / "outcomes"))
    sections = _studies(options, sites, folder)
    bounds = [lower_bound(make()) for make in sites]
    page = folder / "rejeu.html"
    page.write_text(replay_page(compared, bounds, material.assumptions, sections), encoding="utf-8")
    _write_summary(folder / "summary.json", compared)
    _say(f"{total} replays compared with the own three-day round at its own overflows.")
    _say(f"Page: {page}. Figures: {folder / 'summary.json'}.")
    _say("Next: open the page; add families with --policies, studies with --studies.")


def _site(material: Material, scenario: Scenario, days: int) -> Site:
    return material.site(scenario).cut(days)


def _same(site: Site) -> Site:
    return site


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command speaks


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m usecases.waste_collection.replay")
    parser.add_argument("--scenarios", type=Path, default=SCENARIOS, help="file of scenarios")
    parser.add_argument("--kind", choices=("test", "tuning"), default="test")
    parser.add_argument("--first", type=int, default=0, help="only so many scenarios (0: all)")
    parser.add_argument("--days", type=int, default=56, help="days that count, 1 to 56")
    parser.add_argument("--policies", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--studies", nargs="*", choices=STUDIES, default=[])
    parser.add_argument("--study-scenarios", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("--out", default="results/replay", help="folder")
    return parser.parse_args(words)


def _studies(options: argparse.Namespace, sites: Sites, folder: Path) -> list[Section]:
    few = sites[: options.study_scenarios]
    steps = options.iterations
    found = []
    if "sensors" in options.studies:
        outcomes = sensor_study(few, folder / "sensors", iterations=steps)
        found.append(sensors_section(outcomes, few[0]()))
    if "faults" in options.studies:
        found.append(fault_section(fault_study(few, folder / "faults", iterations=steps)))
    if "blantyre" in options.studies:
        real = [site.cut(options.days) for site in blantyre_sites(public_material())]
        makers: Sites = [partial(_same, one) for one in real]
        found.append(network_section(network_study(makers, folder / "blantyre", iterations=steps)))
    return found


def _write_summary(path: Path, compared: Comparison) -> None:
    """Write the rows of the comparison; figures that nobody has are null."""
    rows = [
        {
            "family": row.family,
            "fairness": row.fairness,
            "km": asdict(row.km),
            "truck_hours": asdict(row.truck_hours),
            "borne": {name: asdict(gain) for name, gain in row.borne.items()},
            "readings": [asdict(reading) for reading in row.readings],
            "over_fixed": [asdict(gain) for gain in row.over_fixed],
        }
        for row in compared.rows
    ]
    path.write_text(json.dumps(_plain(rows), indent=1, ensure_ascii=False), encoding="utf-8")


def _plain(value: object) -> object:
    """Return a JSON value without NaN."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main()
