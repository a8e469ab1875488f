"""The services of a town hall, by code."""

from collections.abc import Mapping

__all__ = ["HUMAN", "OUT_OF_COMPETENCE", "TITLES"]

OUT_OF_COMPETENCE = "hors_competence"
HUMAN = "humain"

TITLES: Mapping[str, str] = {
    "eclairage_public": "Éclairage public",
    "voirie": "Voirie et trottoirs",
    "stationnement_circulation": "Stationnement et circulation",
    "eau_assainissement": "Eau et assainissement",
    "proprete": "Propreté urbaine",
    "dechets_collecte": "Collecte des déchets",
    "espaces_verts": "Espaces verts",
    "urbanisme": "Urbanisme et bâtiments",
    "etat_civil_citoyennete": "État civil et citoyenneté",
    "elections": "Élections",
    "scolaire_periscolaire": "Écoles et périscolaire",
    "petite_enfance": "Petite enfance",
    "social_ccas": "Action sociale (CCAS)",
    "logement_habitat": "Logement et habitat",
    "hygiene_salubrite": "Hygiène et salubrité",
    "securite_tranquillite": "Sécurité et tranquillité",
    "sport_culture_associations": "Sport, culture, associations",
    "cimetiere": "Cimetière",
    "finances_facturation": "Finances et facturation",
    OUT_OF_COMPETENCE: "Hors compétence de la mairie",
    HUMAN: "À lire par une personne",
}
"""Code to French title: the 21 codes of the development probes and of the frozen requests."""
