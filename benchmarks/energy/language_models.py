"""Estimate what a language model draws, offline, through `ecologits` (optional).

The only file that imports ecologits (``briefs/frugality.md`` 3.2, read in its version 0.11.3):
batch of 64 and FP16 weights are assumed, sizes of closed models are guessed, only *output*
tokens count, and the reserve kept idle is left out. An estimate is therefore a lower bound,
and its range covers the guesses on size only.
"""

import logging
import math
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any

from benchmarks.declaration import LanguageModel
from benchmarks.records import Evidence
from common.edge.errors import MissingExtraError
from common.lab.pages.french import energy_wh, number

__all__ = ["estimate"]

MODEL_ONLY_SPREAD = 2.0
"""Given to a range without width: an open model's size is known, its server is not (3.2)."""

ZONE = "FRA"
"""Electricity mix; it changes CO2, not energy."""


def estimate(use: LanguageModel) -> Evidence:
    """Return level 2: Wh per 1,000 predictions of a solution built on a language model.

    Reasoning tokens are added to those of the answer. A model that `ecologits` does not know
    gets level 0 with the upper bound of the largest one that it knows (3.1).

    Raises
    ------
    MissingExtraError
        `ecologits` is not installed.
    """
    impacts = _ecologits()
    tokens = use.output_tokens + (use.reasoning_tokens or 0.0)
    scale = 1000.0 * use.requests_per_prediction
    found = _wh_per_request(impacts, use.provider, use.model, tokens)
    prompt = "jetons lus non comptés" + (
        f" ({number(use.prompt_tokens, 0)} par requête)" if use.prompt_tokens else ""
    )
    said = f"EcoLogits {_version()}, {number(tokens, 0)} jetons produits par requête, {prompt}"
    if use.reasoning_tokens is None:
        said += ", jetons de raisonnement non déclarés"
    if found is None:
        return _largest(impacts, tokens, scale, use, said)
    low, high = found
    if low == high:
        low, high = low / MODEL_ONLY_SPREAD, high * MODEL_ONLY_SPREAD
        said += ", largeur nulle élargie à ×/÷ 2"
    return Evidence(
        level=2,
        low=low * scale,
        central=math.sqrt(low * high) * scale,
        high=high * scale,
        what="predict",
        words=f"{use.provider} {use.model} : {said} ; minorant, la borne haute compte",
        lower_bound=True,
    )


def _largest(impacts: Any, tokens: float, scale: float, use: LanguageModel, said: str) -> Evidence:
    models = import_module("ecologits.model_repository").models
    bounds = {
        f"{model.provider.value} {model.name}": found[1]
        for model in models.list_models()
        if (found := _wh_per_request(impacts, model.provider.value, model.name, tokens))
    }
    name = max(bounds, key=bounds.__getitem__)
    return Evidence(
        level=0,
        low=math.nan,
        central=math.nan,
        high=bounds[name] * scale,
        what="predict",
        words=f"{use.provider} {use.model} inconnu d'EcoLogits ; borne haute du plus gros modèle "
        f"connu, {name} ({energy_wh(bounds[name] * scale)} pour 1 000 prédictions) : {said}",
        lower_bound=True,
    )


def _wh_per_request(
    impacts: Any, provider: str, model: str, tokens: float
) -> tuple[float, float] | None:
    """Return the range in Wh; an infinite latency leaves the tool its own speed of answer."""
    answer = impacts(provider, model, tokens, math.inf, ZONE)
    if answer.energy is None:
        return None
    kwh = answer.energy.value
    return 1000 * float(getattr(kwh, "min", kwh)), 1000 * float(getattr(kwh, "max", kwh))


def _ecologits() -> Any:
    """Import ecologits without letting it change the class of everybody's loggers."""
    usual = logging.getLoggerClass()
    try:
        impacts = import_module("ecologits.tracers.utils").llm_impacts
    except ImportError as error:
        raise MissingExtraError(
            "une solution à modèle de langue est déclarée et ecologits n'est pas installé",
            expected="ecologits, qui estime l'énergie d'un modèle de langue, hors ligne",
            remedy="pip install 'aune[llm]', puis recommencer",
        ) from error
    finally:
        logging.setLoggerClass(usual)
    if "ecologits.log" in sys.modules:
        sys.modules["ecologits.log"].logger.setLevel(logging.ERROR)
    return impacts


def _version() -> str:
    return version("ecologits")
