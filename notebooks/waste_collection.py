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
# # Collecte des déchets : du niveau relevé à la tournée du jour
#
# Ce carnet suit un relevé jusqu'à la tournée : regarder un conteneur, voir le piège des collectes,
# comparer un modèle à plus simple, recalculer **une** prévision à la main, l'exporter et l'ouvrir
# comme la commune, juger le capteur, se passer de capteur, décider d'une tournée, puis rejouer des
# semaines entières **à débordements égaux**.
#
# - Il s'exécute sans réseau : données publiques si elles sont déjà là (`AUNE_MIRROR` ou cache),
#   sinon simulateur, et alors tout porte la mention SIMULÉ (SIMULATED dans les noms).
# - Les données publiques, corbeilles de rue australiennes et écossaises, sont **de substitution**.
# - Quelques conteneurs et quelques semaines, pour tenir en une minute : ces chiffres montrent la
#   méthode. Ceux qui comptent sortent de `aune run` et du banc de rejeu.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_UNITS` | nombre de conteneurs, ceux qui ont le plus de relevés | 8 |
# | `AUNE_NOTEBOOK_DATA` | `auto`, `simulated` ou votre dossier | `auto` |
# | `AUNE_NOTEBOOK_OUT` | dossier des figures | un dossier temporaire |

# %%
import contextlib
import os
import tempfile
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.edge.bundle import Bundle
from common.edge.errors import SourceError
from common.edge.signature import trusted_keys
from common.lab import energy, harness
from common.lab.candidate import Bench
from common.lab.evaluation import follow
from common.lab.pages.french import number, percent, quantity
from common.lab.pages.terminal import text_table
from common.lab.publish import publish
from common.lab.statistics import paired_block_bootstrap
from common.lab.usecase import Period, Split
from usecases.waste_collection import own_data
from usecases.waste_collection.data import containers_of, readings_of
from usecases.waste_collection.decision.choice import Case, propose
from usecases.waste_collection.decision.outlook import predicted
from usecases.waste_collection.decision.pages.round_map import round_maps
from usecases.waste_collection.decision.reasons import left_out_words, round_words, stop_words
from usecases.waste_collection.decision.situation import situation_on
from usecases.waste_collection.decision.terrain import terrain_of
from usecases.waste_collection.faults.tasks import SENSOR_FAULTS
from usecases.waste_collection.faults.trial import held_out_trial
from usecases.waste_collection.no_sensor.tasks import NO_SENSOR
from usecases.waste_collection.overflow.examples import SLOTS, Scope, examples_of
from usecases.waste_collection.replay.ground.inflow import daily_inflow
from usecases.waste_collection.replay.ground.scenarios import SCENARIOS, read_scenarios
from usecases.waste_collection.replay.policies.catalogue import policies_of
from usecases.waste_collection.replay.public import public_material
from usecases.waste_collection.replay.scoring.comparison import CHOSEN, compare
from usecases.waste_collection.replay.site import Site, read_assumptions
from usecases.waste_collection.replay.world import replay
from usecases.waste_collection.simulate import levels_if_not_collected, simulate
from usecases.waste_collection.usecase import USECASE

plt.switch_backend("svg")

N_CONTAINERS = int(os.environ.get("AUNE_NOTEBOOK_UNITS", "8"))
DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
RUNGS = ("mean_rate", "markov", "logistic", "additive")
SEED = 20220101

work = Path(os.environ.get("AUNE_NOTEBOOK_OUT") or tempfile.mkdtemp(prefix="aune-")).resolve()
work.mkdir(parents=True, exist_ok=True)
task = USECASE.task("overflow")
print(task.question)

# %% [markdown]
# ## Les données
#
# Une ligne est un conteneur et un jour : le niveau relevé à 6 h. Un jour d'alerte ou sans relevé
# n'est **ni plein ni vide** : son niveau n'est pas connu. Vos fichiers : deux CSV de tableur,
# `containers.csv` et `readings.csv`, voir `docs/guide-commune.md`.


# %%
def load(task, read):
    """Return one's own folder, the public log, or the simulator where there is none."""
    if DATA not in ("auto", "simulated"):
        return own_data.read(Path(DATA), read)
    try:
        if DATA == "simulated":
            raise SourceError("simulated data were asked for")
        return USECASE.load(task, "quick")
    except SourceError as error:
        print(f"données SIMULÉES ({error.found})")
        return USECASE.simulate(task, 0)


