"""The services of a town hall, by code: what each does, in the words of its catalogue."""

from collections.abc import Mapping

__all__ = ["CATALOGUE", "HUMAN", "OUT_OF_COMPETENCE", "TITLES"]

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

CATALOGUE: Mapping[str, str] = {
    "eclairage_public": "lampadaires, candélabres, ampoules, éclairage des rues en panne",
    "voirie": "chaussée, nids de poule, trottoirs, pavés, potelets, bancs, pistes cyclables",
    "stationnement_circulation": "stationnement résident, fourrière, feux, panneaux, circulation",
    "eau_assainissement": "fuites d'eau, égouts, eaux usées, inondation, bouches d'incendie",
    "proprete": "rues sales, dépôts sauvages, tags, déjections, encombrants abandonnés",
    "dechets_collecte": "poubelles, bacs, tri, ramassage, déchetterie, verre, composteur",
    "espaces_verts": "parcs, squares, arbres, tonte, fleurissement, aires de jeux, jardins",
    "urbanisme": "permis de construire, déclaration préalable, plan local, bâtiments communaux",
    "etat_civil_citoyennete": "naissance, mariage, pacs, décès, carte d'identité, passeport",
    "elections": "listes électorales, procuration, bureau de vote, carte d'électeur",
    "scolaire_periscolaire": "inscription à l'école, cantine, garderie, centre de loisirs",
    "petite_enfance": "crèche, halte-garderie, assistante maternelle, place pour un bébé",
    "social_ccas": "aide sociale, personnes âgées, handicap, secours, domicile, sans-abri",
    "logement_habitat": "logement social, demande HLM, attribution, aides à l'habitat",
    "hygiene_salubrite": "rats, punaises, moisissures, insalubrité, vaccination, santé",
    "securite_tranquillite": "bruit, tapage, rodéos, police municipale, insécurité, agression",
    "sport_culture_associations": "piscine, gymnase, médiathèque, salle, association, subvention",
    "cimetiere": "concession, tombe, cimetière, columbarium, exhumation",
    "finances_facturation": "facture, paiement, titre de recette, trop-perçu, droits de place",
    OUT_OF_COMPETENCE: "préfecture, impôts, caisse d'allocations, tribunal, assurance maladie",
    HUMAN: "remerciement, menace, message vide ou incompréhensible",
}
"""Code to the catalogue's words: what a rule without AI looks for, and what stands for a service
before any request was seen (brief 1.3, level L0)."""
