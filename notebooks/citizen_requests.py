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
# # Demandes des usagers : du courriel au service
#
# Ce carnet suit une demande : nettoyer et masquer le texte, le lire par mots et par fragments,
# comparer du plus simple au plus savant, souligner les lettres qui ont décidé et **refaire** le
# calcul, savoir se taire, puis exporter un paquet signé et l'ouvrir comme le ferait la commune.
# La fiche qui répond et le moteur d'un fournisseur ont leur carnet : `citizen_requests_answers.py`.
#
# - Il s'exécute sans réseau : textes publics s'ils sont déjà là (`AUNE_MIRROR` ou cache), sinon
#   simulateur, et alors tout porte la mention SIMULÉ (SIMULATED dans les noms de fichiers).
# - **Aucun de ces textes n'est une demande reçue en mairie** : les scores montrent la méthode. La
#   période de test du banc d'essai n'est pas notée ici.
# - Aucun texte d'une vraie personne n'est imprimé : les demandes montrées sont FICTIVES.
#
# | variable d'environnement | effet | défaut |
# |---|---|---|
# | `AUNE_NOTEBOOK_DRAWS` | tirages de chaque point de la courbe « peu d'exemples » | 2 |
# | `AUNE_NOTEBOOK_DATA` | `auto`, `simulated` ou votre dossier | `auto` |
# | `AUNE_NOTEBOOK_OUT` | dossier des figures | un dossier temporaire |

# %%
import contextlib
import os
import tempfile
import unicodedata
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from math import exp, sqrt
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("AUNE_OFFLINE", "1")

import matplotlib.pyplot as plt
import numpy as np

from common.edge.bundle import Bundle
from common.edge.errors import SourceError
from common.edge.signature import trusted_keys
from common.edge.textcodes import codes_of, text_of
from common.lab import energy, graph, harness
from common.lab.candidate import Bench
from common.lab.choices import Choices
from common.lab.evaluation import follow
from common.lab.graph.text import KINDS
from common.lab.graph.text_head import BLOCKS, CHARACTERS
from common.lab.pages.french import bounds, number, percent, plural
from common.lab.pages.reliability import wilson
from common.lab.pages.terminal import text_table
from common.lab.publish import publish
from common.lab.usecase import Period, Split
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.features import THRESHOLDS
from usecases.citizen_requests.figures import routing_figures
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.routing.answers import DECISIONS, ROUTE
from usecases.citizen_requests.study import few_shot
from usecases.citizen_requests.text import writing_level
from usecases.citizen_requests.text.cleaning.cleaner import REASONS, clean
from usecases.citizen_requests.text.masking.masks import mask
from usecases.citizen_requests.text.noise import noisy
from usecases.citizen_requests.usecase import USECASE

plt.switch_backend("svg")

N_DRAWS = int(os.environ.get("AUNE_NOTEBOOK_DRAWS", "2"))
DATA = os.environ.get("AUNE_NOTEBOOK_DATA", "auto")
RUNGS = ("majority", "keywords", "bayes", "retrieval", "words", "described")
SEED = 20201112

asked = os.environ.get("AUNE_NOTEBOOK_OUT")
work = Path(asked or tempfile.mkdtemp(prefix="aune-")).resolve()
work.mkdir(parents=True, exist_ok=True)
task = USECASE.task("routing")
print(task.question)

# %% [markdown]
# ## Les données, et leur distance à la réalité
#
# | niveau | ce que c'est | ce qui manque |
# |---|---|---|
# | 0 | phrases d'un catalogue des services | aucun mot d'usager |
# | 1 | titres de fiches nationales, 2020 | ni plainte, ni service local |
# | 2 | titres du budget participatif de Paris | réécrits par la Ville ; ni courriel, ni urgence |
# | 3 | **votre** export, demandes closes | c'est la réalité : voir `own_data.py` |
#
# Ce carnet apprend sur les niveaux 0 et 2, et lit le vôtre si `AUNE_NOTEBOOK_DATA` le nomme.


# %%
def load():
    """Return one's own folder, the public titles, or the simulator where there are none."""
    if DATA not in ("auto", "simulated"):
        return USECASE.read(Path(DATA), task)
    try:
        if DATA == "simulated":
            raise SourceError("simulated data were asked for")
        return USECASE.load(task, "quick")
    except SourceError as error:
        print(f"données SIMULÉES ({error.found})")
        return USECASE.simulate(task, SEED)


