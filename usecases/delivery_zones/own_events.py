"""From CDS events to stays and outages, bay by bay, without ever guessing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from common.edge.errors import TableError
from usecases.delivery_zones.kerb.cds import CurbEvent

__all__ = ["Journal", "journal_of"]

NOT_OCCUPANCY = ("payment", "data_feed", "in_person")
"""Sources that see their own customers or a walk's sample, not the bay."""

USED = ("park_start", "park_end", "comms_lost", "comms_restored", "decommissioned")


@dataclass(frozen=True)
class Journal:
    """What the events say of the bays.

    Parameters
    ----------
    stays, outages
        As `events.dataset_of` takes them.
    counts
        French sentence to number of events that could not be used as they were.
    """

    stays: pd.DataFrame
    outages: pd.DataFrame
    counts: dict[str, int]


@dataclass
class _Bay:
    """The state of one bay while its events are read in order of time."""

    zone: str
    name: str
    since: int | None = None
    lost_at: int | None = None
    stays: list[tuple[int, int | None, str]] = field(default_factory=list)
    outages: list[tuple[int, int | None]] = field(default_factory=list)
    unmatched: int = 0

    def take(self, kind: str, time: int) -> None:
        """Take one event.

        A bay is unknown from the loss of its sensor to the first arrival or departure
        after it: the return of the sensor alone does not say what stands there.
        """
        if kind in ("comms_lost", "decommissioned"):
            self.lost_at = time if self.lost_at is None else self.lost_at
        elif kind in ("park_start", "park_end"):
            if self.lost_at is not None:
                self._end(self.lost_at, "cut_by_outage")
                self.outages.append((self.lost_at, time))
                self.lost_at = None
            elif kind == "park_end" and self.since is None:
                self.unmatched += 1
            self._end(time, "ok" if kind == "park_end" else "truncated_at_next_arrival")
            if kind == "park_start":
                self.since = time

    def close(self) -> None:
        """Note what is still going on after the last event."""
        if self.lost_at is not None:
            self._end(self.lost_at, "cut_by_outage")
            self.outages.append((self.lost_at, None))
        elif self.since is not None:
            self.stays.append((self.since, None, "ok"))

    def _end(self, time: int, quality: str) -> None:
        if self.since is not None and time > self.since:
            self.stays.append((self.since, time, quality))
        self.since = None


def journal_of(events: Sequence[CurbEvent], where: str) -> Journal:
    """Read events into stays and outages.

    Parameters
    ----------
    events
        In any order; an event that comes twice (same id) counts once.
    where
        The file, for messages.

    Raises
    ------
    TableError
        If an arrival, departure or loss has no zone or no bay, or if the source does not
        observe the bay (payments, check-ins, surveys).
    """
    distinct = {event.event_id: event for event in events}
    used = [event for event in distinct.values() if event.event_type in USED]
    _refuse_sources(used, where)
    _refuse_placeless(used, where)
    bays: dict[tuple[str, str], _Bay] = {}
    for event in sorted(used, key=_order):
        key = (str(event.curb_zone_id), str(event.curb_space_id))
        bays.setdefault(key, _Bay(*key)).take(event.event_type, event.event_time // 1000)
    for bay in bays.values():
        bay.close()
    return Journal(
        stays=_stays(bays.values()),
        outages=_outages(bays.values()),
        counts={
            "événements répétés, comptés une fois": len(events) - len(distinct),
            "événements sans effet sur l'occupation": len(distinct) - len(used),
            "départs sans arrivée connue, écartés": sum(bay.unmatched for bay in bays.values()),
        },
    )


def _order(event: CurbEvent) -> tuple[int, int]:
    """At the same instant a bay is left before it is taken."""
    return event.event_time // 1000, event.event_type == "park_start"


def _refuse_sources(events: Sequence[CurbEvent], where: str) -> None:
    wrong = [event for event in events if event.data_source_type in NOT_OCCUPANCY]
    if wrong:
        raise TableError(
            f"{where}: {len(wrong)} of {len(events)} events come from "
            f"{wrong[0].data_source_type!r}, the first is {wrong[0].event_id}",
            expected="events of sensors or cameras that watch the bay (in_ground, above_ground, "
            "camera)",
            remedy="leave these out: payments and check-ins see their customers only, and a zone "
            "would look free 99 % of the time",
        )


def _refuse_placeless(events: Sequence[CurbEvent], where: str) -> None:
    for event in events:
        if event.curb_zone_id is None or event.curb_space_id is None:
            lacking = "curb_zone_id" if event.curb_zone_id is None else "curb_space_id"
            raise TableError(
                f"{where}: event {event.event_id} ({event.event_type}) has no {lacking}",
                expected="the zone and the bay of every arrival, departure and loss",
                remedy="ask the operator to send one curb_space_id per bay",
            )


def _stays(bays: Iterable[_Bay]) -> pd.DataFrame:
    rows = [(bay.zone, bay.name, *stay) for bay in bays for stay in bay.stays]
    names = ["curb_zone_id", "curb_space_id", "event_time_start", "event_time_end", "quality"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(**{name: _utc(table[name]) for name in names[2:4]})


def _outages(bays: Iterable[_Bay]) -> pd.DataFrame:
    rows = [(bay.zone, bay.name, *spell) for bay in bays for spell in bay.outages]
    table = pd.DataFrame(rows, columns=["curb_zone_id", "curb_space_id", "start", "end"])
    return table.assign(start=_utc(table["start"]), end=_utc(table["end"]))


def _utc(seconds: pd.Series) -> pd.Series:
    whole = pd.to_numeric(seconds).astype("Int64")
    return pd.to_datetime(whole, unit="s", utc=True).dt.as_unit("s")
