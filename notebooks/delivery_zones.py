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
# # Aires de livraison : du stationnement constaté à la chance de trouver une place
#
# Ce carnet suit une arrivée et un départ jusqu'à la réponse au conducteur : regarder une zone, lire
# les taux d'une file d'attente, la comparer à plus simple et à plus savant, recalculer **une**
# réponse à la main, puis exporter un paquet signé et l'ouvrir comme le ferait la commune. Les
# dépassements, le dimensionnement et les places à déplacer ont leur carnet :
# `delivery_zones_plan.py`.
#
# - Il s'exécute sans réseau : données publiques si elles sont déjà là (`AUNE_MIRROR` ou cache),
#   sinon simulateur, et alors tout porte la mention SIMULÉ (SIMULATED dans les noms de fichiers).
# - Les données publiques sont des **bornes de recharge**, à la place d'aires de livraison. Les
#   scores portent sur quelques zones et quelques semaines : ils montrent la méthode, et la période
#   de test du banc d'essai n'est pas notée. La semaine regardée est la dernière du journal.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_UNITS` | nombre de zones comparées, les plus fréquentées | 4 |
# | `AUNE_NOTEBOOK_DATA` | `auto`, `simulated` ou votre dossier | `auto` |
# | `AUNE_NOTEBOOK_OUT` | dossier des figures et des CSV | un dossier temporaire |

# %%
import contextlib
import os
import tempfile
from collections import defaultdict
from dataclasses import replace
from math import comb
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter

from common.edge.bundle import Bundle
from common.edge.errors import SourceError
from common.edge.signature import trusted_keys
from common.lab import energy, harness
from common.lab.candidate import Bench
from common.lab.evaluation import follow
from common.lab.pages.french import interval, number, percent
from common.lab.pages.terminal import text_table
from common.lab.publish import publish
from common.lab.statistics import paired_block_bootstrap
from common.lab.usecase import Period, Split
from usecases.delivery_zones import own_data
from usecases.delivery_zones.availability.kernels import HORIZON_MINUTES
from usecases.delivery_zones.availability.stays import arrival_chances, constant_stay, stay_chances
from usecases.delivery_zones.availability.usual import issue_kernels, past_of
from usecases.delivery_zones.decision.observed import UNKNOWN, observe
from usecases.delivery_zones.decision.week_grid import chance_of, observed_grid
from usecases.delivery_zones.decision.week_page import week_figure
from usecases.delivery_zones.demand.dwell import dwell_by_hour
from usecases.delivery_zones.demand.zone_demand import Window, demand_of
from usecases.delivery_zones.usecase import USECASE

plt.switch_backend("svg")

N_ZONES = int(os.environ.get("AUNE_NOTEBOOK_UNITS", "4"))
DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
RUNGS = ("usual", "queue", "semi_markov", "calibrated")
SEED = 20220101

asked = os.environ.get("AUNE_NOTEBOOK_OUT")
work = Path(asked or tempfile.mkdtemp(prefix="aune-")).resolve()
work.mkdir(parents=True, exist_ok=True)
task = USECASE.task("availability")
print(task.question)

# %% [markdown]
# ## Les données
#
# Une ligne est un événement : une arrivée, un départ, un capteur qui se tait ou qui revient. Un
# capteur muet n'est **pas** une place libre. Ni plaque, ni badge : ces colonnes sont refusées.


# %%
def load():
    """Return one's own folder, the public log, or the simulator where there is none."""
    if DATA not in ("auto", "simulated"):
        return own_data.read(Path(DATA))
    try:
        if DATA == "simulated":
            raise SourceError("simulated data were asked for")
        return USECASE.load(task, "quick")
    except SourceError as error:
        print(f"données SIMULÉES ({error.found})")
        return USECASE.simulate(task, 0)


dataset = load()
label = " (SIMULÉ)" * dataset.simulated
seen = observe(dataset)
print(dataset.name)
print(dataset.proxy or "vos données : rien ne tient lieu d'autre chose")
print("observé", seen.period)
counted = seen.sessions["curb_zone_id"].value_counts()
zones = seen.zones.assign(stays=seen.zones["curb_zone_id"].map(counted))
zones.set_index("title")[["n_spaces", "max_stay_minutes", "stays"]].nlargest(8, "stays")

