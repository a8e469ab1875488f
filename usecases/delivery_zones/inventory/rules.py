"""Rules of the street that no schema can hold, on either layout of the inventory."""

import re
from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from common.lab.usecase import Array
from usecases.delivery_zones.inventory.areas import HAUTS_DE_SEINE_COLUMNS, REGIMES, points_of
from usecases.delivery_zones.inventory.findings import Finding, found
from usecases.delivery_zones.inventory.geometry import local_metres
from usecases.delivery_zones.inventory.opening_hours import is_evaluated, is_readable

__all__ = ["street_findings"]

FRANCE_LONGITUDE: Final = (-5.5, 9.8)
FRANCE_LATITUDE: Final = (41.2, 51.2)
"""Metropolitan France and Corsica; overseas areas are not judged by these bounds."""
SAME_BOUNDS: Final = re.compile(r"\b(\d\d:\d\d)-\1\b")
OVERSEAS: Final = "97"
NEIGHBOURS_ASKED: Final = 5
FAR_FROM_OWN_METRES: Final = 300.0
LONGEST_USUAL_METRES: Final = 40.0


def street_findings(inventory: pd.DataFrame) -> list[Finding]:
    """Return what is off in the street's terms.

    Parameters
    ----------
    inventory
        As from `inventory.read_inventory`, in either layout.

    Notes
    -----
    Without the communes' limits at hand, a point is suspected to lie in another commune when
    its five nearest areas are all of other communes and the nearest of its own is farther than
    300 m: a hint to look at, not a proof.
    """
    view = _view(inventory)
    return [
        *_size_findings(view),
        *_regime_findings(view),
        *_hours_findings(view),
        *_place_findings(view),
        *_duplicate_findings(view),
    ]


