"""The words of French politeness: a sentence made of these alone asks for nothing.

Compared without case and accents: people who write "a bientot" are as polite.
"""

from usecases.citizen_requests.text.plain_words import word_set

__all__ = ["ADDRESSEES", "CLOSERS", "GREETINGS", "OPENERS", "POLITE_WORDS"]

GREETINGS = word_set("bonjour bonsoir bjr bsr salut slt hello coucou rebonjour re hi cc allo")
"""What may stand first and alone."""

ADDRESSEES = word_set(
    "madame monsieur mesdames messieurs mme mr m mlle mademoiselle cher chère chers chères le la "
    "les l de du des d et ou à a au aux maire mairie maires adjoint adjointe directeur directrice "
    "service services technique techniques équipe équipes élu élue élus élues tous toutes toute "
    "responsable chef conseiller conseillère ville municipalité municipaux municipal accueil "
    "attention bonjour bonsoir président présidente secrétariat secrétaire secrétaires agents "
    "agent intention voirie urbanisme état civil monde"
)
"""Who is greeted; a line of these alone, closed by a comma or a line break, is a salutation."""

OPENERS = word_set(
    "désolé désolée navré navrée permets écris contacte sollicite solliciter espère excusez "
    "pardon pardonnez dérange déranger adresse souhaiterais souhaite prends liberté viens reviens "
    "voici"
)
"""One of these makes a sentence of polite words an opening."""

CLOSERS = word_set(
    "merci remercie remerciant remercions remerciements mrc salutations salutation cordialement "
    "cdt cdlt cordiale cordiales bien agréer croire considération sentiments attente "
    "respectueusement sincèrement sincères respects amicalement bonne belle excellente bisous "
    "bises prie veuillez recevez acceptez disposition comptant espérant bientôt avance adresse "
    "souhaite salut respectueuses dévoué dévouée ciao riverain riveraine citoyen citoyenne "
    "contribuable administré administrée usager usagère"
)
"""One of these makes a sentence of polite words a closing."""

POLITE_WORDS = (
    GREETINGS
    | ADDRESSEES
    | OPENERS
    | CLOSERS
    | word_set(
        # pronouns, articles, small verbs
        "je j me m te t se s il elle on nous vous tu mon ma mes ton ta tes son sa ses notre nos "
        "votre vos leur leurs ce cet cette ces que qu qui dont en y ne n pas plus par pour avec "
        "sans dans sur ci ceci cela ça un une des car afin si comme ainsi donc aussi tout très "
        "trop ai avons suis être est sont serais serait avoir pourriez pourrez pouvez voudrez "
        "voudriez bien bon beaucoup bcp mille grand grande infiniment svp"
        # what politeness speaks of
        "écrire contacter adresser demander obtenir avoir savoir connaître poser faire part "
        "renseignement renseignements information informations précision précisions conseil aide "
        "question questions demande demandes requête sollicitation réponse réponses retour "
        "retours suite suivante suivant suivantes suivants sujet concernant propos sujette petite "
        "petit souci message courrier courriel mail mél appel temps attention compréhension "
        "intérêt bienveillance diligence patience disponibilité collaboration intervention "
        "travail rapide rapidement favorable prompt prompte meilleurs meilleur délais délai "
        "accorder accorderez accordez apporter apporterez porter porterez voudrez donner donnerez "
        "prendre prêter prêterez lire lirez vouloir rester reste restant demeure complémentaire "
        "complémentaires allez portez jour ce journée soirée fin semaine week end après midi "
        "année expression assurance l'expression parfaite haute profonde profond respectueux "
        "respectueuse distinguée distinguées distingués distingué dévoués meilleures citoyennes "
        "citoyenne moi toi lui désolé désolée navré navrée importune importuner tant tenir "
        "informé informée continuation espoir riverain riveraine habitant habitante administré "
        "administrée citoyen contribuable mécontent mécontente voisin usager usagère citoyens "
        "chaleureuses sincère vive vives anticipé anticipés anticipée sincèrement cordialement "
        "cordiaux hommages gratitude reconnaissance reconnaissant reconnaissante d'avance avance "
        "d'autant"
    )
)
"""Words that a purely polite sentence may hold."""