# %% [markdown]
# Vos propres fichiers : deux CSV de tableur suffisent. On les écrit ici comme les exporterait un
# fournisseur, puis on les relit avec la fonction qui lira les vôtres. Un fichier douteux est
# refusé, avec la ligne, ce qui a été trouvé et ce qu'il faut faire : voir `docs/guide-commune.md`.


# %%
def write_french_csv(folder: Path, zones: list[str]) -> None:
    """Write zones.csv, sessions.csv and outages.csv of the last four weeks of some zones."""
    folder.mkdir(exist_ok=True)
    since = dataset.times.max() - pd.Timedelta(days=28)
    kept = seen.zones[seen.zones["curb_zone_id"].isin(zones)]
    columns = {"aire": kept["curb_zone_id"], "fuseau": seen.timezone, "places": kept["n_spaces"]}
    columns["durée max"] = kept["max_stay_minutes"]
    pd.DataFrame(columns).to_csv(folder / "zones.csv", sep=";", decimal=",", index=False)
    stays = seen.sessions[seen.sessions["curb_zone_id"].isin(zones)]
    stays = stays[stays["event_time_start"] >= since]
    lost = seen.outages[seen.outages["curb_space_id"].isin(stays["curb_space_id"])]
    lost = lost[(lost["start"] >= since) & lost["end"].notna()]
    tables = {"sessions": (stays, "event_time_start", "event_time_end"),
              "outages": (lost, "start", "end")}  # fmt: skip
    for name, (table, start, end) in tables.items():
        local = [table[x].dt.tz_convert(seen.timezone) for x in (start, end)]
        begun, ended = (times.dt.strftime("%d/%m/%Y %H:%M:%S") for times in local)
        columns = {"aire": table["curb_zone_id"], "place": table["curb_space_id"]}
        columns |= {"début": begun, "fin": ended}
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", sep=";", index=False)


busiest = seen.busiest(3)
folder = work / ("SIMULATED_" * dataset.simulated + "mes_aires")
write_french_csv(folder, busiest)
print(*(folder / "sessions.csv").read_text(encoding="utf-8").splitlines()[:4], sep="\n")
own_data.read(folder).extras["reading"]

# %% [markdown]
# ## Regarder une zone et une semaine
#
# La zone la plus souvent complète. Hachures : état inconnu, ce qui ne veut pas dire vide. La grille
# dit combien de **chances sur 10** un conducteur avait de trouver une place à son arrivée : jamais
# « libre ».

# %%
zone = busiest[0]
title = seen.title(zone)
stays = seen.sessions[seen.sessions["curb_zone_id"] == zone]
last_week = seen.instants >= seen.instants[-1] - pd.Timedelta(days=7)
instants = seen.instants[last_week]
starts, ends = (np.sort(stays[f"event_time_{x}"].to_numpy()) for x in ("start", "end"))
at = instants.tz_convert("UTC").to_numpy()
taken = np.searchsorted(starts, at, "right") - np.searchsorted(ends, at, "right")
known = seen.state[seen.place(zone), last_week] != UNKNOWN

picture, axes = plt.subplots(figsize=(9, 2.6))
here = seen.zones.iloc[seen.place(zone)]
n_bays = int(here["n_spaces"])
wall = instants.tz_localize(None)
axes.fill_between(wall, np.where(known, taken, 0), step="post", linewidth=0)
unknown = np.where(known, 0, n_bays)
axes.fill_between(wall, unknown, step="post", facecolor="none", edgecolor="grey", hatch="//")
axes.axhline(n_bays, linestyle="--", linewidth=1, color="black")
axes.set_title(f"{title} : places occupées, la dernière semaine{label}")
axes.set_yticks(range(n_bays + 1))
axes.set_ylim(0, 1.1 * n_bays)
axes.xaxis.set_major_formatter(DateFormatter("%d/%m"))
picture.savefig(work / "semaine.svg", bbox_inches="tight")
grid = observed_grid(seen)
figure = week_figure(title + label, *grid.of(zone), grid)
# Drawn to stand inside a page: a file of its own must say which language it is in.
alone = figure.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
(work / "chances.svg").write_text(alone, encoding="utf-8")
print("figures :", work.name + "/semaine.svg,", work.name + "/chances.svg")
print(figure.description)
picture