dataset = load()
label = " (SIMULÉ)" * dataset.simulated
services = tuple(dataset.extras["services"]["title"])
texts = requests_of(dataset)["text"]
print(dataset.name)
print(dataset.proxy or "vos données : rien ne tient lieu d'autre chose")
print(f"{plural(len(texts), 'texte')}, {number(float(texts.str.len().mean()), 0)} caractères en "
      f"moyenne, {plural(len(services), 'service')}{label}")  # fmt: skip
print(requests_of(dataset)["service"].value_counts().to_string())

# %% [markdown]
# ## Nettoyer et masquer
#
# Une demande FICTIVE telle qu'elle arrive. Ce qui dit **qui** écrit est masqué à la lecture, avant
# tout enregistrement ; le lieu reste à part, pour l'agent. C'est pseudonymisé, jamais anonyme.
# Puis les formules sont retirées : elles trompent plus que les fautes de frappe.

# %%
fictional = frozen_requests()
letter = fictional[0]
masked = mask(letter.text)
kept = clean(masked.text)
request = kept.kept
print("FICTIF, tel que reçu :", letter.text, "", "Masqué :", masked.text, sep="\n")
print("lieux, à part :", ", ".join(place.street for place in masked.locations))
for removed in kept.removed:
    print(f"retiré ({REASONS[removed.reason]}) : {masked.text[removed.start : removed.end]!r}")
print("\nlu par le modèle :", request)
kinds = ("phone", "email", "iban", "nir", "plate", "file_number")
planted = [(row.text[span.start : span.end], row.text) for row in fictional
           for span in row.personal if span.kind in kinds]  # fmt: skip
left = [words for words, whole in planted if words in mask(whole).text]
print(f"\n{len(fictional)} demandes FICTIVES : {plural(len(planted), 'identifiant')} en place, "
      f"{len(left)} après masquage")  # fmt: skip

# %% [markdown]
# ## Plier, puis découper
#
# Le graphe ne reçoit que des points de code. Il plie (casse, accents, œ, apostrophes, blancs) puis
# compte des mots, des suites de deux mots et des fragments de deux à cinq lettres, chacun haché par
# deux suites de multiplicateurs et un nombre premier. Le voici en Python ordinaire. Une faute de
# frappe casse un mot, mais laisse la plupart des fragments.

# %%
PRIME = 2**31 - 1


def multipliers(seed: int, n: int) -> list[int]:
    """Return the fixed odd numbers that letters are multiplied with."""
    drawn = []
    for _ in range(n):
        seed = (seed * 1_664_525 + 1_013_904_223) % 2**32
        drawn.append((seed >> 2) | 1)
    return drawn


BY_PLACE, BY_OFFSET = multipliers(2, 5), multipliers(3, 48)


def words_by_hand(text: str) -> list[list[tuple[int, int]]]:
    """Return the folded words of a text: of each letter, its code and the character it is from."""
    words, fresh = [], True
    for place, character in enumerate(unicodedata.normalize("NFC", text)):
        spelt = {"œ": "oe", "æ": "ae"}.get(character.lower(), character.lower())
        letters = [x for x in unicodedata.normalize("NFKD", spelt) if x.isalnum()][:2]
        if letters and fresh:
            words.append([])
        if letters:
            words[-1] += [(ord(letter), place) for letter in letters]
        fresh = not letters
    return words


def grams_by_hand(words: list[list[tuple[int, int]]]):
    """Yield kind, hash and characters of every word, pair of words and fragment."""
    before, last = None, []
    for word in words:
        hashed = sum(code * BY_OFFSET[min(at, 47)] for at, (code, _) in enumerate(word)) % PRIME
        yield 0, hashed, word
        if before is not None:
            yield 1, before * 69_069 + hashed * 1_664_525, last + word
        before, last = hashed, word
        closed = [(32, -1), *word, (32, -1)]
        for n in range(2, 6):
            for at in range(len(closed) - n + 1):
                window = closed[at : at + n]
                mixed = sum(code * by for (code, _), by in zip(window, BY_PLACE, strict=False))
                yield n, mixed, [each for each in window if each[1] >= 0]


