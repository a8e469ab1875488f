"""Envelopes written before the cleaner's rules: development first, then the ones kept out.

Each is what stands before and after a request. The held-out ones are never looked at when a
rule is written; a failing one stays a failure that the test counts.
"""

DEVELOPMENT = (
    ("Bonjour,", "Cordialement,\nMme Sylvie Carpentier"),
    ("Madame, Monsieur,", "Veuillez agréer, Madame, Monsieur, mes salutations distinguées."),
    (
        "Monsieur le Maire,",
        "Je vous prie de croire, Monsieur le Maire, à l'assurance de ma haute considération.",
    ),
    ("Bonjour à tous,", "Merci d'avance pour votre aide.\nBonne journée"),
    ("Bonsoir,", "Envoyé de mon iPhone"),
    (
        "",
        "Bien cordialement\n\nLe mar. 14 janv. 2025 à 08:31, Mairie <contact@ville.example> a "
        "écrit :\n> Bonjour,\n> Nous accusons réception de votre message.",
    ),
    (
        "Bonjour,\nJe me permets de vous écrire au sujet d'un souci.",
        "Dans l'attente de votre réponse, recevez mes sincères salutations.\nPaul",
    ),
    (
        "Bonjour Madame,",
        "Ce message et toutes les pièces jointes sont confidentiels et établis à l'intention "
        "exclusive de leurs destinataires. Si vous avez reçu ce message par erreur, merci d'en "
        "avertir l'expéditeur et de le détruire.",
    ),
    ("slt", "mrc"),
    (
        "-------- Message transféré --------\nSujet : question\nDate : Tue, 4 Feb 2025 10:00:00\n"
        "De : Durand <durand@example.org>\nPour : mairie@ville.example\n\nBonjour,",
        "Merci",
    ),
)