# %% [markdown]
# ## La table des files
#
# Deux taux font une file d'attente, et tous deux se **comptent** : combien de véhicules se
# présentent par heure, combien de temps ils restent. Rien n'est ajusté à un score.
#
# Les arrivées sont celles qu'on a vues, divisées par la part du temps où une place était libre : un
# conducteur refusé ne laisse aucune trace. Les durées comptent comme inachevé un stationnement
# coupé par une panne (Kaplan-Meier) ; l'intervalle à 95 % rééchantillonne des jours entiers.

# %%
window = Window(seen.first_day, seen.end_day, seen.timezone)
limit_minutes = float(here["max_stay_minutes"]) if here["max_stay_minutes"] > 0 else 30.0
demand = demand_of(seen.sessions, zone, n_bays, window)
inside = stays["event_time_start"] >= pd.Timestamp(seen.first_day, tz=seen.timezone)
lengths = dwell_by_hour(
    stays[inside], seen.timezone, limit_minutes, seen.outages, poll_minutes=seen.poll_minutes
).set_index("hour")
rates = pd.DataFrame({
    "arrivées par heure": demand.arrivals_by_hour,
    "part du temps complet (%)": 100 * demand.share_full,
}).join(pd.DataFrame({
    "stationnements": lengths["n"],
    "durée médiane (min)": lengths["median"],
    "de": lengths["median_low"],
    "à": lengths["median_high"],
    "au-delà de la limite (%)": 100 * lengths["share_over"],
})).loc[7:19]  # fmt: skip
print(f"{title}, {n_bays} place(s), limite de {number(limit_minutes, 0)} min{label}")
print(rates.round(1).to_string())

# %% [markdown]
# ## Comparer les barreaux à 15, 30 et 60 minutes
#
# Trois barreaux sans IA : l'habitude, la file sans mémoire (M/M/c/c), la file qui sait depuis
# quand chaque véhicule est là ; puis cette dernière recalée par deux nombres appris. Quatre sur
# neuf, pour tenir en une minute : `aune run delivery_zones` donne l'échelle entière. Le choix se
# fait sur la période de réglage ; la suivante est notée une seule fois.

# %%
task = follow(task, dataset)
split = task.split
task = replace(
    task,
    split=Split(split.train_start, (split.origins[0],),
                Period(split.origins[-1], split.test.start)),
    rungs=tuple(rung for rung in task.rungs if rung.name in RUNGS),
    tracks=(),
)  # fmt: skip
few = dataset.at(np.isin(np.asarray(dataset.groups), counted.index[:N_ZONES]))
options = harness.Options(out=work / "results", seed=SEED)
outcome = harness.run(USECASE, task, few, options)
print(text_table([outcome.run]))

# %% [markdown]
# Le score d'ensemble cache l'échéance. Voici, sur les **mêmes** instants, l'écart de Brier de
# chaque barreau à la file sans mémoire, par blocs de jours. Un intervalle qui contient zéro : aucun
# écart n'est montré, et le plus simple suffit.

# %%
examples = outcome.examples
bench = Bench(USECASE.name, task, few, work / "audit", SEED)
chances = {
    rung.name: bench.outputs(rung, outcome.candidates[rung.name], examples, ("p_free",))["p_free"]
    for rung in task.rungs
}


def apart(name: str, step: int):
    """Return the paired difference of a rung's Brier losses to those of the queue."""
    truth = examples.target[:, step]
    asked = np.isfinite(truth) & (examples.slots[:, step] >= 0)
    one_unit = np.zeros(int(asked.sum()), dtype=int)
    losses = [
        (one_unit, examples.blocks[asked], (chances[x][asked, step] - truth[asked]) ** 2)
        for x in (name, "queue")
    ]
    return paired_block_bootstrap(*losses, seed=SEED)


