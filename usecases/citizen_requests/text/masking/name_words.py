"""Words that tell names of persons from all else: particles, roles, places, ordinary capitals."""

from usecases.citizen_requests.text.plain_words import word_set

__all__ = ["NOT_NAMES", "PARTICLES", "PLACE_WORDS", "ROLES", "SMALL_WORDS"]

NOT_NAMES = word_set(
    "madame monsieur mme mr mlle dr docteur bonjour bonsoir mairie maire ville paris lyon "
    "marseille france français françaises pôle emploi caf cpam urssaf ccas apl rsa aah insee "
    "pmi mdph sncf ratp edf engie enedis grdf veolia suez lundi mardi mercredi jeudi vendredi "
    "samedi dimanche janvier février mars avril mai juin juillet août septembre octobre "
    "novembre décembre noël nom prénom adresse tél tel mail email république état europe "
    "internet google facebook whatsapp service services objet le la les un une des ce cette je "
    "tu il elle nous vous ils elles mon ma mes son sa ses notre votre qui que quoi est sont cdt "
    "cdlt svp rdv pacs hlm gaz seine cordialement merci portugal maroc algérie tunisie turquie "
    "mali sénégal pologne roumanie espagne italie belgique bamako lille"
)
"""Capitalised words that are nobody's name."""

PARTICLES = word_set(
    "de du des d la le ben bin el al van von der den da dos do das di del y bint ould et"
)
"""What stands inside a name without a capital."""

PLACE_WORDS = word_set(
    "rue avenue av boulevard bd place pl square allée impasse quai chemin route cours passage "
    "villa résidence cité école écoles collège lycée maternelle élémentaire primaire crèche "
    "parc jardin jardins stade gymnase piscine hôpital clinique maternité théâtre cinéma salle "
    "bibliothèque médiathèque ludothèque conservatoire musée centre espace maison foyer pont "
    "porte carrefour quartier station gare métro ligne tour halle marché église cathédrale "
    "basilique chapelle temple fontaine promenade esplanade mail parvis port canal bassin ephad "
    "ehpad groupe bois forêt île lac butte mairie saint sainte st ste notre-dame château tep "
    "chrs axe buttes grenier buisson cabane caserne terrain équipement équipements centres "
    "fablab fablabs fab lab fresque édition rugby passages faubourg fondation association prix "
    "loi plan institut campus université faculté crématorium ateliers atelier dalle rotonde "
    "coulée tennis stadium arènes caserne résidences secteur cimetière monument statue buste "
    "fort pavillon galerie galeries friche site terrain halte zac eustache passerelle viaduc "
    "terrasse belvédère bd bld rond-point cour clos sente établissement gymnases stades écoles "
    "collèges lycées crèches parcs squares rues avenues places quais associatif culturel "
    "sportif social petit grand"
)
"""What is behind one of these is a street, a school or a square named after somebody."""

ROLES = word_set(
    "madame monsieur mesdames messieurs maire maires mairie président présidente directeur "
    "directrice adjoint adjointe préfet préfète ministre juge procureur député députée sénateur "
    "sénatrice responsable chef conseiller conseillère médecin bonjour secrétaire principal "
    "principale recteur proviseur inspecteur trésorier commissaire élu élue"
)
"""Who a title is followed by when no name is meant."""

SMALL_WORDS = word_set(
    "je tu il elle on nous vous ils elles le la les l un une des ce cette ces mon ma mes son sa "
    "ses notre votre nos vos qui que quoi est sont et ou mais donc car ni en au aux a"
)
"""What a sentence begins with, a capital on it."""
