# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Réentraîner un modèle sur vos données, pour n'importe quel cas d'usage
#
# Choisissez le cas d'usage, donnez votre dossier, exécutez tout. Vous obtenez l'échelle des modèles
# du plus simple au plus savant, l'erreur avec son intervalle, l'énergie dépensée, un paquet signé,
# une entrée dans MLflow et, si vous en avez un, la comparaison avec le paquet déjà en service.
#
# Sans dossier, le carnet prend les données publiques déjà présentes (`AUNE_MIRROR` ou cache), sinon
# le simulateur, et alors tout porte la mention SIMULATED. Il n'ouvre aucune connexion.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_USECASE` | cas d'usage (`aune list`) | `building_energy` |
# | `AUNE_NOTEBOOK_TASK` | tâche | la première |
# | `AUNE_NOTEBOOK_DATA` | `auto`, `open`, `simulated` ou votre dossier | `auto` |
# | `AUNE_NOTEBOOK_UNITS` | nombre de sites gardés, 0 pour tous | 4 |
# | `AUNE_NOTEBOOK_KINDS` | genres de barreaux essayés | `no_ai,linear,additive` |
# | `AUNE_NOTEBOOK_BUNDLE` | paquet en service, à comparer | aucun |
# | `AUNE_NOTEBOOK_KEY` | clé publique de ce paquet (PEM) | `.aune/trusted` |
# | `AUNE_NOTEBOOK_OUT` | dossier des résultats | `results` |

# %%
import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import numpy as np
import pandas as pd

from common.edge.bundle import Bundle
from common.edge.errors import SourceError, UsageError
from common.edge.signature import trusted_keys
from common.lab import energy, harness, tracking
from common.lab.evaluation import evaluate, span
from common.lab.pages.french import interval, number
from common.lab.pages.terminal import text_table
from common.lab.publish import publish
from common.lab.usecase import Dataset, Period, Split, Task, UseCase
from usecases import discover

USECASE = os.environ.get("AUNE_NOTEBOOK_USECASE", "building_energy")
TASK = os.environ.get("AUNE_NOTEBOOK_TASK") or None
DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
UNITS = int(os.environ.get("AUNE_NOTEBOOK_UNITS", "4"))
KINDS = os.environ.get("AUNE_NOTEBOOK_KINDS", "no_ai,linear,additive").split(",")
SHIPPED = os.environ.get("AUNE_NOTEBOOK_BUNDLE", "")
SHIPPED_KEY = os.environ.get("AUNE_NOTEBOOK_KEY", "")
OUT = Path(os.environ.get("AUNE_NOTEBOOK_OUT", "results"))
SEED = 20220101

cases = discover()
if USECASE not in cases:
    raise UsageError(f"no use case {USECASE!r}", expected="one of " + ", ".join(cases))
usecase = cases[USECASE]
task = usecase.task(TASK)
print(f"{usecase.title} : {task.question}")

# %% [markdown]
# ## Les données
#
# Un dossier à vous est lu par `own_data.py` du cas d'usage, qui refuse ce qui est douteux en
# nommant le fichier et la ligne. Rien n'est imputé : une mesure absente reste absente.


# %%
def load(usecase: UseCase, task: Task, data: str) -> Dataset:
    """Return the data asked for; ``auto`` falls back on the simulator and says so."""
    if data == "simulated":
        return usecase.simulate(task, 0)
    if data not in ("auto", "open"):
        return usecase.read(Path(data), task)
    try:
        return usecase.load(task, "quick")
    except SourceError as error:
        if data == "open":
            raise
        print(f"données publiques absentes ({error.found}) : données SIMULÉES")
        return usecase.simulate(task, 0)


def keep_units(dataset: Dataset, n_units: int) -> Dataset:
    """Keep the units with the largest share of known values; 0 keeps all."""
    names = np.asarray(dataset.groups)
    share = pd.Series(dataset.valid).groupby(names).mean()
    if not 0 < n_units < len(share):
        return dataset
    return dataset.at(np.isin(names, share.nlargest(n_units).index))


dataset = keep_units(load(usecase, task, DATA), UNITS)
n_units = len(dataset.groups.categories)
print(f"{dataset.name} : {n_units} sites, {number(len(dataset.times), 0)} lignes")
print(f"valeurs connues : {number(100 * float(dataset.valid.mean()), 1)} %")
if dataset.proxy:
    print("À LA PLACE de données communales :", dataset.proxy)

