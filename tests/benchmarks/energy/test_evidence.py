"""A figure counts for what it rests on."""

import json
import math
import sys
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.declaration import Declaration, LanguageModel, StatedEnergy
from benchmarks.energy.evidence import measured, predict_evidence, train_evidence, widened
from benchmarks.energy.language_models import estimate
from common.edge.errors import MissingExtraError
from common.lab.energy import Protocol, measure

HARDWARE = {"hardware": {"predict": "2 vCPU", "train": "2 vCPU"}}


def declare(predict=None, train=None, llm=None, raw=None):
    return Declaration(
        raw=HARDWARE if raw is None else raw,
        sha256="0" * 64,
        predict=predict or StatedEnergy(),
        train=train or StatedEnergy(),
        llm=llm,
    )


def bounds(evidence):
    return evidence.low, evidence.central, evidence.high


def test_what_we_measure_keeps_its_interval():
    protocol = Protocol("test", blocks=2, min_cpu_seconds_per_block=0.001, codecarbon=False)
    footprint = measure(
        lambda: sum(range(100)), stage="predict_10", predictions=10, protocol=protocol
    )
    found = measured(footprint)
    assert (found.level, found.what) == (4, "predict")
    assert bounds(found) == footprint.wh_per_1000
    assert found.cpu_seconds == footprint.cpu_seconds_per_1000
    trained = measured(measure(lambda: sum(range(100)), stage="train", protocol=protocol))
    assert trained.what == "train"
    assert trained.high > 0


def test_nothing_declared_is_level_0_and_unknown(tmp_path):
    found = predict_evidence(declare(), tmp_path)
    assert found.level == 0
    assert all(math.isnan(bound) for bound in bounds(found))


def test_a_bare_number_is_shown_and_has_no_upper_bound(tmp_path):
    """NaN is above nothing and below nothing: it wins no comparison."""
    found = predict_evidence(declare(StatedEnergy("declared", 0.34)), tmp_path)
    assert (found.level, found.low, found.central) == (1, 0.34, 0.34)
    assert math.isnan(found.high)


def test_a_vendor_s_estimate_keeps_its_range_and_a_point_is_widened(tmp_path):
    named = {"tool": "EcoLogits", "version": "0.11.3", "inputs": "300 jetons"}
    found = predict_evidence(declare(StatedEnergy("estimated", 2.0, 1.0, 5.0, **named)), tmp_path)
    assert (found.level, *bounds(found)) == (2, 1.0, 2.0, 5.0)
    found = predict_evidence(declare(StatedEnergy("estimated", 2.0, **named)), tmp_path)
    # no width: 2 / 2 and 2 x 2
    assert bounds(found) == (1.0, 2.0, 4.0)
    assert "largeur nulle" in found.words


