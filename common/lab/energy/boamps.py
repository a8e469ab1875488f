"""Export a footprint in the field layout of BoAmps, with our own extension block.

BoAmps (Boavizta, CC-BY) is followed field by field as codecarbon 3.3.2 writes it
(``codecarbon/output_methods/boamps``: camelCase keys, absent when unknown); its JSON schema is not
at hand, so no conformity is claimed. What it has no field for (interval, tier, embodied, factor,
repetitions) is under ``aune``.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.edge.errors import UsageError
from common.lab.record import Footprint

__all__ = ["BoAmpsContext", "to_boamps"]

FORMAT_VERSION = "0.1"
EXTENSION_VERSION = 1


@dataclass(frozen=True)
class BoAmpsContext:
    """What the footprint does not know and BoAmps asks for.

    Parameters
    ----------
    report_id, report_datetime
        Identity of the report and its time, ``YYYY-MM-DD HH:MM:SS``.
    task_family, task_description
        As ``forecasting`` or ``textClassification``, and in words.
    algorithms, dataset
        Objects with BoAmps' own keys, as ``{"algorithmName": "ridge"}`` and
        ``{"dataUsage": "input", "dataType": "tabular", "dataQuantity": 1000}``.
    measured_accuracy
        Figure of the task's main metric, if it has one in [0, 1].
    publisher
        BoAmps ``publisher`` object, as ``{"name": "..."}``.
    """

    report_id: str
    report_datetime: str
    task_family: str
    task_description: str
    algorithms: Sequence[Mapping[str, Any]]
    dataset: Sequence[Mapping[str, Any]]
    measured_accuracy: float | None = None
    publisher: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.algorithms or not self.dataset:
            raise UsageError(
                "BoAmps context without algorithm or data set",
                expected="one of each at least (required by BoAmps)",
            )


def to_boamps(footprint: Footprint, context: BoAmpsContext) -> dict[str, Any]:
    """Return the report as plain JSON.

    ``powerConsumption`` is the central energy in kWh of one call and ``measurementDuration`` its
    wall time in seconds. Tier F has no energy to report.

    Raises
    ------
    UsageError
        A footprint of tier F.
    """
    if footprint.tier == "F_none":
        raise UsageError("a footprint without energy", expected="a tier from A to E")
    return {
        "header": _known(
            formatVersion=FORMAT_VERSION,
            formatVersionSpecificationUri="https://github.com/Boavizta/BoAmps/tree/main/model",
            reportId=context.report_id,
            reportDatetime=context.report_datetime,
            reportStatus="draft",
            publisher=dict(context.publisher) or None,
        ),
        "task": _task(footprint, context),
        "measures": [_measure(footprint, context)],
        "system": {"os": platform.system()},
        "software": {"language": "python", "version": platform.python_version()},
        "infrastructure": _infrastructure(footprint),
        "environment": _known(
            country="France" if footprint.factor.get("country") == "FRA" else None,
            powerSourceCarbonIntensity=footprint.factor.get("value"),
        ),
        "quality": footprint.quality,
        "aune": _extension(footprint),
    }


def _task(footprint: Footprint, context: BoAmpsContext) -> dict[str, Any]:
    return _known(
        taskStage="training" if footprint.stage == "train" else "inference",
        taskFamily=context.task_family,
        nbRequest=footprint.predictions or None,
        algorithms=[dict(each) for each in context.algorithms],
        dataset=[dict(each) for each in context.dataset],
        measuredAccuracy=context.measured_accuracy,
        taskDescription=context.task_description,
    )


def _measure(footprint: Footprint, context: BoAmpsContext) -> dict[str, Any]:
    methods = {"A_wall": "wattmeter", "B_counter": "rapl", "C_model": "cpu-time model"}
    return _known(
        measurementMethod=methods.get(footprint.tier, "declared"),
        cpuTrackingMode="rapl" if footprint.tier == "B_counter" else None,
        averageUtilizationCpu=footprint.conditions.get("cpu_wall_ratio"),
        powerConsumption=footprint.kwh_central,
        measurementDuration=footprint.wall_seconds or None,
        measurementDateTime=context.report_datetime,
    )


def _infrastructure(footprint: Footprint) -> dict[str, Any]:
    model, _, count = footprint.hardware.rpartition(", ")
    number = count.split(" ")[0]
    known = bool(model) and number.isdigit()
    cpu = _known(
        componentName=model if known else footprint.hardware,
        componentType="cpu",
        nbComponent=int(number) if known else None,
    )
    ram = {"componentType": "ram", "nbComponent": 1, "memorySize": footprint.peak_rss_mib / 1024}
    return {"infraType": "onPremise", "components": [cpu, ram]}


def _extension(footprint: Footprint) -> dict[str, Any]:
    return {
        "version": EXTENSION_VERSION,
        "stage": footprint.stage,
        "evidenceTier": footprint.tier,
        "energyKwh": [footprint.kwh_low, footprint.kwh_central, footprint.kwh_high],
        "cpuSeconds": footprint.cpu_seconds,
        "repetitions": footprint.repetitions,
        "coefficientOfVariation": footprint.cv,
        "emissionFactor": dict(footprint.factor),
        "co2UseG": list(footprint.co2_use_g),
        "co2EmbodiedG": list(footprint.co2_embodied_g),
        "meters": dict(footprint.meters),
        "conditions": dict(footprint.conditions),
    }


def _known(**fields: Any) -> dict[str, Any]:
    """Drop what is unknown, as codecarbon does."""
    return {name: value for name, value in fields.items() if value is not None}
