"""Conformance of what a use case declares: sources, ladder, fields, terms, simulator."""

import re
from collections.abc import Iterable

import numpy as np

from common.edge.errors import ConformanceError
from common.lab.checks.specimen import Specimen
from common.lab.usecase import Field, Source, UseCase

__all__ = [
    "check_fields_are_described",
    "check_ladder_starts_without_ai",
    "check_limits_are_stated",
    "check_simulator_is_seeded_and_labelled",
    "check_sources_are_complete",
    "check_split_is_covered",
    "check_terms_are_labelled",
    "require",
]

ORIGIN = re.compile(r"github:[^/@\s]+/[^/@\s]+@[0-9a-f]{40}|npm:[^\s]+@[^\s]+|https://[^\s]+")


def require(holds: object, found: str, expected: str) -> None:
    """Raise ConformanceError unless ``holds``."""
    if not holds:
        raise ConformanceError(found, expected=expected)


def check_sources_are_complete(usecase: UseCase) -> None:
    """Every source names publisher, licence, period, personal data, origin and hashes.

    One that is fetched has at least one file; what stands in for something else says so,
    and the use case's limits say it again.
    """
    names = [source.name for source in usecase.sources]
    require(len(names) == len(set(names)), f"sources {names}", "a name for each")
    for source in usecase.sources:
        _check_source(source)
    proxies = [source for source in usecase.sources if source.proxy]
    said = " ".join(usecase.limits).lower()
    require(
        not proxies or "remplacement" in said or "tien" in said,
        f"{usecase.name}: limits that are silent on {[source.name for source in proxies]}",
        "a limit that says what the data stand in for (« données de remplacement »)",
    )


def _check_source(source: Source) -> None:
    for name in ("title", "publisher", "licence", "period", "personal_data"):
        value = getattr(source, name)
        require(value.strip(), f"source {source.name}: {name} is {value!r}", "words")
    require(
        source.prepared_only or source.files,
        f"source {source.name}: no file",
        "files with their sha256, or prepared_only",
    )
    require(
        ORIGIN.fullmatch(source.origin) or source.prepared_only,
        f"source {source.name}: origin {source.origin!r}",
        "github:owner/repo@<40 hex>, npm:name@version or an https address",
    )


def check_limits_are_stated(usecase: UseCase) -> None:
    """Title, summary and limits are French sentences; one says that a person decides."""
    require(usecase.title and usecase.summary, f"{usecase.name}: no title", "title and summary")
    require(usecase.limits, f"{usecase.name}: no limit", "what the models cannot do")
    for limit in usecase.limits:
        require(limit.endswith("."), f"limit {limit!r}", "a sentence")
    require(
        any("personne" in limit or "agent" in limit for limit in usecase.limits),
        f"{usecase.name}: limits that do not say who decides",
        "« Une personne décide ... »",
    )


def check_ladder_starts_without_ai(specimen: Specimen) -> None:
    """No-AI rungs come first, one may ship, names and French titles are unique."""
    rungs = specimen.task.rungs
    kinds = [rung.kind for rung in rungs]
    n_plain = kinds.count("no_ai")
    require(
        0 < n_plain < len(rungs) and kinds[:n_plain] == ["no_ai"] * n_plain,
        f"ladder {kinds}",
        "rungs without AI first, then at least one that learns",
    )
    for kind in ("no_ai", None):
        able = [rung for rung in rungs if rung.scope == "global" and kind in (None, rung.kind)]
        require(able, f"ladder {kinds}: nothing ships", "a global rung, also without AI")
    _unique("rung", [rung.name for rung in rungs])
    _unique("rung title", [rung.title for rung in rungs])
    for rung in rungs:
        require(rung.name.isidentifier(), f"rung {rung.name!r}", "an identifier")
        require(rung.title != rung.name, f"rung {rung.name}: title {rung.title!r}", "French words")
        require(rung.note.endswith("."), f"rung {rung.name}: note {rung.note!r}", "a sentence")


def check_fields_are_described(specimen: Specimen) -> None:
    """Require unit, French meaning, range and legal default of every input, state and output."""
    task = specimen.task
    state = [item for rung in task.rungs for item in rung.state_fields]
    _unique("input", [item.name for item in (*task.inputs, *state)])
    _unique("output", [item.name for item in task.outputs])
    for item in (*task.inputs, *state, *task.outputs):
        where = f"{task.id}, field {item.name}"
        require(item.unit, f"{where}: no unit", "a unit, 1 for none")
        require(
            item.meaning.endswith(".") and item.meaning[:1].isupper() | item.meaning[:1].isdigit(),
            f"{where}: meaning {item.meaning!r}",
            "one French sentence",
        )
        _check_default(where, item)
    for item in task.inputs:
        bounded = item.dtype == "bool" or None not in (item.low, item.high)
        require(bounded, f"{task.id}, input {item.name}: no range", "low and high")


def _check_default(where: str, item: Field) -> None:
    if item.default is None:
        return
    values = np.asarray(item.default)
    low = -np.inf if item.low is None else item.low
    high = np.inf if item.high is None else item.high
    require(
        values.shape == item.shape[1:] and ((low <= values) & (values <= high)).all(),
        f"{where}: default of shape {values.shape} in [{values.min()}, {values.max()}]",
        f"shape {item.shape[1:]}, in [{low}, {high}]",
    )


def check_terms_are_labelled(specimen: Specimen) -> None:
    """Every term has a French label of its own, a group and a positive power-of-two grid."""
    terms = specimen.task.terms
    _unique("term", [term.name for term in terms])
    _unique("label", [term.label for term in terms])
    for term in terms:
        require(
            term.label and term.group and term.label != term.name,
            f"term {term.name}: label {term.label!r}, group {term.group!r}",
            "French words for a city officer",
        )
        mantissa, _ = np.frexp(term.grid)
        require(
            mantissa == 0.5,
            f"term {term.name}: grid {term.grid}",
            "a power of two: rounding to it is exact in binary",
        )


def check_simulator_is_seeded_and_labelled(specimen: Specimen) -> None:
    """Simulate twice: the same seed gives the same data, another others, all called SIMULATED."""
    task, simulated = specimen.task, specimen.simulated
    require(
        simulated.simulated and simulated.name.startswith("SIMULATED"),
        f"simulated data called {simulated.name!r}, simulated={simulated.simulated}",
        "a name that starts with SIMULATED, and the flag",
    )
    require("simul" in simulated.proxy.lower(), f"proxy {simulated.proxy!r}", "« simulées »")
    require(not simulated.sources, f"{len(simulated.sources)} sources", "none: nothing was read")
    again = specimen.usecase.simulate(task, specimen.seed).digest
    other = specimen.usecase.simulate(task, specimen.seed + 1).digest
    require(simulated.digest == again, "another data set for the same seed", "the same bytes")
    require(simulated.digest != other, "the same data set for another seed", "other values")


def check_split_is_covered(specimen: Specimen) -> None:
    """Hold that the simulator spans the split, so that ``aune run`` works without data."""
    split, times = specimen.task.split, specimen.simulated.times
    first, last = times.min().date(), times.max().date()
    require(
        first <= split.train_start and last >= split.test.start,
        f"simulated data from {first} to {last}",
        f"data from {split.train_start} into {split.test}",
    )


def _unique(what: str, names: Iterable[str]) -> None:
    found = list(names)
    twice = sorted({name for name in found if found.count(name) > 1})
    require(not twice, f"{what} {', '.join(twice)} twice", "each once")