titles = {rung.name: rung.title for rung in task.rungs}
print(f"Brier, et écart à la file M/M/c/c en dix-millièmes (intervalle à 95 %){label}")
for step, minutes in enumerate(HORIZON_MINUTES):
    for name in chances:
        found = apart(name, step)
        gap = f"{number(1e4 * found.estimate, 1)} [{number(1e4 * found.low, 1)} ; "
        gap += f"{number(1e4 * found.high, 1)}]"
        told = "" if name == "queue" else gap
        print(f"{minutes} min  {titles[name]:<48}{number(found.loss_a, 4)}  {told}")

# %% [markdown]
# ## Expliquer une réponse, et la recalculer
#
# Une file n'est pas apprise : il n'y a pas de valeur de Shapley à vérifier (le carnet
# `building_energy.py` le fait avec `shap`, sur un modèle additif), il y a un **calcul à refaire**.
# On prend une zone complète, de deux places au moins si possible, là où la réponse s'écarte le plus
# de l'habitude. On lit ses taux, et on avance douze pas de cinq minutes en Python ordinaire : des
# véhicules partent, puis un autre arrive s'il y a une place. Le graphe ONNX doit répondre pareil.
#
# Le recalcul fait les mêmes approximations que le graphe : les véhicules présents se partagent une
# chance moyenne de rester, les nouveaux venus aussi, et un seul au plus arrive en cinq minutes.

# %%
full_now = np.asarray(examples.inputs["occupied_now"]) >= np.asarray(examples.inputs["bays"])
asked = full_now & np.isfinite(examples.target[:, : len(HORIZON_MINUTES)]).all(axis=1)
larger = asked & (np.asarray(examples.inputs["bays"]) > 1)
asked = larger if larger.any() else asked
gap = np.abs(chances["semi_markov"] - chances["usual"])[:, 0]
chosen_row = int(np.argmax(np.where(asked, gap, -1.0)))
only = examples.take([chosen_row])
one = {name: np.asarray(values) for name, values in only.inputs.items()}
one |= bench.inputs(task.rungs[0], only)


def leaving(count: int, stays_on: float) -> list[float]:
    """Return the chance that 0, 1, ... of ``count`` vehicles are still there."""
    return [comb(count, k) * stays_on**k * (1 - stays_on) ** (count - k) for k in range(count + 1)]


def queue_by_hand(old_stay, new_stay, arrivals) -> list[float]:
    """Return the chance of a free bay after 15, 30 and 60 minutes, one step after another."""
    bays = int(one["bays"][0])
    state, found = {(int(one["occupied_now"][0]), 0): 1.0}, []
    for step in range(12):
        after = defaultdict(float)
        for (old, new), chance in state.items():
            for o, p in enumerate(leaving(old, old_stay[step])):
                for m, q in enumerate(leaving(new, new_stay[step])):
                    comes = arrivals[step] if o + m < bays else 0.0
                    after[o, m + 1] += chance * p * q * comes
                    after[o, m] += chance * p * q * (1 - comes)
        state = after
        if 5 * (step + 1) in HORIZON_MINUTES:
            found.append(sum(p for (o, m), p in state.items() if o + m < bays))
    return found


past = past_of(np, one, issue_kernels(np, one["quarter"]))
vehicles = stay_chances(np, one)
pace = arrival_chances(np, one, past, one["occupied_now"].astype(int))
old, new, comes = (x[0].astype(float) for x in (vehicles.old, vehicles.new, pace.with_memory))
forgetful = constant_stay(np, past)[0].astype(float)
fresh = {**one, "elapsed_minutes": np.where(np.isnan(one["elapsed_minutes"]), np.nan, 0.0)}
fresh["elapsed_minutes"] = fresh["elapsed_minutes"].astype(np.float32)
by_hand = {
    "semi_markov": queue_by_hand(old, new, comes),
    "queue": queue_by_hand(forgetful, forgetful, pace.plain[0].astype(float)),
}
for name, answer in by_hand.items():
    error = np.abs(np.array(answer) - chances[name][chosen_row]).max()
    assert error < 2e-4, f"{name}: the graph and the recomputation differ by {error:.1e}"
    print(f"{titles[name]} : écart maximal graphe/recalcul {error:.1e}")

