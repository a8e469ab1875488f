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
# # Aires de livraison : dépassements, dimensionnement, places à déplacer
#
# Ce carnet va du stationnement **constaté** à ce qu'une commune peut décider : où la limite est
# dépassée, ce que donnerait une place de plus ou de moins, quelles places déplacer. La chance de
# trouver une place, son recalcul et son paquet signé sont dans `delivery_zones.py`.
#
# - Il s'exécute sans réseau : données publiques si elles sont déjà là (`AUNE_MIRROR` ou cache),
#   sinon simulateur, et alors tout porte la mention SIMULÉ.
# - Les données publiques sont des **bornes de recharge**, à la place d'aires de livraison. Les
#   sections regardent les douze dernières semaines du journal.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_DATA` | `auto`, `simulated` ou votre dossier | `auto` |

# %%
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import numpy as np
import pandas as pd

from common.edge.errors import SourceError
from common.lab import graph
from common.lab.evaluation import follow
from common.lab.pages.french import bounds, number, percent
from usecases.delivery_zones import own_data
from usecases.delivery_zones.decision.demand import network_of
from usecases.delivery_zones.decision.misuse_page import misuse_findings
from usecases.delivery_zones.decision.observed import observe
from usecases.delivery_zones.decision.plan import HYPOTHESIS, plan_relocation
from usecases.delivery_zones.decision.relocation import Settings
from usecases.delivery_zones.decision.sizing import Scenario, blocking
from usecases.delivery_zones.decision.sizing_page import sizing_findings
from usecases.delivery_zones.demand.zone_demand import Window, demand_of, replay
from usecases.delivery_zones.inventory.source import load_inventory
from usecases.delivery_zones.usecase import USECASE

DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
SEED = 20220101

# %% [markdown]
# ## Les données
#
# Une ligne est un événement : une arrivée, un départ, un capteur qui se tait ou qui revient. Ni
# plaque, ni badge : ces colonnes sont refusées.


# %%
overstay_task = USECASE.task("overstay")


def load():
    """Return one's own folder, the public log, or the simulator where there is none."""
    if DATA not in ("auto", "simulated"):
        return own_data.read(Path(DATA))
    try:
        if DATA == "simulated":
            raise SourceError("simulated data were asked for")
        return USECASE.load(overstay_task, "quick")
    except SourceError as error:
        print(f"données SIMULÉES ({error.found})")
        return USECASE.simulate(overstay_task, 0)


dataset = load()
label = " (SIMULÉ)" * dataset.simulated
seen = observe(dataset)
print(dataset.name)
print(dataset.proxy or "vos données : rien ne tient lieu d'autre chose")
print("observé", seen.period)
counted = seen.sessions["curb_zone_id"].value_counts()
window = Window(seen.first_day, seen.end_day, seen.timezone)

# %% [markdown]
# ## Les dépassements
#
# D'abord ce qui a été **constaté** : minutes perdues par heure et par place au-delà de la limite,
# intervalle à 95 %. C'est une borne basse : un véhicule non autorisé qui part à temps ne se voit
# pas. Relevées toutes les quinze minutes, les durées seraient fausses : l'outil refuse alors.

# %%
for found in misuse_findings(seen)[:1]:
    print(f"règle : {found.rule.words}{label}")
    whole = found.whole
    span = bounds(whole.low, whole.high, "min", 1)
    lost = f"{number(whole.minutes_per_bay_hour, 1)} min perdues par heure et par place ({span})"
    print(lost)
    print(found.whole.by_hour.set_index("hour").round(2).to_string())

# %% [markdown]
# Puis la **chance** de dépasser, à l'arrivée et à mi-limite. Deux taux comptés et une régression ;
# noté sur la période de réglage, jamais sur celle du test. Si la régression ne fait pas nettement
# mieux que le taux de la zone, le taux suffit. Cette chance sert à organiser une tournée, pas à
# punir : aucune verbalisation automatique.

# %%
SHOWN = ("base_rate", "zone_hour_rate", "logistic")


def score_overstay() -> None:
    """Fit three rungs on the past, print their Brier scores on the tuning period."""
    overstay = follow(overstay_task, dataset)
    fit_period, judged_period = overstay.split.folds()[-1]
    training = graph.training(overstay, overstay.examples(dataset, fit_period), SEED)
    judged = overstay.examples(dataset, judged_period)
    print(f"Brier de la chance de dépasser, {judged_period}{label}")
    for rung in (rung for rung in overstay.rungs if rung.name in SHOWN):
        model = graph.assemble(overstay, rung, rung.fit(training))
        error = (graph.run(model, judged.inputs)["p_overstay"] - judged.target[:, :2]) ** 2
        at_arrival, at_half = (number(float(x), 4) for x in np.nanmean(error, axis=0))
        size_kb = number(len(model.SerializeToString()) / 1000, 0)
        print(f"{rung.title:<46}à l'arrivée {at_arrival}   à mi-limite {at_half}   {size_kb} ko")


if (seen.zones["max_stay_minutes"] > 0).any():
    score_overstay()
else:
    print("aucune zone n'a de limite : rien à dépasser (colonne « durée max » de zones.csv)")

# %% [markdown]
# ## Une place de plus, une place de moins
#
# Une place de **moins** n'a pas besoin de modèle : on rejoue les vrais stationnements sur les
# places restantes. Une place de **plus** demande une formule (Erlang B), car les refusés n'ont
# laissé aucune trace : c'est un ordre de grandeur. L'intervalle à 90 % contient la dérive de la
# demande. Ici, les zones les plus remplies, celles de trois places et plus d'abord.