folded = [["".join(chr(code) for code, _ in word) for word in words_by_hand(words)]
          for words in ("L’ŒUVRE -- de l'État !", "LAMPADAIRE", "lanpadaire")]  # fmt: skip
print(*folded, sep="\n")
right, wrong = ({hashed for kind, hashed, _ in grams_by_hand(words_by_hand(word)) if kind > 1}
                for (word,) in folded[1:])  # fmt: skip
print(f"« lanpadaire » garde {len(right & wrong)} des {len(right)} fragments de « lampadaire »")

# %% [markdown]
# ## Comparer les barreaux
#
# Six barreaux sur neuf, pour tenir en une minute (`aune run citizen_requests` donne toute
# l'échelle). Deux sont sans IA : le service le plus demandé, et les mots-clés du catalogue. Le
# choix se fait sur le dernier cinquième de l'apprentissage ; on note la période de réglage.

# %%
task = follow(task, dataset)
# A text needs no weeks of history: the fit begins with the data, and so with the catalogue.
first, last = dataset.times.min().date(), task.split.origins[-1]
chosen_on = first + timedelta(days=int(0.8 * (last - first).days))
split = Split(first, (chosen_on,), Period(last, task.split.test.start))
rungs = tuple(rung for rung in task.rungs if rung.name in RUNGS)
task = replace(task, split=split, rungs=rungs, tracks=())
options = harness.Options(out=work / "results", seed=SEED)
outcome = harness.run(USECASE, task, dataset, options)
print(text_table([outcome.run]))

# %% [markdown]
# **Abîmer les textes.** Les mêmes, écrits autrement, puis nettoyés. L'enveloppe polie fait plus de
# dégâts que les fautes, et le nettoyage les répare.

# %%
bench = Bench(USECASE.name, task, dataset, work / "audit", SEED)
examples = outcome.examples
written = [text_of(codes) for codes in examples.inputs["codes"]]
envelope = noisy(written, "greet")
ways = {"tels quels": written, "fautes de frappe": noisy(written, "typo10")}
ways |= {"enveloppe polie": envelope, "la même, nettoyée": [clean(one).kept for one in envelope]}
for words, said in ways.items():
    asked = replace(examples, inputs={**examples.inputs, "codes": codes_of(said)})
    p = bench.outputs(outcome.rung, outcome.candidate, asked, ("p_service",))["p_service"]
    print(f"{words:<24}{percent(float(Choices.of(asked, p).hit.mean()))}{label}")

# %% [markdown]
# ## Quelles lettres ont décidé
#
# La demande FICTIVE, sans urgence, dont le modèle est le plus sûr ; la part de **chaque caractère**
# dans le score. `═` : au moins la moitié de la plus forte part ; `─` : un dixième ; `·` : contre.

# %%
scored = Choices.of(examples, outcome.outputs["p_service"],
                    np.asarray(outcome.outputs["decision"])[:, 0] == ROUTE)  # fmt: skip
known = np.flatnonzero(np.isfinite(examples.target).all(axis=1))
ordinary = [clean(mask(each.text).text).kept for each in fictional if each.urgency == 0]
said = graph.run(outcome.candidate.model, {
    "codes": codes_of(ordinary),
    "votes": np.zeros((len(ordinary), len(services)), dtype=np.float32),
    THRESHOLDS: np.repeat([outcome.state[THRESHOLDS]], len(ordinary), axis=0),
})  # fmt: skip
row = int(np.argmax(said["p_top"]))
text = ordinary[row]
best, p_best = int(said["ranked"][row, 0]), float(said["p_top"][row, 0])
parts = said[CHARACTERS][row, : len(text)]


def underlined(text: str, parts: np.ndarray, width: int = 90) -> str:
    """Return a text on lines, each with its signs below."""
    signs = np.array(["·", " ", "─", "═"])
    levels = np.digitize(parts / max(float(parts.max(initial=0.0)), 1e-9), (-0.1, 0.1, 0.5))
    flat, below = text.replace("\n", " "), "".join(signs[levels])
    return "\n".join(f"{flat[at : at + width]}\n{below[at : at + width]}"
                     for at in range(0, len(flat), width))  # fmt: skip


