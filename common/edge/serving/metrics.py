"""Counters of the server in Prometheus' text format, counted on the event loop alone."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import add

from common.edge.serving.models.observing import Observation, Reference

__all__ = ["BUCKETS_SECONDS", "CONTENT_TYPE", "Metrics", "family"]

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(slots=True)
class _Latency:
    """A histogram: one count per bucket, the last for what is above them all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    total_seconds: float = 0.0


@dataclass(slots=True)
class _Seen:
    """Rows of one version of a model, and what was missing or outside in each input."""

    references: Sequence[Reference]
    rows: int = 0
    missing: list[int] = field(init=False)
    outside: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.missing, self.outside = ([0] * len(self.references) for _ in range(2))


class Metrics:
    """What is counted; no lock, since only the event loop's thread writes.

    Parameters
    ----------
    watts_per_core
        Low, central and high power of a busy core (tier C_model).
    """

    def __init__(self, watts_per_core: tuple[float, float, float]) -> None:
        self._watts = watts_per_core
        self._requests: dict[tuple[str, str, int], int] = {}
        self._latencies: dict[tuple[str, str], _Latency] = {}
        self._rows: dict[str, int] = {}
        self._seen: dict[str, _Seen] = {}
        self._reloads = {"done": 0, "refused": 0}
        self._cpu_start = time.process_time()

    def request(self, model: str, door: str, status: int, seconds: float) -> None:
        """Count a request; ``model`` is empty for those that ask no model."""
        key = (model, door, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        latency = self._latencies.get((model, door))
        if latency is None:
            latency = self._latencies[model, door] = _Latency()
        latency.counts[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        latency.total_seconds += seconds

    def observed(
        self, model: str, rows: int, references: Sequence[Reference], seen: Observation
    ) -> None:
        """Count the rows of an answer and what was unusual in them."""
        self._rows[model] = self._rows.get(model, 0) + rows
        counts = self._seen.get(model)
        if counts is None or counts.references is not references:
            counts = self._seen[model] = _Seen(references)
        counts.rows += rows
        if seen.missing:
            counts.missing = list(map(add, counts.missing, seen.missing))
            counts.outside = list(map(add, counts.outside, seen.outside))

    def reloaded(self, outcome: str) -> None:
        """Count a change of version, ``done`` or ``refused``."""
        self._reloads[outcome] += 1

    def text(self, models: Mapping[str, str]) -> bytes:
        """Return the exposition.

        Parameters
        ----------
        models
            Served models by name, with their version.
        """
        lines: list[str] = []
        family(lines, "aune_model_info", "gauge", "Modèles servis.", (
            ({"model": name, "version": version}, 1) for name, version in models.items()
        ))  # fmt: skip
        family(lines, "aune_requests_total", "counter", "Demandes reçues.", (
            ({"model": model, "door": door, "code": str(code)}, count)
            for (model, door, code), count in self._requests.items()
        ))  # fmt: skip
        self._latency_lines(lines)
        family(lines, "aune_rows_total", "counter", "Lignes prédites.", (
            ({"model": model}, count) for model, count in self._rows.items()
        ))  # fmt: skip
        family(lines, "aune_reloads_total", "counter", "Changements de version.", (
            ({"outcome": outcome}, count) for outcome, count in self._reloads.items()
        ))  # fmt: skip
        self._input_lines(lines)
        self._energy_lines(lines)
        return ("\n".join(lines) + "\n").encode()

    def _latency_lines(self, lines: list[str]) -> None:
        name = "aune_request_seconds"
        lines += [f"# HELP {name} Durée des demandes.", f"# TYPE {name} histogram"]
        for (model, door), latency in self._latencies.items():
            labels, total = {"model": model, "door": door}, 0
            for bound, count in zip((*BUCKETS_SECONDS, "+Inf"), latency.counts, strict=True):
                total += count
                lines.append(_sample(f"{name}_bucket", labels | {"le": str(bound)}, total))
            lines.append(_sample(f"{name}_sum", labels, latency.total_seconds))
            lines.append(_sample(f"{name}_count", labels, total))

    def _input_lines(self, lines: list[str]) -> None:
        families = (
            ("missing", "Part des valeurs manquantes depuis la mise en service de la version."),
            ("outside", "Part des valeurs hors de la plage des exemples du paquet."),
        )
        for kind, text in families:
            family(lines, f"aune_input_{kind}_share", "gauge", text, (
                ({"model": model, "input": reference.name}, count / (seen.rows * reference.values))
                for model, seen in self._seen.items()
                for reference, count in zip(seen.references, getattr(seen, kind), strict=True)
            ))  # fmt: skip

    def _energy_lines(self, lines: list[str]) -> None:
        """Processor time of the whole process over its predictions, times watts per core.

        Nothing is taken off for what the process does beside predicting, nor for idling
        (``briefs/frugality.md`` 2.5.3: no idle subtraction in tier C).
        """
        rows = sum(self._rows.values())
        if not rows:
            return
        cpu = 1000 * (time.process_time() - self._cpu_start) / rows
        family(lines, "aune_cpu_seconds_per_1000_predictions", "gauge",
                "Temps processeur du serveur entier, pour 1 000 lignes.", (({}, cpu),))  # fmt: skip
        bounds = zip(("low", "central", "high"), self._watts, strict=True)
        family(lines, "aune_joules_per_1000_predictions", "gauge",
                "Estimation : temps processeur par watts d'un coeur ; niveau de preuve C_model.", (
                    ({"tier": "C_model", "bound": bound}, cpu * watts) for bound, watts in bounds
                ))  # fmt: skip


def family(
    lines: list[str],
    name: str,
    kind: str,
    text: str,
    samples: Iterable[tuple[Mapping[str, str], float]],
) -> None:
    """Add a metric with its samples to the lines of an exposition."""
    lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [_sample(name, labels, value) for labels, value in samples]


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    number = str(value) if isinstance(value, int) else f"{value:.9g}"
    return f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
