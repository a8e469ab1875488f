"""Words of the noise: SMS forms, the polite envelope, stories besides the point, threads."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ENVELOPE", "SMS_FORMS", "THREADS", "UNRELATED_SENTENCES"]

SMS_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "s il vous plaît": "svp",
        "s il te plaît": "stp",
        "est ce que": "esk",
        "qu est ce que": "kesk",
        "c est": "c",
        "j ai": "g",
        "bonjour": "bjr",
        "bonsoir": "bsr",
        "salut": "slt",
        "merci": "mrc",
        "pourquoi": "pk",
        "pour": "pr",
        "toujours": "tjs",
        "problème": "pb",
        "problèmes": "pbs",
        "beaucoup": "bcp",
        "maintenant": "mtn",
        "aujourd hui": "auj",
        "demain": "dem",
        "rendez vous": "rdv",
        "quelqu un": "kelkun",
        "quelque chose": "kelkechoz",
        "quand": "qd",
        "comment": "cmt",
        "combien": "cb",
        "quoi": "koi",
        "que": "ke",
        "qui": "ki",
        "quel": "kel",
        "quelle": "kel",
        "vous": "vs",
        "nous": "ns",
        "tout": "tt",
        "tous": "ts",
        "avec": "ac",
        "dans": "ds",
        "depuis": "dps",
        "devant": "dvt",
        "jamais": "jms",
        "même": "mm",
        "parce que": "pcq",
        "pendant": "pdt",
        "mais": "mè",
        "suis": "chui",
        "très": "tr",
        "faut": "fo",
        "voiture": "voitur",
    }
)
"""About 45 forms (brief 3.A), applied longest first; apostrophes are already blanks."""

ENVELOPE = (
    "Bonjour Madame, Monsieur, je me permets de vous contacter car je souhaiterais obtenir un "
    "renseignement de votre part concernant la petite question suivante :",
    "Je vous remercie par avance du temps que vous voudrez bien accorder à ma demande et vous "
    "prie d'agréer mes salutations distinguées.",
)
"""The polite envelope of 45 words (brief 0.5), wrapped around a request."""

UNRELATED_SENTENCES = (
    "Nous étions partis chez ma cousine pour le week-end et le train avait du retard.",
    "Le matin il faisait encore frais mais le soleil est revenu vers midi.",
    "Ma fille a beaucoup aimé le gâteau au chocolat que sa grand-mère avait préparé.",
    "Je regarde souvent les mêmes séries le soir avant de dormir.",
    "Mon beau-frère travaille dans une banque et ne rentre que tard.",
    "Il paraît que le prix du café va encore monter cette année.",
    "Hier j'ai retrouvé une vieille photographie de notre voyage en Bretagne.",
    "Elle lit un roman policier dont l'histoire se passe en Norvège.",
    "Mes amis voudraient acheter un bateau mais ils n'ont jamais navigué.",
    "Le chat a renversé le vase et personne ne s'en est aperçu.",
    "J'avais commandé une paire de chaussures qui est arrivée trop petite.",
    "Au marché, le fromager raconte toujours la même blague.",
    "On a fini la soirée en jouant aux cartes autour de la grande table.",
    "Le dimanche suivant nous avons marché le long de la plage.",
    "Mon collègue apprend la guitare avec des vidéos.",
    "Je n'ai pas encore choisi la couleur du canapé du salon.",
    "La recette demande trois œufs, du beurre et une pincée de sel.",
    "Mon oncle collectionne les timbres depuis son service militaire.",
    "Le film durait presque trois heures et la salle était comble.",
    "Nous avons goûté un vin du Jura que je ne connaissais pas.",
)
"""Small talk that no service of a town hall handles, about 250 words in all."""

THREADS = (
    "Camille Perrault\nAssistante commerciale\nTél. : 01 99 00 12 34\nwww.entreprise.example\n\n"
    "Le lun. 3 mars 2025 à 10:02, Accueil <accueil@villefictive.example> a écrit :\n"
    "> Bonjour,\n> Nous avons bien reçu votre message et reviendrons vers vous.\n> Cordialement",
    "Cordialement,\nM. Philippe Renaudin\n\n-----Message d'origine-----\n"
    "De : accueil@villefictive.example\nEnvoyé : mardi 4 mars 2025 09:15\n"
    "À : p.renaudin@example.org\nObjet : RE: votre demande\n\n"
    "Madame, Monsieur, votre dossier est incomplet, merci de nous fournir un justificatif.",
    "Bien à vous,\nNadia B.\nEnvoyé de mon iPhone\n\n"
    "On Mon, Mar 3, 2025 at 10:02 AM Accueil <accueil@villefictive.example> wrote:\n"
    "> Votre demande a été transmise au service concerné.\n"
    ">> Ce message et ses pièces jointes sont confidentiels.",
)
"""Signatures with the exchange that a mail client quotes under them."""
