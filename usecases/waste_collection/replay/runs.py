"""Replays kept in a folder, one file each: a stopped bench goes on where it stopped."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from usecases.waste_collection.replay.driving import ITERATIONS
from usecases.waste_collection.replay.scoring.outcome import Outcome
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Policy, Sensing, replay

__all__ = ["outcomes_in", "replay_all"]


def replay_all(
    sites: Sequence[Callable[[], Site]],
    policies: Sequence[Policy],
    folder: Path,
    *,
    sensing: Callable[[Site], Sensing] | None = None,
    iterations: int = ITERATIONS,
) -> Iterator[Outcome]:
    """Replay every policy on every site, those already in the folder excepted.

    Parameters
    ----------
    sites
        Makers of sites: one is built when its turn comes.
    policies
        What to drive.
    folder
        Where outcomes are kept; a file is written aside and then moved into place.
    sensing
        How a site is read; every container, rightly, unless given. The policies then need
        names of their own: a file is known by scenario, family and parameter.
    iterations
        Search steps per day.

    Yields
    ------
    Outcome
        In the order of policies, then sites: after each policy all scenarios are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    built: dict[int, Site] = {}
    for policy in policies:
        for number, make in enumerate(sites):
            if number not in built:
                built[number] = make()
            site = built[number]
            path = folder / f"{site.name}.{policy.family}.{policy.parameter:g}.json"
            if path.exists():
                yield Outcome.from_json(path.read_text(encoding="utf-8"))
                continue
            read = None if sensing is None else sensing(site)
            outcome = replay(policy, site, sensing=read, iterations=iterations)
            aside = path.with_suffix(".part")
            aside.write_text(outcome.to_json(), encoding="utf-8")
            aside.replace(path)
            yield outcome


def outcomes_in(folder: Path) -> tuple[Outcome, ...]:
    """Read the outcomes kept in a folder, by name of file."""
    return tuple(
        Outcome.from_json(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    )