dataset = load(task, "readings")
counted = readings_of(dataset)["container_id"].value_counts()
kept = sorted(counted.index[:N_CONTAINERS])
dataset = dataset.at(np.isin(np.asarray(dataset.groups, str), kept))
containers = containers_of(dataset)
tables = {**dataset.extras, "containers": containers[containers["container_id"].isin(kept)]}
dataset = replace(dataset, extras=tables)
label = " (SIMULÉ)" * dataset.simulated
readings = readings_of(dataset)
print(dataset.name, dataset.proxy or "vos données", sep="\n")
doubted = percent(float(readings["alert"].mean()))
print(f"{len(kept)} conteneurs, {number(len(readings), 0)} relevés, dont {doubted} sous alerte")

# %% [markdown]
# ## Regarder un conteneur
#
# Dix semaines du conteneur le plus souvent relevé plein. Chaque chute est une collecte ; les croix
# sont des jours d'alerte, dont le niveau n'est pas cru.

# %%
busiest = readings[readings["level_percent"] >= 80]["container_id"].mode()[0]
shown = readings[readings["container_id"] == busiest].tail(70).set_index("day")
picture, axes = plt.subplots(figsize=(9, 2.6))
axes.step(shown.index, shown["level_percent"], where="post")
axes.plot(shown.index[shown["alert"]], shown["level_percent"][shown["alert"]], "kx")
axes.axhline(80, color="grey", linestyle="--")
axes.set_title(f"{busiest} : niveau relevé à 6 h, en %{label}")
picture.savefig(work / "niveaux.svg", bbox_inches="tight")
print(f"figure : {work.name}/niveaux.svg, {busiest}, {len(shown)} relevés{label}")
picture

# %% [markdown]
# ## Le piège : une collecte cache la suite
#
# Pour savoir si un conteneur atteint 80 % en sept jours, on peut être tenté de ne regarder que les
# semaines où **personne n'est passé**. Mais les équipes vident ceux qui se remplissent : il reste
# les conteneurs lents, et la question devient « quand les équipes passent-elles ? ».
#
# Deux parades : l'événement « 80 % vu avant toute collecte » garde les conteneurs vidés pleins, et
# des poids (IPCW) rendent les semaines cachées par un passage d'avant 80 %. Le simulateur, lui,
# connaît la vérité : le niveau de chaque conteneur laissé seul. Il reste un écart, car les poids ne
# connaissent que le niveau et l'échéance.


# %%
def week_table(data, period: Period, truth=None) -> pd.DataFrame:
    """Return the share of weeks at 80 %, by starting level: naive, weighted, and the truth."""
    rows = examples_of(data, period, Scope(weights_until=period.start))
    after, reached, weight = (
        rows.target[:, part][:, 6] for part in (SLOTS.level, SLOTS.reached, SLOTS.weight)
    )
    start = np.asarray(rows.inputs["level_percent"])[:, -1] // 20
    known, left, lines = np.isfinite(reached), np.isfinite(after), {}
    for step in range(4):
        mine = start == step
        lines[f"{20 * step} %"] = {
            "semaines sans collecte": int((mine & left).sum()),
            "naïf": 100 * np.mean(after[mine & left] >= 80) if (mine & left).any() else np.nan,
            "pondéré": 100 * np.average(reached[mine & known], weights=weight[mine & known]),
            "vérité": np.nan if truth is None else 100 * truth(rows)[mine, 6].mean(),
        }
    return pd.DataFrame(lines).T


FIRST, HALF, END = date(2025, 1, 6), date(2025, 10, 6), date(2026, 6, 1)
invented = simulate(SEED, 12, (END - FIRST).days, first_day=FIRST)


def left_alone(rows) -> np.ndarray:
    """Return whether each invented container would have reached 80 %, left alone."""
    levels = np.maximum.accumulate(levels_if_not_collected(invented), axis=1) >= 80
    local = invented.times.tz_convert(invented.timezone).tz_localize(None)
    days = local.to_numpy().astype("M8[D]")
    place = {key: at for at, key in enumerate(zip(invented.groups, days, strict=True))}
    return levels[[place[key] for key in zip(rows.units, rows.days, strict=True)]]


task = follow(task, dataset)
split = task.split
tuning = Period(split.origins[0], split.test.start)
trap = week_table(invented, Period(HALF, END), left_alone)
print("semaines à 80 % ou plus au septième jour, en %, selon le niveau de départ (SIMULÉ)")
whole = {"float_format": "{:.0f}".format}
print(trap.to_string(**whole))
print(f"les mêmes sur {dataset.name} : la vérité n'est pas connue{label}")
print(week_table(dataset, tuning).drop(columns="vérité").to_string(**whole))
naive, weighted = (trap[name].sub(trap["vérité"]).abs().mean() for name in ("naïf", "pondéré"))
assert weighted < naive
print(f"écart moyen à la vérité : naïf {naive:.0f} points, pondéré {weighted:.0f} (SIMULÉ)")

