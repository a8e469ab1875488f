"""The rules of one contest, as sealed: what ``protocol.json`` says."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.sealing.digests import plain
from common.edge.errors import UsageError
from common.lab.contest import Contest
from common.lab.contest.rows import MISSING_SHARE
from common.lab.stamps import sha256_of
from common.lab.usecase import Period, Task

__all__ = ["PROTOCOL_VERSION", "SCHEMA", "Protocol", "contest_of"]

SCHEMA = 1
"""Of ``protocol.json`` and ``commitment.json``: raised when a key changes its meaning."""

PROTOCOL_VERSION = 1
"""Of the rules in ``benchmarks/README.md``: raised when a rule changes."""

QUANTILE = re.compile(r"q[0-9]{2,3}", re.A)
"""Answer columns that must not decrease from left to right."""


@dataclass(frozen=True)
class Protocol:
    """What the buyer decides before sealing; the rest comes from the task and the paper.

    Parameters
    ----------
    usecase
        Folder name of the use case.
    window
        Civil days asked.
    data
        Name, ``sha256``, ``simulated``, ``proxy``, ``licences`` of the data set.
    code_commit
        Of the program that sealed.
    no_ai, reference
        Ids of the rung that fills missing rows, chosen on past data, and of the reference.
    minimum_detectable
        Relative difference that this design detects with 80 % power, from past data.
    reference_bundle
        Signed zip of the reference, kept as ``buyer/reference.zip``; None where there is none.
    reference_training
        Period that the reference was fitted on, in words.
    demonstration
        True on public data: the labels can be known, so the seal only shows how it works.
    lot
        Name of the lot of the tender.
    max_submissions
        Scored submissions per candidate and lot (``briefs/frugality.md`` 3.4: 1, at most 2).
    two_keys
        True to split the key between two people.
    sealed_at
        Time of sealing.
    """

    usecase: str
    window: Period
    data: Mapping[str, Any]
    code_commit: str
    no_ai: str
    reference: str
    minimum_detectable: float
    reference_bundle: Path | None = None
    reference_training: str = ""
    demonstration: bool = False
    lot: str = "1"
    max_submissions: int = 2
    two_keys: bool = False
    sealed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        if not 1 <= self.max_submissions <= 10:
            raise UsageError(
                f"{self.max_submissions} submissions per candidate", expected="1 to 10 (2 is usual)"
            )
        if not self.data.get("sha256"):
            raise UsageError("data without a sha256", expected="the data set's digest")

    def to_json(self, task: Task, *, n_rows: int, root: str, title: str) -> dict[str, Any]:
        """Return ``protocol.json``.

        Parameters
        ----------
        task
            Whose contest is sealed.
        n_rows
            Questions asked.
        root
            Merkle root of the labels, hexadecimal.
        title
            French title of the reference.
        """
        bundle = self.reference_bundle
        reference = {
            "id": self.reference,
            "title": title,
            "bundle_sha256": sha256_of(bundle) if bundle else None,
            "training": self.reference_training,
        }
        said: dict[str, Any] = plain({
            "schema": SCHEMA,
            "protocol_version": PROTOCOL_VERSION,
            "usecase": self.usecase,
            "window": str(self.window),
            "data": self.data,
            "data_sha256": self.data["sha256"],
            "sources": self.data.get("licences", []),
            "simulated": bool(self.data.get("simulated", False)),
            "proxy": self.data.get("proxy") or "",
            "demonstration": self.demonstration,
            "code_commit": self.code_commit,
            "merkle_root": root,
            "n_rows": n_rows,
            "minimum_detectable": self.minimum_detectable,
            "no_ai": self.no_ai,
            "reference": reference,
            "lot": self.lot,
            "max_submissions": self.max_submissions,
            "missing_share": MISSING_SHARE,
            **_of_task(task),
        })  # fmt: skip
        return said


def contest_of(task: Task) -> Contest:
    """Return a task's contest.

    Raises
    ------
    UsageError
        The task offers none.
    """
    if task.contest is None:
        raise UsageError(
            f"task {task.id} offers no contest",
            expected="a task with a contest",
            remedy="`aune list` names them",
        )
    return task.contest


def _of_task(task: Task) -> dict[str, Any]:
    contest = contest_of(task)
    return {
        "task": task.id,
        "task_version": task.version,
        "question": task.question,
        "functional_unit": task.functional_unit,
        "margin": task.margin,
        "metrics": [metric.name for metric in task.metrics],
        "columns": [asdict(column) for column in contest.columns],
        "ordered": [c.name for c in contest.answers if QUANTILE.fullmatch(c.name)],
        "sealed_share": contest.sealed_share,
        "stress": list(contest.stress),
    }
