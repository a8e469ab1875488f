"""What nobody has checked, in French, told from the facts of a comparison: never empty."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.records import Standing

__all__ = ["unverified"]


def unverified(protocol: Mapping[str, Any], standings: Sequence[Standing]) -> tuple[str, ...]:
    """Return the sentences of the section that is never empty.

    Parameters
    ----------
    protocol
        The pack's: ``demonstration``, ``simulated`` and ``proxy`` are read.
    standings
        Of all entries; only candidates give rise to sentences of their own.
    """
    candidates = [item for item in standings if item.entry.role == "candidate"]
    sentences = [*_of_data(protocol), *_of_doors(candidates), *_of_energy(candidates)]
    sentences += [*_of_robustness(candidates), *_of_suspicion(candidates), *_always()]
    return tuple(sentences)


def _of_data(protocol: Mapping[str, Any]) -> Iterator[str]:
    if protocol.get("simulated"):
        yield (
            "Données SIMULÉES : aucun résultat ne dit ce que valent ces solutions sur de vrais "
            "relevés."
        )
    elif protocol.get("demonstration"):
        yield (
            "Données publiques : les réponses scellées pouvaient être connues avant le concours. "
            "Le scellé montre la procédure, il ne prouve pas l'ignorance des candidats."
        )
    else:
        yield (
            "Personne ne peut prouver que les réponses scellées n'ont circulé par aucune autre "
            "voie (factures, portail du distributeur, accès d'un prestataire)."
        )
    proxy = protocol.get("proxy")
    if proxy:
        yield f"Les données tiennent lieu d'autres : {str(proxy).rstrip('. ')}."


def _of_doors(candidates: Sequence[Standing]) -> Iterator[str]:
    files = _titles(item for item in candidates if item.entry.door == "file")
    if files:
        yield (
            f"{files} : réponses reçues dans un fichier. Personne n'a vu le modèle tourner ; une "
            "correction à la main ou un autre modèle que celui proposé ne se verrait pas."
        )
    endpoints = _titles(item for item in candidates if item.entry.door == "endpoint")
    if endpoints:
        yield (
            f"{endpoints} : service interrogé à distance. Rien ne dit quel modèle répond, ni s'il "
            "sera le même demain ; les questions posées lui sont désormais connues."
        )
    if candidates:
        yield (
            "Les données d'entraînement des candidats ne sont pas connues de nous : ni leur "
            "origine, ni leur licence, ni si elles contiennent la période du concours."
        )
    declared = _titles(item for item in candidates if item.entry.declaration)
    if declared:
        yield (
            f"{declared} : licence, hébergement, coût et destination des données sont déclarés "
            "par le fournisseur ; aucune pièce n'a été contrôlée."
        )


def _of_energy(candidates: Sequence[Standing]) -> Iterator[str]:
    levels: Mapping[int, str] = {
        3: "énergie de prédiction relevée par le fournisseur ; l'appareil et le périmètre de la "
        "mesure n'ont pas été vus.",
        2: "énergie de prédiction estimée par un calcul refaisable, jamais mesurée.",
        1: "énergie de prédiction déclarée sans méthode.",
        0: "énergie de prédiction non déclarée.",
    }
    for level, words in levels.items():
        titles = _titles(item for item in candidates if item.entry.predict.level == level)
        if titles:
            yield f"{titles} : {words}"
    partial = _titles(item for item in candidates if item.entry.predict.lower_bound)
    if partial:
        yield f"{partial} : l'énergie affichée est un minimum, une part n'est pas comptée."
    training = _titles(item for item in candidates if item.entry.train.level < 4)
    if training:
        yield f"{training} : énergie d'entraînement non mesurée par nous."


def _of_robustness(candidates: Sequence[Standing]) -> Iterator[str]:
    blind = _titles(item for item in candidates if item.verdict != "refused" and not item.stress)
    if blind:
        yield (
            f"{blind} : tenue à des données abîmées impossible à éprouver sans faire tourner "
            "le modèle."
        )
    mute = _titles(item for item in candidates if item.entry.explains == "declared")
    if mute:
        yield f"{mute} : explications annoncées, que nous n'avons pas pu confronter aux réponses."
    gaps = _titles(item for item in candidates if item.entry.n_missing)
    if gaps:
        yield f"{gaps} : réponses manquantes, dont nous ne connaissons pas la cause."


def _of_suspicion(candidates: Sequence[Standing]) -> Iterator[str]:
    doubtful = _titles(
        item
        for item in candidates
        if any(finding.severity == "review" for finding in (*item.entry.findings, *item.findings))
    )
    if doubtful:
        yield (
            f"{doubtful} : des signes demandent l'examen d'une personne avant toute conclusion ; "
            "cet examen n'est pas fait ici."
        )


def _always() -> Iterator[str]:
    yield (
        "Un candidat qui connaîtrait une petite part des réponses et les mêlerait à une prévision "
        "honnête ne serait pas reconnu. Seul un mois postérieur au dépôt des offres tranche."
    )
    yield (
        "Le verdict vaut pour ces données et cette période : d'autres lieux, une autre saison ou "
        "un changement d'usage peuvent le renverser."
    )


def _titles(standings: Iterator[Standing]) -> str:
    return ", ".join(f"« {item.entry.title} »" for item in standings)