# %% [markdown]
# ## Comparer les barreaux
#
# Deux barreaux sans IA, une régression, un modèle additif : quatre sur six, pour tenir en une
# minute. Chacun dit la chance d'**un jour à la fois** ; le graphe en multiplie sept. Le choix se
# fait sur le réglage ; la période suivante est notée une fois, celle du test ne l'est pas ici.

# %%
task = replace(
    task,
    split=Split(split.train_start, (split.origins[0],),
                Period(split.origins[-1], split.test.start)),
    rungs=tuple(rung for rung in task.rungs if rung.name in RUNGS),
    tracks=(),
)  # fmt: skip
options = harness.Options(out=work / "results", seed=SEED)
outcome = harness.run(USECASE, task, dataset, options)
print(text_table([outcome.run]))

# %% [markdown]
# Par échéance, sur les **mêmes** matins : l'écart de Brier pondéré à la table de Markov, par blocs
# de semaines. Un intervalle qui contient zéro : aucun écart n'est montré, le plus simple suffit.

# %%
examples = outcome.examples
bench = Bench(USECASE.name, task, dataset, work / "audit", SEED)
chances = {
    rung.name: bench.outputs(rung, outcome.candidates[rung.name], examples, ("p_ge80",))["p_ge80"]
    for rung in task.rungs
}
truth, weights = (examples.target[:, part] for part in (SLOTS.reached, SLOTS.weight))
titles = {rung.name: rung.title for rung in task.rungs}
print(f"Brier pondéré, et écart à Markov en millièmes (intervalle à 95 %){label}")
for step in (0, 2, 6):
    asked = np.isfinite(weights[:, step])
    nobody = np.zeros(int(asked.sum()), int), examples.blocks[asked]
    losses = {  # nothing is lost where a collection hid the event
        name: (*nobody, (weights * np.nan_to_num((chance - truth) ** 2))[asked, step])
        for name, chance in chances.items()
    }
    for name in (name for name in chances if name != "markov"):
        found = paired_block_bootstrap(losses[name], losses["markov"], seed=SEED)
        gap = " ; ".join(number(1e3 * value, 1) for value in (found.low, found.high))
        print(f"{step + 1} j  {titles[name]:<42}{number(found.loss_a, 3)}  "
              f"{number(1e3 * found.estimate, 1)} [{gap}]")  # fmt: skip

# %% [markdown]
# ## Expliquer une prévision, et la recalculer
#
# On prend un matin à 40 ou 60 %, là où le modèle retenu s'écarte le plus de la table de Markov.
# Cette table se recompte à la main : les pas d'un jour de **ce** conteneur sur seize semaines,
# trois cas de la commune en renfort, puis sept multiplications. Le graphe ONNX doit dire pareil.