# %% [markdown]
# Les raisons, en changeant une chose à la fois dans ce même calcul. Ce sont des **si** du modèle,
# pas des causes : personne n'a empêché quiconque d'arriver.

# %%
quarter = int(one["quarter"][0])
ages = one["elapsed_minutes"][0]
ages = ", ".join(f"{number(float(age), 0)} min" for age in ages[np.isfinite(ages)])
clock = f"{quarter // 4} h {15 * (quarter % 4):02d}"
name = seen.title(str(only.units[0]))
print(f"{name}, {only.days[0]}, {clock} : complet ; présents depuis {ages}{label}")
print(f"arrivées attendues : {number(float(pace.per_hour[0, 0]), 1)} par heure ; ", end="")
print(f"parti d'ici 15 min : {percent(1 - float(np.prod(old[:3])))} par véhicule")
reasons = {
    "la réponse de la file": by_hand["semi_markov"],
    "si personne n'arrivait": queue_by_hand(old, new, np.zeros(12)),
    "si tous venaient d'arriver": queue_by_hand(
        stay_chances(np, fresh).old[0].astype(float), new, comes),
    "sans savoir depuis quand (M/M/c/c)": by_hand["queue"],
    "l'habitude seule": chances["usual"][chosen_row],
}  # fmt: skip
for words, answer in reasons.items():
    print(f"  {words:<36}" + " | ".join(f"{chance_of(p):<24}" for p in map(float, answer)))
truth = ["une place" if x else "complet" for x in only.target[0, : len(HORIZON_MINUTES)]]
print(f"  {'constaté':<36}" + " | ".join(f"{x:<24}" for x in truth))

# %% [markdown]
# ## Exporter un paquet signé, l'ouvrir comme la commune
#
# Un seul fichier : graphe, exemples de contrôle, carte, empreintes, signature. La clé de ce carnet
# naît et meurt dans un dossier temporaire. La partie qui suit n'utilise que `common.edge` : ni
# pandas, ni scikit-learn.

# %%
with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
    os.environ["AUNE_SIGNING_KEY"] = str(Path("signing_key.pem").resolve())
    published = publish(USECASE, task, outcome, replace(options, out=Path("results")))
    bundle = Bundle.open(published.bundle, trusted_keys())
    size_kb = published.bundle.stat().st_size / 1000

raw = {field.name: one[field.name] for field in bundle.manifest.inputs if field.name in one}
answer = bundle.predict(raw)
assert np.allclose(answer["p_free"][0], outcome.outputs["p_free"][chosen_row], atol=1e-5)
why = bundle.explain(raw)[0]
print(f"{published.bundle.name}, {number(size_kb, 0)} ko, signé par {bundle.signer}")
for minutes, chance, low, high in zip(
    HORIZON_MINUTES, *(answer[x][0] for x in ("p_free", "lower", "upper")), strict=True
):
    print(f"{minutes} min : {chance_of(float(chance))} ; places occupées (80 %) : "
          f"{interval(float(low), float(high), digits=0)}")  # fmt: skip
print("raisons, en logarithme du rapport des chances à 15 min :")
for reason in why.groups[:4]:
    print(f"  {reason.label} : {number(float(reason.values[0]), 2)}")

# %% [markdown]
# ## Énergie, et après
#
# Mesurée une seule fois, elle ne permet pas de comparer deux barreaux de près. La file n'a rien à
# réentraîner : ses tables se comptent.
#
# - `aune run delivery_zones --data DOSSIER` : l'échelle entière sur vos zones.
# - `delivery_zones_plan.py` : dépassements, dimensionnement, places à déplacer.
# - Une personne décide. Le modèle donne une chance ; il ne verbalise ni ne réserve rien.

# %%
row = next(row for row in outcome.run.ladder if row.rung == outcome.run.chosen)
print("retenu :", row.title + label)
for stage, footprint in row.footprints.items():
    print(f"{stage:<14}{energy.describe_energy(footprint)}")
