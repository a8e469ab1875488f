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
# # Comparer des fournisseurs : du scellé au verdict
#
# Trois solutions sont sur la table. Laquelle fait mieux qu'un petit modèle de référence, de
# combien, à quelle énergie, et avec quelle certitude ? Ce carnet suit la procédure entière :
# sceller les réponses, remettre le dossier, recevoir les solutions, noter, puis montrer qu'une
# seule valeur changée après coup se voit.
#
# - Il s'exécute sans réseau : données publiques si elles sont déjà là (`AUNE_MIRROR` ou cache),
#   sinon simulateur, et alors tout porte la mention SIMULATED.
# - Les solutions existent vraiment et s'appellent ce qu'elles sont : aucune entreprise n'est
#   inventée. Sur des données publiques, le scellé n'est qu'une **démonstration** : n'importe qui
#   peut connaître les réponses.
# - Peu de compteurs et peu de semaines, pour tenir en une minute : les chiffres montrent la
#   méthode. Ceux qui comptent sortent de `aune benchmark` sur une année.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_UNITS` | nombre de compteurs | 4 |
# | `AUNE_NOTEBOOK_DATA` | `auto` ou `simulated` | `auto` |
# | `AUNE_NOTEBOOK_OUT` | dossier du scellé, des solutions et du rapport | un dossier temporaire |

# %%
import contextlib
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import steps
from benchmarks.candidates import Effort, make
from benchmarks.report.terminal import text_table
from benchmarks.sealing.pack import Pack
from benchmarks.sealing.reveal import reveal
from common.edge.errors import SourceError
from common.edge.signature import trusted_keys
from common.lab import harness
from common.lab.energy import Protocol, describe_energy, metered
from common.lab.publish import publish
from common.lab.usecase import Period, Split
from usecases.building_energy.usecase import USECASE

N_METERS = int(os.environ.get("AUNE_NOTEBOOK_UNITS", "4"))
DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
WINDOW = Period(date(2022, 1, 3), date(2022, 5, 2))
RUNGS = ("week_persistence", "similar_days", "linear")
SEED = 20220101

asked = os.environ.get("AUNE_NOTEBOOK_OUT")
work = Path(asked or tempfile.mkdtemp(prefix="aune-")).resolve()
work.mkdir(parents=True, exist_ok=True)
task = USECASE.task("forecast")
print(task.question)

# %% [markdown]
# ## Les données et la référence
#
# La référence est entraînée sur ce qui précède la période scellée : le programme refuse un modèle
# qui aurait vu un seul de ses jours. Trois barreaux suffisent ici.

# %%
try:
    if DATA == "simulated":
        raise SourceError("simulated data were asked for")
    dataset = USECASE.load(task, "quick")
except SourceError as error:
    print(f"données SIMULÉES ({error.found})")
    dataset = USECASE.simulate(task, 0)

known = pd.Series(dataset.valid).groupby(np.asarray(dataset.groups, str)).mean()
meters = sorted(known.nlargest(N_METERS).index)
dataset = dataset.at(np.isin(np.asarray(dataset.groups, str), meters))
tuned_from = WINDOW.start - timedelta(56)
task = replace(
    task,
    split=Split(tuned_from - timedelta(364), (tuned_from,), WINDOW),
    rungs=tuple(rung for rung in task.rungs if rung.name in RUNGS),
    tracks=(),
)
options = harness.Options(out=work / "results", seed=SEED)
with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
    os.environ["AUNE_SIGNING_KEY"] = str(Path("signing_key.pem").resolve())
    outcome = harness.run(USECASE, task, dataset, options)
    reference = publish(USECASE, task, outcome, options).bundle
    keys = tuple(trusted_keys())
    order = steps.Order(reference, trusted=keys, public=True, say=print)
    with metered("predict_1000", protocol=Protocol(codecarbon=False)) as sealing:
        pack = steps.pack(USECASE, task, dataset, order, work / "pack")
print(f"référence : {pack.protocol['reference']['title']}, {reference.name}")

# %% [markdown]
# ## Sceller
#
# `pack/vendor` est remis aux fournisseurs ; `pack/buyer` reste chez l'acheteur, avec la clé. La
# racine ci-dessous engage toutes les réponses : elle est publiée **avant** toute remise.

# %%
print(f"{pack.protocol['n_rows']} réponses scellées, racine {pack.root.hex()[:16]}…")
print("démonstration :", pack.protocol["demonstration"], "; simulé :", pack.protocol["simulated"])
print("remis :", *sorted(path.name for path in (work / "pack" / "vendor").iterdir()))