# %% [markdown]
# ## Le découpage dans le temps
#
# Jamais de tirage au hasard : on apprend sur le passé, on choisit sur la période de réglage, on
# note une fois sur la fin. Les données publiques s'arrêtent **avant** l'année de test du banc
# d'essai, qui reste intacte ; les vôtres vont jusqu'au dernier jour. Un dossier court donne des
# périodes plus courtes, et des intervalles plus larges.


# %%
def recent_split(first: date, stop: date) -> Split:
    """Return the last year for fitting, eight weeks for tuning, four weeks for the test."""
    n_days = (stop - first).days
    test_days, tune_days = min(28, n_days // 8), min(56, n_days // 4)
    tested_from = stop - timedelta(test_days)
    tuned_from = tested_from - timedelta(tune_days)
    train_start = max(first + timedelta(n_days // 8), tuned_from - timedelta(364))
    return Split(train_start, (tuned_from,), Period(tested_from, stop))


days = span(dataset)
stop = min(days.stop, task.split.test.start) if dataset.sources else days.stop
rungs = tuple(rung for rung in task.rungs if rung.kind in KINDS and rung.scope == "global")
if not rungs:
    raise UsageError(f"no rung of kind {KINDS}", expected=str({rung.kind for rung in task.rungs}))
task = replace(task, split=recent_split(days.start, stop), rungs=rungs, tracks=())
for name, period in (
    ("apprentissage", task.split.folds()[0][0]),
    ("réglage", task.split.folds()[0][1]),
    ("test", task.split.test),
):
    print(f"{name:<14}{period}")

# %% [markdown]
# ## L'échelle
#
# Le barreau retenu est le plus petit dont on a **montré** qu'il ne fait pas moins bien que le
# meilleur, à la marge près. Avec peu de sites et peu de semaines, on ne peut souvent pas conclure :
# le meilleur barreau part alors faute de preuve. Si un barreau sans IA suffit, la page le dit.

# %%
options = harness.Options(out=OUT, seed=SEED, report=lambda line: print("  ·", line))
outcome = harness.run(usecase, task, dataset, options)
print(text_table([outcome.run]))

# %% [markdown]
# ## Exporter et journaliser
#
# Le dossier de la course contient la page, la fiche de frugalité, le graphe et le paquet signé de
# votre clé (créée au premier usage, jamais dans le dépôt). MLflow garde la trace : `aune ui`.

# %%
published = publish(usecase, task, outcome, options)
opened = Bundle.open(published.bundle, trusted_keys())
logged = tracking.search(tracking.default_store(published.folder), usecase.name, task.id)
print("paquet :", published.bundle.name, "signé par", opened.signer)
print("page   :", published.page.name, "dans", published.folder.name)
print(f"MLflow : {len(logged)} course(s) de cette tâche")

# %% [markdown]
# ## Énergie et comparaison
#
# Chaque énergie porte son intervalle, son niveau de preuve et son matériel ; mesurée une seule
# fois, elle ne permet pas de comparer deux barreaux de près (pour cela : `aune measure`). La page
# donne à part la fabrication du matériel et l'année de service.
#
# Le nouveau modèle et le paquet en service sont notés sur les **mêmes** jours de test, tous deux
# tels qu'ils s'installeraient sur un site neuf. Si le paquet en service a été entraîné sur ces
# jours, la comparaison lui est trop favorable. Des intervalles qui se recouvrent ne montrent pas
# d'écart : dans le doute, gardez ce qui est en service.

# %%
chosen = next(row for row in outcome.run.ladder if row.rung == outcome.run.chosen)
for stage, footprint in chosen.footprints.items():
    print(f"{stage:<14}{energy.describe_energy(footprint)}")

compared = {"nouveau": opened}
if SHIPPED:
    keys = [Path(SHIPPED_KEY)] if SHIPPED_KEY else trusted_keys()
    compared["en service"] = Bundle.open(Path(SHIPPED), keys)
evaluations = {name: evaluate(bundle, task, dataset) for name, bundle in compared.items()}
main = task.metrics[0]
titles = {rung.name: rung.title for rung in task.rungs}
without_ai = {titles[name]: by for name, by in evaluations["nouveau"].references.items()}
lines = without_ai | {name: done.scores for name, done in evaluations.items()}
print(f"\n{main.title} ({main.unit}), {evaluations['nouveau'].period}")
for name, by_metric in lines.items():
    score = by_metric[main.name]
    print(f"{name:<32}{number(score.value, 2)}  {interval(score.low, score.high, digits=2)}")
if not SHIPPED:
    print("aucun paquet en service à comparer : donnez AUNE_NOTEBOOK_BUNDLE")