print(f"FICTIF : {services[best]}, {percent(p_best, 0)}{label}")
print(underlined(text, parts))

# %% [markdown]
# **Refaire le calcul** : les morceaux du texte, leurs poids entiers, la norme de chaque bloc, la
# fréquence du service. Chaque morceau donne sa part à ses lettres, à égalité. Le barreau
# retenu est réappris avec la même graine, puis comparé au graphe : la chance, chaque caractère.


# %%
def read_by_hand(head, text: str):
    """Return the scores of a text and, for each gram, its weights over their block's norm."""
    found, squares = [], Counter()
    for place, hashed, letters in grams_by_hand(words_by_hand(text)):
        kind = KINDS[place]
        mixed = (hashed + 97 * (place + 1)) % PRIME * 1_103_515_245 % PRIME
        weights = head.table.rows[head.table.slots[mixed % kind.size + kind.start]].astype(int)
        block = next(name for name, kinds in BLOCKS.items() if kind.name in kinds)
        squares[block] += weights[-1] * head.table.importance_step
        found.append((block, weights[:-1] * head.table.weight_step, letters))
    norms = {name: sqrt(x) or 1.0 if head.normalised else 1.0 for name, x in squares.items()}
    shares = [(weights / norms[block], letters) for block, weights, letters in found]
    return np.array(head.prior) + sum(share for share, _ in shares), shares


head = outcome.rung.fit(bench.training(task.split.final()[0])).point
scores, shares = read_by_hand(head, text)
by_hand = exp(scores[best] - scores.max()) / float(np.exp(scores - scores.max()).sum())
drawn = defaultdict(float)
for share, letters in shares:
    for _, place in letters:
        drawn[place] += share[best] / len(letters)
error = max(abs(drawn[place] - float(part)) for place, part in enumerate(parts))
error = max(error, abs(by_hand - p_best))
assert error < 2e-4, f"the graph and the recomputation differ by {error:.1e}"
print(f"{plural(len(shares), 'morceau', 'morceaux')} ; écart maximal graphe/recalcul {error:.1e}")

# %% [markdown]
# ## Savoir se taire
#
# « Je ne sais pas, une personne doit regarder » est une réponse. Les seuils sont fixés **avant**,
# pour neuf réponses justes sur dix. Visé n'est pas tenu : lisez l'intervalle.

# %%
_, curve, *_ = routing_figures(services, examples, outcome.outputs)
# Drawn to stand inside a page: a file of its own must say which language it is in.
alone = curve.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
(work / "abstention.svg").write_text(alone, encoding="utf-8")
print(curve.title + label, *("  ".join(map(str, cells)) for cells in curve.table.rows), sep="\n")


def share_of(hits: np.ndarray) -> str:
    """Return a share with its 95 % interval, in French."""
    if not len(hits):
        return "aucune demande"
    low, high = (100 * each for each in wilson(float(hits.mean()), len(hits)))
    return f"{percent(float(hits.mean()))} ({bounds(low, high, '%', 1)})"


act, _ = np.asarray(outcome.state[THRESHOLDS]).ravel()
print("seuil d'action :", percent(float(act)) if act <= 1 else "aucun ne tient, tout est à lire")
decision = np.asarray(outcome.outputs["decision"])[known, 0]
for code, name in enumerate(DECISIONS):
    taken = decision == code
    print(f"{name:<24}{percent(float(taken.mean()))} des demandes ; premier service juste : "
          f"{share_of(scored.hit[taken])}{label}")  # fmt: skip

# %% [markdown]
# ## Peu d'exemples
#
# Combien de demandes closes faut-il à une commune ? Le catalogue seul, puis quelques demandes
# tirées au sort, lues sur l'année suivante. Le trait vertical va du pire au meilleur tirage.