def _view(inventory: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the rules read, from either layout."""
    if set(HAUTS_DE_SEINE_COLUMNS) <= set(inventory):
        return _view_of_hauts_de_seine(inventory)
    points = points_of(inventory)
    hours = inventory["INTERV_JH"]
    regime = inventory["INTERV_REGIME"]
    return pd.DataFrame({
        "id": inventory["ID"], "commune": inventory["COLL_NOM"], "insee": inventory["COLL_INSEE"],
        "address": inventory["EMPRISE_DESIGNATION"], "hours": hours, "regime": regime,
        "regime_known": True,  # the schema's enumeration judges it
        "same_bounds": hours.map(lambda text: SAME_BOUNDS.search(text) is not None),
        "max_stay": inventory["INTERV_DUREE"],
        "length_m": pd.to_numeric(inventory["EMPRISE_LONGUEUR"], errors="coerce"),
        "width_m": pd.to_numeric(inventory["EMPRISE_LARGEUR"], errors="coerce"),
        "tonnage_t": pd.to_numeric(inventory["VEH_TONNAGE"], errors="coerce"),
        "lon": points[:, 0], "lat": points[:, 1],
    })  # fmt: skip


def _view_of_hauts_de_seine(raw: pd.DataFrame) -> pd.DataFrame:
    place = raw["geo_point_2d"].str.split(",", n=1, expand=True).reindex(columns=[0, 1])
    same = raw["h_debut"] == raw["h_fin"]
    return pd.DataFrame({
        "id": raw["id"], "commune": raw["commune"], "insee": raw["code_insee"],
        "address": raw["adresse"] + " " + raw["loc_num"],
        "hours": (raw["h_debut"] + "-" + raw["h_fin"]).where(~same, ""),
        "regime": raw["type"], "regime_known": raw["type"].isin(list(REGIMES)),
        "same_bounds": same, "max_stay": "",
        "length_m": pd.to_numeric(raw["longueur"], errors="coerce"),
        "width_m": pd.to_numeric(raw["largeur"], errors="coerce"),
        "tonnage_t": pd.to_numeric(raw["tonnage"], errors="coerce"),
        "lon": pd.to_numeric(place[1], errors="coerce"),
        "lat": pd.to_numeric(place[0], errors="coerce"),
    })  # fmt: skip


def _size_findings(view: pd.DataFrame) -> list[Finding]:
    ids = view["id"].to_numpy()
    return [
        *found(
            "longueur_nulle", "erreur", (view["length_m"] == 0).to_numpy(), ids,
            "longueur de 0 m ; mesurer l'aire : le nombre de places et tout dimensionnement en "
            "dépendent. Importée vide, jamais comme un zéro.",
        ),
        *found(
            "longueur_inhabituelle", "avertissement",
            (view["length_m"] > LONGEST_USUAL_METRES).to_numpy(), ids,
            "longueur de plus de 40 m ; vérifier l'unité, ou découper l'aire en plusieurs.",
        ),
        *found(
            "largeur_nulle", "avertissement", (view["width_m"] == 0).to_numpy(), ids,
            "largeur de 0 m ; la mesurer (2 m au moins sont d'usage). Importée vide.",
        ),
        *found(
            "tonnage_nul", "avertissement", (view["tonnage_t"] == 0).to_numpy(), ids,
            "tonnage maximal de 0 t, qui n'admettrait aucun véhicule ; reprendre l'arrêté, ou "
            "laisser vide s'il ne limite rien. Importé vide.",
        ),
    ]  # fmt: skip


def _regime_findings(view: pd.DataFrame) -> list[Finding]:
    ids = view["id"].to_numpy()
    unknown = ~view["regime_known"].to_numpy(dtype=bool)
    seen = ", ".join(f"« {kind} »" for kind in sorted(set(view.loc[unknown, "regime"])))
    return [
        *found(
            "type_inconnu", "erreur", unknown, ids,
            f"type {seen} ; écrire LIVRAISON ou FONDS. Importé sans régime : l'aire ne peut pas "
            "être déplacée par un plan tant que son usage n'est pas connu.",
        ),
        *found(
            "duree_absente", "information", (view["max_stay"] == "").to_numpy(), ids,
            "durée maximale d'arrêt absente ; sans elle, aucun dépassement ne se calcule.",
        ),
    ]  # fmt: skip


def _hours_findings(view: pd.DataFrame) -> list[Finding]:
    ids = view["id"].to_numpy()
    written = (view["hours"] != "").to_numpy()
    readable = view["hours"].map(is_readable).to_numpy(dtype=bool)
    evaluated = view["hours"].map(is_evaluated).to_numpy(dtype=bool)
    return [
        *found(
            "horaire_illisible", "erreur", written & ~readable, ids,
            "horaires que la grammaire OSM opening_hours ne lit pas ; écrire par exemple "
            "Mo-Sa 07:00-13:00; PH off.",
        ),
        *found(
            "horaire_non_calculable", "avertissement", written & readable & ~evaluated, ids,
            "vacances scolaires (SH) ou soleil dans les horaires : aucun calendrier ne les dit "
            "ici ; écrire des dates et des heures.",
        ),
        *found(
            "horaire_minuit", "avertissement", view["same_bounds"].to_numpy(dtype=bool), ids,
            "mêmes heures de début et de fin (00:00-00:00) ; est-ce toute la journée, ou non "
            "renseigné ? L'arrêté seul le dit. Importé comme livraison à toute heure.",
        ),
    ]  # fmt: skip


def _place_findings(view: pd.DataFrame) -> list[Finding]:
    ids = view["id"].to_numpy()
    lon, lat = view["lon"], view["lat"]
    unknown = (lon.isna() | lat.isna()).to_numpy()
    overseas = view["insee"].str.startswith(OVERSEAS).to_numpy(dtype=bool)
    inside = (lon.between(*FRANCE_LONGITUDE) & lat.between(*FRANCE_LATITUDE)).to_numpy()
    swapped = (lat.between(*FRANCE_LONGITUDE) & lon.between(*FRANCE_LATITUDE)).to_numpy()
    return [
        *found(
            "coordonnees_illisibles", "erreur", unknown, ids,
            "coordonnées qui ne sont pas deux nombres ; écrire longitude,latitude.",
        ),
        *found(
            "coordonnees_inversees", "erreur", swapped, ids,
            "latitude et longitude inversées ; le schéma veut longitude,latitude (2.29,48.89).",
        ),
        *found(
            "coordonnees_hors_france", "erreur",
            ~unknown & ~inside & ~swapped & ~overseas, ids,
            "point hors de France métropolitaine ; vérifier les coordonnées (WGS 84, degrés).",
        ),
        *found(
            "coordonnees_hors_commune", "avertissement", _far_from_own(view, inside), ids,
            "les cinq aires les plus proches sont d'une autre commune et la plus proche de la "
            "sienne est à plus de 300 m ; vérifier le point ou le code INSEE (indice, sans "
            "limites communales).",
        ),
        *found(
            "insee_incoherent", "erreur", _inconsistent_insee(view), ids,
            "un même nom de commune porte plusieurs codes INSEE ; corriger le nom ou le code.",
        ),
    ]  # fmt: skip


def _far_from_own(view: pd.DataFrame, usable: Array) -> Array:
    """Tell which points lie among the areas of other communes."""
    suspect = np.zeros(len(view), dtype=bool)
    rows = np.flatnonzero(usable)
    if len(rows) <= NEIGHBOURS_ASKED:
        return suspect
    metres = local_metres(view["lon"].to_numpy(float)[rows], view["lat"].to_numpy(float)[rows])
    insee = view["insee"].to_numpy()[rows]
    _, near = cKDTree(metres).query(metres, k=NEIGHBOURS_ASKED + 1)
    among_others = (insee[near[:, 1:]] != insee[:, None]).all(axis=1)
    for place in np.flatnonzero(among_others):
        own = np.flatnonzero(insee == insee[place])
        gaps = np.sort(np.hypot(*(metres[own] - metres[place]).T))
        suspect[rows[place]] = len(gaps) > 1 and gaps[1] > FAR_FROM_OWN_METRES
    return suspect


def _inconsistent_insee(view: pd.DataFrame) -> Array:
    codes = view.groupby("commune")["insee"].transform("nunique")
    inconsistent: Array = (codes > 1).to_numpy()
    return inconsistent


def _duplicate_findings(view: pd.DataFrame) -> list[Finding]:
    ids = view["id"].to_numpy()
    known = view["lon"].notna()
    same_point = known & view.duplicated(["lon", "lat"], keep=False)
    same_address = (view["address"] != "") & view.duplicated(["address", "commune"], keep=False)
    return [
        *found(
            "doublon_point", "avertissement", same_point.to_numpy(), ids,
            "même point qu'une autre aire ; supprimer le doublon, ou placer chaque aire.",
        ),
        *found(
            "doublon_adresse", "information", (same_address & ~same_point).to_numpy(), ids,
            "même adresse qu'une autre aire de la commune ; vérifier qu'elles sont bien deux.",
        ),
    ]  # fmt: skip
