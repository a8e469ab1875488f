"""The log of installs: one JSON line for each switch, appended and synced after it."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.edge.durable import append_line
from common.edge.store.receipt import Installed
from common.edge.store.shadow import Shadow
from common.edge.store.shelf import Shelf

__all__ = ["InstallLog"]


@dataclass(frozen=True)
class InstallLog:
    """``installs.jsonl``; each line holds the whole shelf, so it can stand in for a torn one."""

    path: Path

    def append(
        self, event: str, item: Installed, *, replaced: str = "", shadow: Shadow | None = None
    ) -> None:
        """Add a line.

        Parameters
        ----------
        event
            ``install``, ``rollback``, or ``found`` for a switch whose line a kill prevented.
        item
            The task and its shelf after the switch.
        replaced
            The version in use before.
        shadow
            What the shadow run found.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "event": event,
            "usecase": item.usecase,
            "task": item.task,
            "replaced": replaced,
            "shelf": item.shelf.to_object(),
            "shadow": None if shadow is None else asdict(shadow),
        }
        append_line(self.path, json.dumps(line, ensure_ascii=False, allow_nan=False))

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines that can be read, the oldest first."""
        try:
            raw = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        parsed = (_parsed(line) for line in raw)
        return [line for line in parsed if line is not None]

    def last(self, usecase: str, task: str) -> Shelf | None:
        """Return a task's shelf after its last logged switch."""
        for line in reversed(self.lines()):
            if (line.get("usecase"), line.get("task")) == (usecase, task):
                return Shelf.from_object(line.get("shelf"))
        return None


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
