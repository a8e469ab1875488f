"""What a soak knows when it is started again after an interruption."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.serving.soak.clients import Tally
from benchmarks.serving.soak.memory import Sample, Stretch
from common.edge.durable import move_file, write_file

__all__ = ["State"]


@dataclass
class State:
    """The counts so far.

    Parameters
    ----------
    epoch
        Starts of the program.
    seconds
        That it ran.
    tally
        What became of the requests.
    events
        Disturbances by name.
    starts_s
        Seconds of each start of the server.
    stretches
        Its lives.
    """

    epoch: int = 0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    events: Counter[str] = field(default_factory=Counter)
    starts_s: list[float] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        aside = path.with_name(f"{path.name}.new")
        # asdict makes another Counter out of a Counter's pairs (python/cpython#79721).
        tally = vars(self.tally) | {"statuses": dict(self.tally.statuses)}
        stretches = [asdict(one) for one in self.stretches]
        raw = vars(self) | {"tally": tally, "events": dict(self.events), "stretches": stretches}
        write_file(aside, json.dumps(raw).encode())
        move_file(aside, path)

    @classmethod
    def load(cls, path: Path) -> "State":
        """Read what `save` wrote; a new one where there is none."""
        if not path.exists():
            return cls()
        raw = json.loads(path.read_bytes())
        tally = raw["tally"]
        statuses = Counter({int(status): n for status, n in tally["statuses"].items()})
        return cls(
            raw["epoch"],
            raw["seconds"],
            Tally(**tally | {"statuses": statuses}),
            Counter(raw["events"]),
            raw["starts_s"],
            [
                Stretch(one["kind"], one["reloads"], tuple(Sample(**s) for s in one["samples"]))
                for one in raw["stretches"]
            ],
        )