# %%
described = next(rung for rung in rungs if rung.name == "described")
lines = few_shot(task, described, dataset, few=(0, 50, 200), draws=N_DRAWS)
shown = [[getattr(line, x)["accuracy"] for x in ("figures", "low", "high")] for line in lines]
middle, low, high = 100 * np.array(shown).T
picture, axes = plt.subplots(figsize=(7, 3))
axes.errorbar(range(len(lines)), middle, yerr=[middle - low, high - middle], marker="o", capsize=4)
axes.set_xticks(range(len(lines)), [line.name.replace(" demandes", "\ndemandes") for line in lines])
axes.set_ylabel("bien adressées (%)")
axes.set_title(f"Ce qu'apportent les demandes de la commune{label}")
picture.savefig(work / "peu_exemples.svg", bbox_inches="tight")
for line, share, *ends in zip(lines, middle, low, high, strict=True):
    drawn = f" (tirages : {bounds(*ends, '%', 1)})" if ends[1] > ends[0] else ""
    print(f"{line.name:<24}{percent(share / 100)}{drawn}{label}")
picture

# %% [markdown]
# ## Équité
#
# Un modèle qui enverrait à la file d'attente ceux qui écrivent mal serait injuste, même juste sur
# le reste. On compare donc, par tiers d'aisance d'écriture, l'exactitude **et** la part transmise
# sans question, puis la moitié la plus sûre de chaque tiers : même abstention pour tous.
# Sur si peu de textes, 5 points ne se démontrent pas : les intervalles se recouvrent. Et les titres
# publics sont réécrits par la Ville : leur écart n'est pas celui de vrais courriels.

# %%
thirds = writing_level.terciles([written[place] for place in known])
same_abstention = []
for level in writing_level.LEVELS:
    mine = np.flatnonzero(thirds == level)
    surest = mine[np.argsort(-scored.confidence[mine], kind="stable")][: max(1, len(mine) // 2)]
    same_abstention.append(100 * float(scored.hit[surest].mean()))
    print(f"{level} : juste {share_of(scored.hit[mine])} ; sans question "
          f"{percent(float(scored.taken[mine].mean()))} ; la moitié la plus sûre : "
          f"{share_of(scored.hit[surest])}{label}")  # fmt: skip
gap = max(same_abstention) - min(same_abstention)
print(f"écart à abstention égale : {number(gap, 1)} points (objectif : 5 au plus){label}")

# %% [markdown]
# ## Exporter un paquet signé, l'ouvrir comme la commune
#
# Un seul fichier : graphe, exemples de contrôle, carte, empreintes, signature. La clé de ce carnet
# naît et meurt dans un dossier temporaire. La commune n'a besoin que de `common.edge` et d'une
# ligne pour les points de code : ni pandas, ni scikit-learn. La demande FICTIVE du début y passe.

# %%
with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
    os.environ["AUNE_SIGNING_KEY"] = str(Path("signing_key.pem").resolve())
    published = publish(USECASE, task, outcome, replace(options, out=Path("results")))
    bundle = Bundle.open(published.bundle, trusted_keys())
    size_kb = published.bundle.stat().st_size / 1000

print(f"{published.bundle.name}, {number(size_kb, 0)} ko, signé par {bundle.signer}")
replied = bundle.predict({"codes": codes_of([text, request])})
assert abs(float(replied["p_top"][0, 0]) - p_best) < 1e-5
print("FICTIF :", request, sep="\n")
for place in replied["ranked"][1]:
    print(f"  {services[place]} : {percent(float(replied['p_service'][1, place]), 0)}")
print("proposé à l'agent :", DECISIONS[int(replied["decision"][1, 0])] + label)
for reason in bundle.explain({"codes": codes_of([request])})[0].groups[:3]:
    print(f"  {reason.label} : {number(float(reason.values[replied['ranked'][1, 0]]), 2)}")
print(underlined(request, replied[CHARACTERS][1, : len(request)]))

# %% [markdown]
# ## Énergie, et après
#
# Mesurée une seule fois, elle ne permet pas de comparer deux barreaux de près.
#
# - `aune run citizen_requests --data DOSSIER` : l'échelle entière sur vos demandes closes.
# - `--resume CORRECTIONS` : apprendre de ce que les agents ont corrigé.
# - `citizen_requests_answers.py` : la fiche qui répond, et le moteur d'un fournisseur.
# - Un agent décide. Le modèle propose ; il ne ferme, ne rejette et ne fait attendre personne.

# %%
ladder_row = next(each for each in outcome.run.ladder if each.rung == outcome.run.chosen)
print("retenu :", ladder_row.title + label)
for stage, footprint in ladder_row.footprints.items():
    print(f"{stage:<14}{energy.describe_energy(footprint)}")