# %%
levels = np.asarray(examples.inputs["level_percent"])
chosen = outcome.run.chosen
apart = np.abs(chances[chosen] - chances["markov"])[:, 2]
middling = np.isin(levels[:, -1] // 20, (2, 3)) & np.isfinite(truth).all(axis=1)
row = int(np.argmax(np.where(middling, apart, -1.0)))
only = examples.take([row])
one = {name: np.asarray(values) for name, values in only.inputs.items()}


def markov_by_hand(level, alert, city) -> list[float]:
    """Return the chance of 80 % by each of seven days, counted and multiplied in plain Python."""
    cases = 3.0 * np.asarray(city, float)
    level = [np.nan if doubt == 1 else value for value, doubt in zip(level, alert, strict=True)]
    for before, then in pairwise(level):
        fall = before - then
        if not np.isfinite(fall) or fall >= 40 or (then < 5 and fall >= 15):
            continue  # not read, or collected in between
        states = [min(int(value // 20), 5) for value in (before, then)]
        cases[states[0], max(states)] += 1
    table = cases / cases.sum(axis=1, keepdims=True)
    state, found = np.eye(6)[min(int(level[-1] // 20), 5)], []
    for _ in range(7):
        state = state @ table
        found.append(float(state[4:].sum()))
    return found


by_hand = markov_by_hand(one["level_percent"][0], one["alert"][0], one["city_steps"][0])
error = np.abs(np.array(by_hand) - chances["markov"][row]).max()
assert error < 2e-3, f"the graph and the recomputation differ by {error:.1e}"
print(f"écart maximal graphe/recalcul {error:.1e}")
print(f"{only.units[0]}, {only.days[0]}, {number(float(levels[row, -1]), 0)} % à 6 h{label}")
for name in ("markov", chosen):
    told = " | ".join(f"{percent(float(chance), 0):>7}" for chance in chances[name][row])
    print(f"  {titles[name]:<42}{told}")
words = ["80 %" if reached else "non" for reached in truth[row]]
print(f"  {'vu ensuite':<42}" + " | ".join(f"{word:>7}" for word in words))

# %% [markdown]
# ## Exporter un paquet signé, l'ouvrir comme la commune
#
# Un seul fichier, signé par une clé qui naît et meurt ici. L'ouvrir ne demande que `common.edge` :
# ni pandas, ni scikit-learn. Ses raisons sont des parts de Shapley : base plus parts = réponse.

# %%
with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
    os.environ["AUNE_SIGNING_KEY"] = str(Path("signing_key.pem").resolve())
    published = publish(USECASE, task, outcome, replace(options, out=Path("results")))
    bundle = Bundle.open(published.bundle, trusted_keys())
    size_kb = published.bundle.stat().st_size / 1000

raw = {field.name: one[field.name] for field in bundle.manifest.inputs if field.name in one}
answer = bundle.predict(raw)
assert np.allclose(answer["p_ge80"][0], chances[chosen][row], atol=1e-5)
parts = answer["baseline"] + answer["contributions"].sum(axis=-1)
assert np.allclose(parts, answer["log_odds"], atol=1e-3)
print(f"{published.bundle.name}, {number(size_kb, 0)} ko, signé par {bundle.signer}")
low, middle, high = (number(float(answer[x][0, 2]), 0) for x in ("low_80", "q50", "high_80"))
chance = percent(float(answer["p_ge80"][0, 2]), 0)
print(f"dans 3 j : {chance} d'avoir atteint 80 % ; niveau {middle} % ({low} à {high}){label}")
print("raisons à 3 jours, en logarithme du rapport des chances :")
for reason in bundle.explain(raw)[0].groups[:5]:
    print(f"  {reason.label} : {number(float(reason.values[2]), 2)}")

# %% [markdown]
# ## Le capteur dit-il vrai ?
#
# La règle d'abord : trop de jours de suite à 100 %, ou à zéro alors que le conteneur se remplit
# d'habitude. Puis une régression, jugée sur des conteneurs qu'elle n'a pas vus. Budget : une
# demi-journée de fausse alerte par capteur et par mois ; le hasard, à ce budget, trouve aussi.

# %%
watched = follow(SENSOR_FAULTS, dataset)
before_test = Period(watched.split.train_start, watched.split.test.start)
for rung in (rung for rung in watched.rungs if rung.name in ("flat_line", "logistic")):
    trial = held_out_trial(watched, dataset, before_test, rung)
    shares = trial.found_percent, trial.by_chance_percent
    mean, luck = (float(np.nanmean(list(share.values()))) for share in shares)
    print(f"{rung.title:<28}épisodes d'alerte trouvés {trial.real_found} sur {trial.n_real} ; "
          f"défauts injectés {mean:.0f} % (au hasard {luck:.0f} %) ; fausses alertes "
          f"{number(trial.false_alarm_days, 2)} j par mois{label}")  # fmt: skip

# %% [markdown]
# ## Sans capteur
#
# Édimbourg ne connaît le remplissage qu'au moment de vider : combien y aura-t-il quand on viendra ?
# Réserve : les heures de passage y sont elles-mêmes choisies d'après des capteurs.

# %%
if DATA not in ("auto", "simulated"):
    print("vos données ont des capteurs : voir `aune run waste_collection --data DOSSIER`")
else:
    calls = load(NO_SENSOR, "collections")
    blind = follow(NO_SENSOR, calls)
    simple = [rung for rung in blind.rungs if rung.kind in ("no_ai", "linear")]
    blind = replace(
        blind, rungs=(simple[0], simple[-1]), tracks=(),
        split=replace(blind.split, test=Period(blind.split.origins[-1], blind.split.test.start),
                      origins=blind.split.origins[:1]),
    )  # fmt: skip
    print(calls.name)
    print(text_table([harness.run(USECASE, blind, calls, options).run]))

# %% [markdown]
# ## Les tournées d'un jour
#
# Choisir les conteneurs **et** la tournée ensemble, ou aucune tournée : on remonte jusqu'au dernier
# jour qui en vaut une. Un passage vaut des kilomètres, le débordement qu'il évite ; il se fait s'il
# vaut son détour. Camions, dépôt et quai sont des HYPOTHÈSES. Un vérificateur relit le plan.

# %%
for day in sorted(readings["day"].unique())[:-8:-1]:
    situation = situation_on(dataset, day.date())
    outlook = predicted(situation, bundle, published.bundle.name)
    terrain = terrain_of(situation.containers)
    proposal = propose(Case(situation, outlook, terrain), iterations=200)
    assert not proposal.broken, proposal.broken
    print(*round_words(proposal)[:2], sep="\n")
    if proposal.plan.trips:
        break
print(outlook.source)
for name, words in list(stop_words(proposal).items())[:4]:
    print(f"  {name} : {words.why} ; {words.waiting}{label}")
print(*(f"  {x}, laissé : {why}" for x, why in list(left_out_words(proposal).items())[:1]))
drawn = round_maps(proposal)[-1]
alone = drawn.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
(work / "tournees.svg").write_text(alone, encoding="utf-8")
print(f"carte : {work.name}/tournees.svg ; {drawn.description}")

# %% [markdown]
# ## Rejouer à débordements égaux
#
# Moins de kilomètres ne prouve rien si l'on déborde plus. On rejoue donc plusieurs **réglages** de
# chaque politique sur le même remplissage, et on lit les kilomètres là où les débordements sont
# ceux de la tournée de **tous les trois jours**. Un réglage qui n'y vient pas n'est pas extrapolé.
#
# Ici trois tirages (Wyndham posé à Nantes) de deux semaines ; le banc en tient trente de huit.

# %%
WARM_UP, DAYS = 60, 14


def own_sites(starts: tuple[int, ...]) -> list[Site]:
    """Return the containers of this notebook over several stretches of days."""
    inflow, ids = daily_inflow(readings), list(terrain.roads.ids[2:])
    percents = inflow.percent[:, [inflow.ids.index(name) for name in ids]]
    districts = situation.containers.set_index("container_id")["district"].astype(str)
    return [
        Site(f"jour-{start}", terrain.roads, percents[start : start + WARM_UP + DAYS],
             tuple(districts.loc[ids]), read_assumptions(), (inflow.first_weekday + start) % 7,
             WARM_UP)
        for start in starts
    ]  # fmt: skip


def public_sites(count: int) -> list[Site]:
    """Return the first tuning draws of the bench, cut short."""
    draws = [draw for draw in read_scenarios(SCENARIOS) if draw.kind == "tuning"][:count]
    return [public_material().site(draw).cut(DAYS) for draw in draws]


sites = own_sites((0, 50, 100)) if label or DATA != "auto" else public_sites(3)
compared = compare([
    replay(policy, site, iterations=20)
    for policy in policies_of(("fixed", CHOSEN)) for site in sites
])  # fmt: skip
print(f"{len(sites)} tirages, {sites[0].n_containers} conteneurs, {DAYS} jours{label}")
for family, words in (("fixed", "tous les … jours"), (CHOSEN, "choisie, réglage")):
    curve = compared.curves[family]
    rates, kms = (curve.figures[name].mean(axis=1) for name in ("rate", "km"))
    for parameter, rate, km in zip(curve.parameters, rates, kms, strict=True):
        print(f"  {words:<18}{number(parameter, 0):>3} : {number(float(rate), 1)} jours de "
              f"débordement pour 1\u202f000, {quantity(float(km), 'km', 0)}")  # fmt: skip
gain = compared.row(CHOSEN).km
told = f"{percent(gain.ratio, 0)} de km [{percent(gain.low, 0)} ; {percent(gain.high, 0)}]"
told = told if np.isfinite(gain.ratio) else "aucun réglage n'y vient, aucun gain ne se lit"
print(f"aux débordements de la tournée de 3 jours : {told}{label}")

# %% [markdown]
# ## Énergie, et après
#
# Mesurée une seule fois, elle ne permet pas de comparer deux barreaux de près. Ensuite :
# `aune run waste_collection --data DOSSIER`, puis `aune plan waste_collection --data DOSSIER`.
# Une personne décide de la tournée ; aucun agent, aucune équipe n'est noté.

# %%
found = next(found for found in outcome.run.ladder if found.rung == chosen)
print("retenu :", found.title + label)
for stage, footprint in found.footprints.items():
    print(f"{stage:<14}{energy.describe_energy(footprint)}")
