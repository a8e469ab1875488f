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
# # Demandes des usagers : la fiche qui répond, et le moteur d'un fournisseur
#
# Ce carnet part d'une question et cite la fiche qui y répond, son passage **mot pour mot** et sa
# date ; puis il note les réponses d'un fournisseur contre les nôtres. Le chemin d'une demande vers
# un service est dans `citizen_requests.py`.
#
# - Il s'exécute sans réseau : fiches publiques si elles sont déjà là (`AUNE_MIRROR` ou cache),
#   sinon inventées, et alors tout porte la mention SIMULÉ (SIMULATED dans les noms de fichiers).
# - Les fiches publiques sont de 2020 : elles ne disent pas le droit en vigueur.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_DATA` | `auto` ou `simulated` | `auto` |
# | `AUNE_NOTEBOOK_OUT` | dossier de la remise du fournisseur | un dossier temporaire |

# %%
import os
import tempfile
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import pandas as pd

from common.edge.errors import SourceError
from common.edge.retrieval import citing
from common.edge.retrieval.inputs import Index
from common.lab.index import Document, Section, build
from common.lab.pages.french import number, plural
from usecases.citizen_requests.answers import collections, compare, plan, vendor_run
from usecases.citizen_requests.simulation.facts import FACTS

DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")

asked = os.environ.get("AUNE_NOTEBOOK_OUT")
work = Path(asked or tempfile.mkdtemp(prefix="aune-")).resolve()
work.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## La fiche qui répond, son passage et sa date
#
# La recherche lit des tables, pas un réseau : mots, suites de mots, fragments, et un résumé par
# co-occurrences. Rien n'est rédigé : chaque phrase est **mot pour mot** dans la fiche. Les fiches
# publiques sont de 2020 : elles portent un avertissement et ne disent pas le droit en vigueur.


# %%
def public() -> None:
    """Say that there are no public sheets where invented ones are wanted."""
    if DATA == "simulated":
        raise SourceError("simulated sheets were asked for")


def simulated_sheets() -> collections.Collection:
    """Invent one sheet for each fact of the simulator, and ask it in other words."""
    documents = []
    for fact in FACTS:
        title, *body = [words.replace("{at}", "") for words in (*fact.what, *fact.ask)]
        record = {"id": f"SIMULATED-{fact.code}", "title": title, "date": "2020-11-12", "url": ""}
        fields = {"title": title, "dossier": fact.theme, "headings": "", "lead": ". ".join(body)}
        fields["body"] = fields["lead"]
        documents.append(Document(record, fields, (Section("Fiche SIMULÉE", fields["body"]),)))
    ids = tuple(one.record["id"] for one in documents)
    asked = pd.DataFrame({"question_id": [f"Q{at}" for at in range(len(ids))], "sheet_id": ids})
    asked["text"] = [fact.what[-1].replace("{at}", "") for fact in FACTS]
    return collections.Collection(
        "simulated", "questions SIMULÉES", *build(documents, plan.plan()), ids, asked
    )


try:
    public()
    index, of_what = Index.open(*collections.sheets_index()), "fiches de service-public.fr"
except SourceError:
    index, of_what = simulated_sheets().index, "fiches SIMULÉES"
question = "cmt je fé pour m'inscrire sur les liste electoral ?"
proposed = citing.propose(index, question, datetime.now(UTC).date())
print(f"{plural(index.retrieval.settings.documents, 'document')}, {of_what} ; « {question} »")
for cited in proposed.citations:
    print(f"{cited.title}\n  {cited.sheet_id} {cited.url}\n  {cited.warning}")
    for passage in filter(None, (cited.lead, cited.section)):
        assert citing.is_verbatim(index, passage)
        print(f"  [{passage.heading}] " + textwrap.shorten(passage.text, 200, placeholder=" ..."))

# %% [markdown]
# ## Le moteur d'un fournisseur, face au nôtre
#
# En 2021, Etalab a publié les réponses d'un moteur commercial à des questions de particuliers à la
# CNIL, reformulées : le premier vrai fournisseur de ce banc. Sans elles, un moteur SIMULÉ. Une
# remise est un fichier (JSON Lines ou TREC) ; l'intervalle à 95 % retire au sort des **fiches**.

# %%
try:
    public()
    held = collections.collection("cnil")
    run = compare.eptica_run(held)
except SourceError:
    held = simulated_sheets()
    lists = {f"Q{at}": held.ids[at + at % 2 :][:3] for at in range(len(held.ids))}
    run = vendor_run.from_lists("moteur SIMULÉ", lists, held.ids)
remitted = work / ("SIMULATED_" * (held.name == "simulated") + "run.trec")
tagged = replace(run, system=run.system.replace(" ", "_"))
remitted.write_text(vendor_run.write_trec(tagged), encoding="utf-8")
read = vendor_run.read_run(remitted, set(held.asked["question_id"]), set(held.ids))
found = compare.compare(held, read)
assert found.verdict == compare.compare(held, run).verdict
print(f"{found.run.system}, {found.n_questions} questions, {found.n_sheets} fiches")
for name in ("R@1", "R@10", "MRR@10"):
    ours, theirs, gain = (each[name] for each in (found.ours, found.theirs, found.gain))
    span = f"[{number(gain.low, 3)} ; {number(gain.high, 3)}]"
    print(f"  {name:<8}le nôtre {number(ours.value, 3)}, le leur {number(theirs.value, 3)}, "
          f"écart {number(gain.value, 3)} {span}")  # fmt: skip
verdicts = {"better": "le nôtre est meilleur", "worse": "le leur est meilleur"}
nothing = " (SIMULÉ : ce verdict ne vaut rien)" * (held.name == "simulated")
said = verdicts.get(found.verdict, "indécidable, ce qui ne vaut pas égalité")
print(f"verdict (R@10) : {said}{nothing}")

# %% [markdown]
# ## Et après
#
# - `aune plan citizen_requests` : les pages d'un agent, la fiche citée sous chaque demande.
# - Un agent répond. L'outil cite ; il n'écrit rien et n'envoie rien.
