"""The BoAmps export: the fields that codecarbon writes, and ours in a block of their own."""

from dataclasses import replace

import pytest

from common.edge.errors import UsageError
from common.lab.energy import declared
from common.lab.energy.boamps import BoAmpsContext, to_boamps
from common.lab.record import Footprint

FOOTPRINT = Footprint(
    stage="train",
    cpu_seconds=36.0,
    wall_seconds=40.0,
    peak_rss_mib=512.0,
    kwh_low=4e-5,
    kwh_central=1e-4,
    kwh_high=2.5e-4,
    tier="C_model",
    hardware="AMD EPYC, 2 vCPU",
    repetitions=5,
    cv=0.02,
    quality="medium",
    factor={"value": 56.039, "country": "FRA"},
)
CONTEXT = BoAmpsContext(
    report_id="r1",
    report_datetime="2026-11-23 10:00:00",
    task_family="forecasting",
    task_description="Charge électrique de demain",
    algorithms=({"algorithmName": "ridge", "trainingType": "supervisedLearning"},),
    dataset=({"dataUsage": "input", "dataType": "tabular", "dataQuantity": 1000},),
    publisher={"name": "Commune"},
)


def test_codecarbon_reads_every_field_back():
    """Its own models know each key that we write: none is lost, none is invented."""
    from codecarbon.output_methods.boamps import BoAmpsReport

    report = to_boamps(FOOTPRINT, CONTEXT)
    extension = report.pop("aune")
    assert BoAmpsReport.from_dict(report).to_dict() == report
    assert extension["evidenceTier"] == "C_model"


def test_energy_is_central_in_the_report_and_an_interval_in_the_extension():
    report = to_boamps(FOOTPRINT, CONTEXT)
    measure = report["measures"][0]
    assert (measure["powerConsumption"], measure["measurementDuration"]) == (1e-4, 40.0)
    assert report["aune"]["energyKwh"] == [4e-5, 1e-4, 2.5e-4]
    assert report["quality"] == "medium"


def test_the_hardware_is_taken_apart():
    cpu, ram = to_boamps(FOOTPRINT, CONTEXT)["infrastructure"]["components"]
    assert cpu == {"componentName": "AMD EPYC", "componentType": "cpu", "nbComponent": 2}
    assert ram["memorySize"] == 0.5  # GiB


def test_the_stage_is_training_or_inference():
    inference = replace(FOOTPRINT, stage="predict_1000", predictions=1000)
    task = to_boamps(inference, CONTEXT)["task"]
    assert (task["taskStage"], task["nbRequest"]) == ("inference", 1000)
    assert to_boamps(FOOTPRINT, CONTEXT)["task"]["taskStage"] == "training"


def test_no_energy_means_no_report():
    with pytest.raises(UsageError, match="without energy"):
        to_boamps(declared(None, stage="train"), CONTEXT)


def test_what_boamps_requires_is_required():
    with pytest.raises(UsageError, match="required by BoAmps"):
        replace(CONTEXT, algorithms=())
