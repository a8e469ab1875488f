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
# # Énergie des bâtiments : de vos relevés à un modèle signé
#
# Ce carnet suit une donnée du compteur jusqu'au serveur de la commune : regarder une semaine,
# relire ses propres fichiers CSV, comparer les barreaux du plus simple au plus savant, expliquer
# **une** journée, exporter un paquet signé et l'ouvrir comme le ferait la commune.
#
# - Il s'exécute sans réseau : données publiques si elles sont déjà là (`AUNE_MIRROR` ou cache),
#   sinon simulateur, et alors tout porte la mention SIMULATED.
# - Les données publiques sont celles d'une université britannique, **à la place** de bâtiments
#   municipaux. Les chiffres ci-dessous portent sur quelques compteurs et quelques semaines de
#   2021 : ils montrent la méthode. L'année de test (2022) n'est pas touchée. Les chiffres qui
#   comptent sortent de `aune run building_energy --profile full`.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_UNITS` | nombre de compteurs | 4 |
# | `AUNE_NOTEBOOK_DATA` | `auto` ou `simulated` | `auto` |
# | `AUNE_NOTEBOOK_OUT` | dossier des figures et des CSV | un dossier temporaire |

# %%
import contextlib
import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.edge.bundle import Bundle
from common.edge.errors import SourceError
from common.edge.signature import trusted_keys
from common.lab import graph, harness
from common.lab.candidate import Bench
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead
from common.lab.pages.french import number
from common.lab.pages.seriesplots import weeks
from common.lab.pages.terminal import text_table
from common.lab.publish import publish
from common.lab.usecase import Fitted, Period, Split
from usecases.building_energy import own_data
from usecases.building_energy.civil_calendar import country_of
from usecases.building_energy.usecase import USECASE

plt.switch_backend("svg")

N_METERS = int(os.environ.get("AUNE_NOTEBOOK_UNITS", "4"))
DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
RUNGS = ("week_persistence", "similar_days", "linear", "additive")
SEED = 20220101

asked = os.environ.get("AUNE_NOTEBOOK_OUT")
work = Path(asked or tempfile.mkdtemp(prefix="aune-")).resolve()
work.mkdir(parents=True, exist_ok=True)
task = USECASE.task("forecast")
print(task.question)

# %% [markdown]
# ## Les données
#
# Une mesure absente reste absente (`valid` faux) : jamais remplacée par zéro, jamais interpolée.

# %%
try:
    if DATA == "simulated":
        raise SourceError("simulated data were asked for")
    dataset = USECASE.load(task, "quick")
except SourceError as error:
    print(f"données SIMULÉES ({error.found})")
    dataset = USECASE.simulate(task, 0)

first_hour, stop_hour = (pd.Timestamp(day, tz="UTC") for day in ("2020-04-01", "2022-01-01"))
known_share = pd.Series(dataset.valid).groupby(np.asarray(dataset.groups)).mean()
meters = sorted(known_share.nlargest(N_METERS).index)
rows = (
    np.isin(np.asarray(dataset.groups), meters)
    & (dataset.times >= first_hour)
    & (dataset.times < stop_hour)
)
table = pd.DataFrame(
    {
        "meter": np.asarray(dataset.groups)[rows],
        "local": dataset.times[rows].tz_convert(dataset.timezone),
        "load_kwh": np.where(dataset.valid, dataset.columns["load_kwh"], np.nan)[rows],
    }
)
print(dataset.name)
print(dataset.proxy)
table.groupby("meter")["load_kwh"].describe()[["count", "mean", "min", "max"]].round(1)

# %% [markdown]
# ## Regarder une semaine
#
# Avant tout modèle : la nuit, le week-end et les trous se voient à l'œil. Une courbe plate la nuit
# donne la consommation de base ; un week-end pareil à la semaine mérite une question au gardien.

# %%
week = table[
    (table["meter"] == meters[0]) & table["local"].dt.strftime("%G-W%V").eq("2021-W46")
].set_index("local")
picture, axes = plt.subplots(figsize=(9, 3))
axes.plot(week.index.tz_localize(None), week["load_kwh"], linewidth=1.2)
axes.set_title(f"{meters[0]}, semaine du 15 novembre 2021" + " (SIMULATED)" * dataset.simulated)
axes.set_ylabel("kWh par heure")
axes.set_ylim(bottom=0)
picture.autofmt_xdate()
picture.savefig(work / "semaine.svg", bbox_inches="tight")
print("figure :", work.name + "/semaine.svg")
picture

# %% [markdown]
# ## Vos propres fichiers CSV
#
# On écrit ici un dossier comme l'exporterait un tableur français (point-virgule, virgule décimale,
# jour/mois/année, heure locale), puis on le relit avec la fonction qui lira le vôtre. Remplacez
# `folder` par votre dossier : voir `docs/guide-commune.md`. Un fichier douteux est refusé, avec la
# ligne, ce qui a été trouvé et ce qu'il faut faire.


