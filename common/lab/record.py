"""What a run leaves: scores, footprints, the ladder and the Run that holds them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from common.edge.errors import UsageError

__all__ = ["Footprint", "Run", "RungResult", "Score"]

Tier = Literal["A_wall", "B_counter", "C_model", "D_declared", "E_bare", "F_none"]


@dataclass(frozen=True)
class Score:
    """A metric with its 95 % interval.

    Parameters
    ----------
    metric, unit, better
        Name, unit, and which direction is better (``lower``, ``higher`` or ``target``).
    value, low, high
        Central value and bounds of the 95 % bootstrap interval.
    n_units, n_values
        How many statistical units and values it rests on.
    """

    metric: str
    unit: str
    better: str
    value: float
    low: float
    high: float
    n_units: int
    n_values: int


@dataclass(frozen=True)
class Footprint:
    """What a piece of work consumed, and how well that is known.

    Parameters
    ----------
    stage
        ``train``, ``predict_1``, ``predict_1000`` or ``explain``.
    cpu_seconds, wall_seconds
        Median over repetitions, of this process and its children.
    peak_rss_mib
        Highest resident memory.
    kwh_low, kwh_central, kwh_high
        Energy of the stage with its interval.
    tier
        Evidence tier of ``briefs/frugality.md`` 2.5, computed, never typed by hand.
    hardware
        Identity of the machine.
    repetitions, cv
        How often it was repeated, and the coefficient of variation of CPU-seconds.
    quality
        ``high``, ``medium`` or ``low`` (one pass, or CV over 10 %): no comparison drawn.
    predictions
        Number of predicted rows, 0 for training.
    factor
        Emission factor: value, unit, publisher, year, scope.
    co2_use_g, co2_embodied_g
        Grams of CO2e as [low, central, high].
    meters
        What each meter read (CodeCarbon, RAPL, CPU time), by name.
    conditions
        Load, steal, threads, calibration index, flags.
    """

    stage: str
    cpu_seconds: float
    wall_seconds: float
    peak_rss_mib: float
    kwh_low: float
    kwh_central: float
    kwh_high: float
    tier: Tier
    hardware: str
    repetitions: int
    cv: float
    quality: Literal["high", "medium", "low"]
    predictions: int = 0
    factor: Mapping[str, Any] = field(default_factory=dict)
    co2_use_g: tuple[float, float, float] = (0.0, 0.0, 0.0)
    co2_embodied_g: tuple[float, float, float] = (0.0, 0.0, 0.0)
    meters: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cpu_seconds_per_1000(self) -> float:
        """CPU-seconds per 1,000 predictions, the primary comparable figure."""
        return 1000 * self.cpu_seconds / self.predictions if self.predictions else float("nan")

    @property
    def wh_per_1000(self) -> tuple[float, float, float]:
        """Wh per 1,000 predictions as (low, central, high)."""
        if not self.predictions:
            return (float("nan"),) * 3
        scale = 1e6 / self.predictions
        return self.kwh_low * scale, self.kwh_central * scale, self.kwh_high * scale


@dataclass(frozen=True)
class RungResult:
    """One row of the ladder.

    Parameters
    ----------
    rung, title, kind, scope
        As the task declares them.
    model_kb
        Size of the exported graph in kB (1,000 bytes).
    tune_loss
        Mean loss over the tuning period, the task's main metric.
    loss_increase, loss_increase_high
        Relative increase over the best rung on the tuning period, and the upper 95 %
        bound of its paired block bootstrap.
    qualifies
        Whether the upper bound stays below the margin.
    scores
        Test-period scores by metric, each with its interval.
    slices
        Main metric by slice and class, test period.
    footprints
        By stage.
    """

    rung: str
    title: str
    kind: str
    scope: str
    model_kb: float
    tune_loss: float
    loss_increase: float
    loss_increase_high: float
    qualifies: bool
    scores: Mapping[str, Score]
    slices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    footprints: Mapping[str, Footprint] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """Everything a run established; pages, cards and MLflow are views of it.

    Parameters
    ----------
    id
        ``YYYYMMDDTHHMMSSZ-<8 hex>``, then ``-SIMULATED`` on simulated data.
    usecase, task, task_version, question
        What was asked.
    profile
        ``quick`` or ``full``.
    dataset
        Name, digest, simulated, proxy, licence lines, number of rows and units.
    split
        The periods, in words.
    ladder
        One row per rung.
    chosen, reason
        The rung that ships and why, in French.
    margin
        Relative margin of the choice.
    tracks
        Named side results (temperature tracks, zero-shot, cold start, robustness):
        name to metric to Score.
    explanation
        Mean absolute contribution per term group (French name), test period.
    parity
        Figures of the parity gate.
    environment
        Python, packages, CPU, threads, lock hash, code commit.
    seed
        Seed of everything random.
    created
        ISO 8601 UTC.
    facts
        Anything else a page needs, plain JSON.
    """

    id: str
    usecase: str
    task: str
    task_version: int
    question: str
    profile: str
    dataset: Mapping[str, Any]
    split: Mapping[str, str]
    ladder: tuple[RungResult, ...]
    chosen: str
    reason: str
    margin: float
    tracks: Mapping[str, Mapping[str, Score]]
    explanation: Mapping[str, float]
    parity: Mapping[str, float]
    environment: Mapping[str, Any]
    seed: int
    created: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def row(self, rung: str) -> RungResult:
        """Return the ladder's row for ``rung``."""
        for result in self.ladder:
            if result.rung == rung:
                return result
        raise UsageError(
            f"run {self.id} has no rung {rung!r}",
            expected="one of " + ", ".join(result.rung for result in self.ladder),
        )

    def to_json(self) -> str:
        """Return the run as JSON with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Run":
        """Read a run back; ``Run.from_json(run.to_json()) == run``."""
        raw = json.loads(text)
        raw["ladder"] = tuple(_result(row) for row in raw["ladder"])
        raw["tracks"] = {
            name: {metric: Score(**score) for metric, score in scores.items()}
            for name, scores in raw["tracks"].items()
        }
        return cls(**raw)

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Read a run from its ``run.json``."""
        return cls.from_json(path.read_text(encoding="utf-8"))


def _result(raw: dict[str, Any]) -> RungResult:
    scores = {name: Score(**score) for name, score in raw.pop("scores").items()}
    footprints = {name: _footprint(row) for name, row in raw.pop("footprints").items()}
    return RungResult(scores=scores, footprints=footprints, **raw)


def _footprint(raw: dict[str, Any]) -> Footprint:
    for name in ("co2_use_g", "co2_embodied_g"):
        raw[name] = tuple(raw[name])
    return Footprint(**raw)