LOG = "block,predictions,energy_wh\n1,500,0.6\n2,500,0.4\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.csv", LOG),
        (
            "log.json",
            json.dumps({
                "task": {"nbRequest": 1000},
                "measures": [{"powerConsumption": 0.0006}, {"powerConsumption": 0.0004}],
            }),
        ),
    ],
)  # fmt: skip
def test_a_metered_figure_counts_up_to_one_and_a_half_times(tmp_path, name, text):
    """0.6 + 0.4 Wh over 1,000 predictions is 1 Wh per 1,000."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    stated = StatedEnergy("measured_log", 1.0, file=name)
    found = predict_evidence(declare(stated), tmp_path)
    assert (found.level, *bounds(found)) == (3, 1.0, 1.0, 1.5)
    assert "2 vCPU" in found.words


@pytest.mark.parametrize(
    ("text", "raw", "why"),
    [
        (None, None, "absent ou illisible"),
        ("hello\n", None, "absent ou illisible"),
        ("energy_wh\nbeaucoup\n", None, "absent ou illisible"),
        ("energy_wh\nnan\n", None, "absent ou illisible"),
        ("energy_wh\n1.0\n", None, "sans nombre de prédictions"),
        (LOG.replace("0.6", "6"), None, "et non"),
        (LOG, {}, "machine non déclarée"),
    ],
)
def test_a_log_that_does_not_bear_the_figure_makes_it_a_bare_number(tmp_path, text, raw, why):
    if text is not None:
        (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    stated = StatedEnergy("measured_log", 1.0, file="log.csv")
    found = predict_evidence(declare(stated, raw=raw), tmp_path)
    assert found.level == 1
    assert why in found.words


def test_a_log_that_says_more_than_the_vendor_is_believed(tmp_path):
    # 6.4 Wh over 1,000 predictions, against 1 Wh declared
    (tmp_path / "log.csv").write_text(LOG.replace("0.6", "6"), encoding="utf-8")
    found = predict_evidence(declare(StatedEnergy("measured_log", 1.0, file="log.csv")), tmp_path)
    assert found.central == pytest.approx(6.4)


def test_a_training_s_log_needs_no_predictions(tmp_path):
    (tmp_path / "log.csv").write_text("energy_wh\n100\n150\n", encoding="utf-8")
    stated = StatedEnergy("measured_log", 250.0, file="log.csv")
    found = train_evidence(declare(train=stated), tmp_path)
    assert (found.level, found.what, *bounds(found)) == (3, "train", 250, 250, 375)


@given(st.floats(1e-9, 1e9), st.floats(1, 10))
def test_a_range_never_loses_width(low, factor):
    found = widened(low, low * factor)
    assert found[0] <= low <= low * factor <= found[1]
    assert found[0] < found[1]


TOY_MODELS = {("acme", "open"): (0.002, 0.002), ("acme", "closed"): (0.001, 0.004)}
"""kWh per token."""


@pytest.fixture
def toy_ecologits(monkeypatch):
    """EcoLogits' two functions that we call, with figures that one can redo by hand."""

    def llm_impacts(provider, model, tokens, latency, zone):
        assert latency == math.inf
        assert zone == "FRA"
        found = TOY_MODELS.get((provider, model))
        if found is None:
            return SimpleNamespace(energy=None)
        low, high = (kwh * tokens for kwh in found)
        value = low if low == high else SimpleNamespace(min=low, max=high)
        return SimpleNamespace(energy=SimpleNamespace(value=value))

    known = [
        SimpleNamespace(provider=SimpleNamespace(value=provider), name=name)
        for provider, name in TOY_MODELS
    ]
    modules = {
        "ecologits": {},
        "ecologits.tracers": {},
        "ecologits.tracers.utils": {"llm_impacts": llm_impacts},
        "ecologits.model_repository": {"models": SimpleNamespace(list_models=lambda: known)},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("benchmarks.energy.language_models.version", lambda _: "0.11.3")


def test_a_language_model_is_estimated_as_a_lower_bound(toy_ecologits):
    found = estimate(LanguageModel("acme", "closed", 10.0, reasoning_tokens=5.0))
    # 15 tokens at 1 and 4 Wh, 1,000 predictions of one request each
    assert (found.level, found.low, found.high) == (2, 15_000, 60_000)
    assert found.lower_bound
    assert "jetons lus non comptés" in found.words


def test_a_range_without_width_is_widened_and_said(toy_ecologits):
    found = estimate(LanguageModel("acme", "open", 1.0, requests_per_prediction=2.0))
    # 2 Wh a request, 2,000 requests: 4,000 Wh, x/÷ 2
    assert bounds(found) == (2000, 4000, 8000)
    assert "largeur nulle" in found.words
    assert "raisonnement non déclarés" in found.words


def test_an_unknown_language_model_counts_as_the_largest_known_one(toy_ecologits):
    found = estimate(LanguageModel("acme", "secret", 1.0))
    assert found.level == 0
    assert math.isnan(found.central)
    assert found.high == 4000
    assert "acme closed" in found.words


def test_an_estimate_stands_in_for_what_a_vendor_does_not_prove(toy_ecologits, tmp_path):
    llm = LanguageModel("acme", "closed", 10.0)
    # 10 tokens at 1 to 4 Wh: 10,000 to 40,000 Wh per 1,000
    nothing = predict_evidence(declare(llm=llm), tmp_path)
    assert (nothing.level, nothing.low, nothing.high) == (2, 10_000, 40_000)
    bare = predict_evidence(declare(StatedEnergy("declared", 240.0), llm=llm), tmp_path)
    assert (bare.level, *bounds(bare)) == (1, 240.0, 240.0, 40_000)
    assert bare.lower_bound
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    metered = StatedEnergy("measured_log", 1.0, file="log.csv")
    assert predict_evidence(declare(metered, llm=llm), tmp_path).level == 3


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ecologits.tracers.utils", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        estimate(LanguageModel("mistralai", "mistral-small-2603", 300.0))


def test_the_real_estimator_gives_the_figures_of_the_brief():
    """``briefs/frugality.md`` 3.2, for 300 tokens: mistral-small 0.072 Wh, gpt-4o 0.44-0.73."""
    pytest.importorskip("ecologits")
    small = estimate(LanguageModel("mistralai", "mistral-small-2603", 300.0))
    assert small.central == pytest.approx(72, rel=0.02)
    closed = estimate(LanguageModel("openai", "gpt-4o", 300.0))
    assert (closed.low, closed.high) == (
        pytest.approx(440, rel=0.02),
        pytest.approx(730, rel=0.02),
    )
    assert estimate(LanguageModel("openai", "not-a-model", 300.0)).high > 35_000
