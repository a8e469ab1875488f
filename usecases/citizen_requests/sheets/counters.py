"""Which body a sheet sends its reader to: the DILA's local counters in eleven groups."""

from collections.abc import Iterable, Mapping

__all__ = ["COUNTER_GROUPS", "OTHER", "TOWN_HALL", "counters_of"]

TOWN_HALL = "mairie"
OTHER = "autre"

MEMBERS: Mapping[str, tuple[str, ...]] = {
    TOWN_HALL: ("mairie",),
    "ccas": ("paris_casvp",),
    "departement_region": ("cg", "cr", "maison_handicapees"),
    "prefecture": ("paris_ppp", "paris_ppp_titre_sejour", "prefecture", "sous_pref"),
    "police_gendarmerie": ("commissariat_police", "gendarmerie"),
    "impots": ("centre_impots", "centre_impots_fonciers", "hypotheque"),
    "securite_sociale": ("caf", "carsat", "cpam", "msa"),
    "emploi_travail": ("direccte_ud_travail", "direccte_ut", "mission_locale", "pole_emploi"),
    "logement_adil_anah": ("adil", "anah"),
    "justice_droit": (
        "avocat_conseil_national", "chambre_notaire", "cour_appel", "huissier_justice", "mjd",
        "notaire", "permanence_juridique", "prudhommes", "ta", "ti",
    ),
    "etranger_consulat": ("ambassade_etranger_france", "ambassade_france_etranger"),
}  # fmt: skip
"""Group to the DILA's ``PivotLocal`` codes; the grouping of the prepared table, found again
from it code by code (``gendarmerie`` occurs in no sheet of 2020). The social service of
Paris is the only one that the sheets name."""

NOT_A_COUNTER = frozenset({"depotDossierPACS"})
"""A code of an online procedure."""

COUNTER_GROUPS = tuple(MEMBERS)

_GROUP = {code: group for group, codes in MEMBERS.items() for code in codes}


def counters_of(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the groups of ``PivotLocal`` codes, sorted, each once.

    A code outside the eleven groups is kept by name as ``autre:<code>``. So is
    ``mairie_passeport_bio``, as in the prepared table: only some town halls take passports.

    >>> counters_of(["caf", "mairie", "msa", "pmi"])
    ('autre:pmi', 'mairie', 'securite_sociale')
    """
    kept = {code for code in codes if code and code not in NOT_A_COUNTER}
    return tuple(sorted({_GROUP.get(code, f"{OTHER}:{code}") for code in kept}))
