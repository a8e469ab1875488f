"""A toy contest: two libraries, two half-days, a point forecast and two optional quantiles."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import onnx.parser
import pytest

from benchmarks.declaration import read_declaration
from benchmarks.doors import Settings
from common.lab.contest import Column, Contest, Output, Questions
from common.lab.contest.rows import parse_rows
from common.lab.energy import Protocol
from common.lab.usecase import Field

N_EXAMPLES, N_STEPS = 6, 2
PLAIN = """schema = 1
licence = "Apache-2.0"
[candidate]
id = "toy"
name = "Jouet"
version = "1"
[hosting]
country = "FRA"
provider = "commune"
[data]
destination = "nulle part"
"""
COLUMNS = (
    Column("site", "text", "", "Site.", "Site."),
    Column("issued", "time", "", "Émission.", "Issue time."),
    Column("target", "time", "", "Cible.", "Target time."),
    Column("q10", "number", "1", "Bas.", "Low.", low=0.0, high=1e6, required=False),
    Column("q50", "number", "1", "Centre.", "Centre.", low=0.0, high=1e6),
    Column("q90", "number", "1", "Haut.", "High.", low=0.0, high=1e6, required=False),
)
GRAPH = """
<ir_version: 9, opset_import: ["" : 21]>
toy (float[n,2] visits, float[n] offset)
    => (float[n,2] forecast, float[n,2,2] quantiles,
        float[n,2] baseline, float[n,2,1] contributions)
<int64[1] last = {2}, int64[1] one = {1}, float half = {0.5}, float shift = {4.0}>
{
    baseline = Mul (visits, half)
    wide = Unsqueeze (offset, one)
    forecast = Add (baseline, wide)
    zero = Sub (baseline, baseline)
    part = Add (zero, wide)
    contributions = Unsqueeze (part, last)
    below = Mul (forecast, half)
    above = Add (forecast, shift)
    low = Unsqueeze (below, last)
    high = Unsqueeze (above, last)
    quantiles = Concat <axis = 2> (low, high)
}
"""


def write_graph(path, text):
    """Write a graph given in ONNX's text form."""
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    return path


def declared(folder, text=PLAIN):
    (folder / "declaration.toml").write_text(text, encoding="utf-8")
    return read_declaration(folder, ("q50", "q10", "q90"))


def forget(inputs):
    return {**inputs, "visits": inputs["visits"] * 0}


@pytest.fixture
def questions():
    """Three days of two sites, issued out of order; each example asks for two half-days."""
    example = np.repeat(np.arange(N_EXAMPLES), N_STEPS)
    step = np.tile(np.arange(N_STEPS), N_EXAMPLES)
    day = np.datetime64("2022-01-03", "s") + np.array([2, 0, 1, 2, 0, 1]) * 86_400
    return Questions(
        keys={
            "site": np.where(example < 3, "a", "b"),
            "issued": day[example],
            "target": day[example] + (24 + 12 * step) * 3600,
        },
        units=np.where(example < 3, "a", "b"),
        blocks=np.zeros(len(example), dtype=np.int64),
        example=example,
        step=step,
        inputs={"visits": np.arange(12, dtype=np.float32).reshape(6, 2) + 10},
        scale=np.ones(len(example)),
        level=np.full(len(example), 10.0),
    )


@pytest.fixture
def task():
    nothing = lambda *_: ()  # noqa: E731
    contest = Contest(
        columns=COLUMNS,
        outputs={
            "q50": Output("forecast"),
            "q10": Output("quantiles", 0),
            "q90": Output("quantiles", 1),
        },
        ask=None,
        parse=partial(parse_rows, columns=COLUMNS),
        check=nothing,
        audit=nothing,
        unit_losses=nothing,
        scored=nothing,
        stress={"capteurs muets": forget},
    )
    inputs = (
        Field("visits", "float32", ("n", 2), "1", "Visites.", 0, 1e6, missing=True),
        Field("offset", "float32", ("n",), "1", "Décalage.", default=np.array(1.5, np.float32)),
    )
    outputs = (Field("forecast", "float32", ("n", 2), "1", "Visites prévues.", low=0),)
    return SimpleNamespace(id="toy", inputs=inputs, outputs=outputs, contest=contest)


@pytest.fixture
def settings():
    """Quick measurements: the protocol itself is tested with the energy package."""
    protocol = Protocol("test", blocks=2, min_cpu_seconds_per_block=0.01, codecarbon=False)
    return Settings(protocol=protocol, wall_seconds=60.0, cpu_seconds=30)


@pytest.fixture
def toy_model(tmp_path):
    return write_graph(tmp_path / "model.onnx", GRAPH)
