"""The rungs of the gas forecast's ladder, from last week to boosted trees."""

from functools import partial

from common.lab.graph.heads import LinearHead
from common.lab.usecase import Rung
from usecases.building_energy.model import (
    PLAIN_SPREAD,
    SITE_RUNGS,
    Design,
    Trees,
    additive,
    boosted,
    copy_of,
    linear,
)

__all__ = ["GAS_RUNGS"]

LINEAR_TERMS = (
    "last_analogs",
    "near_analogs",
    "scaled_analogs",
    "near_day_mean",
    "near_spread",
    "analog_spread",
    "fortnight_mean",
    "week_before",
    "two_weeks_before",
    "month_level",
    "week_gap",
    "two_day_gap",
    "last_day_gap",
    "night_celsius",
    "day_celsius",
    "three_hour_celsius",
)
TREE_TERMS = (
    "clock_hour",
    "kind_of_day",
    "closed_before",
    "closed_after",
    "analog_days",
    "last_analogs",
    "near_analogs",
    "near_day_mean",
    "analog_spread",
    "near_spread",
    "hour_instability",
    "two_weeks_before",
    "month_level",
    "week_gap",
    "two_day_gap",
    "last_day_gap",
    "change_celsius",
)
"""No temperature as such: a few winters cannot tell what is special about 3 °C."""

PAIRS = (
    ("clock_hour", "kind_of_day"),
    ("kind_of_day", "near_spread"),
    ("clock_hour", "last_day_gap"),
    ("kind_of_day", "last_day_gap"),
    ("clock_hour", "month_level"),
    ("kind_of_day", "month_level"),
    ("clock_hour", "analog_days"),
    ("kind_of_day", "change_celsius"),
    ("clock_hour", "change_celsius"),
)

GAS_DESIGN = Design(
    anchor="analog_days",
    linear_terms=LINEAR_TERMS,
    tree_terms=TREE_TERMS,
    spread_terms=("analog_days", "analog_spread", "near_spread", "hour_instability"),
    largest_residual=3.0,
    ridge=0.001,
)

ANALOG_SPREAD = LinearHead(("analog_spread",), (0.8,), 0.01, (0.0,))
"""Spread of the analog days: how much they disagree."""

ADDITIVE = Trees(rounds=80, leaves=8, learning_rate=0.08, max_bin=31, pairs=PAIRS, bags=2)
SMALL = Trees(rounds=80, leaves=15, learning_rate=0.08)
LARGE = Trees(rounds=400, leaves=63, learning_rate=0.03, min_rows=200)

GAS_RUNGS = (
    Rung(
        "week_persistence",
        "La semaine dernière",
        "no_ai",
        "global",
        partial(copy_of, "week_before", PLAIN_SPREAD),
        note="Même jour et même heure de la semaine précédente.",
    ),
    Rung(
        "week_mean",
        "Moyenne des sept derniers jours",
        "no_ai",
        "global",
        partial(copy_of, "week_mean", PLAIN_SPREAD),
        note="Moyenne des sept derniers jours connus, même heure.",
    ),
    Rung(
        "analog_days",
        "Jours analogues",
        "no_ai",
        "global",
        partial(copy_of, GAS_DESIGN.anchor, ANALOG_SPREAD),
        note="Jours de l'année écoulée qui ressemblent à demain, portés à sa température.",
    ),
    *SITE_RUNGS,
    Rung(
        "linear",
        "Régression linéaire commune",
        "linear",
        "global",
        partial(linear, GAS_DESIGN),
        note="Une seule régression pour tous les compteurs, autour des jours analogues.",
    ),
    Rung(
        "additive",
        "Modèle additif (GA2M)",
        "additive",
        "global",
        partial(additive, GAS_DESIGN, ADDITIVE),
        note="Courbes et couples déclarés ajoutés à la régression ; chaque effet se lit.",
    ),
    Rung(
        "boosted_small",
        "Petits arbres boostés",
        "boosted",
        "global",
        partial(boosted, GAS_DESIGN, SMALL),
        note="80 arbres de 15 feuilles ajoutés à la régression.",
    ),
    Rung(
        "boosted_large",
        "Grands arbres boostés",
        "boosted",
        "global",
        partial(boosted, GAS_DESIGN, LARGE, explain=False),
        note="400 arbres de 63 feuilles : la mesure de ce qu'on pourrait gagner.",
    ),
)