# %%
def write_french_csv(folder: Path) -> None:
    """Write the meters, the temperature and meta.toml as a commune would hand them in."""
    folder.mkdir(exist_ok=True)
    local = table["local"].dt.strftime("%d/%m/%Y %H:%M")
    columns = {"Compteur": table["meter"], "Horodate": local, "Énergie (kWh)": table["load_kwh"]}
    pd.DataFrame(columns).to_csv(folder / "compteurs.csv", sep=";", decimal=",", index=False)
    weather = dataset.extras["weather"]["temperature_celsius"].loc[first_hour:stop_hour]
    local = weather.index.tz_convert(dataset.timezone).strftime("%d/%m/%Y %H:%M")
    air = pd.DataFrame({"Horodate": local, "Température": weather.to_numpy().round(1)})
    air.to_csv(folder / "temperature.csv", sep=";", decimal=",", index=False)
    (folder / "meta.toml").write_text(
        f'timezone = "{dataset.timezone}"\ncountry = "{country_of(dataset)}"\n'
        'energy = "electricity"\n',
        encoding="utf-8",
    )


folder = work / ("SIMULATED_" * dataset.simulated + "mes_compteurs")
write_french_csv(folder)
print(*(folder / "compteurs.csv").read_text(encoding="utf-8").splitlines()[:4], sep="\n")
own = own_data.read(folder, "electricity")
# The files were written from this data set: what they stand in for goes with them.
own = replace(
    own,
    name=("SIMULATED " * dataset.simulated) + own.name,
    simulated=dataset.simulated,
    proxy=dataset.proxy,
    sources=dataset.sources,
)
own.extras["reading"]

# %% [markdown]
# ## Comparer les barreaux
#
# On commence sans IA : la semaine dernière, puis des jours semblables. Un barreau plus lourd ne
# part que si les plus légers ne font pas jeu égal. Le choix se fait sur la période de réglage ; la
# période de test est notée une seule fois, ensuite. Ici quatre barreaux sur neuf, pour tenir en
# moins d'une minute, et l'énergie n'est mesurée qu'une fois (qualité « basse ») : elle ne permet
# pas de comparer deux barreaux.

# %%
stop = stop_hour.date()
test = Period(stop - timedelta(28), stop)
tuned_from = test.start - timedelta(56)
task = replace(
    task,
    split=Split(tuned_from - timedelta(364), (tuned_from,), test),
    rungs=tuple(rung for rung in task.rungs if rung.name in RUNGS),
    tracks=(),
)
options = harness.Options(out=work / "results", seed=SEED)
outcome = harness.run(USECASE, task, own, options)
print(text_table([outcome.run]))

# %% [markdown]
# La semaine de test la plus récente du premier compteur, prévue la veille à midi, avec son
# intervalle à 80 %. Quatre semaines et quelques compteurs ne suffisent pas pour juger l'intervalle.

# %%
examples, outputs = outcome.examples, outcome.outputs
shown = np.flatnonzero(examples.units == meters[0])[-7:]
# No clock changes in December: 24 slots a day. The target has room for the 25 of October.
actual = examples.target[shown][:, :24].ravel()
figure = weeks(
    f"Prévision de {meters[0]}" + " (SIMULATED)" * own.simulated,
    (examples.days[shown][:, None] + np.arange(24).astype("timedelta64[h]")).ravel(),
    actual,
    *(outputs[name][shown].ravel() for name in ("forecast", "lower", "upper")),
)
(work / "prevision.svg").write_text(figure.svg, encoding="utf-8")
print("figure :", work.name + "/prevision.svg")
print(figure.description)

# %% [markdown]
# ## Expliquer une journée, et le vérifier avec `shap`
#
# Le modèle additif donne ses raisons lui-même, dans le graphe ONNX : aucun outil d'explication sur
# le serveur. Au laboratoire, on vérifie que ces contributions sont bien des valeurs de Shapley.
#
# Une valeur de Shapley dépend du fond (« par rapport à quoi ? »). `shap` ne peut en pratique
# prendre que quelques centaines de lignes ; on compile donc le même modèle avec le même fond de
# 200 lignes, et les deux doivent être égaux. Le graphe livré prend **toutes** les lignes
# d'apprentissage comme fond : troisième colonne, proche sans être identique.
#
# Une contribution dit ce que le modèle a utilisé, **pas** la cause de la consommation.

# %%
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # shap's own imports warn about numpy
    import shap

rung = next(rung for rung in task.rungs if rung.name == "additive")
fit_period, _ = task.split.final()
training = graph.training(task, task.examples(own, fit_period), SEED)
fitted = rung.fit(training)
# The reference is what LightGBM and the ridge answer: a linear stage, then two bags of trees.
stage, boosters = fitted.reference.args
reads = fitted.point.reads
columns = [[term.name for term in training.terms].index(name) for name in reads]