# %% [markdown]
# ## Trois solutions, faites avec le seul dossier remis
#
# - la moyenne des mêmes heures de quatre semaines, sans IA, remise en fichier ;
# - un LightGBM sans contrainte, remis en modèle ONNX que nous exécutons et mesurons nous-mêmes ;
#   300 arbres ici au lieu de 4 000, pour la durée du carnet ;
# - la première solution, biaisée de +8 % à dessein.
#
# Une quatrième, en Wh au lieu de kWh, montre ce qu'est un refus : rien n'est réparé à la place du
# fournisseur.

# %%
effort = Effort(windows=400, trees=300)
ids = ("four_weeks", "lightgbm_4000_onnx", "biased", "wrong_unit")
candidates = list(make(work / "pack" / "vendor", work / "candidates", ids, effort))
declaration = work / "candidates" / "lightgbm_4000_onnx" / "declaration.toml"
text = declaration.read_text(encoding="utf-8")
declaration.write_text(text.replace("4 000 arbres", "300 arbres"), encoding="utf-8")

with metered("predict_1000", protocol=Protocol(codecarbon=False)) as receiving:
    for folder in candidates:
        entered, receipt = steps.submit(pack, task, folder)
        said = f"reçue, reçu {receipt.hash[:12]}…" if receipt else "REFUSÉE"
        print(f"{entered.entry.title} : {said}")
        for finding in entered.entry.findings:
            print(f"  {finding.severity} {finding.rule} : {finding.message}")

# %% [markdown]
# ## Noter
#
# D'abord ce que l'épreuve peut voir, **avant** d'ouvrir les réponses ; ensuite seulement le
# tableau. « Indécidable » est un verdict permis : avec peu de compteurs, il est même le plus
# fréquent.

# %%
with metered("predict_1000", protocol=Protocol(codecarbon=False)) as scoring:
    report = steps.score(pack, task, say=print)
print(text_table(report.comparison, task.metrics[0].name))
print("page :", report.page.relative_to(work))

# %% [markdown]
# Une fois les réponses ouvertes, l'audit cherche des fuites et des copies. La solution biaisée est
# la première multipliée par 1,08 : il le dit des deux, car il ne peut pas savoir qui a copié.

# %%
for standing in report.comparison.standings:
    for finding in standing.findings:
        print(f"{standing.entry.title} : {finding.severity} {finding.rule} : {finding.message}")

# %% [markdown]
# Ce que nous n'avons **pas** pu vérifier fait partie du résultat :

# %%
for sentence in report.comparison.unverified:
    print("-", sentence)

# %% [markdown]
# ## Altérer une valeur, et la retrouver
#
# Sur une copie, une seule prévision déjà remise augmente d'un centième de kWh. La vérification
# refait toutes les empreintes et toutes les notes ; elle nomme le fichier touché. L'original, lui,
# se retrouve à l'identique.


# %%
def raise_one_answer(folder: Path) -> None:
    """Add 0.01 kWh to the first central forecast of a kept submission."""
    path = folder / "submissions" / "four_weeks" / "predictions.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("q50")
    values = table["q50"].to_numpy().copy()
    values[0] += 0.01
    pq.write_table(table.set_column(place, "q50", pa.array(values)), path)


def refused(folder: Path) -> list[str]:
    """Return what the verification of a report finds changed."""
    found = steps.verify(folder, task)
    return [finding.message for finding in found if finding.severity == "refused"]


copy = work / "altered"
shutil.copytree(work / "pack", copy)
raise_one_answer(copy)
altered = refused(copy / "results" / report.folder.name)
with metered("predict_1000", protocol=Protocol(codecarbon=False)) as verifying:
    untouched = refused(report.folder)
assert altered, "one changed answer was not found"
assert not untouched, untouched
print("copie altérée :", *altered, sep="\n  ")
print("original : refait à l'identique, aucune altération")

# %% [markdown]
# ## Révéler
#
# Après le verdict, réponses et sels sont publiés : chacun recalcule la racine avec un script de la
# bibliothèque standard, sans Aune. Plus aucune remise n'est ensuite possible.

# %%
revealed = reveal(Pack.open(work / "pack"))
print("publié :", *sorted(path.name for path in revealed.iterdir()))
print("à refaire :", f"python3 {revealed.relative_to(work)}/verify_commitment.py")

# %% [markdown]
# ## Énergie de la comparaison
#
# Comparer consomme aussi. Mesuré une fois (qualité « basse »), sans l'entraînement de la référence
# ni celui des solutions, qui sont dans leurs propres lignes.

# %%
stages = {"sceller": sealing, "recevoir": receiving, "noter": scoring, "vérifier": verifying}
for name, meter in stages.items():
    print(f"{name:9} {describe_energy(meter.footprint)}")