HELD_OUT = (
    ("Bjr,", "Merci bcp, bonne soirée"),
    ("Chère Madame,", "Avec mes remerciements anticipés,\nJoëlle Tissot"),
    ("Messieurs,", "Recevez, Messieurs, l'expression de mes sentiments distingués."),
    (
        "À l'attention de Madame la Maire,",
        "Je vous prie d'agréer, Madame la Maire, l'expression de mes respectueuses salutations.",
    ),
    ("Bonjour Monsieur le Maire,", "Respectueusement,\nAndré Collin\n14e arrondissement"),
    (
        "Bonjour, j'espère que vous allez bien.",
        "Je reste à votre disposition pour tout renseignement complémentaire.\nBelle journée à "
        "vous !",
    ),
    ("Re-bonjour,", "Bien à vous\n--\nLuc Ferrand\nIngénieur\n+33 1 99 00 45 45"),
    (
        "Bonjour le service technique,",
        "Merci de votre compréhension et à bientôt.\nLa famille Petrescu",
    ),
    ("Hello,", "Merci !\n\nSent from my Samsung Galaxy smartphone."),
    ("Bonjour ou bonsoir,", "Cdlt"),
    ("Coucou la mairie", "Bisous 😊"),
    (
        "",
        "Salutations\n\nLe 12/03/2025 à 14:22, Service Population a écrit :\n> Votre dossier est "
        "complet.\n> Bien à vous",
    ),
    (
        "",
        "Cordialement\n\n________________________________\nDe : Accueil Mairie "
        "<accueil@ville.example>\nEnvoyé : jeudi 6 mars 2025 11:04\nÀ : H. Blin\nObjet : Re: "
        "demande\n\nBonjour, votre demande est en cours de traitement.",
    ),
    (
        "",
        "Merci\n\nOn Thu, Mar 6, 2025 at 11:04 Town hall <hello@ville.example> wrote:\n> We have "
        "received your message.",
    ),
    (
        "Bonsoir Madame, Monsieur, excusez-moi de vous déranger.",
        "D'avance un grand merci,\nbien sincèrement,\nM. et Mme Grandjean",
    ),
    (
        "Madame la Directrice,",
        "Dans cette attente, je vous prie de recevoir, Madame, mes salutations les meilleures.",
    ),
    (
        "Bonjour,\n\nJe vous contacte en tant que riveraine du quartier.",
        "Merci pour votre retour rapide.\nCamille R.",
    ),
    (
        "Objet : demande d'intervention\n\nMadame, Monsieur,",
        "Espérant une réponse favorable de votre part, je vous adresse mes cordiales salutations.",
    ),
    ("Bonjour 👋", "Très bonne fin de journée !"),
    (
        "Chers élus,",
        "Veuillez recevoir, chers élus, mes salutations citoyennes.\nCollectif du quartier Est",
    ),
    (
        "Bonjour,",
        "Pensez à l'environnement avant d'imprimer ce courriel.",
    ),
    (
        "Bonjour,",
        "L'intégrité de ce message n'étant pas assurée sur Internet, son expéditeur ne peut être "
        "tenu responsable de son contenu.",
    ),
    (
        "Début du message transféré :\n\nDe: Aline <aline@example.org>\nObjet: voisinage\nDate: 3 "
        "mars 2025 à 09:12:00 UTC+1\nÀ: mairie@ville.example\n\nBonjour,",
        "Aline",
    ),
    ("Madame,", "Sincères salutations.\nVotre administrée, Paulette Vidal"),
    (
        "Cher Monsieur, je prends la liberté de vous solliciter ce jour.",
        "En vous remerciant de l'attention que vous porterez à ma requête, je vous souhaite une "
        "excellente journée.",
    ),
    ("Salut,", "++\nKev"),
    (
        "Bonjour Mesdames et Messieurs de la mairie,",
        "Un citoyen mécontent\nObtenez Outlook pour Android",
    ),
    (
        "Bonjour,",
        "Bien respectueusement\n\n-- \nDr Ilan Azoulay\nCabinet dentaire\n3 place des Arts\nTél : "
        "01 99 00 31 31\nwww.cabinet.example",
    ),
    (
        "Monsieur l'adjoint à la voirie,",
        "Comptant sur votre diligence, je vous prie d'accepter l'expression de ma considération.",
    ),
    (
        "",
        "Merci\n\n---------- Forwarded message ---------\nFrom: Mairie <contact@ville.example>\n"
        "Date: lun. 3 mars 2025 à 10:02\nSubject: Votre demande\nTo: <h.blin@example.org>\n\nVotre "
        "rendez-vous est confirmé.",
    ),
)

SECOND_HELD_OUT = (
    ("Mesdames, Messieurs les élus,", "Avec toute ma considération,\nPierre-Yves Langlois"),
    ("Bonjour à toute l'équipe !", "Merci encore et bonne continuation."),
    (
        "Bonjour, je suis désolée de vous importuner.",
        "Merci de bien vouloir me tenir informée.\nClaire",
    ),
    ("Monsieur,", "Salutations respectueuses.\nS. Ouattara\n06 39 98 45 45"),
    (
        "Bonjour,",
        "Cdt\n\nDe : Mairie\nEnvoyé : lundi 3 mars 2025\nÀ : Moi\nObjet : réponse\n\nBonjour, "
        "nous vous répondrons.",
    ),
    ("Bsr", "A bientot merci"),
    (
        "Cher service de l'état civil,",
        "Je vous souhaite une bonne fin de semaine.\n\nTélécharger Outlook pour iOS",
    ),
    (
        "Bonjour Monsieur, bonjour Madame,",
        "Dans l'espoir d'une suite favorable, veuillez croire à mes sentiments dévoués.",
    ),
    (
        "Bonjour,",
        "Bien amicalement\n\n> Le 4 mars 2025, Mairie a écrit :\n> Bonjour\n> Merci de patienter",
    ),
    (
        "Madame, Monsieur, bonjour,",
        "Les informations contenues dans ce courriel sont strictement confidentielles.",
    ),
)
"""Written after the first measurement of the held-out ones, before their failures were read."""
