"""What is ahead of each container if nobody comes: from a signed bundle, or counted without AI."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.edge.bundle import Bundle
from common.edge.errors import AuneError, UsageError
from common.edge.signature import trusted_keys
from usecases.waste_collection.decision.situation import Situation
from usecases.waste_collection.overflow.examples import inputs_on
from usecases.waste_collection.replay.forecast import (
    HORIZONS,
    Chances,
    StepCounts,
    belief,
    moves,
)
from usecases.waste_collection.replay.history import STEP_PERCENT, History

__all__ = ["Outlook", "counted", "newest_bundle", "outlook_of", "predicted"]

FULL_LEVEL = 4
"""Level number of 80 %."""
TASK = "overflow"
NO_AI = (
    "Prévision sans IA : les pas quotidiens de chaque conteneur, comptés sur seize semaines et "
    "composés sur sept jours."
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outlook:
    """Seven days ahead of n containers that nobody empties; arrays (n, 7), day 1 first.

    Parameters
    ----------
    p_full
        Chance of overflow (a bundle: of reading 100 %) by that day.
    p_ge80
        Chance of having reached 80 % by that day.
    q50_percent, q90_percent
        Level that is passed one time in two, and one time in ten.
    now_percent
        Level reckoned with this morning, (n,).
    source
        French sentence: which forecast this is.
    ai
        Whether a trained model stands behind it.
    driver
        French label of the term that raises the model's chance of 80 % by tomorrow most, n of
        them, "" where none raises it; empty without a model.
    """

    p_full: Floats
    p_ge80: Floats
    q50_percent: Floats
    q90_percent: Floats
    now_percent: Floats
    source: str
    ai: bool
    driver: tuple[str, ...] = ()

    def chances(self, history: History) -> Chances:  # noqa: ARG002 - the Forecaster protocol
        """Return the chances as the policies of the replay take them."""
        return Chances(self.p_full, np.cumsum(self.p_full, axis=1))

    def after(self, days: int) -> "Outlook":
        """Return the outlook as it stands after 1 to 6 days in which nobody comes.

        What lies beyond the seventh day is held at that of the seventh.
        """

        def shifted(values: Floats) -> Floats:
            return np.concatenate(
                [values[:, days:], np.repeat(values[:, -1:], days, axis=1)], axis=1
            )

        return Outlook(
            shifted(self.p_full),
            shifted(self.p_ge80),
            shifted(self.q50_percent),
            shifted(self.q90_percent),
            self.q50_percent[:, days - 1],
            self.source,
            self.ai,
            self.driver,
        )

    def of(self, rows: npt.NDArray[np.int64]) -> "Outlook":
        """Return the outlook of some containers."""
        return Outlook(
            self.p_full[rows],
            self.p_ge80[rows],
            self.q50_percent[rows],
            self.q90_percent[rows],
            self.now_percent[rows],
            self.source,
            self.ai,
            tuple(self.driver[row] for row in rows) if self.driver else (),
        )


def outlook_of(
    situation: Situation, bundle: Path | None = None, results: Path = Path("results")
) -> Outlook:
    """Forecast with the bundle given, else with the newest one of ours, else without AI.

    Raises
    ------
    IntegrityError
        If the bundle given is not what it says.
    UsageError
        If it answers another question.
    """
    if bundle is not None:
        return predicted(situation, _opened(bundle), bundle.name)
    found = newest_bundle(results, simulated=situation.dataset.simulated)
    return counted(situation) if found is None else predicted(situation, *found)


def newest_bundle(results: Path, *, simulated: bool) -> tuple[Bundle, str] | None:
    """Return the newest bundle of `overflow` under a folder that a trusted key signed.

    One that was trained on simulated data serves simulated readings only.
    """
    found = sorted(results.glob(f"**/waste_collection-{TASK}-*.zip"), key=_age)
    for path in found:
        if "SIMULATED" in path.name and not simulated:
            continue
        try:
            return _opened(path), path.name
        except AuneError:
            continue
    return None


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _opened(path: Path) -> Bundle:
    bundle = Bundle.open(path, trusted_keys())
    if bundle.manifest.usecase != "waste_collection" or bundle.manifest.task != TASK:
        raise UsageError(
            f"{path.name} answers {bundle.manifest.usecase}.{bundle.manifest.task}",
            expected=f"a bundle of waste_collection.{TASK}",
        )
    return bundle


def predicted(situation: Situation, bundle: Bundle, name: str) -> Outlook:
    """Forecast with a bundle on the morning's own inputs."""
    ids, inputs = inputs_on(situation.dataset, situation.day)
    wanted = {field.name for field in bundle.manifest.inputs}
    answer = bundle.predict({key: rows for key, rows in inputs.items() if key in wanted})
    order = _rows_of([str(one) for one in ids], situation.ids)
    simple = counted(situation)
    p_full, p_ge80, q50, q90 = (
        np.asarray(answer[key], dtype=np.float64)[order, :HORIZONS]
        for key in ("p_full", "p_ge80", "q50", "q90")
    )
    driver = _drivers(np.asarray(answer["contributions"])[order, 0], bundle)
    source = (
        f"Prévision : paquet signé {name} (version {bundle.manifest.version}, empreinte "
        f"{bundle.digest[:12]})."
    )
    return Outlook(p_full, p_ge80, q50, q90, simple.now_percent, source, ai=True, driver=driver)


def _drivers(parts: Floats, bundle: Bundle) -> tuple[str, ...]:
    """Return the label of each row's largest part (n, terms); none where no part is above 0."""
    labels = [term.label for term in bundle.manifest.terms]
    most = parts.argmax(axis=1)
    return tuple(
        labels[term] if row[term] > 0 else "" for row, term in zip(parts, most, strict=True)
    )


def _rows_of(have: Iterable[str], wanted: Iterable[str]) -> list[int]:
    place = {name: row for row, name in enumerate(have)}
    return [place[name] for name in wanted]


def counted(situation: Situation) -> Outlook:
    """Forecast without AI: each container's counted daily steps, composed over seven days."""
    steps = StepCounts().steps(situation.history)
    state = belief(situation.history, steps)
    percent = STEP_PERCENT * np.arange(state.shape[1])
    now = np.where(situation.age_days == 0, situation.level_percent, state @ percent)
    onward = moves(steps)
    ahead = []
    for _ in range(HORIZONS):
        state = np.einsum("na,nab->nb", state, onward)
        ahead.append(state)
    levels = np.stack(ahead, axis=1)
    above = levels.cumsum(axis=2)
    q50, q90 = (percent[np.argmax(above >= share - 1e-9, axis=2)] for share in (0.5, 0.9))
    return Outlook(
        p_full=levels[:, :, -1],
        p_ge80=levels[:, :, FULL_LEVEL:].sum(axis=2),
        q50_percent=q50,
        q90_percent=q90,
        now_percent=np.asarray(now),
        source=NO_AI,
        ai=False,
    )