drawn = np.random.default_rng(SEED).choice(len(training.matrix), 200, replace=False)
background = training.matrix[drawn][:, columns]
coefficients = np.array(stage.coefficients)
centre = background.mean(axis=0, dtype=np.float64)
audited = compile_lightgbm(boosters, background).add_linear(
    coefficients,
    centre,
    intercept=stage.baseline + float(coefficients @ (centre - np.array(stage.means))),
)
model = graph.assemble(task, rung, Fitted(AdditiveHead(audited, reads), fitted.spread))

# %% [markdown]
# La journée choisie : celle, dans la période de test, où la prévision s'écarte le plus de la
# semaine précédente, à la taille du bâtiment près.

# %%
bench = Bench(USECASE.name, task, own, work / "audit", SEED)
inputs = bench.inputs(rung, examples)
shipped = graph.run(outcome.candidates["additive"].model, inputs)
week_before = graph.run(outcome.candidates["week_persistence"].model, inputs)["forecast"]
gap = np.abs(shipped["forecast"] - week_before).mean(axis=1) / shipped["forecast"].mean(axis=1)
day = int(np.argmax(gap))
one = bench.inputs(rung, examples.take([day]))

traced = graph.run(graph.trace(task), one)
X = traced["matrix"][0][:, columns]
level_kwh = traced["context_level"][0]
masker = shap.maskers.Independent(background, max_samples=len(background))
by_shap = shap.LinearExplainer((coefficients, 0.0), masker).shap_values(X)
for booster in boosters:
    explainer = shap.TreeExplainer(
        booster, data=masker, feature_perturbation="interventional", model_output="raw"
    )
    by_shap = by_shap + explainer.shap_values(X, check_additivity=False) / len(boosters)
by_shap = by_shap * level_kwh  # from the heads' scale to kWh
by_graph = graph.run(model, one)["contributions"][0]

spread_kwh = float(shipped["forecast"].std())
error = float(np.abs(by_graph - by_shap).max()) / spread_kwh
assert error < 1e-4, f"graph and shap differ by {error:.1e} of the output's spread"
print(f"{examples.units[day]}, {examples.days[day]} : écart maximal graphe/shap {error:.1e}")
labels = {term.name: term.label for term in task.terms}
reasons = pd.DataFrame({
    "shap (kWh)": by_shap.sum(axis=0),
    "graphe, même fond (kWh)": by_graph.sum(axis=0),
    "graphe livré (kWh)": shipped["contributions"][day].sum(axis=0),
}, index=[labels[name] for name in reads]).astype(float)  # fmt: skip
strongest = reasons.abs().sum(axis=1).sort_values(ascending=False).index[:8]
print(reasons.loc[strongest].round(2).to_string())

# %% [markdown]
# ## Exporter un paquet signé, l'ouvrir comme la commune
#
# Un seul fichier : graphe, exemples de contrôle, carte, empreintes, signature. La clé de ce carnet
# naît et meurt dans un dossier temporaire : elle n'entre pas dans vos clés de confiance. La partie
# qui suit n'utilise que `common.edge` : ni pandas, ni LightGBM, ni shap.
#
# Sans faire confiance à Aune : `openssl dgst -sha256 -verify cle.pub.pem -signature SHA256SUMS.sig
# SHA256SUMS`, puis `sha256sum -c SHA256SUMS`.

# %%
with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
    os.environ["AUNE_SIGNING_KEY"] = str(Path("signing_key.pem").resolve())
    published = publish(USECASE, task, outcome, replace(options, out=Path("results")))
    bundle = Bundle.open(published.bundle, trusted_keys())
    size_kb = published.bundle.stat().st_size / 1000

raw = {name: np.asarray(values)[[day]] for name, values in examples.inputs.items()}
raw = {field.name: raw[field.name] for field in bundle.manifest.inputs if field.name in raw}
answer = bundle.predict(raw)
assert np.allclose(answer["forecast"][0], outputs["forecast"][day], rtol=1e-5, atol=1e-3)
why = bundle.explain(raw)[0]
print(f"{published.bundle.name}, {number(size_kb, 0)} ko, signé par {bundle.signer}")
total_kwh = number(float(answer["forecast"].sum()), 0)
print(f"{examples.units[day]}, {examples.days[day]} : {total_kwh} kWh")
print(f"  base {number(float(why.baseline.sum()), 1)} kWh")
for reason in why.groups:
    print(f"  {reason.label} : {number(reason.total, 1)} kWh")

# %% [markdown]
# ## Et après
#
# - `notebooks/retrain.py` refait tout cela pour n'importe quel cas d'usage, sur votre dossier, et
#   inscrit le résultat dans MLflow.
# - `aune run building_energy --data DOSSIER --profile full` donne l'échelle entière, les épreuves
#   annexes et le protocole complet d'énergie.
# - Une personne décide. Le modèle prévoit ; il ne pilote rien.
