"""The records of a comparison: evidence of energy, entries, standings, the comparison itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from common.edge.errors import UsageError
from common.lab.contest import Finding
from common.lab.record import Score
from common.lab.statistics import PairedDifference, Verdict

__all__ = [
    "LEVELS",
    "Comparison",
    "Door",
    "Entry",
    "Evidence",
    "Latency",
    "Role",
    "Standing",
]

Door = Literal["own", "file", "model", "endpoint"]
"""Where answers came from: our own rung, a file, a model that we ran, an HTTP endpoint."""

Role = Literal["no_ai", "reference", "candidate"]

LEVELS: Mapping[int, str] = {
    4: "mesurée ici",
    3: "mesurée par le fournisseur, journal fourni",
    2: "estimée, refaisable",
    1: "déclarée sans méthode",
    0: "non déclarée",
}
"""The evidence ladder of ``briefs/frugality.md`` 3.1, in French."""


@dataclass(frozen=True)
class Evidence:
    """An amount of energy and what it rests on.

    Parameters
    ----------
    level
        Rank on `LEVELS`.
    low, central, high
        Wh; NaN where nothing is known. ``high`` is what an award counts with.
    what
        ``predict`` (Wh per 1,000 predictions) or ``train`` (Wh per training).
    words
        French: how it was obtained, with tool, version and hardware.
    lower_bound
        True where the estimate leaves known parts out (an LLM's prompt tokens).
    cpu_seconds
        CPU-seconds per 1,000 predictions where measured here, else None.
    """

    level: Literal[0, 1, 2, 3, 4]
    low: float
    central: float
    high: float
    what: Literal["predict", "train"]
    words: str
    lower_bound: bool = False
    cpu_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise UsageError(
                f"evidence of {self.low} to {self.high} Wh", expected="low at most high"
            )


@dataclass(frozen=True)
class Latency:
    """Times of the calls that we made ourselves, in milliseconds.

    Parameters
    ----------
    p50, p95, p99
        Percentiles over calls.
    calls, failures, retries
        Counts; a failure is a call without an answer after its retries.
    rows_per_call
        Rows of each call.
    """

    p50: float
    p95: float
    p99: float
    calls: int
    failures: int = 0
    retries: int = 0
    rows_per_call: int = 1


@dataclass(frozen=True)
class Entry:
    """A competitor: who, how it answered, at what energy, what was seen in its file.

    Parameters
    ----------
    id, title
        Folder name and French title.
    role, door
        See `Role` and `Door`.
    sha256
        Of the answers in the questions' order (the normalised predictions).
    n_missing, n_asked
        Rows filled from the no-AI rung, of all rows asked.
    predict, train
        Energy per 1,000 predictions and of the training.
    findings
        From parsing and checking, before the labels are open.
    latency
        For doors where we make the calls.
    model_bytes
        Size of the model where we hold it, else None.
    declaration
        What the vendor declared (licence, hosting, cost, where data go), as read from
        ``declaration.toml``; empty for our own rungs.
    explains
        ``contributions`` (per answer, checked to add up), ``declared`` or ``none``.
    stress
        French title of a damage to the answers' sha256 under it, where we ran it.
    """

    id: str
    title: str
    role: Role
    door: Door
    sha256: str
    n_missing: int
    n_asked: int
    predict: Evidence
    train: Evidence
    findings: tuple[Finding, ...] = ()
    latency: Latency | None = None
    model_bytes: int | None = None
    declaration: Mapping[str, Any] = field(default_factory=dict)
    explains: Literal["contributions", "declared", "none"] = "none"
    stress: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """Where an entry stands once the labels are open.

    Parameters
    ----------
    entry
        Who.
    scores
        Metric name to its score with interval over units, the task's main metric first.
    difference
        Against the reference, paired on identical rows (positive: the entry errs more);
        None for the reference itself.
    p_adjusted
        Holm-adjusted over the candidates; None where nothing is compared.
    verdict
        Against the reference, after Holm; ``refused`` where findings forbid scoring.
    against_no_ai
        The same against the best rung without AI.
    units_won, n_units
        Units on which it errs less than the reference.
    worst_unit, worst_loss
        Where it errs most, on the scale of the main metric.
    slices
        Slice name to class to main metric.
    alert_slices
        Slices whose worst class errs over 1.25 times the best.
    stress
        French title of a damage to the relative loss increase under it.
    findings
        Of the audit, once the labels are open.
    energy_ratio
        (low, high) of its energy per 1,000 predictions over the reference's; None where
        either is unknown.
    dominated_by
        Ids whose worst corner (error high, energy high) is better than its best corner.
    service_year
        French line name to (low, high) Wh a year, or EUR for the line ``coût``.
    """

    entry: Entry
    scores: Mapping[str, Score] = field(default_factory=dict)
    difference: PairedDifference | None = None
    p_adjusted: float | None = None
    verdict: Verdict | Literal["refused", "reference"] = "refused"
    against_no_ai: Verdict | None = None
    units_won: int = 0
    n_units: int = 0
    worst_unit: str = ""
    worst_loss: float = float("nan")
    slices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    alert_slices: tuple[str, ...] = ()
    stress: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    energy_ratio: tuple[float, float] | None = None
    dominated_by: tuple[str, ...] = ()
    service_year: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A whole comparison: what the report, the JSON, MLflow and AI Verify's shape are views of.

    Parameters
    ----------
    protocol
        The pack's ``protocol.json``: use case, task, versions, window, margin, metrics,
        data digest, Merkle root, whether the seal is a demonstration, SIMULATED or proxy.
    minimum_detectable
        Relative difference that this design detects with 80 % power, computed before the
        labels were opened.
    reference
        Id of the reference.
    standings
        The rungs without AI, the reference, then the candidates.
    unverified
        French sentences; never empty.
    seed
        Of the bootstrap.
    submissions_root
        Head of the append-only log of submissions.
    """

    protocol: Mapping[str, Any]
    minimum_detectable: float
    reference: str
    standings: tuple[Standing, ...]
    unverified: tuple[str, ...]
    seed: int
    submissions_root: str

    def __post_init__(self) -> None:
        if not self.unverified:
            raise UsageError(
                "a comparison without anything unverified", expected="one sentence at least"
            )
        if self.reference not in {standing.entry.id for standing in self.standings}:
            raise UsageError(f"no standing of the reference {self.reference}", expected="one")

    def standing(self, entry_id: str) -> Standing:
        """Return the standing of an entry."""
        for standing in self.standings:
            if standing.entry.id == entry_id:
                return standing
        raise UsageError(f"no entry {entry_id!r}", expected="one of the standings")