# %%
by_size = sorted(seen.busiest(8), key=lambda zone: counted[zone], reverse=True)
by_size = sorted(by_size, key=lambda zone: seen.zones["n_spaces"].iloc[seen.place(zone)] < 3)
sized = sizing_findings(seen, by_size[:3])
for found in sized:
    print(f"{seen.title(found.zone)}, {found.bays} place(s) aujourd'hui{label}")
    for _, line in found.table[found.table["label"].str.contains("Aujourd|Une place")].iterrows():
        shares = 100 * line[["blocking_low", "blocking_high"]].to_numpy(float)
        print(f"  {line['label']:<20}{percent(float(line['blocking']))} des arrivées sans place "
              f"({bounds(*shares, '%', 1)})")  # fmt: skip
    if found.drift.flagged:
        print("  dérive :", found.drift.reason)

# %% [markdown]
# **Vérifier par rejeu.** On retire deux places à une zone : les refusés disparaissent du journal,
# comme dans la vie. De ce journal tronqué, la formule annonce ce que donnerait une place de plus ;
# le rejeu de **tous** les stationnements dit ce qui aurait été constaté. Attendez-vous à de gros
# écarts, souvent par excès, parfois hors de l'intervalle : c'est pourquoi une place de plus
# se décide avec un essai dans la rue, pas avec cette formule seule.


# %%
def one_more_checked(zone: str, bays: int) -> str:
    """Foretell a bay more from a log cut by two bays; hold it against the replay of all stays."""
    mine = seen.sessions[seen.sessions["curb_zone_id"] == zone].sort_values("event_time_start")
    mine = mine[mine["event_time_start"] >= pd.Timestamp(seen.first_day, tz=seen.timezone)]
    times = [mine[f"event_time_{x}"].dt.as_unit("s").astype("int64") for x in ("start", "end")]
    begun, ended = (x.to_numpy() / 60 for x in times)
    refused = {n: replay(begun, ended - begun, n) for n in (bays - 2, bays - 1)}
    cut = demand_of(mine[~refused[bays - 2]], zone, bays - 2, window)
    said = blocking(cut, Scenario(bays - 1))
    span = bounds(100 * said.low, 100 * said.high, "%", 1)
    return (
        f"{seen.title(zone)}, de {bays - 2} à {bays - 1} place(s) : formule "
        f"{percent(said.share)} ({span}), rejeu {percent(float(refused[bays - 1].mean()))}{label}"
    )


for found in sized:
    if found.bays >= 3:
        print(one_more_checked(found.zone, found.bays))

# %% [markdown]
# ## Déplacer des places
#
# Sur l'inventaire des Hauts-de-Seine (1 007 aires), à nombre de places constant. L'inventaire ne
# contient **aucune demande** : elle est déduite de la densité, de la longueur et des horaires. Le
# plan porte donc le mot HYPOTHÈSE et ne se décide pas ; avec `demand.csv` il devient le vôtre.
#
# L'optimum est prouvé deux fois : par le solveur, puis par une borne recalculée ici. Ni une aire ni
# une commune du quart le moins bien servi ne peut y perdre.


# %%
def simulated_areas(n_areas: int = 60) -> pd.DataFrame:
    """Invent areas of three communes, where no inventory can be had."""
    rng = np.random.default_rng(SEED)
    return pd.DataFrame({
        "area_id": [f"SIMULATED-{number:02d}" for number in range(n_areas)],
        "commune": rng.choice(["Amont", "Aval", "Le Pont"], n_areas),
        "address": "rue inventée",
        "regime": "Livraison",
        "hours": "07:00-19:00",
        "length_m": rng.choice([10.0, 15.0, 24.0], n_areas),
        "lon": 2.0 + 0.01 * rng.random(n_areas),
        "lat": 47.0 + 0.01 * rng.random(n_areas),
    })  # fmt: skip


try:
    if DATA == "simulated":
        raise SourceError("simulated data were asked for")
    areas, of_what = load_inventory().areas, "inventaire public"
except SourceError:
    areas, of_what = simulated_areas(), "aires SIMULÉES"
plan = plan_relocation(network_of(areas), Settings(max_moves=20))
assert plan.solution.proven
totals = plan.totals()
print(f"{of_what} : {len(plan.areas)} aires. {HYPOTHESIS}")
print(f"places : {number(totals['bays_before'], 0)} avant, {number(totals['bays_after'], 0)} "
      f"après ; {number(totals['bays_added'], 0)} peintes ailleurs")  # fmt: skip
print(f"livraisons sans place par jour : {number(totals['lost_before'], 0)} puis "
      f"{number(totals['lost_after'], 0)}")  # fmt: skip
print(f"écart prouvé à l'optimum : {percent(plan.solution.gap, 2)} (solveur), "
      f"{percent(plan.solution.certified_gap, 2)} (notre borne seule)")  # fmt: skip
print(plan.equity[["quarter", "areas", "better", "worse"]].to_string(index=False))
for _, area in plan.changed.head(5).iterrows():
    print(f"  {area['action']:<10}{area['area_id']}, {area['commune']} : {area['reason']}")

# %% [markdown]
# ## Et après
#
# - `aune plan delivery_zones --data DOSSIER --inventory ... --demand ...` : les pages à imprimer.
# - Une personne décide. Rien ici ne verbalise, ne réserve ni ne repeint une place.
